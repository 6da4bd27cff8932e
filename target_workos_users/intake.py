"""What takes the records: the importer, the plan of a dry run, or the retry of what failed."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Protocol

from target_workos_users.checkpoint.outputs import Run
from target_workos_users.checkpoint.resume import Start, find_checkpoint
from target_workos_users.checkpoint.state import with_newest_entry
from target_workos_users.importer import Importer
from target_workos_users.loading import connection
from target_workos_users.locks import lock_outputs
from target_workos_users.plan.plan import Plan
from target_workos_users.retry import Retry, read_listed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from target_workos_users.checkpoint.state import State
    from target_workos_users.progress.progress import Progress
    from target_workos_users.settings.settings import Settings


class Intake(Protocol):
    """Takes the records and the tap's states, in the tap's order."""

    def open_stream(self, name: str, source: str) -> None:
        """A SCHEMA message: the stream's name after stream maps, and its name in the tap."""

    def add(self, name: str, content: dict[str, Any]) -> None:
        """A record: its stream's name and its content, both after stream maps."""

    def read_state(self, value: State) -> None:
        """A STATE message of the tap."""

    def finish(self, *, complete: bool) -> None:
        """The input is at its end; ``complete`` if it ended as a whole input does."""

    def break_off(self) -> None:
        """Stop half-way: let requests in flight finish, and commit what is finished."""

    def close(self) -> None:
        """Close connections and files."""


class DeferredIntake:
    """An intake that is opened at the first record, when every early STATE has been read.

    Args:
        settings: Of the run.
        progress: What is told to the user.
        emit: Prints a STATE value on stdout.
        state_file: Where ``--state`` says a checkpoint is.

    Attributes:
        signals: Those that stop the importer once it is open; it finishes what is in flight.
    """

    def __init__(
        self,
        settings: Settings,
        progress: Progress,
        emit: Callable[[State], None],
        state_file: Path | None,
    ) -> None:
        self.signals: tuple[int, ...] = ()
        self._settings = settings
        self._progress = progress
        self._emit = emit
        self._state_file = state_file
        self._loop = asyncio.new_event_loop()
        self._sources: dict[str, str] = {}
        self._early_state: State | None = None
        self._importer: Importer | None = None
        self._opened: Intake | None = None
        self._locks = ExitStack()

    @property
    def is_open(self) -> bool:
        """Whether anything came that had to be taken."""
        return self._opened is not None

    def open_stream(self, name: str, source: str) -> None:
        """A SCHEMA message.

        Args:
            name: Its stream, after stream maps.
            source: Its name in the tap.
        """
        self._sources[name] = source
        if self._opened:
            self._opened.open_stream(name, source)

    def add(self, name: str, content: dict[str, Any]) -> None:
        """A record.

        Args:
            name: Its stream, after stream maps.
            content: The record, after stream maps.

        Raises:
            StopRun: The import can't go on, or can't begin.
            Interrupted: A signal came.
        """
        self._open().add(name, content)

    def read_state(self, value: State) -> None:
        """A STATE message of the tap; one before the first record is what it was started with."""
        if self._opened:
            self._opened.read_state(value)
        else:
            self._early_state = with_newest_entry(self._early_state, value)

    def turn(self) -> None:
        """Let requests in flight go on for a moment.

        Raises:
            StopRun: The import can't go on.
            Interrupted: A signal came.
        """
        if self._importer:
            self._importer.turn()

    def wait_for_input(self, descriptor: int) -> None:
        """Let requests in flight go on until there is input.

        Raises:
            StopRun: The import can't go on.
            Interrupted: A signal came.
        """
        if self._importer:
            self._importer.wait_for_input(descriptor)

    def finish(self, *, complete: bool) -> None:
        """The input is at its end: load and commit the rest.

        Args:
            complete: Whether it ended as a whole input does.

        Raises:
            StopRun: The import can't go on.
            Interrupted: A signal came.
        """
        if self._opened or self._sources or self._early_state is not None:
            self._open().finish(complete=complete)

    def break_off(self) -> None:
        """Stop half-way: let requests in flight finish, and commit what is finished.

        Raises:
            StopRun: What is finished can't be committed.
        """
        if self._opened:
            self._opened.break_off()

    def close(self) -> None:
        """Close connections, files and the event loop."""
        if self._opened:
            self._opened.close()
        self._locks.close()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    def _open(self) -> Intake:
        if self._opened is None:
            only = self._settings.only_errors_from
            listed = read_listed(self._settings)
            takes = (
                Plan(self._settings, self._progress)
                if self._settings.dry_run
                else self._open_importer()
            )
            self._opened = Retry(only, listed, takes, self._progress) if only else takes
            for name, source in self._sources.items():
                self._opened.open_stream(name, source)
        return self._opened

    def _open_importer(self) -> Importer:
        self._locks = lock_outputs(self._settings)
        destination = connection.destination(self._settings)
        start = Start(None, {})
        if not self._settings.only_errors_from:
            start = find_checkpoint(
                self._settings,
                destination,
                in_band=self._early_state,
                state_file=self._state_file,
                is_known=lambda organization_id: self._loop.run_until_complete(
                    connection.knows_organization(self._settings, organization_id)
                ),
                say=self._progress.say,
            )
        self._progress.begin(start.entry)
        run = Run(self._settings, start, destination)
        importer = Importer(self._settings, run, self._progress, self._emit, self._loop)
        for number in self.signals:
            self._loop.add_signal_handler(number, importer.interrupt, number)
        self._importer = importer
        return importer
