"""Where the records of a stream stand in the source, as far as a run has read it."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Places:
    """Numbers of a stream's records that are in the source as they were.

    They come in ascending spans; spans that meet become one.

    Args:
        is_ahead: Whether the record of a number is still to come, as it was or otherwise.
    """

    def __init__(self, is_ahead: Callable[[int], bool] = lambda _: False) -> None:
        self.is_ahead = is_ahead
        self._firsts: list[int] = []
        self._lasts: list[int] = []

    def add(self, first: int, last: int) -> None:
        """Add a span, which comes after those before it."""
        if self._lasts and self._lasts[-1] + 1 == first:
            self._lasts[-1] = last
        else:
            self._firsts.append(first)
            self._lasts.append(last)

    def __contains__(self, number: int) -> bool:
        position = bisect_right(self._firsts, number) - 1
        return position >= 0 and number <= self._lasts[position]

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._firsts)
