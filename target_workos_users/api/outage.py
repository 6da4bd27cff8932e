"""Tells a request that fails from an API that is down."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from target_workos_users.api.attempt import NoAnswer, Redirected
from target_workos_users.exceptions import Unreachable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from target_workos_users.api.attempt import Answer
    from target_workos_users.exceptions import ApiError


class Probe:
    """Asks WorkOS for something cheap when a request has used up its retries.

    A record that WorkOS answers with a 500 every time is one error line. An outage is none, however
    many records it meets: the run stops. From inside one request the two look the same.

    Args:
        get: Sends a GET of a path, with retries.
    """

    def __init__(self, get: Callable[[str], Awaitable[Answer]]) -> None:
        self._get = get
        self._asking: dict[str, asyncio.Task[bool]] = {}

    async def outage_is_over(self, path: Sequence[str], error: ApiError) -> bool:
        """Whether WorkOS was down until now; if it was up, ``error`` is the request's own.

        Requests that fail at a time share one look.

        Args:
            path: Of the request that failed.
            error: What became of it.

        Raises:
            Unreachable: WorkOS is down.
            Stopped: :meth:`.Transport.stop_retrying` was called meanwhile.
        """
        collection = "organizations" if path[0] == "organizations" else "user_management/users"
        if collection not in self._asking:
            task = asyncio.create_task(self._ask(f"/{collection}", error))
            self._asking[collection] = task
            task.add_done_callback(partial(self._asked, collection))
        return await asyncio.shield(self._asking[collection])

    async def close(self) -> None:
        """Cancel the looks under way."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _asked(self, collection: str, task: asyncio.Task[bool]) -> None:
        del self._asking[collection]
        if not task.cancelled():
            task.exception()  # if every caller was cancelled, nobody else fetches it

    async def _ask(self, path: str, error: ApiError) -> bool:
        try:
            answer = await self._get(f"{path}?limit=1")
        except NoAnswer as loss:
            raise _unreachable(error, str(loss)) from None
        except Redirected:
            return False
        if answer.is_passing:
            what = f"HTTP {answer.status_code}, at attempt {answer.attempt} of GET {path}"
            raise _unreachable(error, what)
        return answer.attempt > 1


def _unreachable(error: ApiError, what: str) -> Unreachable:
    # What WorkOS says may name a user, and this goes to the log.
    first = f"HTTP {error.status}" if error.status else error.message
    return Unreachable(
        f"WorkOS can't be reached: {first}; then {what}. Check its status page, the network and "
        "base_url, then run again: the import goes on from its last checkpoint."
    )
