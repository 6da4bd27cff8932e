"""Turns of several jobs that share a rate limit, booked in Redis, ahead of time, in one line.

A script on the Redis server hands out turns by its own clock, so the jobs' clocks don't matter and
nobody asks twice: a job is told when its next turns are, and sleeps until then. Each budget is one
number, the time at which its next turn is due (the generic cell rate algorithm, ITU-T I.371).
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from target_workos_users.api.budget import SPAN, WINDOW
from target_workos_users.api.pacing import Lane
from target_workos_users.exceptions import SharedLimitLost

if TYPE_CHECKING:
    from collections.abc import Callable

_CATCH_UP = 0.1  # seconds of turns that may be made up for, when nobody was there to book them
_SPAN = SPAN + _CATCH_UP
_TIMEOUT = 2.0  # seconds for one call of Redis
_PATIENCE = 10.0  # seconds without Redis before the run stops
_LONGEST_PAUSE = 1.0  # seconds between two tries

_LINES = {
    Lane.WRITES: {"writes": 1, "requests": 2},
    Lane.READS: {"reads": 2, "requests": 2},
    Lane.ORGANIZATION_DELETES: {"requests": 2},
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


class RedisLimit:
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
        limit = cls(url, name, rate_limit=rate_limit)
        try:
            await limit._patiently(limit._redis.ping)
        except BaseException:
            await limit.close()
            raise
        return limit

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
                    reason = str(error).rstrip(".")
                    raise SharedLimitLost(
                        f"rate_limit_redis_url: the Redis server at {self._where}, which shares "
                        f"the rate limit between jobs, can't be used: {reason}. Nothing is sent "
                        "without it. See to it and run again, or unset rate_limit_redis_url if "
                        "no other job runs."
                    ) from None
                await asyncio.sleep(random.uniform(pause / 2, pause))  # noqa: S311 - no secret
                pause = min(2 * pause, _LONGEST_PAUSE)


def _interval(per_second: float) -> int:
    """Microseconds between two turns, such that no 10 s hold more than they may."""
    return math.ceil(_SPAN * 1e6 / max(1.0, math.floor(per_second * WINDOW)))


def _server(url: str) -> str:
    """Host and port, or path, without user and password."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or 6379}" if parts.hostname else parts.path
