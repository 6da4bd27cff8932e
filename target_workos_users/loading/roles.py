"""The roles that a record asks for, and which of them WorkOS knows."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

from target_workos_users.exceptions import LOAD_AGAIN, ApiError, ErrorType, RecordError, Waits
from target_workos_users.loading.lru import LruDict

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from target_workos_users.api.workos import WorkOS
    from target_workos_users.loading.outcome import Outcome

UnknownRoles = Literal["fail", "ignore"]

_MOST_ORGANIZATIONS = 1_000
_SECONDS_TO_LOOK_AGAIN = 30.0


class Roles:
    """The roles of each organization, read before its first membership is made.

    A membership that is made without its role would get WorkOS's default role (OpenAPI spec),
    which the source doesn't give: so a role that isn't known makes no membership, or one with
    those that are.

    Args:
        api: WorkOS.
        unknown_roles: The setting.
    """

    def __init__(self, api: WorkOS, *, unknown_roles: UnknownRoles) -> None:
        self._api = api
        self._unknown_roles = unknown_roles
        self._asked: LruDict[str, tuple[float, asyncio.Task[frozenset[str] | None]]] = LruDict(
            _MOST_ORGANIZATIONS
        )

    def look_again(self) -> None:
        """What wasn't there may be there by now."""
        self._asked.clear()

    async def known(
        self,
        wanted: Sequence[str],
        organization_id: str,
        outcome: Outcome,
        *,
        exists: bool = False,
    ) -> list[str]:
        """Those of the roles that WorkOS knows.

        Args:
            wanted: What is asked for.
            organization_id: Whose they are.
            outcome: As :meth:`without` takes it.
            exists: As there.

        Raises:
            RecordError: As there.
        """
        if not wanted:
            return []
        roles = await self._roles_of(organization_id, wanted)
        unknown = [] if roles is None else [slug for slug in wanted if slug not in roles]
        return self.without(unknown, wanted, outcome, exists=exists) if unknown else list(wanted)

    def without(
        self,
        unknown: Collection[str],
        wanted: Iterable[str],
        outcome: Outcome,
        refusal: ApiError | None = None,
        *,
        exists: bool = False,
    ) -> list[str]:
        """What is left to be given when some roles aren't known.

        Args:
            unknown: Roles that WorkOS doesn't know.
            wanted: What was asked for.
            outcome: Takes a remark; or the error, if there is a membership.
            refusal: WorkOS's answer that says so, if it was sent.
            exists: There is a membership: nothing is in the way of the other roles.

        Raises:
            RecordError: ``role_assignment``: it isn't to be ignored, or nothing is left, and there
                is no membership.
        """
        left = [slug for slug in wanted if slug not in unknown]
        if self._unknown_roles == "ignore" and (left or exists):
            outcome.remarks.append("role_ignored")
            return left
        error = self._error(unknown, refusal, exists=exists)
        if not exists:
            raise error
        outcome.errors.append(error)
        return left

    def _error(
        self, unknown: Iterable[str], refusal: ApiError | None, *, exists: bool
    ) -> RecordError:
        why = (
            "(without any, unknown_roles ignored, the user would get WorkOS's default role)"
            if self._unknown_roles == "ignore"
            else 'or set unknown_roles to "ignore" to do without it'
        )
        what = f"role_slugs {listed(unknown)}: no such role in this WorkOS environment"
        left = "the membership is without it" if exists else "there is no membership"
        so = f", so {left}; create the role, or correct the column, {why}; {LOAD_AGAIN}"
        if refusal:
            message = f"{what} ({refusal}){so}"
            error = refusal.as_record_error(ErrorType.ROLE_ASSIGNMENT, message, what + so)
        else:
            error = RecordError.worded(ErrorType.ROLE_ASSIGNMENT, what + so)
        error.waits = Waits.FOR_OTHER_KINDS
        return error

    async def _roles_of(self, organization_id: str, wanted: Sequence[str]) -> frozenset[str] | None:
        """The slugs of an organization's roles; None if WorkOS doesn't tell."""
        now = asyncio.get_running_loop().time()
        if asked := self._asked.use(organization_id):
            roles = await asyncio.shield(asked[1])
            if roles is None or roles.issuperset(wanted) or now - asked[0] < _SECONDS_TO_LOOK_AGAIN:
                return roles
        task = asyncio.create_task(self._ask(organization_id))
        self._asked[organization_id] = now, task
        return await asyncio.shield(task)

    async def _ask(self, organization_id: str) -> frozenset[str] | None:
        try:
            found = await self._api.list_roles(organization_id=organization_id)
        except ApiError:
            return None  # the key may not, say: then the answer to the membership tells
        return frozenset(str(role.get("slug")) for role in found)


def listed(slugs: Iterable[str]) -> str:
    """Slugs in words."""
    return ", ".join(repr(slug) for slug in slugs)
