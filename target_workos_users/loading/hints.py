"""What is in WorkOS already: read in pages in the background, as soon as that is cheaper."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from target_workos_users.api.transport import Stopped
from target_workos_users.exceptions import TargetError
from target_workos_users.loading.index import Index
from target_workos_users.loading.lru import LruDict
from target_workos_users.loading.pages import Allowance, GrowingAllowance, read_members, read_users

if TYPE_CHECKING:
    from target_workos_users.api.workos import WorkOS

_BELIEVED_FOR = 600.0  # seconds
_LEAST_USERS = 20  # questions before users are listed
_LEAST_MEMBERS = 3
_ASKED_MEANWHILE = 1  # a page answers a hundred questions
_ORGANIZATIONS = 10_000

Entity = dict[str, Any]
Ask = Callable[[], Awaitable[Entity | None]]
Read = Callable[[GrowingAllowance], Awaitable[None]]


class Hints:
    """Answers whether users and memberships exist, by asking or from lists.

    An import that finds what it doesn't remember (its state is lost, or another tool was there)
    asks record by record at first. Lists of 100 are read beside that, from the budget that reads
    have of their own; meanwhile few questions are asked at a time, since a page may answer them.
    What the lists say is a hint: whoever takes it is ready for the opposite.
    """

    def __init__(self, api: WorkOS) -> None:
        self._api = api
        self._index = Index(_BELIEVED_FOR)
        self._users = GrowingAllowance()
        self._members: LruDict[str, GrowingAllowance] = LruDict(_ORGANIZATIONS)
        # The first question about an organization is answered by its first page of members, unless
        # that fails too often: then it costs one request more.
        self._first_pages = Allowance(ahead=1)
        self._lists: set[asyncio.Task[None]] = set()
        self._asking = asyncio.Semaphore(_ASKED_MEANWHILE)

    async def user(self, email: str, ask: Ask) -> Entity | None:
        """The user with an email (in lower case), if there is one."""

        def look() -> tuple[bool, Entity | None]:
            found = self._index.user(email=email)
            return found is not None or self._index.has_all_users, found

        if self._users.questions >= _LEAST_USERS and not self._users.is_begun:
            self._list(self._users, partial(read_users, self._api, self._index))
        return await self._answer(self._users, look, ask)

    async def member(self, user_id: str, organization_id: str, ask: Ask) -> Entity | None:
        """The membership of a user in an organization, if there is one."""

        def look() -> tuple[bool, Entity | None]:
            found = self._index.member(organization_id, user_id)
            return found is not None or organization_id in self._index.has_all_members, found

        allowance = self._members.use(organization_id)
        if allowance is None:
            allowance = self._members[organization_id] = GrowingAllowance(ahead=1)
        self._first_pages.questions += 1
        asks_page = not allowance.is_begun and self._first_pages.allows()
        if asks_page or (not allowance.is_begun and allowance.questions >= _LEAST_MEMBERS):
            self._list(allowance, partial(read_members, self._api, self._index, organization_id))
        self._first_pages.pages += asks_page
        if allowance.is_begun:
            await allowance.first_page.wait()
        self._first_pages.answers += asks_page and look()[0]
        return await self._answer(allowance, look, ask)

    def forget(self, email: str) -> None:
        """There is no such user in WorkOS, or none as was read."""
        self._index.forget_user(email)

    def stop(self) -> None:
        """Read nothing any more."""
        for task in self._lists:
            task.cancel()

    async def close(self) -> None:
        """Stop, and forget everything."""
        self.stop()
        await asyncio.gather(*self._lists, return_exceptions=True)
        self._index.close()

    async def _answer(
        self, allowance: GrowingAllowance, look: Callable[[], tuple[bool, Entity | None]], ask: Ask
    ) -> Entity | None:
        known, found = look()
        allowance.add(answered=known)
        if known or not allowance.is_used:
            return found if known else await ask()
        async with self._asking:
            known, found = look()
            return found if known else await ask()

    def _list(self, allowance: GrowingAllowance, read: Read) -> None:
        allowance.is_begun = True
        task = asyncio.create_task(self._read(allowance, read))
        self._lists.add(task)
        task.add_done_callback(self._lists.discard)
        task.add_done_callback(lambda _: allowance.first_page.set())

    async def _read(self, allowance: GrowingAllowance, read: Read) -> None:
        try:
            with suppress(TargetError, Stopped):  # whoever asks meets the same, and tells
                await read(allowance)
        finally:
            allowance.is_used = False
