"""How far a diff or an undo is: a live bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from target_workos_users.progress.wording import duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_workos_users.progress.live import LiveBar

_SECONDS_BETWEEN_LINES = 10
_SECONDS_BETWEEN_DRAWINGS = 0.5
_SECONDS_TO_TELL_A_RATE = 1


class Steps:
    """Counts what is done, and says how long the rest will take.

    Args:
        say: Takes a line.
        bar: On a terminal.
        clock: In seconds.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        bar: LiveBar | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._say = say
        self._bar = bar
        self._clock = clock
        self._every = _SECONDS_BETWEEN_DRAWINGS if bar else _SECONDS_BETWEEN_LINES
        self._told_at = clock()
        self.begin("", 0)

    def begin(self, what: str, total: int) -> None:
        """Something else begins, on so many: ``Comparing users``, say."""
        self._what, self._total = what, total
        self._done, self._since = 0, self._clock()

    def step(self, number: int = 1) -> None:
        """So many more are done."""
        self._done += number
        now = self._clock()
        if now - self._told_at >= self._every:
            self._told_at = now
            text = self._text(now - self._since)
            if self._bar:
                self._bar.update(text, "", self._done, self._total)
            else:
                self._say(text)

    def end(self) -> None:
        """Nothing is done any more."""
        if self._bar:
            self._bar.stop()

    def _text(self, seconds: float) -> str:
        share = 100 * self._done // max(self._total, 1)
        parts = [f"{self._what}: {self._done:,} of {self._total:,} ({share}%)"]
        if self._done and seconds >= _SECONDS_TO_TELL_A_RATE:
            rate = self._done / seconds
            parts += [f"{rate:,.1f}/s", f"ETA {duration((self._total - self._done) / rate)}"]
        return " · ".join(parts)
