"""Whether it pays to look before creating."""

from __future__ import annotations

from collections import deque


class LatestUsers:
    """How many of the latest users existed before their row came."""

    def __init__(self, size: int = 100, least: int = 20) -> None:
        self._latest: deque[bool] = deque(maxlen=size)
        self._least = least
        self._existed = 0

    def add(self, *, existed: bool) -> None:
        """Count one more user."""
        if len(self._latest) == self._latest.maxlen:
            self._existed -= self._latest[0]
        self._latest.append(existed)
        self._existed += existed

    @property
    def mostly_existed(self) -> bool:
        """Whether more than half of them did; False until enough were seen."""
        return len(self._latest) >= self._least and 2 * self._existed > len(self._latest)
