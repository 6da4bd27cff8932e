"""The dry run: every record is parsed as in a real run, nothing is sent."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from target_workos_users.exceptions import RecordError
from target_workos_users.records import parse_record

if TYPE_CHECKING:
    from target_workos_users.progress import Progress
    from target_workos_users.settings import Settings
    from target_workos_users.state import State


class Plan:
    """Takes records where the importer would, and counts what it would do.

    Args:
        settings: Of the run.
        progress: What is told to the user.
    """

    def __init__(self, settings: Settings, progress: Progress) -> None:
        self._settings = settings
        self._progress = progress
        self._numbers: Counter[str] = Counter()
        self._emails: set[int] = set()
        self._organizations: set[int] = set()
        self._memberships = 0
        self._reasons: dict[str, list[int]] = {}

    def open_stream(self, name: str, source: str) -> None:
        """A stream's first SCHEMA message."""

    def read_state(self, value: State) -> None:
        """A STATE message of the tap; a dry run prints none."""

    def add(self, name: str, content: dict[str, Any]) -> None:
        """Parse a record, and count what it asks for."""
        self._numbers[name] += 1
        try:
            row = parse_record(content, self._settings.organization)
        except RecordError as error:
            self._reasons.setdefault(error.message[:200], []).append(self._numbers[name])
            return
        self._progress.remarks(row.remarks)
        self._emails.add(hash(row.email))
        if row.organization:
            self._memberships += 1
            self._organizations.add(hash(row.organization))

    def finish(self, *, complete: bool) -> None:  # noqa: ARG002 - as the importer's
        """Say what a real run would do."""
        records, users = self._numbers.total(), len(self._emails)
        organizations = len(self._organizations)
        failed = sum(map(len, self._reasons.values()))
        say = self._progress.say
        say(f"Plan: {records:,} records, of which {failed:,} would fail")
        for reason, numbers in self._reasons.items():
            say(f"  {len(numbers):,} x {reason} (record {numbers[0]:,})")
        writes = users + self._memberships
        seconds = writes / self._settings.rate_limit
        say(
            f"  {users:,} users, {self._memberships:,} memberships, {organizations:,} "
            f"organizations: {writes + 2 * organizations:,} requests at most, "
            f"{seconds / 60:,.0f} minutes at {self._settings.rate_limit:g} writes/s"
        )

    def break_off(self) -> None:
        """Nothing is in flight."""

    def close(self) -> None:
        """Nothing is open."""
