"""A Singer record in, the user that WorkOS should have out, or a RecordError. Pure.

Columns are named as WorkOS's own migration tools name them; docs/records.md describes them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from target_workos_users.exceptions import ErrorType, RecordError
from target_workos_users.records import values
from target_workos_users.records.metadata import metadata
from target_workos_users.records.passwords import password_fields
from target_workos_users.records.redaction import REDACTED, SECRET_COLUMNS, redact, redact_text
from target_workos_users.records.rules import DEFAULT_RULES, RecordRules
from target_workos_users.records.totp import Totp, totp
from target_workos_users.records.values import invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "KNOWN_COLUMNS",
    "REMARKS",
    "OrganizationRef",
    "Totp",
    "UserRow",
    "is_deleted",
    "parse_record",
    "show_record",
]

INTACT = "_sdc_intact"
"""Beside an ``_sdc_error`` of this target's own: each value stands under its own name."""

WHERE = "_sdc_where"
"""Beside it: which line of the input the record was."""

DELETED_AT = ("_sdc_deleted_at", "_sdc_lsn_deleted_at")
"""Set by taps that read a database's log, in a record that was deleted there."""

_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}")

KNOWN_COLUMNS = SECRET_COLUMNS | {
    "email",
    "first_name",
    "last_name",
    "name",
    "email_verified",
    "external_id",
    "metadata",
    "password_hash_type",
    "password_salt_position",
    "org_id",
    "org_external_id",
    "org_name",
    "role_slugs",
    "totp_issuer",
    "totp_user",
}

REMARKS: Mapping[str, str] = MappingProxyType(
    {
        "plain_password": "the column password holds plain passwords; prefer password_hash, "
        "so that they needn't leave your database",
        "password_ignored": "records have both password and password_hash; the hash is used",
        "password_hash_missing": "records have password_hash_type or password_salt_position "
        "without password_hash; they are loaded without a password",
        "hash_in_password": "the column password holds password hashes; they are loaded as hashes",
        "no_password_marker": 'the hash of some users is a mark for no password (Django\'s "!"); '
        "they are loaded without a password",
        "hash_skipped": "records have a password hash that WorkOS can't verify; as unusable_hashes "
        "is skip, they are loaded without a password",
        "better_auth_assumed": "hashes of the form salt:key are taken for Better Auth's or "
        "Lucia's (scrypt, N 16384, r 16, p 1); try one user's password before you rely on it",
        "short_key": "PBKDF2 hashes are shorter than their digest (ASP.NET Identity's are); WorkOS "
        "doesn't say whether it takes such: try one user's password before you rely on it",
        "totp_uri_overridden": "otpauth:// URIs name another issuer or user than totp_issuer and "
        "totp_user; the columns win",
        "totp_secret_missing": "records have totp_issuer or totp_user without totp_secret; "
        "they are loaded without a TOTP factor",
        "organization_overridden": "records name another organization than the org_* settings; "
        "the settings win",
    }
)
"""What a remark of a row means: the text to warn with, once a run."""

MAX_COLUMNS = 100  # unknown ones of a record that are shown in errors.jsonl


@dataclass(frozen=True, slots=True)
class OrganizationRef:
    """The organization that a record or the settings name.

    Attributes:
        id: WorkOS's id. Excludes ``external_id``.
        external_id: The id in the source.
        name: The name to create it with, if it isn't found by ``external_id``.
    """

    id: str | None
    external_id: str | None
    name: str | None


@dataclass(frozen=True, slots=True)
class UserRow:
    """What one record asks for.

    Attributes:
        email: Trimmed and in lower case: the identity of the user in WorkOS.
        fields: The body of ``POST /user_management/users``; what the record leaves empty is
            left out.
        organization: Where the user becomes a member; None: nowhere.
        role_slugs: The roles of that membership, in order, each once.
        totp: The factor to enroll, if any.
        status: Of the membership; None: the record doesn't say.
        remarks: Keys of ``REMARKS`` that this record gives cause for.
        skipped_hash: Why its password hash was left out, under ``unusable_hashes: skip``.
    """

    email: str
    fields: dict[str, Any]
    organization: OrganizationRef | None
    role_slugs: tuple[str, ...]
    totp: Totp | None
    remarks: tuple[str, ...]
    skipped_hash: str | None = None
    status: Literal["active", "inactive"] | None = None


def show_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record fit for errors.jsonl: redacted, with at most 100 unknown columns.

    Of a row that the tap couldn't read whole nothing is shown but an address: a field too many or
    too few puts the password under another column's name. And of a file without a header no
    column: their names are its first user's data.
    """
    if record.get("_sdc_error") and not record.get(INTACT):
        record = {
            name: value if name.startswith("_sdc_") or _is_address(name, value) else REDACTED
            for name, value in record.items()
            if value not in (None, "")
        }
    own = {*KNOWN_COLUMNS, "_sdc_error", INTACT, WHERE}
    unknown = [name for name in record if name not in own]
    kept = 0 if any("@" in name for name in unknown) else MAX_COLUMNS
    left_out = {INTACT, WHERE, *unknown[kept:]}
    shown = redact({name: value for name, value in record.items() if name not in left_out})
    if more := unknown[kept:]:
        shown["_sdc_left_out"] = f"{len(more):,} more columns"
    return shown


def _is_address(name: str, value: Any) -> bool:
    return name == "email" and isinstance(value, str) and _ADDRESS.fullmatch(value) is not None


def is_deleted(record: Mapping[str, Any]) -> bool:
    """Whether a record was deleted at the source; unknown of one that can't be read whole."""
    return any(record.get(column) for column in DELETED_AT) and not record.get("_sdc_error")


def parse_record(record: Mapping[str, Any], rules: RecordRules = DEFAULT_RULES) -> UserRow:
    """Read and check one record.

    Args:
        record: A Singer record: CSV texts or typed JSON values. Other columns than
            ``KNOWN_COLUMNS`` are not looked at.
        rules: What the settings say about it.

    Returns:
        The row, checked against all that WorkOS documents.

    Raises:
        RecordError: ``invalid_record``, with the first thing that is wrong. The message quotes no
            value of the record.
    """
    if problem := record.get("_sdc_error"):
        shown = redact_text(str(problem))
        if shown == REDACTED:
            shown = "_sdc_error: the tap couldn't read this record; its text may hold a secret"
        where = f"{record[WHERE]}: " if WHERE in record else ""
        raise RecordError(ErrorType.INVALID_RECORD, f"{where}{shown}")
    remarks: list[str] = []
    email = values.email(record)
    fields: dict[str, Any] = {"email": email}
    for column in ("first_name", "last_name", "name"):
        if text := values.text(record, column):
            fields[column] = text
    if (verified := values.boolean(record, "email_verified")) is not None:
        fields["email_verified"] = verified
    if external_id := values.external_id(record, "external_id"):
        fields["external_id"] = external_id
    if texts := metadata(record):
        fields["metadata"] = texts
    password, skipped_hash = password_fields(record, rules, remarks)
    fields.update(password)
    factor = totp(record, rules, remarks)
    organization = _organization(record, rules.default_organization, remarks)
    role_slugs = values.role_slugs(record)
    if role_slugs and organization is None:
        raise invalid(
            "role_slugs",
            "roles belong to a membership, but there is no organization; fill in org_id or "
            "org_external_id, set one for all records, or empty role_slugs",
        )
    return UserRow(email, fields, organization, role_slugs, factor, tuple(remarks), skipped_hash)


def identity(
    record: Mapping[str, Any], default_organization: OrganizationRef | None = None
) -> tuple[str, OrganizationRef | None] | None:
    """Whom a record speaks of, and in which organization; None if that can't be told.

    Args:
        record: As for :func:`parse_record`; it may be invalid, or a redacted one.
        default_organization: The ``org_*`` settings.
    """
    try:
        return values.email(record), _organization(record, default_organization, [])
    except RecordError:
        return None


def _organization(
    record: Mapping[str, Any], default: OrganizationRef | None, remarks: list[str]
) -> OrganizationRef | None:
    org_id = values.text(record, "org_id")
    external_id = values.text(record, "org_external_id")
    name = values.text(record, "org_name")
    if default is not None:
        own = (org_id, external_id, name)
        settings = (default.id, default.external_id, default.name)
        if any(mine and mine != theirs for mine, theirs in zip(own, settings, strict=True)):
            remarks.append("organization_overridden")
        return default
    if org_id and external_id:
        raise invalid(
            "org_id", "filled in together with org_external_id; empty one: they may name two"
        )
    if external_id:
        values.check_external_id("org_external_id", external_id)
    elif not org_id:
        if name:
            raise invalid(
                "org_name",
                "a name alone doesn't tell which organization is meant, for names needn't be "
                "unique; fill in org_external_id too (the organization is then created under that "
                "name if it isn't there), or org_id",
            )
        return None
    return OrganizationRef(org_id, external_id, name)
