"""Deletes in WorkOS what an import made, and only that."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, Any, TypeVar

from target_workos_users.api.transport import Stopped
from target_workos_users.exceptions import ApiError, StopRun
from target_workos_users.parallel import for_each

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Awaitable, Callable, Iterable

    from target_workos_users.api.connect import Api
    from target_workos_users.ledger.made import MadeByImport, MadeEntity, MadeUser
    from target_workos_users.progress.steps import Steps

_T = TypeVar("_T")


class Deletion:
    """Takes back an import, as far as its ledger says that the import made it.

    A user who has signed in since is kept, and everything that may be somebody else's.

    Args:
        api: WorkOS.
        made: What the import made.
        workers: Requests at a time.
        also_active: Delete users who have signed in, too.
        steps: Told how far it is.
        counts: Takes what became of users, memberships and organizations.
        failed: Takes what couldn't be deleted, and why.
    """

    def __init__(
        self,
        api: Api,
        made: MadeByImport,
        *,
        workers: int,
        also_active: bool,
        steps: Steps,
        counts: Counter[str],
        failed: list[str],
    ) -> None:
        self._api = api.workos
        self._transport = api.transport
        self._made = made
        self._workers = workers
        self._also_active = also_active
        self._steps = steps
        self._counts = counts
        self._failed = failed
        self._stopped_by: Exception | None = None

    def stop(self, why: Exception | None = None) -> None:
        """Send nothing any more; what is in flight goes on, so that its answer is noted.

        Args:
            why: What stands in the way.
        """
        self._stopped_by = self._stopped_by or why or Stopped()
        self._transport.give_up(self._stopped_by)

    async def delete(self) -> None:
        """Delete users, memberships and organizations, in this order.

        Raises:
            StopRun: WorkOS can't be reached, or refuses the key; the ledger can't be written.
        """
        with self._made.undo():
            users, number = self._made.users(), self._made.count_users()
            await self._each("Deleting users", users, number, self._delete_user)
            memberships = self._made.memberships()
            number = len(memberships)
            await self._each("Deleting memberships", memberships, number, self._delete_membership)
            organizations = self._made.organizations()
            number = len(organizations)
            await self._each(
                "Deleting organizations", organizations, number, self._delete_organization
            )

    async def plan(self) -> None:
        """Count what :meth:`delete` would do; a request for each user and organization.

        Raises:
            StopRun: WorkOS can't be reached, or refuses the key.
        """
        going: set[str] = set()

        async def look(user: MadeUser) -> None:
            fate = await self._fate(user)
            self._counts[fate] += 1
            if fate == "users":
                going.add(user.user_id)

        await self._each("Looking at users", self._made.users(), self._made.count_users(), look)
        memberships = {each.id for each in self._made.memberships()}
        self._counts["memberships"] = len(memberships)

        async def look_for_members(organization: MadeEntity) -> None:
            members = await self._members(organization)
            stays = any(
                each.get("user_id") not in going and each["id"] not in memberships
                for each in members
            )
            self._counts["organizations_kept" if stays else "organizations"] += 1

        organizations = self._made.organizations()
        await self._each(
            "Looking at organizations", organizations, len(organizations), look_for_members
        )

    async def _fate(self, user: MadeUser) -> str:
        """Under which name a user is counted."""
        found = await self._api.get_user(user.user_id)
        if found is None:
            return "users_gone"
        return "users_kept" if found.get("last_sign_in_at") and not self._also_active else "users"

    async def _delete_user(self, user: MadeUser) -> None:
        try:
            fate = await self._fate(user)
            if fate == "users":
                await self._api.delete_user(user.user_id)
        except ApiError as error:
            self._failed.append(f"user {user.user_id}: {error}")
        else:
            if fate != "users_kept":
                self._made.forget_user(user)
            self._counts[fate] += 1

    async def _delete_membership(self, membership: MadeEntity) -> None:
        try:
            await self._api.delete_membership(membership.id)
        except ApiError as error:
            self._failed.append(f"membership {membership.id}: {error}")
        else:
            self._made.forget_membership(membership)
            self._counts["memberships"] += 1

    async def _delete_organization(self, organization: MadeEntity) -> None:
        try:
            if await self._members(organization):
                self._counts["organizations_kept"] += 1
                return
            await self._api.delete_organization(organization.id)
        except ApiError as error:
            self._failed.append(f"organization {organization.id}: {error}")
        else:
            self._made.forget_organization(organization)
            self._counts["organizations"] += 1

    async def _members(self, organization: MadeEntity) -> list[dict[str, Any]]:
        """All its memberships; none if it is gone."""
        members: list[dict[str, Any]] = []
        after: str | None = None
        while True:
            page = await self._api.list_members(organization.id, after=after)
            members += page.data
            if page.after is None or page.after == after:
                return members
            after = page.after

    async def _each(
        self, what: str, items: Iterable[_T], number: int, call: Callable[[_T], Awaitable[None]]
    ) -> None:
        self._steps.begin(what, number)

        async def step(item: _T) -> None:
            try:
                await call(item)
            except (StopRun, Stopped) as why:
                self.stop(why)
            else:
                self._steps.step()

        await for_each(takewhile(lambda _: not self._stopped_by, items), step, self._workers)
        if isinstance(self._stopped_by, StopRun):
            raise self._stopped_by
