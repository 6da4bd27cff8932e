"""The event loop, which runs only while something is waited for: input, records, a signal."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_workos_users.loading.queue import LoadQueue


class Interrupted(BaseException):
    """SIGTERM or SIGINT came; nothing between here and ``target`` is to handle it."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal_number = signal_number


class Turns:
    """Waits until something is so, or raises what :meth:`check` does.

    Attributes:
        changed: Set by whoever changes what is waited for.
        queue: Whose failure ends the run, once there is one.
        interrupted_by: The number of the first signal that came.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.changed = asyncio.Event()
        self.queue: LoadQueue | None = None
        self.interrupted_by: int | None = None

    def check(self) -> None:
        """See whether the run can go on.

        Raises:
            StopRun: It can't.
            Interrupted: A signal came.
        """
        if self.queue and self.queue.failure:
            raise self.queue.failure
        if self.interrupted_by is not None:
            raise Interrupted(self.interrupted_by)

    def take_one(self) -> None:
        """Let requests in flight go on for a moment."""
        self._loop.call_soon(self._loop.stop)
        self._loop.run_forever()
        self.check()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so."""
        while True:
            self.check()
            if condition():
                return
            self.changed.clear()
            if self.queue:
                await self.queue.wait(self.changed)
            else:
                await self.changed.wait()

    def until_readable(self, descriptor: int) -> None:
        """Let requests in flight go on until there is input."""
        readable = False

        def is_readable() -> None:
            nonlocal readable
            readable = True
            self.changed.set()

        self._loop.add_reader(descriptor, is_readable)
        try:
            self._loop.run_until_complete(self.until(lambda: readable))
        finally:
            self._loop.remove_reader(descriptor)
