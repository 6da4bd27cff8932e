"""A row's membership in its organization, with its roles and its status."""

from __future__ import annotations

from dataclasses import dataclass
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
from target_workos_users.loading.roles import Roles, listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_workos_users.api.workos import WorkOS
    from target_workos_users.ledger import Version
    from target_workos_users.loading.organizations import OrganizationCache
    from target_workos_users.loading.task import Task
    from target_workos_users.loading.users import LoadedUser
    from target_workos_users.records.parse import OrganizationRef

Membership = dict[str, Any]

_MOST_WRITES = 3  # of one membership's roles, when another job writes them too


class UserGone(TargetError):
    """WorkOS has no such user (any more): its id was remembered for too long."""


@dataclass(slots=True)
class LoadedMembership:
    """The membership of a row.

    Attributes:
        id: The WorkOS id; None if there is none, as far as is known.
        made: This import made it.
        roles: Those that it has on the row's account.
        inactive: The row had it deactivated.
    """

    id: str | None
    made: bool
    roles: tuple[str, ...] = ()
    inactive: bool = False


class Memberships:
    """Makes sure that a user is a member of an organization, with the roles of the row.

    A fresh membership costs one request. One that exists is no error, and gets the roles that it
    lacks; one that this import made has just the roles that the source gives. An inactive one is
    reactivated by WorkOS's create (OpenAPI spec).

    Args:
        api: WorkOS.
        organizations: Resolves an organization anew that was deleted in WorkOS in the meantime.
        roles: The roles that WorkOS knows.
        delays: Seconds between look-ups of a membership that WorkOS says exists.
    """

    def __init__(
        self,
        api: WorkOS,
        organizations: OrganizationCache,
        roles: Roles,
        *,
        delays: Sequence[float] = LOOKUP_DELAYS,
    ) -> None:
        self._api = api
        self._organizations = organizations
        self._roles = roles
        self._delays = delays
        self._multiple_roles = True  # until WorkOS says that the environment has them off

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
                if not is_missing(error, outcome.org_id):
                    raise
                self._organizations.forget(outcome.org_id or "")
                outcome.org_id = await self._organizations.resolve(organization)
                return await self._ensure(task, user, outcome, look_first=False)
        except ApiError as error:
            if is_missing(error, user.id):
                raise UserGone(str(error)) from error
            raise error.as_record_error(ErrorType.MEMBERSHIP_CREATE) from error

    async def _ensure(
        self, task: Task, user: LoadedUser, outcome: Outcome, *, look_first: bool
    ) -> LoadedMembership:
        known = self._known(task, outcome)
        if known is not None and not _roles_moved(task, known):
            outcome.tallies.append(Tally.MEMBERSHIPS_EXISTING)
            roles = task.row.role_slugs or known.roles
            made = LoadedMembership(known.membership_id, known.membership_made, roles)
            return await self._set_status(task, outcome, made)
        found = None
        if known is not None or (look_first and not user.fresh):
            found = await self._find(user, outcome)
        if found is not None and (known is not None or found.get("status") != "inactive"):
            made_before = known is not None and known.membership_made
            return await self._complete(task, outcome, found, made=made_before)
        try:
            wanted = await self._roles.known(task.row.role_slugs, outcome.org_id or "", outcome)
        except RecordError:
            if found is None and not user.fresh:
                found = await self._find(user, outcome)
            if found is None or found.get("status") == "inactive":
                raise
            return await self._complete(task, outcome, found, made=False)
        try:
            created = await self._create(user, outcome, wanted)
        except ApiError as error:
            return await self._recover(task, user, outcome, error)
        was_there = found is not None or (not user.fresh and _is_older(created))
        outcome.tallies.append(Tally.MEMBERSHIPS_REACTIVATED if was_there else Tally.MEMBERSHIPS)
        if not was_there and wanted and set(_slugs(created)) <= set(wanted):
            outcome.tallies.append(Tally.ROLES_ASSIGNED)
        membership = LoadedMembership(
            created["id"], not was_there, tuple(wanted) or tuple(_slugs(created))
        )
        if wanted and created.keys() & {"role", "roles"}:
            given_up = set(_slugs(created)) - set(wanted)
            _, membership.roles = await self._give(outcome, created, wanted, given_up)
        return await self._set_status(task, outcome, membership)

    @staticmethod
    def _known(task: Task, outcome: Outcome) -> Version | None:
        """The membership that the ledger knows; None if it has to be made, or made active."""
        known = task.past.membership
        if known is None or known.organization_id != outcome.org_id:
            return None
        return None if known.inactive and task.row.status != "inactive" else known

    async def _create(self, user: LoadedUser, outcome: Outcome, wanted: list[str]) -> Membership:
        """Create it, with as many of the roles as WorkOS takes.

        Drops from ``wanted`` what it doesn't, with an error or a remark in the outcome.
        """
        while True:
            slugs = wanted if self._multiple_roles else wanted[:1]
            try:
                created = await self._api.create_membership(
                    user_id=user.id, organization_id=outcome.org_id or "", role_slugs=slugs
                )
            except ApiError as error:
                if error.reason is Reason.MULTIPLE_ROLES_OFF and len(slugs) > 1:
                    self._multiple_roles = False
                elif error.reason is Reason.INVALID_ROLE and slugs:
                    wanted[:] = self._roles.without(_named(slugs, error), wanted, outcome, error)
                else:
                    raise
            else:
                if wanted[1:] and not self._multiple_roles:
                    outcome.errors.append(_too_many(wanted[1:]))
                    del wanted[1:]
                return created

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
        made = error.ambiguous and user.fresh
        return await self._complete(task, outcome, found, made=made, fresh=made)

    async def _complete(
        self,
        task: Task,
        outcome: Outcome,
        found: Membership,
        *,
        made: bool,
        fresh: bool = False,
    ) -> LoadedMembership:
        """Give a membership that exists the roles that it lacks.

        Args:
            task: The row.
            outcome: Takes tallies and errors.
            found: As WorkOS has it.
            made: This import made it: it loses the roles that the row gave and gives no more.
            fresh: … for this very row: it has just the row's roles.
        """
        if found.get("status") == "pending":
            raise _pending(outcome)
        outcome.tallies.append(Tally.MEMBERSHIPS if fresh else Tally.MEMBERSHIPS_EXISTING)
        wanted, held = list(task.row.role_slugs), _slugs(found)
        given_up = _given_up(task) if made else set()
        if fresh and wanted:
            given_up = set(held) - set(wanted)
        if not held.keys() >= set(wanted):
            org_id = outcome.org_id or ""
            wanted = await self._roles.known(wanted, org_id, outcome, exists=True)
        added, roles = await self._give(outcome, found, wanted, given_up)
        if added:
            outcome.tallies.append(Tally.ROLES_ASSIGNED if fresh else Tally.ROLES_ADDED)
        return await self._set_status(task, outcome, LoadedMembership(found["id"], made, roles))

    async def _give(
        self, outcome: Outcome, found: Membership, wanted: Sequence[str], given_up: set[str]
    ) -> tuple[bool, tuple[str, ...]]:
        """Write a membership's roles until it has those wanted, and not those given up.

        WorkOS replaces all roles at once: another job that does the same may take one away again,
        so they are read after each write.

        Args:
            outcome: Takes ``role_assignment`` errors.
            found: As WorkOS has it.
            wanted: Roles that it is to have.
            given_up: Roles that it is to have no more.

        Returns:
            Whether anything was written; and which of all those roles it has: what the next run
            has to give, or to take away, is what is missing in that.
        """
        written = False
        try:
            for _ in range(_MOST_WRITES):
                held = _slugs(found)
                kept = [slug for slug in held if slug in wanted or slug not in given_up]
                missing = [slug for slug in wanted if slug not in held]
                room = len(missing) if self._multiple_roles else 1 - min(1, len(kept))
                target = kept + missing[:room]
                if set(target) == held.keys() or not target:
                    if missing:
                        outcome.errors.append(_too_many(missing))
                    break
                try:
                    await self._api.update_membership(found["id"], role_slugs=target)
                except ApiError as error:
                    if error.reason is Reason.MULTIPLE_ROLES_OFF and len(target) > 1:
                        self._multiple_roles = False
                    elif error.reason is Reason.INVALID_ROLE and missing:
                        named = _named(missing, error)
                        wanted = self._roles.without(named, wanted, outcome, error, exists=True)
                    else:
                        raise
                    continue
                written = True
                again = await self._api.list_memberships(
                    user_id=str(found.get("user_id")), organization_id=outcome.org_id
                )
                found = again[0] if again else found
            else:
                if missing := [slug for slug in wanted if slug not in _slugs(found)]:
                    outcome.errors.append(_not_given(missing))
        except ApiError as error:
            outcome.errors.append(error.as_record_error(ErrorType.ROLE_ASSIGNMENT))
        roles = tuple(slug for slug in _slugs(found) if slug in wanted or slug in given_up)
        return written, roles

    async def _set_status(
        self, task: Task, outcome: Outcome, membership: LoadedMembership
    ) -> LoadedMembership:
        """Deactivate a membership that the source says is inactive, if it is this import's own."""
        if task.row.status == "inactive" and membership.id:
            if membership.made:
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


def _roles_moved(task: Task, known: Version) -> bool:
    """Whether the row asks for roles that aren't known as given, or gives some up."""
    given = {slug for version in task.past.versions for slug in version.roles}
    return not given.issuperset(task.row.role_slugs) or bool(
        known.membership_made and _given_up(task)
    )


def _given_up(task: Task) -> set[str]:
    """Roles that the row gave before, and that no row of its identity gives any more."""
    if task.before is None or not task.row.role_slugs:
        return set()
    others = {
        slug
        for version in task.past.versions
        if version.digest != task.before.digest
        for slug in version.roles
    }
    return set(task.before.roles) - set(task.row.role_slugs) - others


def _named(slugs: Sequence[str], error: ApiError) -> Sequence[str]:
    """The roles that an answer refuses: those that it names, or all."""
    return [slug for slug in slugs if f"'{slug}'" in error.message] or slugs


def _pending(outcome: Outcome, error: ApiError | None = None) -> RecordError:
    message = (
        f"the user's membership in {outcome.org_id} is pending: WorkOS doesn't activate it before "
        f"its invitation is accepted or revoked; do either, and {LOAD_AGAIN}"
    )
    if error is not None:
        return error.as_record_error(ErrorType.MEMBERSHIP_CREATE, message)
    return RecordError(ErrorType.MEMBERSHIP_CREATE, message)


def _too_many(slugs: Sequence[str]) -> RecordError:
    return RecordError(
        ErrorType.ROLE_ASSIGNMENT,
        f"role_slugs {listed(slugs)} not assigned: this WorkOS environment has multiple roles "
        f"off, so the membership has one only; switch them on in WorkOS, and {LOAD_AGAIN}",
        workos_code="multiple_roles_not_enabled",
    )


def _not_given(slugs: Sequence[str]) -> RecordError:
    return RecordError(
        ErrorType.ROLE_ASSIGNMENT,
        f"role_slugs {listed(slugs)} not assigned: WorkOS took them {_MOST_WRITES} times, and "
        f"then had other roles; find out what else writes this membership, and {LOAD_AGAIN}",
        retryable=True,
    )


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
