"""Look-ups that may come too early.

WorkOS refuses a duplicate at once, yet a look-up may not show the original for a moment: both of
WorkOS's own migration tools read up to three times, half a second apart.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

T = TypeVar("T")

LOOKUP_DELAYS = (0.5, 1.0, 2.0)
"""Seconds to wait before the second, third and fourth look-up."""


async def eventually(find: Callable[[], Awaitable[T | None]], delays: Sequence[float]) -> T | None:
    """Call ``find`` until it finds something, at most once more than there are ``delays``.

    Args:
        find: One look-up; None if it finds nothing. Its exceptions pass through.
        delays: Seconds to wait between two look-ups.

    Returns:
        What was found, or None if the last look-up found nothing either.
    """
    for delay in delays:
        found = await find()
        if found is not None:
            return found
        await asyncio.sleep(delay)
    return await find()
