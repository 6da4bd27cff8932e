"""A row's membership in its organization, with its roles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from target_workos_users.exceptions import (
    LOAD_AGAIN,
    ApiError,
    ErrorType,
    Reason,
    RecordError,
    TargetError,
)
from target_workos_users.loading.eventual import LOOKUP_DELAYS, eventually
from target_workos_users.loading.outcome import Outcome, Tally
from target_workos_users.loading.roles import RoleRequest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from target_workos_users.api.workos import WorkOS
    from target_workos_users.loading.organizations import OrganizationCache
    from target_workos_users.loading.users import LoadedUser
    from target_workos_users.records.parse import OrganizationRef, UserRow

Membership = dict[str, Any]


class UserGone(TargetError):
    """WorkOS has no such user (any more): its id was remembered for too long."""


class Memberships:
    """Makes sure that a user is a member of an organization, with the roles of the row.

    A fresh membership costs one request. One that exists is no error, and gets the roles that it
    lacks. An inactive one is reactivated by WorkOS's create (OpenAPI spec).

    Args:
        api: WorkOS.
        organizations: Resolves an organization anew that was deleted in WorkOS in the meantime.
        delays: Seconds between look-ups of a membership that WorkOS says exists.
    """

    def __init__(
        self,
        api: WorkOS,
        organizations: OrganizationCache,
        *,
        delays: Sequence[float] = LOOKUP_DELAYS,
    ) -> None:
        self._api = api
        self._organizations = organizations
        self._delays = delays
        self._multiple_roles = True  # until WorkOS says that the environment has them off

    async def ensure(
        self,
        row: UserRow,
        organization: OrganizationRef,
        user: LoadedUser,
        outcome: Outcome,
        *,
        look_first: bool,
    ) -> None:
        """The membership of the user in the organization ``outcome.org_id``.

        Args:
            row: The row.
            organization: The organization that the row names.
            user: The row's user.
            outcome: Takes the tallies, the remarks, and ``role_assignment`` errors; its
                ``org_id`` is replaced if the organization had to be resolved anew.
            look_first: Whether to look for the membership before creating it.

        Raises:
            RecordError: ``membership_create`` or ``org_resolution``: there is no membership.
            UserGone: The user isn't in WorkOS.
        """
        try:
            try:
                await self._ensure(row, user, outcome, look_first=look_first)
            except ApiError as error:
                if not is_missing(error, outcome.org_id):
                    raise
                self._organizations.forget(outcome.org_id or "")
                outcome.org_id = await self._organizations.resolve(organization)
                await self._ensure(row, user, outcome, look_first=False)
        except ApiError as error:
            if is_missing(error, user.id):
                raise UserGone(str(error)) from error
            raise error.as_record_error(ErrorType.MEMBERSHIP_CREATE) from error

    async def _ensure(
        self, row: UserRow, user: LoadedUser, outcome: Outcome, *, look_first: bool
    ) -> None:
        found = await self._find(user, outcome) if look_first and not user.fresh else None
        status = found.get("status") if found is not None else None
        if status == "pending":
            raise _pending(outcome)
        if found is not None and status != "inactive":
            await self._complete(row, outcome, found)
            return
        roles = RoleRequest(row.role_slugs)
        try:
            made = await self._with_roles(roles, lambda slugs: self._create(user, outcome, slugs))
        except ApiError as error:
            await self._recover(row, user, outcome, roles, error)
            return
        inactive = status == "inactive" or (not user.fresh and made is not None and _is_older(made))
        outcome.tallies.append(Tally.MEMBERSHIPS_REACTIVATED if inactive else Tally.MEMBERSHIPS)
        roles.report(outcome)

    async def _recover(
        self,
        row: UserRow,
        user: LoadedUser,
        outcome: Outcome,
        roles: RoleRequest,
        error: ApiError,
    ) -> None:
        """The membership exists, or an answer was lost and it may."""
        if error.reason is Reason.MEMBER_PENDING:
            raise _pending(outcome, error) from error
        exists = error.reason is Reason.MEMBER_EXISTS
        if not (exists or error.ambiguous or error.reason is Reason.CONFLICT):
            raise error
        # A fresh user's can only be of an earlier attempt of ours; without roles any will do.
        settled = exists and (not row.role_slugs or (error.ambiguous and user.fresh))
        found = None if settled else await self._look(user, outcome, error)
        if error.ambiguous and (found is None or _slugs(found).keys() >= set(roles.sent)):
            outcome.tallies.append(Tally.MEMBERSHIPS)
            roles.report(outcome)
        elif found is not None:
            await self._complete(row, outcome, found)
        else:
            outcome.tallies.append(Tally.MEMBERSHIPS_EXISTING)

    async def _look(self, user: LoadedUser, outcome: Outcome, error: ApiError) -> Membership:
        """The membership that is said to exist, or that may have been made all the same.

        Raises:
            ApiError: There is none: ``error``.
        """
        exists = error.reason is Reason.MEMBER_EXISTS
        said = exists or error.reason is Reason.CONFLICT
        found = await eventually(lambda: self._find(user, outcome), self._delays if said else ())
        if found is None or not (exists or found.get("status") == "active"):
            raise error
        return found

    async def _complete(self, row: UserRow, outcome: Outcome, found: Membership) -> None:
        """An active membership exists: add the roles that it lacks."""
        outcome.tallies.append(Tally.MEMBERSHIPS_EXISTING)
        held = _slugs(found)
        if held.keys() >= set(row.role_slugs):
            return
        roles = RoleRequest([slug for slug in row.role_slugs if slug not in held], tuple(held))
        membership_id = found["id"]
        try:
            added = await self._with_roles(
                roles,
                lambda slugs: self._api.update_membership(membership_id, role_slugs=slugs),
            )
        except ApiError as error:
            outcome.errors.append(error.as_record_error(ErrorType.ROLE_ASSIGNMENT))
            return
        if added is not None:
            outcome.tallies.append(Tally.ROLES_ADDED)
        roles.report(outcome)

    async def _create(self, user: LoadedUser, outcome: Outcome, slugs: Sequence[str]) -> Membership:
        return await self._api.create_membership(
            user_id=user.id, organization_id=outcome.org_id or "", role_slugs=slugs
        )

    async def _find(self, user: LoadedUser, outcome: Outcome) -> Membership | None:
        found = await self._api.list_memberships(user_id=user.id, organization_id=outcome.org_id)
        return found[0] if found else None

    async def _with_roles(
        self, roles: RoleRequest, send: Callable[[Sequence[str]], Awaitable[Membership]]
    ) -> Membership | None:
        """Send a write with as many of the roles as WorkOS takes.

        Returns:
            WorkOS's answer; None if nothing was sent, since no role could be added.
        """
        while True:
            slugs = roles.to_send(multiple=self._multiple_roles)
            if roles.held and len(slugs) == len(roles.held):
                return None
            try:
                return await send(slugs)
            except ApiError as error:
                if error.reason is Reason.MULTIPLE_ROLES_OFF and len(slugs) > 1:
                    self._multiple_roles = False
                elif not (error.reason is Reason.INVALID_ROLE and roles.drop_unknown(error)):
                    raise


def is_missing(error: ApiError, entity_id: str | None) -> bool:
    """Whether the answer is a 404 of this very entity.

    Recorded in workos-ruby's VCR cassettes: ``{"message": "User not found: 'user_…'.", "code":
    "entity_not_found", "entity_id": "user_…"}``.
    """
    return (
        error.reason is Reason.NOT_FOUND
        and entity_id is not None
        and (error.entity_id == entity_id or f"'{entity_id}'" in error.message)
    )


def _pending(outcome: Outcome, error: ApiError | None = None) -> RecordError:
    message = (
        f"the user's membership in {outcome.org_id} is pending: WorkOS doesn't activate it before "
        f"its invitation is accepted or revoked; do either, and {LOAD_AGAIN}"
    )
    if error is not None:
        return error.as_record_error(ErrorType.MEMBERSHIP_CREATE, message)
    return RecordError(ErrorType.MEMBERSHIP_CREATE, message)


def _is_older(made: Membership) -> bool:
    """Whether create answered with a membership that it reactivated.

    A new one's stamps are equal (recorded in workos-ruby's VCR cassettes).
    """
    created_at, updated_at = made.get("created_at"), made.get("updated_at")
    return bool(created_at and updated_at and created_at < updated_at)


def _slugs(membership: Membership) -> dict[str, None]:
    """The slugs of a membership's roles: all in ``roles``, the primary one in ``role``."""
    roles = [membership.get("role"), *(membership.get("roles") or ())]
    return dict.fromkeys(role["slug"] for role in roles if role and role.get("slug"))
