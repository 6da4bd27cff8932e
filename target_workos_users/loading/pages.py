"""Lists of WorkOS read to their end, in pages of 100, as long as that is worth it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_workos_users.api.workos import WorkOS
    from target_workos_users.loading.index import Index

_SHARE = 0.2
_Way = Literal["desc", "asc"]
_WAYS: tuple[_Way, ...] = ("desc", "asc")


@dataclass
class Allowance:
    """How many pages a list is worth, where each question could be asked by itself too.

    WorkOS doesn't say how long a list is. So pages that answered nothing may come to a fifth of
    the questions. Whatever is in WorkOS, pages and the questions that are left then cost at most
    1.2 times what asking all of them costs; and a list that is five times cheaper is always read
    to its end.

    Attributes:
        questions: That may be asked one by one, a request each.
        answers: Of them, those that the pages answered.
        pages: Read so far.
        ahead: Pages that are worth it in any case.
    """

    questions: int = 0
    answers: int = 0
    pages: int = 0
    ahead: int = 0

    def add_page(self) -> None:
        """A page was read."""
        self.pages += 1

    def allows(self, more: int = 1) -> bool:
        """Whether so many more pages are worth their requests."""
        return self.pages + more - self.answers <= self.questions * _SHARE + self.ahead

    async def is_worth(self, more: int = 1) -> bool:
        """The same, where all questions are known."""
        return self.allows(more)


@dataclass
class GrowingAllowance(Allowance):
    """The same, where questions come one by one: it is waited until more pages are worth it.

    Attributes:
        is_begun: Reading has begun.
        is_used: Pages are being read.
        first_page: Set once it was read, or couldn't be.
    """

    is_begun: bool = False
    is_used: bool = False
    first_page: asyncio.Event = field(default_factory=asyncio.Event)
    _asked: asyncio.Event = field(default_factory=asyncio.Event)

    def add_page(self) -> None:
        """A page was read; it goes into the index before anybody who waits for it goes on."""
        super().add_page()
        self.first_page.set()

    def add(self, *, answered: bool) -> None:
        """A question came, and was answered by the pages or not."""
        self.questions += 1
        self.answers += answered
        self._asked.set()

    async def is_worth(self, more: int = 1) -> bool:
        """Wait until so many more pages are worth their requests."""
        self.is_used = False
        while not self.allows(more):
            self._asked.clear()
            await self._asked.wait()
        self.is_used = True
        return True


async def read_users(
    api: WorkOS,
    index: Index,
    allowance: Allowance,
    answered: Callable[[list[str]], int] = lambda _: 0,
) -> None:
    """Read all users into the index, from both ends of the list until they meet.

    That takes half as long, and shows that none was left out: a list that ends too early, since
    its cursor was deleted, meets nothing.

    Args:
        api: WorkOS.
        index: Takes them.
        allowance: How many pages they are worth.
        answered: How many questions these emails answer, where they are known.

    Raises:
        ApiError: WorkOS answered with an error.
    """
    cursors: dict[_Way, str | None] = dict.fromkeys(_WAYS)
    found = False
    while cursors and await allowance.is_worth(len(cursors)):
        ways = list(cursors)
        pages = await asyncio.gather(
            *(api.list_users(after=cursors[way], order=way) for way in ways)
        )
        for way, page in zip(ways, pages, strict=True):
            allowance.add_page()
            new = [user for user in page.data if index.user(id=user["id"]) is None]
            allowance.answers += answered([str(user.get("email") or "").lower() for user in new])
            index.has_all_users |= index.add_users(page.data, way)
            found |= bool(page.data)
            if page.after is None or page.after == cursors[way]:
                del cursors[way]
            else:
                cursors[way] = page.after
        if index.has_all_users:
            return
    index.has_all_users = not (cursors or found)


async def read_members(
    api: WorkOS,
    index: Index,
    organization_id: str,
    allowance: Allowance,
    answered: Callable[[list[str]], int] = lambda _: 0,
) -> None:
    """Read all memberships of an organization into the index.

    Args:
        api: WorkOS.
        index: Takes them.
        organization_id: The organization.
        allowance: How many pages they are worth.
        answered: How many questions the memberships of these users' ids answer; as above.

    Raises:
        ApiError: WorkOS answered with an error.
    """
    after: str | None = None
    while await allowance.is_worth():
        page = await api.list_members(organization_id, after=after)
        allowance.add_page()
        index.add_members(organization_id, page.data)
        allowance.answers += answered([str(each.get("user_id")) for each in page.data])
        if page.after is None or page.after == after:
            index.has_all_members.add(organization_id)
            return
        after = page.after
