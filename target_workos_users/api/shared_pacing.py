"""The pacer of a job that shares its rate limit with others in Redis."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from typing import TYPE_CHECKING

from target_workos_users.api.budget import WINDOW, Budget
from target_workos_users.api.pacing import Lane, Pacer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_workos_users.api.redis_limit import RedisLimit

_LATE = 0.05  # seconds after which a turn is too old to be used
_LATEST = 5  # answers of Redis that tell how long one takes; it may become slower for good
_AHEAD = 0.1  # seconds of the whole budget that a job books at a time


class SharedPacer(Pacer):
    """A :class:`.Pacer` whose requests also wait for a turn among those of the other jobs.

    What a 429 teaches stays with the job that got it: the others get their own. If Redis is lost,
    all that waits gets its :class:`.SharedLimitLost`.

    Args:
        shared: Where the turns come from; closed by :meth:`close`.
        rate_limit: As :class:`.Pacer` takes it.
        in_flight: As :class:`.Pacer` takes it.
    """

    def __init__(self, shared: RedisLimit, *, rate_limit: float, in_flight: int) -> None:
        super().__init__(rate_limit=rate_limit, in_flight=in_flight)
        self._shared = shared
        self._turns = [_Turns(self, lane, queue.budgets) for lane, queue in self._queues.items()]
        for queue, turns in zip(self._queues.values(), self._turns, strict=True):
            queue.budgets = (*queue.budgets, turns)

    async def book(self, lane: Lane, at_most: int) -> list[float]:
        """Book turns for those that wait in a lane and could be sent; none if Redis is lost."""
        number = min(at_most, self._free, len(self._queues[lane].waiting))
        try:
            return await self._shared.book(lane, max(1, number))
        except Exception as error:  # noqa: BLE001 - those that wait must hear of it, whatever it is
            self.give_up(error)
            return []

    async def close(self) -> None:
        """Close the connection to Redis."""
        for turns in self._turns:
            await turns.close()
        await self._shared.close()


class _Turns(Budget):
    """Turns of one lane that are booked and not yet used: a budget in the pacer's eyes."""

    def __init__(self, pacer: SharedPacer, lane: Lane, own: Sequence[Budget]) -> None:
        self._pacer = pacer
        self._lane = lane
        self._own = own  # the budgets of this job, which shrink after a 429
        self._booked: deque[float] = deque()
        self._booking: asyncio.Task[None] | None = None
        self._latest: deque[float] = deque(maxlen=_LATEST)  # seconds that Redis took to answer

    def limit(self, now: float) -> float:
        """Requests per 10 s that this job may send by itself."""
        return min(budget.limit(now) for budget in self._own)

    def ready_at(self, now: float) -> float:
        """When the next turn is; if none is at hand and one is of use, turns are booked."""
        while self._booked and self._booked[0] < now - _LATE:
            self._booked.popleft()
        if self._booked:
            return self._booked[0]
        useful_at = max(self._pacer.paused_until, *(each.ready_at(now) for each in self._own))
        if useful_at > now:
            return useful_at
        if self._booking is None:
            self._booking = asyncio.get_running_loop().create_task(self._book(now))
        return math.inf  # served again once they have come

    def spend(self, now: float) -> None:  # noqa: ARG002 - turns are used in order
        """Use the next turn."""
        self._booked.popleft()

    def postpone(self, spent_at: float, now: float) -> None:  # noqa: ARG002 - as above
        """A turn was used late: leave one out for it, so that no two fall together."""
        if self._booked:
            self._booked.popleft()

    async def close(self) -> None:
        """Book no more."""
        if self._booking:
            self._booking.cancel()
            await asyncio.wait([self._booking])

    async def _book(self, asked_at: float) -> None:
        at_most = int(_AHEAD * self.limit(asked_at) / WINDOW)
        turns = await self._pacer.book(self._lane, at_most)
        now = asyncio.get_running_loop().time()
        self._latest.append(now - asked_at)
        if now - asked_at < min(self._latest) + _LATE:  # else nobody knows how old they are
            self._booked.extend(now + turn for turn in turns)
        self._booking = None
        self._pacer.serve()
