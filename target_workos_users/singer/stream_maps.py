"""Records through singer-sdk's stream maps and flattening."""

from __future__ import annotations

import ast
import copy
import traceback
from difflib import get_close_matches
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

from singer_sdk import mapper
from singer_sdk.mapper import CustomStreamMap, RemoveRecordTransform, SameRecordTransform

from target_workos_users.exceptions import SettingsError
from target_workos_users.records.columns import DELETED_AT, INTACT, WHERE, is_deleted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from singer_sdk.mapper import StreamMap


_OPTIONS = {
    mapper.MAPPER_ELSE_OPTION,
    mapper.MAPPER_FILTER_OPTION,
    mapper.MAPPER_SOURCE_OPTION,
    mapper.MAPPER_ALIAS_OPTION,
    mapper.MAPPER_KEY_PROPERTIES_OPTION,
}
_KEPT = ("_sdc_error", INTACT, WHERE, *DELETED_AT)
"""What is known of a record, whatever columns its map keeps."""


def map_record(
    stream_map: StreamMap, record: dict[str, Any]
) -> tuple[dict[str, Any] | None, str | None]:
    """A record after its stream map and flattening.

    Flattening leaves ``metadata`` one object: WorkOS takes it whole, so what was flattened out of
    it is its content, nested keys joined by the separator.

    Returns:
        The mapped record, None if the map leaves it out; or the record as it was, and why the
        map failed, without a word of its content. A record that the tap couldn't read whole keeps
        its ``_sdc_error`` as the reason, whatever the map leaves out.
    """
    if type(stream_map) is SameRecordTransform and not stream_map.flattening_enabled:
        return record, None
    if isinstance(stream_map, RemoveRecordTransform):
        return None, None
    flaw = record.get("_sdc_error")
    try:
        mapped = stream_map.transform(copy.copy(record))
    except Exception as error:  # noqa: BLE001 - an expression of the user may raise anything
        return record, flaw or (None if is_deleted(record) else _describe(error))
    prefix = metadata_prefix(stream_map)
    if mapped and prefix and (parts := [name for name in mapped if name.startswith(prefix)]):
        mapped["metadata"] = {name.removeprefix(prefix): mapped.pop(name) for name in parts}
    kept = {name: record[name] for name in _KEPT if record.get(name)}
    if flaw:
        return (mapped or record) | kept, flaw
    return mapped and mapped | kept, None


def metadata_prefix(stream_map: StreamMap) -> str | None:
    """What the names begin with that flattening makes of ``metadata``; None if it is off."""
    options = stream_map.flattening_options
    return f"metadata{options.separator}" if options and stream_map.flattening_enabled else None


class NamedMaps:
    """The stream maps that the settings name, and whether the streams came that they are for.

    A map for a stream that never comes is as good as none: users would be loaded without the
    password that it makes. Whether the stream is still to come can't be known before the end; so
    records of a stream that has no map aren't taken as long as a map is without a stream.

    Raises:
        SettingsError: An option of a map is misspelled: it would make a column that nobody reads,
            and a filter would leave nobody out.
    """

    def __init__(self, setting: Mapping[str, Any]) -> None:
        self._maps = [
            (_source(name, each), each)
            for name, each in setting.items()
            if not name.startswith("__")
        ]
        self._awaited = dict.fromkeys(source for source, _ in self._maps)
        for name, definition in setting.items():
            if not name.startswith("__"):
                _check_options(name, definition)

    def come(self, stream: str) -> str | None:
        """A stream came. Returns what to say of it, if it has no map, and a map has no stream."""
        own = [source for source, _ in self._maps if _is_for(source, stream)]
        for source in own:
            self._awaited.pop(source, None)
        if own or not self._awaited:
            return None
        return (
            f"Stream {stream!r} has no map in stream_maps, and no stream has come for the map of "
            f"{', '.join(map(repr, self._awaited))} so far."
        )

    def columns_used(self, stream: str) -> set[str]:
        """The columns that the maps of a stream read."""
        return _columns_used(each for source, each in self._maps if _is_for(source, stream))

    def check(self, stream: str) -> None:
        """A stream without a map is about to be loaded as it is.

        Raises:
            SettingsError: A map is without its stream: this may be the one.
        """
        if self._awaited:
            (source,) = get_close_matches(stream, self._awaited, 1, 0)
            raise SettingsError(
                f"stream_maps: no stream {source!r} has come, which has a map there, and stream "
                f"{stream!r}, which has none, would be loaded as it is: nothing of it was sent. If "
                f"it is the one that is meant, write {stream!r} in stream_maps. If not, give it a "
                f"map too: {{}} loads it as it is, null leaves it out."
            )

    def check_all_came(self) -> None:
        """The input is at its end.

        Raises:
            SettingsError: A stream didn't come that isn't to be left out anyway.
        """
        wanted = {source for source, each in self._maps if isinstance(each, dict)}
        if missed := wanted & self._awaited.keys():
            raise SettingsError(
                f"stream_maps: no stream came for the map of {', '.join(map(repr, sorted(missed)))}"
                ". What came of other streams is loaded. Write the stream's name as the tap does, "
                "or leave its map out."
            )


def _source(name: str, definition: Any) -> str:
    """The tap's name of the stream that a map is for."""
    named = definition.get("__source__") if isinstance(definition, dict) else None
    return str(named or name)


def _check_options(name: str, definition: Any) -> None:
    words = {option.strip("_"): option for option in _OPTIONS}
    for option in definition if isinstance(definition, dict) else ():
        word = option.strip("_")
        meant = option.startswith("__") or (option.startswith("_") and word in words)
        if meant and option not in _OPTIONS:
            (nearest,) = get_close_matches(word, words, 1, 0)
            raise SettingsError(
                f"stream_maps: {option!r} in the map of {name!r} is no option of stream maps. Did "
                f"you mean {words[nearest]}?"
            )


def _is_for(source: str, stream: str) -> bool:
    """As singer-sdk matches them."""
    return source == stream or fnmatch(stream, source)


def _columns_used(stream_maps: Iterable[Any]) -> set[str]:
    return {
        name
        for stream_map in stream_maps
        if isinstance(stream_map, dict)
        for expression in stream_map.values()
        if isinstance(expression, str)
        for name in _names(expression)
    }


def _names(expression: str) -> Iterator[str]:
    try:
        tree = ast.parse(expression)
    except (SyntaxError, ValueError):
        return  # an alias, or an expression that the SDK refuses
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value  # record["mail"], record.get("mail")


def _describe(error: Exception) -> str:
    """Which expression failed, and how; the error's own text may quote the record."""
    cause = error.__cause__ or error
    where = next(
        (
            f"column {frame.f_locals['property_name'] or '__filter__'}, "
            f"expression {frame.f_locals['expr']}"
            for frame, _ in traceback.walk_tb(error.__traceback__)
            if frame.f_code is CustomStreamMap._eval.__code__  # noqa: SLF001 - it knows the column
        ),
        "flattening",
    )
    return (
        f"a stream map failed ({type(cause).__name__} in {where}); correct stream_maps, or the "
        "record. A column that may be absent is read with record.get(…)"
    )
