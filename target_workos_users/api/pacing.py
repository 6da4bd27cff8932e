"""Lets requests wait for their turn: WorkOS's budgets, shared out in order.

WorkOS publishes (docs: reference/rate-limits) 500 writes and 1,000 reads per 10 s on
``/user_management/*``, 50 organizations deleted per 60 s, and 6,000 requests per 60 s altogether.
Where a limit is met, and where WorkOS says when to come back, everything pauses.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections import deque
from enum import StrEnum

from target_workos_users.api.budget import Budget

_ORGANIZATION_DELETES = 50 / 60  # per second
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0  # seconds; live WorkOS was seen to say Retry-After: 0
_PAUSE_JITTER = 0.1  # so that several clients don't come back together
_LATE = 0.02  # seconds between a request's turn and its sending that need no correction
_TICK = 1e-5  # seconds; a timer that rounding makes fire early mustn't spin
_WRITES_FIRST = 5.0  # seconds by which a write may overtake reads: writes bound the whole job


class Lane(StrEnum):
    """Which budgets a request counts against, besides that of all requests."""

    WRITES = "writes"  # anything but GET on /user_management/*
    READS = "reads"  # GET on /user_management/*
    ORGANIZATION_DELETES = "organization_deletes"
    OTHERS = "others"  # no budget of their own


class _Queue:
    """The requests of one lane that wait, in order."""

    def __init__(self, *budgets: Budget, head_start: float = 0.0) -> None:
        self.budgets = budgets
        self.head_start = head_start
        self.waiting: deque[tuple[float, asyncio.Future[float]]] = deque()

    def since(self) -> float | None:
        """Since when the first one waits, its lane's head start taken off; None if none does."""
        while self.waiting and self.waiting[0][1].done():  # canceled meanwhile
            self.waiting.popleft()
        return self.waiting[0][0] - self.head_start if self.waiting else None

    def ready_at(self, now: float) -> float:
        return max(budget.ready_at(now) for budget in self.budgets)


class Pacer:
    """Lets every request wait for its turn: its budgets, the pause after a 429, its place in line.

    One timer serves all that wait. To be made and used on one event loop, by whose clock it goes.

    Args:
        rate_limit: Writes per second on ``/user_management/*``; reads have a budget of twice as
            many, and so have all requests together.
        in_flight: Requests that may be sent and unanswered at a time.

    Attributes:
        paused_until: When the pause after the last 429 ends, or ended.
    """

    def __init__(self, *, rate_limit: float, in_flight: int) -> None:
        everything = Budget(2 * rate_limit)
        self._queues = {
            Lane.WRITES: _Queue(Budget(rate_limit), everything, head_start=_WRITES_FIRST),
            Lane.READS: _Queue(Budget(2 * rate_limit), everything),
            Lane.ORGANIZATION_DELETES: _Queue(Budget(_ORGANIZATION_DELETES), everything),
            Lane.OTHERS: _Queue(everything),
        }
        self._free = in_flight
        self._waiting = 0  # calls of acquire that wait
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._wake_at = math.inf
        self.paused_until = -math.inf
        self._paused_at = -math.inf
        self._pauses = 0  # since WorkOS last accepted a request
        self._refused_since = math.inf  # when the first 429 came since then
        self._probe: float | None = None  # when the one was sent that goes alone after a pause
        self._given_up: Exception | None = None

    async def acquire(self, lane: Lane) -> float:
        """Wait until a request of ``lane`` may be sent; :meth:`release` must follow its answer.

        Returns:
            The time at which it counts as sent.

        Raises:
            Exception: What :meth:`give_up` was called with.
        """
        if self._given_up:
            raise self._given_up
        queue = self._queues[lane]
        now = self._loop.time()
        if (
            self._waiting == 0
            and self._may_send()
            and max(self.paused_until, queue.ready_at(now)) <= now
        ):
            return self._send(queue, now)
        turn: asyncio.Future[float] = self._loop.create_future()
        queue.waiting.append((now, turn))
        self._waiting += 1
        self.serve()
        try:
            return self._sent(queue, await turn)
        except asyncio.CancelledError:
            if not turn.cancelled() and turn.exception() is None:  # it came in the same instant
                self.release(sent_at=turn.result())
            raise
        finally:
            self._waiting -= 1

    def release(self, *, sent_at: float) -> None:
        """A request that had its turn was answered, lost, or given up."""
        self._free += 1
        if sent_at == self._probe:
            self._probe = None
        if self._waiting:
            self.serve()

    def give_up(self, error: Exception) -> None:
        """Let nothing through any more: all that waits, or comes to wait, gets this error."""
        self._given_up = error
        for queue in self._queues.values():
            for _, turn in queue.waiting:
                if not turn.done():
                    turn.set_exception(error)

    def pause(self, seconds: float) -> None:
        """Let nothing through for so long, or longer if a longer pause is on."""
        self.paused_until = max(self.paused_until, self._loop.time() + seconds)

    def refused(self, lane: Lane, *, sent_at: float, retry_after: float) -> None:
        """A request got a 429: everything pauses if a limit was met, or if WorkOS asks for it.

        Args:
            lane: The lane of the request.
            sent_at: What :meth:`acquire` had returned for it.
            retry_after: Seconds that the answer asks for, 0 if none.
        """
        now = self._loop.time()
        self._refused_since = min(self._refused_since, now)
        budget = self._queues[lane].budgets[0]
        is_limit = budget.refused(now, sent_at=sent_at)
        seconds = retry_after
        if is_limit and sent_at > self._paused_at:  # not of the burst that the last pause answered
            self._paused_at = now
            seconds = max(seconds, min(_FIRST_PAUSE * 2**self._pauses, _LONGEST_PAUSE))
            self._pauses = min(self._pauses + 1, 10)
        self.pause(seconds * random.uniform(1, 1 + _PAUSE_JITTER))  # noqa: S311 - no secret
        if is_limit:
            budget.cut(now, sent_at=sent_at, resume_at=self.paused_until)

    def accepted(self, lane: Lane, *, sent_at: float) -> None:
        """A request got another answer than 429: the next pause is a first one again."""
        self._queues[lane].budgets[0].accepted()
        self._refused_since = math.inf
        if self._pauses and sent_at > self._paused_at:
            self._pauses = 0

    def refused_for(self) -> float:
        """Seconds since the first 429 after the last other answer; negative if there is none."""
        return self._loop.time() - self._refused_since

    def serve(self) -> None:
        """Give their turn to all whose time has come, and set the timer for the next one."""
        while self._may_send():
            now = self._loop.time()
            best, best_since, wake_at = None, math.inf, math.inf
            for queue in self._queues.values():
                if (since := queue.since()) is None:
                    continue
                ready_at = max(self.paused_until, queue.ready_at(now))
                wake_at = min(wake_at, ready_at)
                if ready_at <= now and since < best_since:
                    best, best_since = queue, since
            if best is None:
                self._wake(now, wake_at)
                return
            best.waiting.popleft()[1].set_result(self._send(best, now))

    def _sent(self, queue: _Queue, turn_at: float) -> float:
        """When a request is sent whose turn came at ``turn_at``: the process may have stalled."""
        now = self._loop.time()
        if now - turn_at < _LATE:
            return turn_at
        for budget in queue.budgets:
            budget.postpone(turn_at, now)
        if self._probe == turn_at:
            self._probe = now
        return now

    def _may_send(self) -> bool:
        return self._free > 0 and self._probe is None

    def _send(self, queue: _Queue, now: float) -> float:
        for budget in queue.budgets:
            budget.spend(now)
        self._free -= 1
        if self._pauses:
            self._probe = now
        return now

    def _wake(self, now: float, wake_at: float) -> None:
        if wake_at >= self._wake_at:
            return
        if self._timer:
            self._timer.cancel()
        self._wake_at = wake_at
        delay = max(wake_at - now, _TICK)
        self._timer = self._loop.call_later(delay, self._on_timer)

    def _on_timer(self) -> None:
        self._timer, self._wake_at = None, math.inf
        self.serve()
