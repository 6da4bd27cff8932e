"""The Singer face: settings and messages in, STATE out, signals, exit codes."""

from __future__ import annotations

import asyncio
import copy
import os
import re
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, ClassVar

import click
import msgspec
from singer_sdk.exceptions import MapExpressionError
from singer_sdk.helpers.capabilities import PluginCapabilities, TargetCapabilities
from singer_sdk.mapper import SameRecordTransform
from singer_sdk.plugin_base import JSONSchemaValidator
from singer_sdk.target_base import Target

from target_workos_users import connection
from target_workos_users.checkpoint.resume import Start, find_checkpoint
from target_workos_users.checkpoint.run import Run
from target_workos_users.errors.retry import Retry, read_listed, retry_settings
from target_workos_users.exceptions import OutputError, SettingsError, StopRun
from target_workos_users.importer import Importer, Interrupted
from target_workos_users.progress.plan import Plan
from target_workos_users.progress.progress import Progress
from target_workos_users.reader import MalformedError, MessageReader, TruncatedInputError
from target_workos_users.records.parse import KNOWN_COLUMNS
from target_workos_users.settings import SETTINGS, Settings, describe, with_numbers
from target_workos_users.sinks import UserSink

if TYPE_CHECKING:
    from collections.abc import Callable

    from singer_sdk.helpers.capabilities import CapabilitiesEnum
    from singer_sdk.mapper import StreamMap
    from singer_sdk.plugin_base import _ConfigInput

    from target_workos_users.checkpoint.state import State

_PLAIN_NAME = re.compile(r"[A-Za-z_][\w .-]{0,39}")
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_SIGNALED = 128  # and the signal's number: exit code, as shells have it


class TargetWorkosUsers(Target):
    """Loads users into WorkOS: users, organization memberships, roles, password hashes, TOTP."""

    name = "target-workos-users"
    config_jsonschema: ClassVar[dict[str, Any]] = copy.deepcopy(SETTINGS)  # the SDK adds its own
    default_sink_class = UserSink
    message_reader_class = MessageReader
    message_reader: MessageReader
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.FLATTENING,
        PluginCapabilities.STRUCTURED_LOGGING,
        TargetCapabilities.VALIDATE_RECORDS,
    ]

    def __init__(self, *, state_file: Path | None = None, **kwargs: Any) -> None:
        """Check the settings.

        Args:
            state_file: Where ``--state`` says a checkpoint is.
            kwargs: As the SDK's :class:`Target` takes them.

        Raises:
            SettingsError: A setting is missing or wrong.
        """
        super().__init__(**kwargs)
        self.settings = Settings.from_config(self.config)
        if self.settings.only_errors_from:
            self.settings = retry_settings(self.settings, datetime.now(UTC))
        self.progress = Progress(self.settings, self.logger)
        self._state_file = state_file
        self._loop = asyncio.new_event_loop()
        self._importer: Importer | Plan | Retry | None = None
        self._sources: dict[str, str] = {}
        self._early_state: State | None = None
        self._states_read = 0
        self._unknown_columns: set[str] = set()
        self._left_out: set[str] = set()
        self._signaled = False
        self._complete = True

    # Messages

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
        super()._process_schema_message(message_dict)
        self._sinks_to_clear.clear()  # nothing waits in a sink
        for stream_map in self.mapper.stream_maps[stream]:
            self._sources[stream_map.stream_alias] = stream
            if self._importer:
                self._importer.open_stream(stream_map.stream_alias, stream)

    def _process_record_message(self, message_dict: dict[str, Any]) -> None:
        stream, record = message_dict.get("stream"), message_dict.get("record")
        if not isinstance(stream, str) or not isinstance(record, dict):
            raise MalformedError("a RECORD message needs a stream name and a record object")
        if stream in self._left_out:
            return
        if stream not in self.mapper.stream_maps:
            raise MalformedError(f"a record of stream {stream!r} came before its SCHEMA message")
        for stream_map in self.mapper.stream_maps[stream]:
            self._add(stream_map, record)

    def _add(self, stream_map: StreamMap, record: dict[str, Any]) -> None:
        """Map a record, and hand it to the importer."""
        problem: str | None = None
        if type(stream_map) is not SameRecordTransform or stream_map.flattening_enabled:
            try:
                mapped = stream_map.transform(copy.copy(record))
            except MapExpressionError as error:
                mapped, problem = record, f"a stream map failed: {error} Correct stream_maps."
            if mapped is None:
                return
            record = mapped
        name = stream_map.stream_alias
        sink = self._sinks_active[name]
        assert isinstance(sink, UserSink)
        if record.keys() - KNOWN_COLUMNS - self._unknown_columns:
            self._warn_of_columns(name, record.keys() | sink.schema["properties"].keys())
        if problem := problem or sink.problem(record):
            record = {**record, "_sdc_error": problem}
        self.importer.add(name, record)
        sink.record_counter_metric.increment()

    def _warn_of_columns(self, stream: str, columns: set[str]) -> None:
        unknown = columns - KNOWN_COLUMNS - self._unknown_columns
        self._unknown_columns |= unknown
        if names := sorted(name for name in unknown if not name.startswith("_sdc_")):
            # A file without a header makes its first user's data the names of columns.
            shown = ", ".join(
                name if _PLAIN_NAME.fullmatch(name) else "<a name that isn't shown>"
                for name in names[:20]
            ) + (", …" if len(names) > 20 else "")  # noqa: PLR2004
            self.logger.warning(
                "Stream %r has columns that aren't known and are ignored: %s.", stream, shown
            )

    def _process_state_message(self, message_dict: dict[str, Any]) -> None:
        value = message_dict.get("value")
        if not isinstance(value, dict) or not isinstance(value.get("bookmarks", {}), dict):
            raise MalformedError("a STATE message needs an object, with an object in bookmarks")
        self._states_read += 1
        if self._importer:
            self._importer.read_state(value)
        else:
            self._early_state = value

    def _process_activate_version_message(self, message_dict: dict[str, Any]) -> None:
        """Users aren't versioned: there is nothing to do."""

    def _process_batch_message(self, message_dict: dict[str, Any]) -> None:  # noqa: ARG002
        raise MalformedError("BATCH messages aren't supported; turn batches off in the tap")

    def process_endofpipe(self) -> None:
        """The input is at its end: load and commit the rest."""
        self._finish(
            complete=not self._states_read or self.message_reader.last_type == "STATE",
        )

    def _finish(self, *, complete: bool) -> None:
        if self._importer is None and not self._sources and self._early_state is None:
            return
        self.importer.finish(complete=complete)
        self._complete = complete
        for sink in self._sinks_active.values():
            sink.clean_up()

    # The importer

    @property
    def importer(self) -> Importer | Plan | Retry:
        """Takes the records; made at the first one, when every early STATE has been read."""
        if self._importer is None:
            listed = read_listed(self.settings)
            importer = (
                Plan(self.settings, self.progress) if self.settings.dry_run else self._start()
            )
            only = self.settings.only_errors_from
            self._importer = Retry(only, listed, importer, self.progress) if only else importer
            for name, source in self._sources.items():
                self._importer.open_stream(name, source)
        return self._importer

    def _start(self) -> Importer:
        destination = connection.destination(self.settings)
        start = Start(None, {})
        if not self.settings.only_errors_from:
            start = find_checkpoint(
                self.settings,
                destination,
                in_band=self._early_state,
                state_file=self._state_file,
                is_known=lambda organization_id: self._loop.run_until_complete(
                    connection.knows_organization(self.settings, organization_id)
                ),
                say=self.progress.say,
            )
        self.progress.begin(start.entry)
        run = Run(self.settings, start, destination)
        importer = Importer(self.settings, run, self.progress, self._emit, self._loop)
        self.message_reader.turn = importer.turn
        self.message_reader.wait = importer.wait_for_input
        if self._signaled:
            for number in _SIGNALS:
                self._loop.add_signal_handler(number, importer.interrupt, number)
        return importer

    def _emit(self, state: State) -> None:
        if self.settings.only_errors_from:
            return  # the stored checkpoint stays as it is
        try:
            with self.progress.aside():
                sys.stdout.write(encode_state(state).decode())
                sys.stdout.flush()
        except (OSError, ValueError, AttributeError):
            raise OutputError("Stdout is closed: nobody stores the state any more.") from None

    # The run

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """As the SDK's, but the message says what is expected, and shows no secret."""
        self.append_builtin_config(self.config_jsonschema)
        self._config = with_numbers(self._config)
        validator = JSONSchemaValidator(self.config_jsonschema)
        errors = [describe(error) for error in validator.iter_errors(self._config)]
        if errors and raise_errors:
            raise SettingsError("\n".join(errors))
        return errors

    def _setup_signal_handlers(self) -> None:
        """None yet: the SDK's re-enter a chunk that is being loaded, and exit 0 (measured)."""

    def run(self, file_input: IO[str] | None) -> int:
        """Read to the end, or to whatever stops the run; say how it went.

        Returns:
            The exit code: 0, or 1 for an error (or a failed record, with ``fail_on_errors``), or
            128 and the number of the signal.
        """
        self._signaled = True
        for number in _SIGNALS:
            signal.signal(number, _interrupt)
        code, reason, error = 1, "stopped by a fault of the target", None
        try:
            code, reason, error = self._listen(file_input)
        finally:
            self._close()
            if code > _SIGNALED:
                _ignore_signals()  # the closed loop has given them their default handlers back
            if self._importer and not self.settings.dry_run:
                self.progress.summary(reason, code, error)
        return code

    def _listen(self, file_input: IO[str] | None) -> tuple[int, str, str | None]:
        try:
            try:
                self.listen(file_input)
            except TruncatedInputError:
                self._finish(complete=False)
                raise
        except Interrupted as signaled:
            _ignore_signals()
            name = signal.Signals(signaled.signal_number).name
            return _SIGNALED + signaled.signal_number, f"stopped by {name}", self._break_off()
        except StopRun as error:
            self.logger.error("%s", error)  # noqa: TRY400 - the message says it all
            self._break_off()
            return 1, "stopped by an error", str(error)
        failed = self.settings.fail_on_errors and self.progress.counts.failed
        reason = "complete" if self._complete else "the input ended without a last STATE"
        return int(bool(failed)), reason, None

    def _break_off(self) -> str | None:
        """Stop half-way; returns the error if that can't be done."""
        if self._importer:
            try:
                self._importer.break_off()
            except StopRun as error:
                self.logger.error("%s", error)  # noqa: TRY400 - the message says it all
                return str(error)
        return None

    def _close(self) -> None:
        if self._importer:
            self._importer.close()
        self.progress.end()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    # The command line

    @classmethod
    def invoke(  # type: ignore[override]
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: _ConfigInput | None = None,
        file_input: IO[str] | None = None,
        state: Path | None = None,
    ) -> None:
        """Run the target; exits with its code.

        Args:
            about: Only show what the target is.
            about_format: How to show it.
            config: The settings.
            file_input: Messages, from elsewhere than stdin.
            state: A file with a checkpoint, for taps that don't hand the state back.
        """
        if about:
            cls.print_about(about_format)
            sys.exit(0)
        try:
            target = cls(
                config=config.config if config else {},
                parse_env_config=config.parse_env if config else False,
                state_file=state,
            )
        except StopRun as error:
            cls.logger.error("%s", error)  # noqa: TRY400 - the message says it all
            sys.exit(1)
        sys.exit(target.run(file_input))

    @classmethod
    def cb_config(
        cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]
    ) -> _ConfigInput:
        """Read the config files; a bad one is named, without a traceback."""
        try:
            return super().cb_config(ctx, param, value)
        except (OSError, ValueError, TypeError) as error:
            text = (
                f"{' '.join(value)}: no such file, or not a JSON object ({type(error).__name__})."
            )
            raise click.BadParameter(text) from None

    @classmethod
    def get_singer_command(cls) -> click.Command:
        """The SDK's command line, and ``--state``."""
        command = super().get_singer_command()
        command.params.append(
            click.Option(
                ["--state"],
                type=click.Path(path_type=Path),
                help="A file with the state to go on from, for taps that don't hand it back.",
            )
        )
        return command


def encode_state(state: State) -> bytes:
    """A STATE line, as Singer targets print it: the bare value."""
    return msgspec.json.encode(state) + b"\n"


def _interrupt(number: int, _: object) -> None:
    """Stop on a signal that comes before anything is in flight."""
    _ignore_signals()
    raise Interrupted(number)


def _ignore_signals() -> None:
    """The run is stopping: a further signal changes nothing."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def main() -> None:
    """The console script ``target-workos-users``."""
    command: Callable[[], None] = TargetWorkosUsers.cli
    try:
        command()
    finally:
        # What is left in a broken stdout must not raise once more when Python exits.
        try:
            sys.stdout.flush()
        except AttributeError:
            pass  # closed from the start
        except (OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
