"""Counts of what the sandbox was asked and what it answered."""

from __future__ import annotations

from collections import Counter, deque
from typing import Any

_WINDOW_SECONDS = 10


class RequestCounts:
    """Requests by endpoint and outcome, and the busiest ten seconds of writes.

    Attributes:
        requests: By endpoint (``POST /user_management/users/{id}``; the bare path where there is
            no endpoint) and outcome: the status that was sent, or the kind of fault that the
            client saw instead (``drop_after``, ``hang``, …).
        writes: Writes on /user_management that arrived, refused ones included.
        max_writes_in_10_s: The most of them in any ten seconds.
        write_seconds: From the first of them to the last.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin anew."""
        self.requests: dict[str, Counter[str]] = {}
        self.writes = 0
        self.max_writes_in_10_s = 0
        self.write_seconds = 0.0
        self._first_write: float | None = None
        self._write_times: deque[float] = deque()

    def write_arrived(self, now: float) -> None:
        """Count a write.

        Args:
            now: Seconds on a monotonic clock.
        """
        times = self._write_times
        times.append(now)
        while times[0] <= now - _WINDOW_SECONDS:
            times.popleft()
        self.writes += 1
        self._first_write = now if self._first_write is None else self._first_write
        self.write_seconds = now - self._first_write
        self.max_writes_in_10_s = max(self.max_writes_in_10_s, len(times))

    def answered(self, endpoint: str, outcome: str) -> None:
        """Count a request by what became of it."""
        self.requests.setdefault(endpoint, Counter())[outcome] += 1

    def total(self, endpoint: str = "", outcome: str = "") -> int:
        """Number of requests, of those endpoints and outcomes that begin with the given text."""
        return sum(
            number
            for name, outcomes in self.requests.items()
            if name.startswith(endpoint)
            for kind, number in outcomes.items()
            if kind.startswith(outcome)
        )

    def as_dict(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {
            "total": self.total(),
            "writes": self.writes,
            "max_writes_in_10_s": self.max_writes_in_10_s,
            "write_seconds": self.write_seconds,
            "requests": {name: dict(outcomes) for name, outcomes in self.requests.items()},
        }
