"""Records through singer-sdk's stream maps and flattening."""

from __future__ import annotations

import ast
import copy
import traceback
from typing import TYPE_CHECKING, Any

from singer_sdk.mapper import CustomStreamMap, SameRecordTransform

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from singer_sdk.mapper import StreamMap


def map_record(
    stream_map: StreamMap, record: dict[str, Any]
) -> tuple[dict[str, Any] | None, str | None]:
    """A record after its stream map and flattening.

    Flattening leaves ``metadata`` one object: WorkOS takes it whole, so what was flattened out of
    it is its content, nested keys joined by the separator.

    Args:
        stream_map: Of its stream.
        record: As the tap sent it.

    Returns:
        The mapped record, None if the map leaves it out; or the record as it was, and why the
        map failed, without a word of its content. A record that the tap couldn't read whole keeps
        its ``_sdc_error`` as the reason, whatever the map leaves out.
    """
    if type(stream_map) is SameRecordTransform and not stream_map.flattening_enabled:
        return record, None
    flaw = record.get("_sdc_error")
    try:
        mapped = stream_map.transform(copy.copy(record))
    except Exception as error:  # noqa: BLE001 - an expression of the user may raise anything
        return record, flaw or _describe(error)
    prefix = metadata_prefix(stream_map)
    if mapped and prefix and (parts := [name for name in mapped if name.startswith(prefix)]):
        mapped["metadata"] = {name.removeprefix(prefix): mapped.pop(name) for name in parts}
    return (mapped or record, flaw) if flaw else (mapped, None)


def metadata_prefix(stream_map: StreamMap) -> str | None:
    """What the names begin with that flattening makes of ``metadata``; None if it is off."""
    options = stream_map.flattening_options
    return f"metadata{options.separator}" if options and stream_map.flattening_enabled else None


def columns_used(stream_maps: Mapping[str, Any]) -> set[str]:
    """The columns that some stream map reads: they are of use though no column of a user.

    Args:
        stream_maps: The setting.
    """
    return {
        name
        for stream_map in stream_maps.values()
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
