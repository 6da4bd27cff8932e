"""How fast records are loaded, and how long the rest will take. Pure."""

from __future__ import annotations

from collections import deque

_RECENT_CHUNKS = 10


class Pace:
    """The rate of the last ten chunks that were loaded; chunks that were skipped don't count.

    Args:
        now: Where the clock stands, in seconds.
    """

    def __init__(self, now: float) -> None:
        self._since = now
        self._recent: deque[tuple[int, float]] = deque(maxlen=_RECENT_CHUNKS)

    def add(self, now: float, records: int) -> float:
        """A chunk is committed.

        Args:
            now: Where the clock stands.
            records: How many of it were loaded; none if it was skipped.

        Returns:
            Seconds since the chunk before it.
        """
        seconds, self._since = now - self._since, now
        if records:
            self._recent.append((records, seconds))
        return seconds

    @property
    def rate(self) -> float | None:
        """Records a second; None as long as nothing was loaded."""
        if not self._recent:
            return None
        records, seconds = map(sum, zip(*self._recent, strict=True))
        return records / max(seconds, 1e-6)

    def eta(self, records: int) -> float | None:
        """Seconds that so many records will take; None as long as nobody can tell."""
        return records / rate if (rate := self.rate) and records > 0 else None
