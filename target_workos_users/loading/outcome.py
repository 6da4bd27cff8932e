"""What became of a record."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from target_workos_users.loading.recent_users import FIELDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from target_workos_users.exceptions import RecordError

_CONFLICTING = "conflicting_"

REMARKS: Mapping[str, str] = MappingProxyType(
    {
        f"{_CONFLICTING}{column}": f"rows of one email differ in {column}; the first row's holds"
        for column in FIELDS
    }
)
"""What a remark of an outcome means: the text to warn with, once a run."""


class Result(StrEnum):
    """What became of a record's user; each record has exactly one.

    ``existing`` users were found in WorkOS: from before the import, from a part of it that was
    interrupted, or from an earlier row so long ago that it isn't remembered.
    """

    CREATED = "created"
    EXISTING = "existing"
    UPDATED = "updated"
    MERGED = "merged"  # an earlier row of this run had the same email
    FAILED = "failed"  # the record has an error; its user may be in WorkOS all the same


class Tally(StrEnum):
    """What else is counted; a record adds at most one to each, failed records too."""

    USERS_CREATED = "users_created"
    USERS_UPDATED = "users_updated"
    USERS_DELETED = "users_deleted"  # require_membership
    MEMBERSHIPS = "memberships"  # made by this record
    MEMBERSHIPS_EXISTING = "memberships_existing"
    MEMBERSHIPS_REACTIVATED = "memberships_reactivated"  # were inactive
    ROLES_ADDED = "roles_added"  # to an existing membership
    FACTORS = "factors"  # TOTP factors enrolled
    FACTORS_EXISTING = "factors_existing"
    CONFLICTS = "conflicts"  # a value that another row of the same email has otherwise


@dataclass(slots=True)
class Outcome:
    """What became of one record.

    Attributes:
        result: What became of its user.
        tallies: What else is to be counted, fit for ``Counter.update``.
        errors: Each is a line in errors.jsonl; a record with any is ``failed``.
        remarks: Keys of ``REMARKS`` that this record gives cause for.
        user_id: The WorkOS user, if there is one.
        org_id: The WorkOS organization, if the record has one that could be resolved.
    """

    result: Result = Result.FAILED
    tallies: list[Tally] = field(default_factory=list)
    errors: list[RecordError] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    user_id: str | None = None
    org_id: str | None = None

    def close(self) -> None:
        """Make ``result`` agree with ``errors``, and give each error the ids that it lacks."""
        if self.errors:
            self.result = Result.FAILED
        if any(kind.startswith(_CONFLICTING) for kind in self.remarks):
            self.tallies.append(Tally.CONFLICTS)
        for error in self.errors:
            error.user_id = error.user_id or self.user_id
            error.org_id = error.org_id or self.org_id
