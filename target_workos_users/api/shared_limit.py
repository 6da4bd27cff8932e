"""One rate limit for several jobs: their turns are booked in Redis, ahead of time, in one line.

A script on the Redis server hands out turns by its own clock, so the jobs' clocks don't matter and
nobody asks twice: a job is told when its next turns are, and sleeps until then. Each budget is one
number, the time at which its next turn is due (the generic cell rate algorithm, ITU-T I.371).
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from target_workos_users.api.budget import WINDOW, Budget
from target_workos_users.api.pacing import Lane, Pacer
from target_workos_users.exceptions import SharedLimitLost

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_CATCH_UP = 0.1  # seconds of turns that may be made up for, when nobody was there to book them
_GUARD = 0.1  # seconds more: what is sent 10.09 s apart may arrive within 10 s
_SPAN = WINDOW + _CATCH_UP + _GUARD
_LATE = 0.05  # seconds after which a turn is too old to be used
_AHEAD = 0.1  # seconds of the whole budget that a job books at a time
_TIMEOUT = 2.0  # seconds for one call of Redis
_PATIENCE = 10.0  # seconds without Redis before the run stops
_LONGEST_PAUSE = 1.0  # seconds between two tries

_LINES = {
    Lane.WRITES: {"writes": 1, "requests": 2},
    Lane.READS: {"reads": 2, "requests": 2},
    Lane.OTHERS: {"requests": 2},
}
"""The budgets that a request counts against, as multiples of ``rate_limit``."""

_BOOK = """
-- KEYS: a line each. ARGV: turns wanted, microseconds to catch up with, each line's interval.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local due, turns = {}, {}
for i, key in ipairs(KEYS) do
  due[i] = tonumber(redis.call('GET', key) or now)
  if due[i] > now + 1000 * ARGV[i + 2] then due[i] = now end -- the server's clock was set back
end
for n = 1, ARGV[1] do
  local turn = now
  for i in ipairs(KEYS) do turn = math.max(turn, due[i] - ARGV[2]) end
  for i in ipairs(KEYS) do due[i] = math.max(due[i], turn) + ARGV[i + 2] end
  turns[n] = turn - now
end
for i, key in ipairs(KEYS) do -- a line that has expired is one whose next turn is now
  local left = math.ceil((due[i] - now) / 1000)
  redis.call('SET', key, string.format('%.0f', due[i]), 'PX', left)
end
return turns
"""


class Bookings:
    """Turns of all jobs that share a rate limit, kept by a Redis server (5 or newer).

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``; it may hold a password.
        name: What the limit is of; jobs with the same one share it.
        rate_limit: Writes per second of all jobs together.
    """

    def __init__(self, url: str, name: str, *, rate_limit: float) -> None:
        self._redis = Redis.from_url(
            url,
            retry=Retry(NoBackoff(), 0),  # here instead, for as long as _PATIENCE
            socket_timeout=_TIMEOUT,
            socket_connect_timeout=_TIMEOUT,
        )
        self._where = _server(url)
        self._script = self._redis.register_script(_BOOK)
        self._intervals = {
            lane: {
                # The braces keep the lines of one limit on one server of a cluster.
                f"target-workos-users:{{{name}}}:{line}": _interval(times * rate_limit)
                for line, times in lines.items()
            }
            for lane, lines in _LINES.items()
        }

    @classmethod
    async def open(cls, url: str, name: str, *, rate_limit: float) -> Self:
        """Connect.

        Raises:
            SharedLimitLost: Redis can't be reached, or refuses.
        """
        bookings = cls(url, name, rate_limit=rate_limit)
        try:
            await bookings._patiently(bookings._redis.ping)
        except BaseException:
            await bookings.close()
            raise
        return bookings

    async def book(self, lane: Lane, number: int) -> list[float]:
        """Book turns.

        Returns:
            Seconds from now to each, ascending.

        Raises:
            SharedLimitLost: Redis has not answered for ten seconds, or refuses.
        """
        intervals = self._intervals[lane]
        arguments = (number, round(_CATCH_UP * 1e6), *intervals.values())
        turns = await self._patiently(lambda: self._script(list(intervals), arguments))
        return [turn / 1e6 for turn in turns]

    async def close(self) -> None:
        """Close the connection."""
        await self._redis.aclose()

    async def _patiently(self, call: Callable[[], Any]) -> Any:
        """What an asynchronous call of Redis returns, tried again for a while if it fails."""
        give_up_at = time.monotonic() + _PATIENCE
        pause = 0.05
        while True:
            try:
                return await call()
            except (RedisError, OSError) as error:
                if time.monotonic() + pause > give_up_at:
                    raise SharedLimitLost(
                        f"rate_limit_redis_url: the Redis server at {self._where}, which shares "
                        f"the rate limit between jobs, can't be used: {error} Nothing is sent "
                        "without it. See to it and run again, or unset rate_limit_redis_url if "
                        "no other job runs."
                    ) from None
                await asyncio.sleep(random.uniform(pause / 2, pause))  # noqa: S311 - no secret
                pause = min(2 * pause, _LONGEST_PAUSE)


class SharedPacer(Pacer):
    """A :class:`.Pacer` whose requests also wait for a turn among those of the other jobs.

    What a 429 teaches stays with the job that got it: the others get their own.

    Args:
        bookings: Where the turns come from; closed by :meth:`close`.
        rate_limit: As :class:`.Pacer` takes it.
        in_flight: As :class:`.Pacer` takes it.
    """

    def __init__(self, bookings: Bookings, *, rate_limit: float, in_flight: int) -> None:
        super().__init__(rate_limit=rate_limit, in_flight=in_flight)
        self._bookings = bookings
        self._lost: SharedLimitLost | None = None
        self._turns = [_Turns(self, lane, queue.budgets) for lane, queue in self._queues.items()]
        for queue, turns in zip(self._queues.values(), self._turns, strict=True):
            queue.budgets = (*queue.budgets, turns)

    async def acquire(self, lane: Lane) -> float:
        """As :meth:`.Pacer.acquire`.

        Raises:
            SharedLimitLost: Redis is lost, for this request or was for an earlier one.
        """
        if self._lost:
            raise self._lost
        return await super().acquire(lane)

    async def book(self, lane: Lane, at_most: int) -> list[float]:
        """Book turns for those that wait in a lane and could be sent; none if Redis is lost."""
        number = min(at_most, self._free, len(self._queues[lane].waiting))
        try:
            return await self._bookings.book(lane, max(1, number))
        except SharedLimitLost as error:
            self._lost = error
            for queue in self._queues.values():
                for _, turn in queue.waiting:
                    if not turn.done():
                        turn.set_exception(error)
            return []

    def serve(self) -> None:
        """Turns have come: give them to those that wait."""
        self._serve()

    def paused_until(self) -> float:
        """When the pause after the last 429 ends, or ended."""
        return self._paused_until

    async def close(self) -> None:
        """Close the connection to Redis."""
        for turns in self._turns:
            await turns.close()
        await self._bookings.close()


class _Turns(Budget):
    """Turns of one lane that are booked and not yet taken: a budget in the pacer's eyes."""

    def __init__(self, pacer: SharedPacer, lane: Lane, own: Sequence[Budget]) -> None:
        self._pacer = pacer
        self._lane = lane
        self._own = own  # the budgets of this job, which shrink after a 429
        self._booked: deque[float] = deque()
        self._booking: asyncio.Task[None] | None = None
        self._quickest = math.inf  # seconds that Redis took to answer

    def limit(self, now: float) -> float:
        """Requests per 10 s that this job may send by itself."""
        return min(budget.limit(now) for budget in self._own)

    def ready_at(self, now: float) -> float:
        """When the next turn is; if none is at hand and one is of use, turns are booked."""
        while self._booked and self._booked[0] < now - _LATE:
            self._booked.popleft()
        if self._booked:
            return self._booked[0]
        useful_at = max(self._pacer.paused_until(), *(each.ready_at(now) for each in self._own))
        if useful_at > now:
            return useful_at
        if self._booking is None:
            self._booking = asyncio.get_running_loop().create_task(self._book(now))
        return math.inf  # served again once they have come

    def take(self, now: float) -> None:  # noqa: ARG002 - turns are taken in order
        """Use the next turn."""
        self._booked.popleft()

    def postpone(self, taken_at: float, now: float) -> None:  # noqa: ARG002 - as above
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
        now = time.monotonic()
        self._quickest = min(self._quickest, now - asked_at)
        if now - asked_at < self._quickest + _LATE:  # else nobody knows how old they are
            self._booked.extend(now + turn for turn in turns)
        self._booking = None
        self._pacer.serve()


def _interval(per_second: float) -> int:
    """Microseconds between two turns, such that no 10 s hold more than they may."""
    return math.ceil(_SPAN * 1e6 / max(1.0, math.floor(per_second * WINDOW)))


def _server(url: str) -> str:
    """Host and port, or path, without user and password."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or 6379}" if parts.hostname else parts.path
