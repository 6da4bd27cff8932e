"""Records about a user that must be there: a membership with its roles, or a TOTP factor. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from target_workos_users.records import values
from target_workos_users.records.columns import by_column
from target_workos_users.records.kinds import WHO, Kind
from target_workos_users.records.organizations import organization_of
from target_workos_users.records.parse import UserRow, checked
from target_workos_users.records.totp import totp
from target_workos_users.records.values import invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from target_workos_users.records.rules import RecordRules

_WORKOS_ID = re.compile(r"user_[0-9A-HJKMNP-TV-Z]{26}")  # a ULID; Clerk's ids begin so, too


def membership_row(record: Mapping[str, Any], rules: RecordRules) -> UserRow:
    """A membership, with the roles that this record gives it.

    Raises:
        RecordError: ``invalid_record``.
    """
    record, remarks = checked(record), list[str]()
    who = _user(record)
    organization = organization_of(record, rules.default_organization, remarks)
    if organization is None:
        raise invalid(
            "org_external_id",
            "missing; a membership needs an organization: fill it in, or org_id, or set one for "
            "all records",
        )
    return UserRow(
        organization=organization,
        role_slugs=values.role_slugs(record),
        totp=None,
        remarks=tuple(remarks),
        status=values.status(record),
        kind=Kind.MEMBERSHIPS,
        **who,
    )


def factor_row(record: Mapping[str, Any], rules: RecordRules) -> UserRow:
    """A TOTP factor.

    Raises:
        RecordError: ``invalid_record``.
    """
    record, remarks = checked(record), list[str]()
    who = _user(record)
    factor = totp(record, rules, remarks)
    if factor is None:
        raise invalid("totp_secret", "missing; a TOTP factor needs one")
    return UserRow(
        organization=None,
        role_slugs=(),
        totp=factor,
        remarks=tuple(remarks),
        kind=Kind.TOTP_FACTORS,
        **who,
    )


def person_identity(
    kind: Kind, record: Mapping[str, Any], rules: RecordRules
) -> tuple[object, ...]:
    """What the ledger remembers a record about a person by, whatever else is wrong with it.

    Raises:
        RecordError: That can't be told.
    """
    record, organization = by_column(record), None
    if kind is not Kind.TOTP_FACTORS:
        organization = organization_of(record, rules.default_organization, [])
    who = _user(record) if kind is not Kind.USERS else {"email": values.email(record), "fields": {}}
    return UserRow(organization=organization, role_slugs=(), totp=None, remarks=(), **who).identity


def _user(record: Mapping[str, Any]) -> dict[str, Any]:
    """Which user a record means, as arguments of :class:`UserRow`."""
    if values.text(record, "email"):
        email = values.email(record)
        return {"email": email, "fields": {"email": email}}
    user_id = values.text(record, "user_id")
    external_id = values.external_id(record, "user_external_id") or values.external_id(
        record, "external_id"
    )
    if user_id and not external_id and not _WORKOS_ID.fullmatch(user_id):
        external_id = values.external_id(record, "user_id")
    if external_id:
        return {"email": "", "fields": {}, "user_external_id": external_id}
    if user_id:
        return {"email": "", "fields": {}, "user_id": user_id}
    raise invalid("email", f"missing; expected one of {', '.join(WHO)} to tell whose this is")
