"""What became of a record."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from target_workos_users.exceptions import Waits

if TYPE_CHECKING:
    from target_workos_users.exceptions import RecordError

REMARKS = {
    "conflicting": "rows of one email differ in {}; the first row's value wins",
    "password_left": "the source has passwords of users that this import didn't make, or that may "
    "have changed them since: they were left as they are (update_passwords)",
    "organization_name": "records give one organization several names; the first one holds",
    "role_ignored": "records have roles that WorkOS doesn't know; they were left out "
    "(unknown_roles)",
    "permissions_left": "roles have permissions in WorkOS that their records don't give; they keep "
    "them",
    "definition_left": "roles or permissions have another name or description in WorkOS than their "
    "records give; they keep it",
    "status_left": "memberships that this import didn't make are active, though the source says "
    "inactive; they were left so",
}
"""What a remark of an outcome means: the text to warn with, once a run. It may have a detail."""


class Result(StrEnum):
    """What became of a record, that is of its user; each record has exactly one."""

    CREATED = "created"
    LOADED = "loaded"  # of another kind than users
    EXISTING = "existing"  # found in WorkOS
    UPDATED = "updated"
    MERGED = "merged"  # an earlier row or run of this import had the same email
    DELETED = "deleted"  # at the source: nothing is sent
    UNCHANGED = "unchanged"  # loaded before, as the ledger or the checkpoint knows
    FAILED = "failed"  # the record has an error; its user may be in WorkOS all the same


class Tally(StrEnum):
    """What else is counted; a record adds at most one to each, failed records too."""

    USERS_CREATED = "users_created"
    USERS_UPDATED = "users_updated"
    USERS_DELETED = "users_deleted"  # require_membership
    PASSWORDS_LEFT = "passwords_left"
    MEMBERSHIPS = "memberships"  # made by this record
    MEMBERSHIPS_EXISTING = "memberships_existing"
    MEMBERSHIPS_REACTIVATED = "memberships_reactivated"  # were inactive
    MEMBERSHIPS_DEACTIVATED = "memberships_deactivated"  # the record says so
    ROLES_ASSIGNED = "roles_assigned"  # with a membership made by this record
    ROLES_ADDED = "roles_added"  # to an existing membership
    HASHES_SKIPPED = "hashes_skipped"  # unusable_hashes
    FACTORS = "factors"  # TOTP factors enrolled
    FACTORS_EXISTING = "factors_existing"
    ORGANIZATIONS_CREATED = "organizations_created"  # by a record of their own
    ORGANIZATIONS_EXISTING = "organizations_existing"
    ORGANIZATIONS_UPDATED = "organizations_updated"
    ROLES_CREATED = "roles_created"
    ROLES_EXISTING = "roles_existing"
    PERMISSIONS_CREATED = "permissions_created"
    PERMISSIONS_EXISTING = "permissions_existing"
    CONFLICTS = "conflicts"  # a value that another row of the same email has otherwise


@dataclass(slots=True)
class Outcome:
    """What became of one record.

    Attributes:
        result: What became of its user.
        tallies: What else is to be counted.
        errors: Each is a line in errors.jsonl; a record with any is ``failed``.
        remarks: Keys of ``REMARKS`` that this record gives cause for; a detail after a space.
        user_id: The WorkOS user, if there is one.
        org_id: The WorkOS organization, if the record has one that could be resolved.
        organization: How the source names that organization.
        skipped_hash: Why its password hash was left out, under ``unusable_hashes: skip``.
    """

    result: Result = Result.FAILED
    tallies: list[Tally] = field(default_factory=list)
    errors: list[RecordError] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    user_id: str | None = None
    org_id: str | None = None
    organization: str | None = None
    skipped_hash: str | None = None

    @property
    def waits(self) -> Waits:
        """Whether it failed only for what may come later."""
        return min((error.waits for error in self.errors), default=Waits.NO)

    def close(self) -> None:
        """Make ``result`` agree with ``errors``, and give each error the ids that it lacks."""
        if self.errors:
            self.result = Result.FAILED
        for error in self.errors:
            error.user_id = error.user_id or self.user_id
            error.org_id = error.org_id or self.org_id
