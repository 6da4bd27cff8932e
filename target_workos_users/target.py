"""The Singer face: messages in, STATE out."""

from __future__ import annotations

import asyncio
import gc
import re
import sys
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any, ClassVar

import msgspec
from singer_sdk.exceptions import MapExpressionError, StreamMapConfigError
from singer_sdk.helpers.capabilities import PluginCapabilities, TargetCapabilities
from singer_sdk.mapper import RemoveRecordTransform

from target_workos_users.checkpoint.state import with_newest_entry
from target_workos_users.exceptions import OutputError, SettingsError
from target_workos_users.opening import open_importer
from target_workos_users.plan.plan import Plan
from target_workos_users.progress.progress import Progress
from target_workos_users.records.parse import INTACT, KNOWN_COLUMNS
from target_workos_users.records.redaction import is_plain
from target_workos_users.retry import Retry, read_listed, retry_settings
from target_workos_users.run import SIGNALS, run
from target_workos_users.settings.schema import SETTINGS
from target_workos_users.settings.settings import Settings
from target_workos_users.singer.batches import BatchFiles
from target_workos_users.singer.command_line import CommandLineTarget, close_stdout
from target_workos_users.singer.reader import LINES_PER_TURN, MalformedError, MessageReader
from target_workos_users.singer.sink import UserSink
from target_workos_users.singer.stream_maps import columns_used, map_record, metadata_prefix

if TYPE_CHECKING:
    from collections.abc import Callable

    from singer_sdk.helpers.capabilities import CapabilitiesEnum
    from singer_sdk.mapper import StreamMap

    from target_workos_users.checkpoint.state import State
    from target_workos_users.importer import Importer

_GC_THRESHOLD = 10_000  # objects; Python's own 700 (2,000 since 3.13) searches often, in vain
_PLAIN_NAME = re.compile(r"[A-Za-z_][\w .-]{0,39}")


class TargetWorkosUsers(CommandLineTarget):
    """Loads users into WorkOS: users, organization memberships, roles, password hashes, TOTP."""

    name = "target-workos-users"
    config_jsonschema: ClassVar[dict[str, Any]] = SETTINGS
    default_sink_class = UserSink
    message_reader_class = MessageReader
    message_reader: MessageReader
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.FLATTENING,
        PluginCapabilities.BATCH,
        PluginCapabilities.STRUCTURED_LOGGING,
        TargetCapabilities.VALIDATE_RECORDS,
    ]

    def __init__(self, **kwargs: Any) -> None:
        """Check the settings.

        Args:
            kwargs: As :class:`CommandLineTarget` takes them.

        Raises:
            SettingsError: A setting is missing or wrong.
        """
        super().__init__(**kwargs)
        self.settings = Settings.from_config(self.config)
        if self.settings.only_errors_from:
            self.settings = retry_settings(self.settings, datetime.now(UTC))
        self._batch_files = BatchFiles(
            self.config.get("batch_config"), self.message_reader.deserialize_record
        )
        self.progress = Progress(self.settings, self.logger)
        self._loop = asyncio.new_event_loop()
        self._locks = ExitStack()
        self._importer: Importer | None = None
        self._plan: Plan | None = None
        self._retry: Retry | None = None
        self._sources: dict[str, str] = {}
        self._early_state: State | None = None
        self._told_columns = columns_used(self.config.get("stream_maps") or {})
        self._left_out: set[str] = set()
        self._told: set[str] = set()
        self._taken, self._beyond = 0, False

    def run(self, file_input: IO[str] | None) -> int:
        """Read to the end, or to whatever stops the run; say how it went.

        Args:
            file_input: Messages, from elsewhere than stdin.

        Returns:
            The exit code: 0, or 1 for an error (or a failed record, with ``fail_on_errors``), or
            128 and the number of the signal.
        """
        return run(self, lambda: self.listen(file_input))

    # The run

    @property
    def has_begun(self) -> bool:
        """Whether anything came that had to be taken."""
        return self._importer is not None or self._plan is not None

    def finish(self, *, complete: bool) -> None:
        """The input is at its end: load and commit the rest.

        Args:
            complete: Whether it ended after a whole line.
        """
        if self.has_begun or self._sources or self._early_state is not None:
            self._open().finish(complete=complete)
            if self._retry:
                self._retry.check_all_came()

    def break_off(self) -> None:
        """Stop half-way: let requests in flight finish, and commit what is finished."""
        if self.has_begun:
            self._open().break_off()

    def close(self) -> None:
        """Close connections, files and the event loop."""
        if self._importer:
            self._importer.close()
        self._locks.close()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()
        self.progress.end()

    def _open(self) -> Importer | Plan:
        """What takes the records, opened when it is first needed."""
        if opened := self._importer or self._plan:
            return opened
        settings, progress = self.settings, self.progress
        if settings.only_errors_from:
            self._retry = Retry(settings.only_errors_from, read_listed(settings))
        taker: Importer | Plan
        if settings.dry_run:
            taker = self._plan = Plan(settings, progress)
        else:
            importer, self._locks = open_importer(
                settings,
                progress,
                self._loop,
                emit=self._emit,
                early_state=self._early_state,
                state_file=self.state_file,
                sources=self._sources,
            )
            taker = self._importer = importer
            for number in SIGNALS:
                self._loop.add_signal_handler(number, importer.interrupt, number)
            self.message_reader.turn = importer.turn
            self.message_reader.wait = importer.wait_for_input
        if self._retry:
            progress.retry(settings.only_errors_from or "", len(self._retry))
        for name, source in self._sources.items():
            taker.open_stream(name, source)
        return taker

    # Messages in

    def _process_schema_message(self, message_dict: dict[str, Any]) -> None:
        stream = message_dict.get("stream")
        schema, keys = message_dict.get("schema"), message_dict.get("key_properties") or []
        if not isinstance(stream, str) or not isinstance(schema, dict):
            raise MalformedError("a SCHEMA message needs a stream name and a schema object")
        if not isinstance(schema.setdefault("properties", {}), dict):
            raise MalformedError("a schema's properties must be an object")
        if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
            raise MalformedError("key_properties must be a list of column names")
        if self.settings.streams is not None and stream not in self.settings.streams:
            if stream not in self._left_out:
                self._left_out.add(stream)
                self.progress.say(f"Stream {stream!r} is left out: the setting streams says so.")
            return
        known = self.mapper.stream_maps.get(stream, ())
        if known and (known[0].raw_schema, known[0].raw_key_properties) == (schema, keys):
            return
        if known and all(isinstance(each, RemoveRecordTransform) for each in known):
            return
        self._register(stream, schema, keys)
        for stream_map in self.mapper.stream_maps[stream]:
            self._sources[stream_map.stream_alias] = stream
            if self.has_begun:
                self._open().open_stream(stream_map.stream_alias, stream)

    def _register(self, stream: str, schema: dict[str, Any], keys: list[str]) -> None:
        """As the SDK does, which tells of each change of a schema in the log."""
        try:
            self.mapper.register_raw_stream_schema(stream, schema, keys)
            for stream_map in self.mapper.stream_maps[stream]:
                name, columns = stream_map.stream_alias, stream_map.transformed_schema
                self.add_sink(name, columns, stream_map.transformed_key_properties)
        except (MapExpressionError, StreamMapConfigError) as error:
            raise SettingsError(
                f"stream_maps: the map of stream {stream!r} can't be used: {error} Correct it. "
                "(Where a map leaves the tap's keys out, it needs __key_properties__: [email].)"
            ) from None
        except (LookupError, TypeError, ValueError, AttributeError) as error:  # singer-sdk's
            why = f"the schema of stream {stream!r} can't be used ({type(error).__name__})"
            raise MalformedError(why) from error

    def _process_record_message(self, message_dict: dict[str, Any]) -> None:
        for stream_map in self._stream_maps(message_dict):
            self._add(stream_map, message_dict["record"])

    def _process_batch_message(self, message_dict: dict[str, Any]) -> None:
        encoding, manifest = message_dict.get("encoding"), message_dict.get("manifest")
        if not isinstance(encoding, dict) or not isinstance(manifest, list):
            raise MalformedError("a BATCH message needs an encoding object and a manifest list")
        if not all(isinstance(url, str) for url in manifest):
            raise MalformedError("a manifest must be a list of URLs")
        stream_maps = self._stream_maps(message_dict)
        if not stream_maps:
            return
        with closing(self._batch_files.records(encoding, manifest)) as records:
            for number, record in enumerate(records, start=1):
                if number % LINES_PER_TURN == 0:
                    self.message_reader.turn()
                for stream_map in stream_maps:
                    self._add(stream_map, record)

    def _stream_maps(self, message_dict: dict[str, Any]) -> list[StreamMap]:
        """The maps of a message's stream; none if it is left out."""
        stream = message_dict.get("stream")
        if not isinstance(stream, str):
            raise MalformedError("a RECORD or BATCH message needs a stream name")
        if stream in self._left_out:
            return []
        if stream not in self.mapper.stream_maps:
            raise MalformedError(f"a record of stream {stream!r} came before its SCHEMA message")
        return self.mapper.stream_maps[stream]

    def _process_state_message(self, message_dict: dict[str, Any]) -> None:
        value = message_dict.get("value")
        if isinstance(value, dict) and value.get("bookmarks", {}) is None:
            value = {**value, "bookmarks": {}}
        if not isinstance(value, dict) or not isinstance(value.get("bookmarks", {}), dict):
            self._once(
                "The tap sent a STATE message without an object, or without one in bookmarks. It "
                "isn't stored: the state stays that of the message before it."
            )
        elif not self.has_begun:
            self._early_state = with_newest_entry(self._early_state, value)
        elif not self._retry and not self._beyond:
            self._open().read_state(value)

    def _process_activate_version_message(self, message_dict: dict[str, Any]) -> None:
        """Users aren't versioned: there is nothing to do."""

    def process_endofpipe(self) -> None:
        """The input is at its end: load and commit the rest."""
        self.finish(complete=not self._beyond)
        for sink in self._sinks_active.values():
            sink.clean_up()

    # Records on

    def _add(self, stream_map: StreamMap, record: dict[str, Any]) -> None:
        """Map a record, and hand it on."""
        flawed = "_sdc_error" in record
        mapped, problem = map_record(stream_map, record)
        if mapped is None:
            return
        record = mapped
        name = stream_map.stream_alias
        sink = self._sinks_active[name]
        assert isinstance(sink, UserSink)
        if not problem and record.keys() - KNOWN_COLUMNS - self._told_columns:
            self._warn_of_columns(stream_map, record.keys() | sink.schema["properties"].keys())
        if problem := problem or sink.problem(record):
            intact = {} if flawed else {INTACT: True}
            record = {**record, **intact, "_sdc_error": problem}
        self._take(name, record)
        sink.record_counter_metric.increment()

    def _take(self, name: str, record: dict[str, Any]) -> None:
        taker, number = self._open(), None
        if self._retry and (number := self._retry.number_of(name, record)) is None:
            self.progress.left_out()
        elif self.settings.limit is not None and self._taken >= self.settings.limit:
            self._beyond = True  # from here on nothing the tap says is covered
            self.progress.left_out()
        else:
            self._taken += 1
            taker.add(name, record, number)

    def _warn_of_columns(self, stream_map: StreamMap, columns: set[str]) -> None:
        unknown = columns - KNOWN_COLUMNS - self._told_columns
        self._told_columns |= unknown
        needless = ("_sdc_", metadata_prefix(stream_map) or "_sdc_")
        if names := sorted(name for name in unknown if not name.startswith(needless)):
            shown = ", ".join(
                name
                if _PLAIN_NAME.fullmatch(name) and is_plain(name)
                else "<a name that isn't shown>"
                for name in names[:20]
            ) + (", …" if len(names) > 20 else "")  # noqa: PLR2004
            if any("@" in name for name in names):
                # A file without a header makes its first user's data the names of columns.
                shown = f"{len(names):,}, not shown since one is an address: is there no header?"
            self.logger.warning(
                "Stream %r has columns that aren't known and are ignored: %s.",
                stream_map.stream_alias,
                shown,
            )

    def _once(self, text: str) -> None:
        """Warn of something, once a run."""
        if text not in self._told:
            self._told.add(text)
            self.logger.warning("%s", text)

    # STATE out

    def _emit(self, state: State) -> None:
        if self._retry:
            return  # the stored checkpoint stays as it is
        try:
            with self.progress.aside():
                sys.stdout.write(encode_state(state).decode())
                sys.stdout.flush()
        except (OSError, ValueError, AttributeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is closed"
            raise OutputError(
                f"Stdout can't be written ({why}): nobody stores the state any more. Run again: "
                "the import goes on from the last STATE line that was stored."
            ) from None


def encode_state(state: State) -> bytes:
    """A STATE line, as Singer targets print it: the bare value."""
    return msgspec.json.encode(state) + b"\n"


def main() -> None:
    """The console script ``target-workos-users``."""
    command: Callable[[], None] = TargetWorkosUsers.cli
    gc.set_threshold(_GC_THRESHOLD)
    try:
        command()
    finally:
        close_stdout()
