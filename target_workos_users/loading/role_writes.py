"""Writes the roles of memberships, as many as the environment takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from target_workos_users.exceptions import LOAD_AGAIN, ApiError, ErrorType, Reason, RecordError
from target_workos_users.loading.roles import Roles, listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_workos_users.api.workos import WorkOS
    from target_workos_users.loading.loaded import LoadedUser
    from target_workos_users.loading.outcome import Outcome

Membership = dict[str, Any]

_MOST_WRITES = 3  # of one membership's roles, when another job writes them too


class RoleWrites:
    """Makes memberships with roles, and gives existing ones the roles that they lack."""

    def __init__(self, api: WorkOS, roles: Roles) -> None:
        self._api = api
        self._roles = roles
        self._multiple = True  # until WorkOS says that the environment has several roles off

    async def create(self, user: LoadedUser, outcome: Outcome, wanted: list[str]) -> Membership:
        """Create it, with as many of the roles as WorkOS takes.

        Drops from ``wanted`` what it doesn't, with an error or a remark in the outcome.
        """
        while True:
            slugs = wanted if self._multiple else wanted[:1]
            try:
                created = await self._api.create_membership(
                    user_id=user.id, organization_id=outcome.org_id or "", role_slugs=slugs
                )
            except ApiError as error:
                if error.reason is Reason.MULTIPLE_ROLES_OFF and len(slugs) > 1:
                    self._multiple = False
                elif error.reason is Reason.INVALID_ROLE and slugs:
                    wanted[:] = self._roles.without(_named(slugs, error), wanted, outcome, error)
                else:
                    raise
            else:
                if wanted[1:] and not self._multiple:
                    outcome.errors.append(_too_many(wanted[1:]))
                    del wanted[1:]
                return created

    async def give(
        self, outcome: Outcome, found: Membership, wanted: Sequence[str], given_up: set[str]
    ) -> tuple[bool, tuple[str, ...]]:
        """Write a membership's roles until it has those wanted, and not those given up.

        WorkOS replaces all roles at once: another job that does the same may take one away again,
        so they are read after each write.

        Returns:
            Whether anything was written; and which of all those roles it has: what the next run
            has to give, or to take away, is what is missing in that.
        """
        written = False
        try:
            for _ in range(_MOST_WRITES):
                held = slugs_of(found)
                kept = [slug for slug in held if slug in wanted or slug not in given_up]
                missing = [slug for slug in wanted if slug not in held]
                room = len(missing) if self._multiple else 1 - min(1, len(kept))
                target = kept + missing[:room]
                if set(target) == held.keys() or not target:
                    if missing:
                        outcome.errors.append(_too_many(missing))
                    break
                try:
                    await self._api.update_membership(found["id"], role_slugs=target)
                except ApiError as error:
                    if error.reason is Reason.MULTIPLE_ROLES_OFF and len(target) > 1:
                        self._multiple = False
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
                if missing := [slug for slug in wanted if slug not in slugs_of(found)]:
                    outcome.errors.append(_not_given(missing))
        except ApiError as error:
            outcome.errors.append(error.as_record_error(ErrorType.ROLE_ASSIGNMENT))
        roles = tuple(slug for slug in slugs_of(found) if slug in wanted or slug in given_up)
        return written, roles


def is_older(made: Membership) -> bool:
    """Whether create answered with a membership that it reactivated.

    A new one's stamps are equal (recorded in workos-ruby's VCR cassettes).
    """
    created_at, updated_at = made.get("created_at"), made.get("updated_at")
    return bool(created_at and updated_at and created_at < updated_at)


def slugs_of(membership: Membership) -> dict[str, None]:
    """The slugs of a membership's roles: all in ``roles``, the primary one in ``role``."""
    roles = [membership.get("role"), *(membership.get("roles") or ())]
    return dict.fromkeys(role["slug"] for role in roles if role and role.get("slug"))


def _named(slugs: Sequence[str], error: ApiError) -> Sequence[str]:
    """The roles that an answer refuses: those that it names, or all."""
    return [slug for slug in slugs if f"'{slug}'" in error.message] or slugs


def _too_many(slugs: Sequence[str]) -> RecordError:
    return RecordError.worded(
        ErrorType.ROLE_ASSIGNMENT,
        f"role_slugs {listed(slugs)} not assigned: this WorkOS environment has multiple roles "
        f"off, so the membership has one only; switch them on in WorkOS, and {LOAD_AGAIN}",
        workos_code="multiple_roles_not_enabled",
    )


def _not_given(slugs: Sequence[str]) -> RecordError:
    return RecordError.worded(
        ErrorType.ROLE_ASSIGNMENT,
        f"role_slugs {listed(slugs)} not assigned: WorkOS took them {_MOST_WRITES} times, and "
        f"then had other roles; find out what else writes this membership, and {LOAD_AGAIN}",
        retryable=True,
    )
