"""Whether it pays to look before creating."""

from __future__ import annotations

from collections import deque

_SIZE = 100
_LEAST = 20


class LatestUsers:
    """How many of the latest users existed before their row came."""

    def __init__(self) -> None:
        self._existed: deque[bool] = deque(maxlen=_SIZE)

    def add(self, *, existed: bool) -> None:
        """Count one more user."""
        self._existed.append(existed)

    @property
    def mostly_existed(self) -> bool:
        """Whether more than half of them did; False until enough were seen."""
        return len(self._existed) >= _LEAST and 2 * sum(self._existed) > len(self._existed)
