"""The tap's streams as they come: which are taken, through which maps, and what is told of them."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, cast

from singer_sdk.exceptions import MapExpressionError, StreamMapConfigError
from singer_sdk.mapper import RemoveRecordTransform, SameRecordTransform

from target_workos_users.exceptions import SettingsError
from target_workos_users.records.columns import INTACT, is_deleted, renames
from target_workos_users.records.kinds import check_columns, kind_by_name
from target_workos_users.records.read import columns_of
from target_workos_users.singer.batches import BatchFiles
from target_workos_users.singer.columns import UnknownColumns
from target_workos_users.singer.nulls import NullValues
from target_workos_users.singer.reader import LINES_PER_TURN, MalformedError
from target_workos_users.singer.stream_maps import NamedMaps, map_record, metadata_prefix

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from singer_sdk.mapper import StreamMap

    from target_workos_users.progress.progress import Progress
    from target_workos_users.records.kinds import Kind
    from target_workos_users.settings.settings import Settings
    from target_workos_users.singer.command_line import CommandLineTarget
    from target_workos_users.singer.reader import MessageReader
    from target_workos_users.singer.sink import UserSink


class Streams:
    """Takes SCHEMA, RECORD and BATCH messages; gives records as the stream maps make them.

    Args:
        target: Its mapper and its sinks are singer-sdk's.
        progress: Told which records are left out.

    Attributes:
        kinds: What the records of each stream are, after stream maps.
        keys: The columns of each stream's primary key, after stream maps; none if it has none.
    """

    def __init__(self, target: CommandLineTarget, settings: Settings, progress: Progress) -> None:
        self._target = target
        self.kinds: dict[str, Kind] = {}
        self.keys: dict[str, Sequence[str]] = {}
        self._given_kinds = settings.stream_kinds or {}
        self._sure: set[str] = set()
        self._taken = settings.streams
        self._progress = progress
        self._reader = cast("MessageReader", target.message_reader)
        self._files = BatchFiles(target.config.get("batch_config"), self._reader.deserialize_record)
        self._maps = NamedMaps(target.config.get("stream_maps") or {})
        self._nulls = NullValues(settings.null_values)
        self._columns: dict[str, UnknownColumns] = {}
        self._ready: dict[str, list[StreamMap]] = {}
        self._left_out: set[str] = set()
        self._kept: set[str] = set()
        self._dropped: set[str] = set()

    def read_schema(self, message: dict[str, Any]) -> dict[str, str]:
        """A SCHEMA message.

        Returns:
            The streams that it makes known, after stream maps, each with its name in the tap.

        Raises:
            MalformedError: It is none.
            SettingsError: The stream's map can't be used.
        """
        stream, schema = message.get("stream"), message.get("schema")
        keys = message.get("key_properties") or []
        if not isinstance(stream, str) or not isinstance(schema, dict):
            raise MalformedError("a SCHEMA message needs a stream name and a schema object")
        if not isinstance(schema.setdefault("properties", {}), dict):
            raise MalformedError("a schema's properties must be an object")
        if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
            raise MalformedError("key_properties must be a list of column names")
        if self._taken is not None and stream not in self._taken:
            if stream not in self._left_out:
                self._left_out.add(stream)
                self._progress.say(f"Stream {stream!r} is left out: the setting streams says so.")
            return {}
        known = self._target.mapper.stream_maps.get(stream, [])
        same = known and (known[0].raw_schema, known[0].raw_key_properties) == (schema, keys)
        if same or (known and all(isinstance(each, RemoveRecordTransform) for each in known)):
            return {}
        self._register(stream, schema, keys)
        return {each.stream_alias: stream for each in self._target.mapper.stream_maps[stream]}

    def read_record(self, message: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        """A RECORD message.

        Returns:
            A stream, after stream maps, and what its map makes of the record; for each map.

        Raises:
            MalformedError: Its stream isn't known.
            SettingsError: It would be loaded without the map that is meant for it.
        """
        if stream_maps := self._stream_maps(message):
            return self._mapped(stream_maps, message["record"])
        self._progress.left_out()
        return iter(())

    def read_batch(
        self, message: dict[str, Any]
    ) -> Generator[tuple[str, dict[str, Any]], None, None]:
        """A BATCH message; its files aren't read if its stream is left out.

        Yields:
            As :meth:`read_record`, for each record of its files.

        Raises:
            MalformedError: It is none, or its stream isn't known.
            InputError: A file can't be read.
        """
        encoding, manifest = message.get("encoding"), message.get("manifest")
        if not isinstance(encoding, dict) or not isinstance(manifest, list):
            raise MalformedError("a BATCH message needs an encoding object and a manifest list")
        if not all(isinstance(url, str) for url in manifest):
            raise MalformedError("a manifest must be a list of URLs")
        if not (stream_maps := self._stream_maps(message)):
            return
        with closing(self._files.records(encoding, manifest)) as records:
            for number, record in enumerate(records, start=1):
                if number % LINES_PER_TURN == 0:
                    self._reader.turn()
                yield from self._mapped(stream_maps, record)

    def remarks(self) -> Iterator[str]:
        """What is to be told at the end of the input."""
        for name in sorted(self._dropped - self._kept):
            yield (
                f"The stream map of {name!r} left out every record. If that isn't what is meant, "
                "look at its __filter__, and at how the source writes the values that it reads."
            )
        if remark := self._nulls.remark:
            yield remark

    def check_all_came(self) -> None:
        """The input is at its end.

        Raises:
            SettingsError: A stream didn't come that the settings name.
        """
        self._maps.check_all_came()
        came = self._left_out | self._target.mapper.stream_maps.keys() | self.kinds.keys()
        for setting, named in (("streams", self._taken), ("stream_kinds", self._given_kinds)):
            if missed := sorted(set(named or ()) - came):
                raise SettingsError(
                    f"{setting}: no stream came that is called "
                    f"{' or '.join(map(repr, missed))}. What came of the others is loaded. Write "
                    "the stream's name as the tap does."
                )

    def _register(self, stream: str, schema: dict[str, Any], keys: list[str]) -> None:
        """As singer-sdk does, which tells of each change of a schema in the log."""
        mapper = self._target.mapper
        is_new = stream not in mapper.stream_maps
        self._ready.pop(stream, None)
        try:
            mapper.register_raw_stream_schema(stream, schema, keys)
            for each in mapper.stream_maps[stream]:
                name, columns = each.stream_alias, each.transformed_schema
                self._target.add_sink(name, columns, each.transformed_key_properties)
        except (MapExpressionError, StreamMapConfigError) as error:
            raise SettingsError(
                f"stream_maps: the map of stream {stream!r} can't be used: {error} Correct it. "
                "(Where a map leaves the tap's keys out, it needs __key_properties__: [email].)"
            ) from None
        except (LookupError, TypeError, ValueError, AttributeError) as error:  # singer-sdk's
            why = f"the schema of stream {stream!r} can't be used ({type(error).__name__})"
            raise MalformedError(why) from error
        if is_new and (warning := self._maps.come(stream)):
            self._target.logger.warning("%s", warning)
        for each in mapper.stream_maps[stream]:
            name = each.stream_alias
            self.keys[name] = each.transformed_key_properties or ()
            if name not in self._columns:
                given = self._given_kinds.get(name) or self._given_kinds.get(stream)
                self.kinds[name] = given or kind_by_name(name, stream)
                if given:
                    self._sure.add(name)
                self._columns[name] = UnknownColumns(
                    name,
                    columns_of(self.kinds[name]) | self._maps.columns_used(stream),
                    metadata_prefix(each),
                    self._target.logger.warning,
                )

    def _stream_maps(self, message: dict[str, Any]) -> list[StreamMap]:
        """The maps of a message's stream; none if it is left out."""
        stream = message.get("stream")
        if not isinstance(stream, str):
            raise MalformedError("a RECORD or BATCH message needs a stream name")
        if stream in self._ready:
            return self._ready[stream]
        if stream in self._left_out:
            return []
        if stream not in self._target.mapper.stream_maps:
            raise MalformedError(f"a record of stream {stream!r} came before its SCHEMA message")
        stream_maps = self._target.mapper.stream_maps[stream]
        if isinstance(stream_maps[0], SameRecordTransform):
            self._maps.check(stream)
        self._ready[stream] = stream_maps
        return stream_maps

    def _mapped(
        self, stream_maps: list[StreamMap], record: dict[str, Any]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        record = self._nulls(record)
        flawed = "_sdc_error" in record
        for stream_map in stream_maps:
            name = stream_map.stream_alias
            mapped, problem = map_record(stream_map, record)
            if mapped is None:
                self._progress.dropped()
                if not isinstance(stream_map, RemoveRecordTransform):
                    self._dropped.add(name)
                continue
            sink = cast("UserSink", self._target.get_sink(name))
            self._kept.add(name)
            if not (record.get("_sdc_error") or problem or name in self._sure):
                self._sure.add(name)
                columns = mapped.keys() | sink.schema["properties"].keys()
                check_columns(name, self.kinds[name], columns | set(renames(columns).values()))
            if not problem:
                self._columns[name].look_at(mapped, sink.schema)
                problem = None if is_deleted(mapped) else sink.problem(mapped)
            if problem:
                intact = {} if flawed else {INTACT: True}
                mapped = {**mapped, **intact, "_sdc_error": problem}
            yield name, mapped
            sink.record_counter_metric.increment()
