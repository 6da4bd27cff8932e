"""What the user is told: how far the import is, and what became of the records."""

from __future__ import annotations

import time
from collections import Counter, deque
from typing import TYPE_CHECKING

from target_workos_users import outcome, records
from target_workos_users.outcome import Result, Tally

if TYPE_CHECKING:
    from collections.abc import Iterable
    from logging import Logger

    from target_workos_users.organizations import OrganizationCounts
    from target_workos_users.settings import Settings
    from target_workos_users.state import Entry
    from target_workos_users.transport import TransportStats

_RECENT_CHUNKS = 10
_REMARKS = {**records.REMARKS, **outcome.REMARKS}


class Progress:
    """Counts, and tells the user.

    Args:
        settings: Of the run.
        logger: The target's.
    """

    def __init__(self, settings: Settings, logger: Logger) -> None:
        self.tally: Counter[str] = Counter()
        self.skipped = 0
        self._settings = settings
        self._logger = logger
        self._total = settings.total_records
        self._remarked: set[str] = set()
        self._started = time.monotonic()
        self._recent: deque[tuple[float, int]] = deque(
            [(self._started, 0)], maxlen=_RECENT_CHUNKS + 1
        )
        self._loaded = 0
        self._stats: TransportStats | None = None
        self._organizations: OrganizationCounts | None = None

    def say(self, text: str) -> None:
        """One line at level info."""
        self._logger.info("%s", text)

    def resuming(self, entry: Entry) -> None:
        """The run goes on from a checkpoint."""
        for name, stream in entry.streams.items():
            records = sum(records for records, _ in stream.chunks)
            what = "complete" if stream.complete else "interrupted"
            self.say(
                f"Resuming stream {name!r}: {len(stream.chunks):,} chunks ({records:,} records) "
                f"are loaded; the import was {what}, last checkpoint {entry.updated}."
            )
            if stream.complete and not self._total and len(entry.streams) == 1:
                self._total = stream.records

    def remarks(self, kinds: Iterable[str]) -> None:
        """Warn of something, once a kind and run."""
        for kind in kinds:
            if kind not in self._remarked:
                self._remarked.add(kind)
                text = _REMARKS[kind]
                self._logger.warning("%s", text[0].upper() + text[1:] + ".")

    def count(self, tally: Counter[str], records: int) -> None:
        """Records were committed.

        Args:
            tally: What became of them; empty for a part counted by an earlier run.
            records: How many they are.
        """
        self.tally.update(tally)
        unchanged = records if not tally else tally["unchanged"]
        self.skipped += unchanged
        self._loaded += records - unchanged

    def chunk(self, number: int, *, unchanged: bool) -> None:
        """A chunk is committed."""
        if unchanged:
            return
        done = self._loaded + self.skipped
        self._recent.append((time.monotonic(), self._loaded))
        (since, before), (until, after) = self._recent[0], self._recent[-1]
        rate = (after - before) / max(until - since, 1e-6)
        parts = [f"chunk {number:,}", f"{done:,} records"]
        if self._total and self._total >= done:
            chunks = max(number, -(-self._total // self._settings.batch_size_rows))
            parts = [
                f"{number:,}/{chunks:,} chunks ({100 * done // self._total}%)",
                f"{done:,} of {self._total:,} records",
            ]
        parts.append(f"{rate:,.1f}/s")
        if self._total and self._total > done and rate:
            parts.append(f"ETA {duration((self._total - done) / rate)}")
        parts.append(f"{self.tally[Result.FAILED]:,} failed")
        self.say("Progress: " + " · ".join(parts))

    def requests(self, stats: TransportStats) -> None:
        """How the requests went, known when the connection closes."""
        self._stats = stats

    def organizations(self, counts: OrganizationCounts) -> None:
        """How organizations were resolved, known when the connection closes."""
        self._organizations = counts

    def summary(self, reason: str) -> None:
        """The closing summary.

        Args:
            reason: Why the run ends.
        """
        tally = self.tally
        loaded = sum(tally[result] for result in Result if result is not Result.FAILED)
        self.say(f"Summary: {reason} after {duration(time.monotonic() - self._started)}")
        self.say(
            f"  records: {loaded + self.skipped + tally[Result.FAILED]:,} read = {loaded:,} loaded "
            f"+ {self.skipped:,} unchanged + {tally[Result.FAILED]:,} failed"
        )
        self.say(
            f"  users: {tally[Tally.USERS_CREATED]:,} created, "
            f"{tally[Result.EXISTING]:,} existing, {tally[Tally.USERS_UPDATED]:,} updated"
        )
        self.say(
            f"  memberships: {tally[Tally.MEMBERSHIPS]:,} created, "
            f"{tally[Tally.MEMBERSHIPS_EXISTING]:,} existing"
        )
        if counts := self._organizations:
            self.say(f"  organizations: {counts.created:,} created, {counts.found:,} found")
        sent = self._stats.attempts if self._stats else 0
        self.say(f"  requests: {sent:,}")
        if tally[Result.FAILED]:
            self.say(f"  What failed is in {self._settings.errors_path}.")
        if self._settings.sandbox_path:
            self.say(
                f"  Loaded into the sandbox {self._settings.sandbox_path}. To load into WorkOS: "
                "unset sandbox_path and set WORKOS_API_KEY (in this project: "
                "`meltano --environment=prod run …`)."
            )


def duration(seconds: float) -> str:
    """For people: ``56m 10s``, ``1h 7m``, ``12s``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h {minutes}m"
    return f"{minutes}m {rest}s" if minutes else f"{rest}s"
