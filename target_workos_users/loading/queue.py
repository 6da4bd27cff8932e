"""Rows in order, so many at a time, and never two of one user."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from typing import TYPE_CHECKING

from target_workos_users.api.transport import Stopped

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from target_workos_users.loading.outcome import Outcome
    from target_workos_users.loading.task import AnyTask

    Entry = tuple[AnyTask, Callable[[Outcome], None]]


class LoadQueue:
    """Loads rows in the order of :meth:`submit`, ``concurrency`` at a time.

    A row whose email is in flight waits behind that row, in no worker's way, so the rows of a user
    keep their order across chunks. All calls belong on the event loop's thread.

    Args:
        load: Loads one row; a :class:`RecordError` is in the outcome, not raised.
        concurrency: Rows in flight at most.

    Attributes:
        failure: The first exception that ``load`` or a callback raised (a :class:`StopRun`, or a
            programming error); no row starts after it.
    """

    def __init__(self, load: Callable[[AnyTask], Awaitable[Outcome]], *, concurrency: int) -> None:
        self.failure: Exception | None = None
        self._load = load
        self._concurrency = concurrency
        self._ready: deque[Entry] = deque()
        self._behind: dict[str, deque[Entry]] = {}  # email in flight -> its further rows
        self._unfinished: Counter[str] = Counter()  # rows, by email
        self._workers: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._halted = asyncio.Event()

    def submit(self, task: AnyTask, done: Callable[[Outcome], None]) -> None:
        """Queue a row.

        Args:
            task: The row.
            done: Called with the outcome once the row is finished. A row that the queue stops
                before, or cuts off, has no outcome: it isn't called.
        """
        key = task.row.key  # the task may learn the email by and by

        def finished(outcome: Outcome) -> None:
            self._unfinished[key] -= 1
            if not self._unfinished[key]:
                del self._unfinished[key]
            done(outcome)

        self._unfinished[key] += 1
        self._ready.append((task, finished))
        if len(self._workers) < self._concurrency and not self._stopping:
            self._workers.add(asyncio.create_task(self._work()))

    def has(self, key: str) -> bool:
        """Whether a row of this email is queued or in flight."""
        return key in self._unfinished

    async def wait(self, done: asyncio.Event) -> bool:
        """Wait for an event of the caller's (all rows of a chunk are finished, say).

        Returns:
            True if ``done`` is set; False if the queue was stopped, nothing is in flight any more,
            and ``done`` still isn't set.

        Raises:
            Exception: The ``failure``, once nothing is in flight any more.
        """
        waits = [asyncio.ensure_future(event.wait()) for event in (done, self._halted)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if self.failure is not None:
            raise self.failure
        return done.is_set()

    def stop(self) -> None:
        """Start no row any more; those in flight go on."""
        self._stopping = True
        if not self._workers:
            self._halted.set()

    async def drain(self, timeout: float) -> None:  # noqa: ASYNC109 - what is left is cut off
        """Stop, let the rows in flight finish for ``timeout`` seconds, and cut off the rest."""
        self.stop()
        if self._workers:
            _, late = await asyncio.wait(self._workers, timeout=timeout)
            for worker in late:
                worker.cancel()
            await asyncio.gather(*late, return_exceptions=True)
            self._workers.clear()  # a worker cancelled before its first step hasn't left
            self._halted.set()

    async def _work(self) -> None:
        try:
            while (entry := self._next()) is not None:
                await self._load_user(*entry)
        except Stopped:
            self._stopping = True
        except Exception as error:  # noqa: BLE001 - kept, and raised in wait()
            self._stopping = True
            self.failure = self.failure or error
        finally:
            # At once, not in a done callback: submit() must not count on a worker that is leaving.
            self._workers.discard(asyncio.current_task())
            if self._stopping and not self._workers:
                self._halted.set()

    def _next(self) -> Entry | None:
        """The next row whose email isn't in flight; from now on it is."""
        while self._ready and not self._stopping:
            entry = self._ready.popleft()
            key = entry[0].row.key
            behind = self._behind.get(key)
            if behind is None:
                self._behind[key] = deque()
                return entry
            behind.append(entry)
        return None

    async def _load_user(self, task: AnyTask, done: Callable[[Outcome], None]) -> None:
        """Load the row and those that have come to wait behind it."""
        key = task.row.key
        done(await self._load(task))
        while (behind := self._behind[key]) and not self._stopping:
            task, done = behind.popleft()
            done(await self._load(task))
        del self._behind[key]
