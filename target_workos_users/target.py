"""The Singer face: messages in, STATE out."""

from __future__ import annotations

import asyncio
import gc
import sys
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from functools import partial
from typing import IO, TYPE_CHECKING, Any, ClassVar

import msgspec
from singer_sdk.helpers.capabilities import PluginCapabilities, TargetCapabilities

from target_workos_users.checkpoint.state import with_newest_entry
from target_workos_users.exceptions import OutputError
from target_workos_users.progress.progress import Progress
from target_workos_users.retry import Retry, read_listed, retry_settings
from target_workos_users.run import SIGNALS, run, until_signal
from target_workos_users.settings.schema import SETTINGS
from target_workos_users.settings.settings import Settings
from target_workos_users.singer.command_line import CommandLineTarget, close_stdout
from target_workos_users.singer.reader import MessageReader
from target_workos_users.singer.sink import UserSink
from target_workos_users.singer.streams import Streams
from target_workos_users.texts import neutralize

if TYPE_CHECKING:
    from collections.abc import Callable

    from singer_sdk.helpers.capabilities import CapabilitiesEnum

    from target_workos_users.checkpoint.state import State
    from target_workos_users.importer import Importer
    from target_workos_users.plan.reading import Reading

_GC_THRESHOLD = 10_000  # objects; Python's own 700 (2,000 since 3.13) searches often, in vain


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

        Raises:
            SettingsError: A setting is missing or wrong.
        """
        super().__init__(**kwargs)
        self.settings = Settings.from_config(self.config)
        if self.settings.only_errors_from:
            self.settings = retry_settings(self.settings, datetime.now(UTC))
        self.progress = Progress(self.settings, self.logger)
        self._streams = Streams(self, self.settings, self.progress)
        self._loop = asyncio.new_event_loop()
        self._locks = ExitStack()
        self._importer: Importer | None = None
        self._plan: Reading | None = None
        self._retry: Retry | None = None
        self._sources: dict[str, str] = {}
        self._early_state: State | None = None
        self._told_state = False
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

    @property
    def exit_code(self) -> int:
        """Of a run that came to its end."""
        if self._plan and self._plan.has_found:
            return 2
        return int(self.settings.fail_on_errors and self.progress.has_failures)

    def finish(self, *, complete: bool) -> None:
        """The input is at its end: load and commit the rest."""
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
        if opened := self._importer or self._plan:
            opened.close()
        self._locks.close()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()
        self.progress.end()

    def sum_up(self, reason: str, exit_code: int, error: str | None) -> None:
        """The closing summary."""
        (self._plan or self.progress).sum_up(reason, exit_code, error)

    def _open(self) -> Importer | Reading:
        """What takes the records, opened when it is first needed."""
        if opened := self._importer or self._plan:
            return opened
        settings, progress = self.settings, self.progress
        run = partial(until_signal, self._loop)
        if settings.only_errors_from:
            self._retry = Retry(settings.only_errors_from, read_listed(settings))
        taker: Importer | Reading
        # The SDK of WorkOS alone takes longer to import than all else: nothing else needs it.
        if settings.dry_run:
            from target_workos_users.plan.plan import Plan  # noqa: PLC0415

            taker = self._plan = Plan(settings, progress, self._streams.kinds, run)
        elif settings.diff:
            from target_workos_users.plan.diff import Diff  # noqa: PLC0415

            taker = self._plan = Diff(settings, progress, self._streams.kinds, run)
        else:
            from target_workos_users.opening import open_importer  # noqa: PLC0415

            importer, self._locks = open_importer(
                settings,
                progress,
                self._loop,
                emit=self._emit,
                early_state=self._early_state,
                state_file=self.state_file,
                sources=self._sources,
                kinds=self._streams.kinds,
                keys=self._streams.keys,
            )
            taker = self._importer = importer
            for number in SIGNALS:
                self._loop.add_signal_handler(number, importer.interrupt, number)
            self.message_reader.turn = importer.turns.take_one
            self.message_reader.wait = importer.turns.until_readable
        if gc.get_freeze_count():  # the process is main's: freeze what was imported since, too
            gc.freeze()
        if self._retry:
            progress.retry(settings.only_errors_from or "", self._retry.number)
        for name, source in self._sources.items():
            taker.open_stream(name, source)
        return taker

    # Messages in

    def _process_schema_message(self, message_dict: dict[str, Any]) -> None:
        streams = self._streams.read_schema(message_dict)
        self._sources |= streams
        if self.has_begun:
            for name, source in streams.items():
                self._open().open_stream(name, source)

    def _process_record_message(self, message_dict: dict[str, Any]) -> None:
        for name, record in self._streams.read_record(message_dict):
            self._take(name, record)

    def _process_batch_message(self, message_dict: dict[str, Any]) -> None:
        with closing(self._streams.read_batch(message_dict)) as records:
            for name, record in records:
                self._take(name, record)

    def _process_state_message(self, message_dict: dict[str, Any]) -> None:
        value = message_dict.get("value")
        if isinstance(value, dict) and value.get("bookmarks", {}) is None:
            value = {**value, "bookmarks": {}}
        if not isinstance(value, dict) or not isinstance(value.get("bookmarks", {}), dict):
            if not self._told_state:
                self._told_state = True
                self.logger.warning(
                    "The tap sent a STATE message without an object, or without one in bookmarks. "
                    "It isn't stored: the state stays that of the message before it."
                )
        elif not self.has_begun:
            self._early_state = with_newest_entry(self._early_state, value)
        elif not self._retry and not self._beyond:
            self._open().read_state(value)

    def _process_activate_version_message(self, message_dict: dict[str, Any]) -> None:
        """Users aren't versioned: there is nothing to do."""

    def process_endofpipe(self) -> None:
        """The input is at its end: load and commit the rest."""
        for remark in self._streams.remarks():
            self.logger.warning("%s", remark)
        if not (self.has_begun or self._sources or self._early_state):
            self.logger.warning(
                "The input is empty: the tap sent nothing, so nothing was loaded. If it failed, "
                "its own log says why."
            )
        self.finish(complete=not self._beyond)
        for sink in self._sinks_active.values():
            sink.clean_up()
        self._streams.check_all_came()

    # Records on

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
    return neutralize(msgspec.json.encode(state).decode()).encode() + b"\n"


def main() -> None:
    """The console script ``target-workos-users``."""
    command: Callable[[], None] = TargetWorkosUsers.cli
    gc.set_threshold(_GC_THRESHOLD)
    gc.freeze()  # what was imported stays, and needn't be searched for cycles, at the end either
    try:
        command()
    finally:
        close_stdout()
