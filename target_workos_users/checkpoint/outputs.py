"""What a run writes for good: the errors file, the ledger, and the STATE that speaks of both."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from target_workos_users.checkpoint.state import (
    FAILED,
    VERSION,
    Entry,
    ErrorsPosition,
    State,
    fingerprint,
)
from target_workos_users.checkpoint.tracker import Checkpoint
from target_workos_users.errors import ErrorsFile

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from target_workos_users.checkpoint.resume import Start
    from target_workos_users.ledger import Ledger


def now() -> str:
    """The time, UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


class Outputs:
    """The checkpoint of a run, and the files that go with it.

    Args:
        ledger: Opened, and of ``destination``.
        start: What to start from; its entry belongs to ``destination``.
        destination: The WorkOS environment to load into.
        incremental: Streams that the tap continues from a bookmark: their failed records don't
            come again, so their lines stay in the errors file.
        beside: The run only loads again what failed: the checkpoint stays as it is.

    Attributes:
        checkpoint: What is loaded.
        errors: The errors file.
        ledger: As given.
        begins: A pass over the source begins with this run; else it goes on from the middle.

    Raises:
        SettingsError: A file can't be written.
    """

    def __init__(
        self,
        errors_path: str,
        ledger: Ledger,
        start: Start,
        destination: str,
        *,
        incremental: Collection[str] = (),
        beside: bool = False,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        entry = start.entry or Entry(
            version=VERSION, lineage=secrets.token_hex(4), destination=destination
        )
        mark = fingerprint(entry, start.tap_state)
        self.begins = all(stream.complete for stream in entry.streams.values())
        if self.begins or not entry.started:
            entry.started = now()
        self.ledger = ledger
        goes_on = self.ledger.begin(None if beside else entry.lineage, mark)
        self.errors = ErrorsFile(errors_path)
        self._open_errors(entry, incremental, say, goes_on=goes_on and not beside)
        entry.version, entry.destination = VERSION, destination
        self.checkpoint = Checkpoint(entry, start.tap_state)

    def _open_errors(
        self,
        entry: Entry,
        incremental: Collection[str],
        say: Callable[[str], None],
        *,
        goes_on: bool,
    ) -> None:
        known = entry.errors
        if known and known.path != str(self.errors.path):
            known = None
        size, tail = (known.bytes, known.tail) if known else (0, "")
        owner = f"{entry.lineage} {self.errors.path}"
        self.errors.before_replacing = lambda size, tail: self.ledger.note_errors(
            owner, entry.seq, size, tail
        )
        proven = self.errors.open(
            size,
            tail,
            incremental.__contains__ if self.begins else None,
            replaced=self.ledger.errors_after(owner, entry.seq) if goes_on else None,
        )
        if not proven:
            failed = sum(stream.tally.get(FAILED, 0) for stream in entry.streams.values())
            say(
                f"errors_path: {self.errors.path} isn't the file that the checkpoint knows: it was "
                "removed or changed, or belongs to another job. What was in it is kept beside it. "
                f"The {failed:,} records that failed are tried again when the tap sends them."
            )

    def next_state(self, org_cache: dict[str, str] | None) -> State:
        """The next STATE to print; the ledger knows it before anyone else.

        Args:
            org_cache: WorkOS ids of organizations by external id; None if none was resolved.

        Raises:
            OutputError: The ledger can't be written, or the errors file isn't what it was.
        """
        self.errors.check()
        entry = self.checkpoint.entry
        errors = ErrorsPosition(str(self.errors.path), self.errors.size, self.errors.tail)
        state = self.checkpoint.state(
            entry.org_cache if org_cache is None else org_cache, errors, now()
        )
        self.ledger.mark(entry.seq, fingerprint(entry, state))
        return state

    def close(self) -> None:
        """Close the files."""
        self.errors.close()
        self.ledger.close()
