"""A Singer record in, the user that WorkOS should have out, or a RecordError. Pure.

Columns are named as WorkOS's own migration tools name them; docs/records.md describes them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from target_workos_users.exceptions import ErrorType, RecordError
from target_workos_users.records import values
from target_workos_users.records.columns import WHERE, by_column
from target_workos_users.records.kinds import Kind
from target_workos_users.records.metadata import metadata
from target_workos_users.records.organizations import organization_of
from target_workos_users.records.passwords import password_fields
from target_workos_users.records.redaction import REDACTED, is_hash_or_key, redact_text
from target_workos_users.records.rules import DEFAULT_RULES, RecordRules
from target_workos_users.records.totp import Totp, totp
from target_workos_users.records.values import invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from target_workos_users.records.organizations import OrganizationRef

REMARKS = {
    "plain_password": "the column password holds plain passwords; prefer password_hash, "
    "so that they needn't leave your database",
    "password_ignored": "records have both password and password_hash; the hash is used",
    "password_hash_missing": "records have password_hash_type or password_salt_position "
    "without password_hash; they are loaded without a password",
    "hash_in_password": "the column password holds password hashes; they are loaded as hashes",
    "no_password_marker": 'the hash of some users is a mark for no password (Django\'s "!"); '
    "they are loaded without a password",
    "hash_skipped": "records have a password hash that WorkOS can't verify; since "
    "unusable_hashes is skip, they are loaded without a password",
    "better_auth_assumed": "hashes of the form salt:key are taken for Better Auth's or "
    "Lucia's (scrypt, N 16384, r 16, p 1); try one user's password before you rely on it",
    "short_key": "PBKDF2 hashes are shorter than their digest (ASP.NET Identity's are); WorkOS "
    "doesn't say whether it takes such: try one user's password before you rely on it",
    "totp_uri_overridden": "otpauth:// URIs name another issuer or user than totp_issuer and "
    "totp_user; the columns win",
    "totp_secret_missing": "records have totp_issuer or totp_user without totp_secret; "
    "they are loaded without a TOTP factor",
    "characters_lost": "texts have U+FFFD, which stands where a character was lost in a wrong "
    "encoding; they are loaded as they are",
    "organization_overridden": "records name another organization than the org_* settings; "
    "the settings win",
}
"""What a remark of a row means: the text to warn with, once a run."""


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
        kind: Of the record. All but ``users`` are about a user that must be there.
        user_external_id: By which that user is found, where the record has no email (it is empty).
        user_id: The same.
    """

    email: str
    fields: dict[str, Any] = field(repr=False)
    organization: OrganizationRef | None
    role_slugs: tuple[str, ...]
    totp: Totp | None = field(repr=False)
    remarks: tuple[str, ...]
    skipped_hash: str | None = None
    status: Literal["active", "inactive"] | None = None
    kind: Kind = Kind.USERS
    user_external_id: str | None = None
    user_id: str | None = None

    @property
    def key(self) -> str:
        """What tells the user from others."""
        return self.email or self.user_external_id or self.user_id or ""

    @property
    def identity(self) -> tuple[object, ...]:
        """What the ledger remembers the record by: the user and the organization."""
        named = self.organization and (self.organization.id or self.organization.external_id)
        return self.key, named


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
    record, remarks = checked(record), list[str]()
    fields = _fields(record)
    password, skipped_hash = password_fields(record, rules, remarks)
    fields.update(password)
    factor = totp(record, rules, remarks)
    organization = organization_of(record, rules.default_organization, remarks)
    role_slugs, status = values.role_slugs(record), values.status(record)
    if organization is None:
        _check_needless(role_slugs, status)
    _check_columns(fields, organization)
    name = organization and organization.name
    if any("\ufffd" in str(value) for value in (name, *fields.values())):
        remarks.append("characters_lost")
    return UserRow(
        fields["email"],
        fields,
        organization,
        role_slugs,
        factor,
        tuple(remarks),
        skipped_hash=skipped_hash,
        status=status,
    )


def _fields(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a record says of its user, without a password."""
    fields: dict[str, Any] = {"email": values.email(record)}
    for column in ("first_name", "last_name", "name"):
        if text := values.text(record, column):
            fields[column] = text
    if (verified := values.boolean(record, "email_verified")) is not None:
        fields["email_verified"] = verified
    if external_id := values.external_id(record, "external_id"):
        fields["external_id"] = external_id
    if texts := metadata(record):
        fields["metadata"] = texts
    if address := values.ip_address(record):
        fields["ip_address"] = address
    if agent := values.text(record, "user_agent"):
        fields["user_agent"] = agent
    return fields


def _check_columns(fields: dict[str, Any], organization: OrganizationRef | None) -> None:
    """Refuse a hash or a key that a shifted row has in another column: WorkOS would show it."""
    texts = {name: fields.get(name) for name in ("first_name", "last_name", "name", "external_id")}
    if organization:
        texts |= {
            "org_id": organization.id,
            "org_external_id": organization.external_id,
            "org_name": organization.name,
        }
    for column, text in texts.items():
        if text and is_hash_or_key(text):
            raise invalid(
                column,
                "has the form of a password hash or a secret key; is the row shifted by a column?",
            )


def _check_needless(role_slugs: tuple[str, ...], status: str | None) -> None:
    """Refuse what is said of a membership, where there is none."""
    way_out = "fill in org_id or org_external_id, set one for all records, or"
    if role_slugs:
        raise invalid(
            "role_slugs",
            "roles belong to a membership, but there is no organization; "
            f"{way_out} empty role_slugs",
        )
    if status == "inactive":
        raise invalid(
            "status",
            "inactive belongs to a membership, but there is no organization, so that the user "
            f"could sign in; {way_out} leave the row out",
        )


def checked(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """A record, its known columns under their own names.

    Raises:
        RecordError: ``invalid_record``, with the text in ``_sdc_error``: the tap, or this target,
            couldn't read it whole.
    """
    if problem := record.get("_sdc_error"):
        shown = redact_text(str(problem))
        if shown == REDACTED:
            shown = "_sdc_error: the tap couldn't read this record; its text may hold a secret"
        where = f"{record[WHERE]}: " if WHERE in record else ""
        raise RecordError(ErrorType.INVALID_RECORD, f"{where}{shown}")
    return by_column(record)
