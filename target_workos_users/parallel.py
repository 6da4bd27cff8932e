"""Many calls, some at a time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

_T = TypeVar("_T")


async def for_each(
    items: Iterable[_T], call: Callable[[_T], Awaitable[None]], workers: int
) -> None:
    """Call for each item, so many at a time; an item is taken when there is a worker for it.

    Raises:
        Exception: The first that a call raised; the others are cancelled.
    """
    rest = iter(items)

    async def work() -> None:
        for item in rest:
            await call(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(work())
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
