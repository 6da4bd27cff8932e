"""One run: its checkpoint, and the errors file and the journal that go with it."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from target_workos_users.checkpoint.journal import FAILED, Finished, Journal, read_journal
from target_workos_users.checkpoint.state import (
    VERSION,
    Entry,
    ErrorsPosition,
    State,
    fingerprint,
)
from target_workos_users.checkpoint.tracker import Checkpoint
from target_workos_users.errors.file import ErrorsFile
from target_workos_users.exceptions import OutputError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from target_workos_users.checkpoint.resume import Start
    from target_workos_users.settings.settings import Settings


def now(precision: str = "seconds") -> str:
    """The time, UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec=precision).replace("+00:00", "Z")


class Run:
    """One run's checkpoint, and the files that go with it.

    Attributes:
        checkpoint: What is loaded.
        finished: By stream, records that the journal knows as done.
        errors: The errors file.
        journal: The journal.
        begins: A pass over the source begins with this run; else it goes on from the middle.
    """

    def __init__(self, settings: Settings, start: Start, destination: str) -> None:
        """Open the files.

        Args:
            settings: Of the run.
            start: What to start from; its entry belongs to ``destination``.
            destination: The WorkOS environment to load into.

        Raises:
            SettingsError: A file can't be written.
        """
        entry = start.entry or Entry(
            version=VERSION, lineage=secrets.token_hex(4), destination=destination
        )
        self.begins = all(stream.complete for stream in entry.streams.values())
        if self.begins or not entry.started:
            # A new pass: users of the earlier ones are there before it, to be updated or refused.
            entry.started = now("milliseconds")
        mark = fingerprint(entry, start.tap_state)
        self.errors = ErrorsFile(settings.errors_path)
        covered = _covered_bytes(start.entry, self.errors) if start.entry else None
        self.errors.open(keep=covered)
        self.journal = Journal(settings.journal_path)
        self.finished: dict[str, Finished] = {}
        if self.journal.path:
            self.finished = read_journal(self.journal.path, entry, mark)
        if covered is None or self.errors.size < covered:
            for known in self.finished.values():
                known.reported.clear()
        self.journal.open(entry.lineage, entry.seq, mark, self.finished)
        entry.destination = destination
        self.checkpoint = Checkpoint(entry, start.tap_state)
        self._state: State | None = None

    def next_state(
        self,
        org_cache: dict[str, str] | None,
        uncommitted: Iterable[tuple[str, bytes, dict[str, int]]],
    ) -> State:
        """The next STATE to print; the journal knows it before anyone else.

        Args:
            org_cache: WorkOS ids of organizations by external id; None if none was resolved.
            uncommitted: Records that are done, but not covered.

        Raises:
            OutputError: The journal can't be written, or the errors file isn't what it was.
        """
        self.errors.check()
        entry = self.checkpoint.entry
        moved = self.checkpoint.take_moved()
        errors = ErrorsPosition(path=str(self.errors.path), bytes=self.errors.size)
        state = self.checkpoint.state(
            entry.org_cache if org_cache is None else org_cache, errors, now()
        )
        self.journal.mark(entry.seq, fingerprint(entry, state), moved, uncommitted)
        self._state = state
        return state

    def finish(self) -> None:
        """The last STATE is stored: from now on the journal knows no earlier one.

        Raises:
            OutputError: The journal can't be written.
        """
        entry = self.checkpoint.entry
        if self.journal.path and self._state is not None:
            mark = fingerprint(entry, self._state)
            finished = read_journal(self.journal.path, entry, mark)
            try:
                self.journal.open(entry.lineage, entry.seq, mark, finished)
            except SettingsError:
                raise OutputError(
                    f"journal_path: {self.journal.path} can't be written. Everything is loaded, "
                    "and the last STATE line says so: only the journal couldn't be tidied up. "
                    "Delete it."
                ) from None

    def close(self) -> None:
        """Close the files."""
        self.errors.close()
        self.journal.close()


def _covered_bytes(entry: Entry, file: ErrorsFile) -> int | None:
    """How much of the errors file belongs to a checkpoint; None if it isn't that checkpoint's.

    Nor is it if the checkpoint knows of failures, but of no line: it was edited, or the file lost.
    """
    position = entry.errors
    if position is None or position.path != str(file.path):
        return None
    failed = any(stream.tally.get(FAILED) for stream in entry.streams.values())
    return None if failed and not position.bytes else position.bytes
