"""A row's membership in its organization, with its roles and its status."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from target_workos_users.exceptions import (
    LOAD_AGAIN,
    ApiError,
    ErrorType,
    Reason,
    RecordError,
    TargetError,
)
from target_workos_users.loading.eventual import LOOKUP_DELAYS, eventually
from target_workos_users.loading.loaded import LoadedMembership, LoadedUser
from target_workos_users.loading.outcome import Outcome, Tally
from target_workos_users.loading.role_writes import Membership, RoleWrites, is_older, slugs_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_workos_users.api.workos import WorkOS
    from target_workos_users.ledger import Ledger, Version
    from target_workos_users.loading.hints import Hints
    from target_workos_users.loading.organizations import OrganizationCache
    from target_workos_users.loading.roles import Roles
    from target_workos_users.loading.task import Task
    from target_workos_users.records.organizations import OrganizationRef


class UserGone(TargetError):
    """WorkOS has no such user (any more): its id was remembered for too long."""


class Memberships:
    """Makes sure that a user is a member of an organization, with the roles of the row.

    A fresh membership costs one request. One that exists is no error, and gets the roles that it
    lacks; one that this import made has just the roles that the source gives. An inactive one is
    reactivated by WorkOS's create (OpenAPI spec).

    Args:
        api: WorkOS.
        ledger: Learns of creates that more is to follow.
        hints: What is in WorkOS already.
        organizations: Resolves an organization anew that was deleted in WorkOS in the meantime.
        roles: The roles that WorkOS knows.
        delays: Seconds between look-ups of a membership that WorkOS says exists.
    """

    def __init__(
        self,
        api: WorkOS,
        ledger: Ledger,
        hints: Hints,
        organizations: OrganizationCache,
        roles: Roles,
        *,
        delays: Sequence[float] = LOOKUP_DELAYS,
    ) -> None:
        self._api = api
        self._ledger = ledger
        self._hints = hints
        self._organizations = organizations
        self._roles = roles
        self._delays = delays
        self._writes = RoleWrites(api, roles)

    def look_again(self) -> None:
        """Roles that weren't there may be there by now."""
        self._roles.look_again()

    async def ensure(
        self,
        task: Task,
        organization: OrganizationRef,
        user: LoadedUser,
        outcome: Outcome,
        *,
        look_first: bool,
    ) -> LoadedMembership:
        """The membership of the user in the organization ``outcome.org_id``.

        Args:
            task: The row, and what is known of it.
            organization: The organization that the row names.
            user: The row's user.
            outcome: Takes the tallies, the remarks, and ``role_assignment`` errors; its
                ``org_id`` is replaced if the organization had to be resolved anew.
            look_first: Whether to look for the membership before creating it.

        Raises:
            RecordError: ``membership_create``, ``role_assignment`` or ``org_resolution``: there is
                no membership.
            UserGone: The user isn't in WorkOS.
        """
        try:
            try:
                return await self._ensure(task, user, outcome, look_first=look_first)
            except ApiError as error:
                if not error.is_about(outcome.org_id):
                    raise
                self._organizations.forget(outcome.org_id or "")
                outcome.org_id = await self._organizations.resolve(organization)
                return await self._ensure(task, user, outcome, look_first=False)
        except ApiError as error:
            if error.is_about(user.id):
                raise UserGone(str(error)) from error
            raise error.as_record_error(ErrorType.MEMBERSHIP_CREATE) from error

    async def _ensure(
        self, task: Task, user: LoadedUser, outcome: Outcome, *, look_first: bool
    ) -> LoadedMembership:
        known = self._known(task, outcome)
        if known is not None and not task.moves_roles(known):
            outcome.tallies.append(Tally.MEMBERSHIPS_EXISTING)
            membership = LoadedMembership(
                known.membership_id,
                known.membership_made,
                task.own_roles,
                inactive=known.inactive,
                revived=known.revived,
            )
            return await self._set_status(task, outcome, membership)
        found = None
        attempted = task.past.has_attempted_membership(outcome.org_id)
        look_first |= attempted or task.row.status == "inactive"  # one that is active is left so
        look_first |= task.past.knew_membership(outcome.org_id)  # one that is inactive has roles
        if known is not None or (look_first and not user.fresh):
            may_be_hinted = task.past.membership is None and not attempted
            found = await self._look(user, outcome, may_be_hinted=may_be_hinted)
        if found is not None and (
            known is not None
            or found.get("status") != "inactive"
            or task.leaves_inactive(found["id"])  # a create would revive it
        ):
            return await self._complete(task, outcome, found, revived=attempted)
        asked = task.roles_to_revive(outcome.org_id) if found is not None else task.row.role_slugs
        try:
            wanted = await self._roles.known(asked, outcome.org_id or "", outcome)
        except RecordError:
            if found is None and not user.fresh:
                found = await self._find(user, outcome)
            if found is None or found.get("status") == "inactive":
                raise
            return await self._complete(task, outcome, found)
        return await self._create(task, user, outcome, wanted, found)

    async def _create(
        self,
        task: Task,
        user: LoadedUser,
        outcome: Outcome,
        wanted: list[str],
        found: Membership | None,
    ) -> LoadedMembership:
        """Create it, or make one that was found inactive active again.

        Args:
            task: The row.
            user: The row's user.
            outcome: Takes tallies and errors.
            wanted: Roles that WorkOS knows.
            found: As WorkOS has it.
        """
        if task.row.status == "inactive":
            task.attempt_membership(self._ledger, outcome.org_id)
            await asyncio.sleep(0)  # the ledger commits that before the request is sent
        try:
            created = await self._writes.create(user, outcome, wanted)
        except ApiError as error:
            return await self._recover(task, user, outcome, error)
        was_there = found is not None or task.past.knows(created["id"])
        was_there |= not user.fresh and is_older(created)
        outcome.tallies.append(Tally.MEMBERSHIPS_REACTIVATED if was_there else Tally.MEMBERSHIPS)
        if not was_there and wanted and set(slugs_of(created)) <= set(wanted):
            outcome.tallies.append(Tally.ROLES_ASSIGNED)
        made = not was_there or task.past.has_made(created["id"])
        roles = tuple(wanted) or tuple(slugs_of(created))
        if wanted and created.keys() & {"role", "roles"}:
            given_up = set(slugs_of(created)) - set(wanted)
            _, roles = await self._writes.give(outcome, created, wanted, given_up)
        of_others = set(wanted) - set(task.own_roles)
        own = tuple(slug for slug in roles if slug not in of_others)
        membership = LoadedMembership(created["id"], made, own, revived=was_there)
        return await self._set_status(task, outcome, membership)

    async def _look(
        self, user: LoadedUser, outcome: Outcome, *, may_be_hinted: bool
    ) -> Membership | None:
        ask = partial(self._find, user, outcome)
        if may_be_hinted:
            return await self._hints.member(user.id, outcome.org_id or "", ask)
        return await ask()

    @staticmethod
    def _known(task: Task, outcome: Outcome) -> Version | None:
        """The membership that the ledger knows; None if it has to be made, or made active."""
        known = None if task.user_is_gone else task.past.membership
        if known is None or known.organization_id != outcome.org_id:
            return None
        return None if known.inactive and task.row.status == "active" else known

    async def _recover(
        self, task: Task, user: LoadedUser, outcome: Outcome, error: ApiError
    ) -> LoadedMembership:
        """The membership exists, or an answer was lost and it may."""
        if error.reason is Reason.MEMBER_PENDING:
            raise _pending(outcome, error) from error
        exists = error.reason is Reason.MEMBER_EXISTS
        if not (exists or error.ambiguous or error.reason is Reason.CONFLICT):
            raise error
        said = exists or error.reason is Reason.CONFLICT
        found = await eventually(lambda: self._find(user, outcome), self._delays if said else ())
        if found is None or not (exists or found.get("status") == "active"):
            raise error
        # A fresh user's can only be of an earlier attempt of ours.
        fresh = error.ambiguous and user.fresh
        return await self._complete(task, outcome, found, fresh=fresh, revived=error.ambiguous)

    async def _complete(
        self,
        task: Task,
        outcome: Outcome,
        found: Membership,
        *,
        fresh: bool = False,
        revived: bool = False,
    ) -> LoadedMembership:
        """Give a membership that exists the roles that it lacks.

        Args:
            task: The row.
            outcome: Takes tallies and errors.
            found: As WorkOS has it.
            fresh: It was made for this very row: it has just the row's roles.
            revived: It may have become active by an earlier attempt of this row.
        """
        if found.get("status") == "pending":
            raise _pending(outcome)
        outcome.tallies.append(Tally.MEMBERSHIPS if fresh else Tally.MEMBERSHIPS_EXISTING)
        wanted, held = list(task.row.role_slugs), slugs_of(found)
        made = fresh or task.past.has_made(found["id"])
        given_up = task.given_up if made else set()
        if fresh and wanted:
            given_up = set(held) - set(wanted)
        if not held.keys() >= set(wanted):
            org_id = outcome.org_id or ""
            wanted = await self._roles.known(wanted, org_id, outcome, exists=True)
        added, roles = await self._writes.give(outcome, found, wanted, given_up)
        if added:
            outcome.tallies.append(Tally.ROLES_ASSIGNED if fresh else Tally.ROLES_ADDED)
        membership = LoadedMembership(
            found["id"],
            made,
            roles,
            inactive=found.get("status") == "inactive",
            revived=revived or task.past.has_revived(found["id"]),
        )
        return await self._set_status(task, outcome, membership)

    async def _set_status(
        self, task: Task, outcome: Outcome, membership: LoadedMembership
    ) -> LoadedMembership:
        """Deactivate a membership that the source says is inactive, if it wasn't active before."""
        if task.row.status == "inactive" and membership.id and not membership.inactive:
            if membership.made or membership.revived:
                try:
                    await self._api.deactivate_membership(membership.id)
                except ApiError as error:
                    message = f"the membership could not be deactivated: {error}; {LOAD_AGAIN}"
                    failed = error.as_record_error(ErrorType.MEMBERSHIP_CREATE, message)
                    outcome.errors.append(failed)
                    return membership
                outcome.tallies.append(Tally.MEMBERSHIPS_DEACTIVATED)
                membership.inactive = True
            else:
                outcome.remarks.append("status_left")
        return membership

    async def _find(self, user: LoadedUser, outcome: Outcome) -> Membership | None:
        found = await self._api.list_memberships(user_id=user.id, organization_id=outcome.org_id)
        return found[0] if found else None


def _pending(outcome: Outcome, error: ApiError | None = None) -> RecordError:
    pending = RecordError.worded(
        ErrorType.MEMBERSHIP_CREATE,
        "the user's membership in {} is pending: WorkOS doesn't activate it before its invitation "
        f"is accepted or revoked; do either, and {LOAD_AGAIN}",
        outcome.org_id,
    )
    if error is not None:
        return error.as_record_error(pending.error_type, pending.message, pending.pattern)
    return pending
