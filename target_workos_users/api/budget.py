"""One of WorkOS's rate limits: kept to, and found where it is lower than configured. Pure.

WorkOS publishes limits per 10 s (docs: reference/rate-limits) and doesn't say whether the windows
slide, so none of any 10 s is ever overdrawn.
"""

from __future__ import annotations

import math
from collections import deque

WINDOW = 10.0  # seconds over which WorkOS counts
_GUARD = 0.1  # seconds more: what is sent 10.09 s apart may arrive within 10 s
SPAN = WINDOW + _GUARD
_GRAIN = 0.01  # seconds; sends closer than this share a log entry, which bounds the log
_CREDIT = 0.5  # seconds of a stall that are caught up with at once

_LEAST = 1.0  # requests per second; no refusal slows us further
_LIMIT = 2.0  # refusals close together, which chance seldom brings about
_ACCEPTED = 1 / 6  # of a refusal that one accepted request outweighs
_CLIMB = 0.02  # share of the configured rate that is won back per second
_NEAR = 0.1  # share of the configured limit; refusals that close are of one limit
_FIRST_HOLD, _LONGEST_HOLD = 10.0, 60.0  # seconds at a found limit before it is probed again


class Budget:
    """At most ``per_second * 10`` requests in any 10 s, evenly spread; fewer under a lower limit.

    A limit refuses two in a row, or the first one after a quiet time in which more was sent than
    before; a refusal among accepted requests is chance, and slows nothing. Where a limit is met,
    ours drops to what had been accepted in the 10 s before, is held for 10 s, and climbs back by
    2 % of the configured one per second. One that is met again near the same place is held twice as
    long, up to a minute: the probes are what gets refused.

    Args:
        per_second: The configured rate.
    """

    def __init__(self, per_second: float) -> None:
        self._configured = max(1.0, math.floor(per_second * WINDOW))
        self._floor = min(self._configured, _LEAST * WINDOW)
        self._log: deque[list[float]] = deque()  # [time of the first, number], oldest first
        self._sent = 0.0  # sum of the log
        self._next = -math.inf  # when the next send is due, spread evenly
        self._held = self._configured  # the limit as last cut
        self._found = -math.inf  # the same, kept when all is won back
        self._hold = _FIRST_HOLD
        self._climbing_from = -math.inf
        self._cut_at = -math.inf
        self._refused: deque[float] = deque()  # when the refused ones of a window were sent
        self._suspicion = 0.0  # recent refusals, less what accepted requests outweigh

    def limit(self, now: float) -> float:
        """Requests per 10 s allowed at ``now``."""
        if self._held >= self._configured:
            return self._configured
        climbed = max(0.0, now - self._climbing_from) * _CLIMB * self._configured
        if self._held + climbed >= self._configured:
            self._held = self._configured
        return min(self._held + climbed, self._configured)

    def ready_at(self, now: float) -> float:
        """When the next request may be sent; ``now`` or earlier means at once."""
        log = self._log
        while log and log[0][0] + SPAN <= now:
            self._sent -= log.popleft()[1]
        surplus = self._sent + 1 - self.limit(now)
        if surplus <= 0:
            return self._next
        for start, number in log:
            surplus -= number
            if surplus <= 0:
                return max(self._next, start + SPAN)
        return self._next

    def spend(self, now: float) -> None:
        """Count one request as sent at ``now``."""
        credit = _CREDIT if self._log else 0.0  # a start isn't a stall
        self._next = max(self._next, now - credit) + SPAN / self.limit(now)
        self._count(now)

    def postpone(self, spent_at: float, now: float) -> None:
        """Count a request as sent at ``now`` that was counted at ``spent_at``."""
        for entry in reversed(self._log):
            if entry[0] <= spent_at:
                entry[1] -= 1
                self._sent -= 1
                break
        self._count(now)

    def accepted(self) -> None:
        """A request got another answer than 429."""
        if self._suspicion:
            self._suspicion = max(0.0, self._suspicion - _ACCEPTED)

    def refused(self, now: float, *, sent_at: float) -> bool:
        """A request got a 429.

        Args:
            now: When the answer came.
            sent_at: When the request was sent.

        Returns:
            Whether a limit refused it, for which :meth:`cut` is to be called.
        """
        while self._refused and self._refused[0] <= sent_at - WINDOW:
            self._refused.popleft()
        first = not self._refused
        self._refused.append(sent_at)
        if sent_at > self._cut_at:
            self._suspicion += 1
        probing = self._held < self._configured and now > self._climbing_from
        return self._suspicion >= _LIMIT or (first and probing)

    def cut(self, now: float, *, sent_at: float, resume_at: float) -> None:
        """Keep to the limit that refused a request; the refusals of one burst count once.

        Args:
            now: When the answer came.
            sent_at: When the request was sent.
            resume_at: When requests begin again.
        """
        if sent_at <= self._cut_at:
            return
        accepted = sum(number for start, number in self._log if sent_at - WINDOW < start < sent_at)
        accepted -= sum(1.0 for other in self._refused if other < sent_at)
        limit = self.limit(now)
        met_again = limit - self._found <= _NEAR * self._configured
        self._hold = min(2 * self._hold, _LONGEST_HOLD) if met_again else _FIRST_HOLD
        self._held = max(self._floor, min(max(accepted, 0.5 * limit), 0.97 * limit))
        self._found = self._held
        self._climbing_from = resume_at + self._hold
        self._cut_at = now
        self._suspicion = _LIMIT - 1  # one more would be of a limit that is lower still

    def _count(self, now: float) -> None:
        self._sent += 1
        if self._log and now - self._log[-1][0] < _GRAIN:
            self._log[-1][1] += 1
        else:
            self._log.append([now, 1])
