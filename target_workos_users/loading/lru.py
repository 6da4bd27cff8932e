"""A dictionary that forgets what was used least recently."""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class LruDict(OrderedDict[K, V]):
    """At most ``capacity`` entries, the least recently used first.

    Setting an entry and :meth:`use` count as use; ``get``, ``[]`` and ``in`` don't.
    """

    def __init__(self, capacity: int) -> None:
        super().__init__()
        self.capacity = capacity

    def __setitem__(self, key: K, value: V) -> None:
        super().__setitem__(key, value)
        self.move_to_end(key)
        if len(self) > self.capacity:
            self.popitem(last=False)

    def use(self, key: K) -> V | None:
        """The value of ``key``, now the most recently used one; None if it isn't there."""
        value = self.get(key)
        if value is not None:
            self.move_to_end(key)
        return value
