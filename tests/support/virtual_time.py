"""An event loop whose clock jumps to the next timer: minutes of pacing in a second, exactly."""

from __future__ import annotations

import asyncio


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Counts the timers set, so that a test can see that nothing polls."""

    def __init__(self):
        self._virtual = 1_000.0
        self.timers = 0
        super().__init__()

    def time(self):
        return self._virtual

    def stall(self, seconds):
        """Let time pass in which the loop does nothing."""
        self._virtual += seconds

    def call_at(self, when, callback, *args, context=None):
        self.timers += 1
        return super().call_at(when, callback, *args, context=context)

    def is_idle(self):
        """Whether nothing is left to do before the next timer."""
        return not self._ready

    def _run_once(self):
        # Not to a canceled timer: the loop would then wait for the next one for real.
        timers = [timer.when() for timer in self._scheduled if not timer.cancelled()]
        if timers and self.is_idle():
            self._virtual = max(self._virtual, min(timers))
        super()._run_once()


def run(coroutine):
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(coroutine)


def most_in_a_window(times, seconds=10.0):
    """The largest number of times within any half-open window."""
    times = sorted(times)
    most = start = 0
    for end, time in enumerate(times):
        while times[start] <= time - seconds:
            start += 1
        most = max(most, end - start + 1)
    return most
