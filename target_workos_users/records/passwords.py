"""The password of a record: plain, or a hash in a form that WorkOS verifies. Pure.

WorkOS answers a hash that it can't use with a bare 400 ``invalid_password_hash``, and takes one of
the right form but with wrong content, so that the user can't sign in. ``records.hashes`` knows the
forms; here is what a record says with them. Messages quote no value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from target_workos_users.records import values
from target_workos_users.records.hashes import (
    EXPECTED,
    HASH_TYPES,
    NULLS,
    Hash,
    UnusableHash,
    is_no_password,
    recognize,
)
from target_workos_users.records.redaction import names_algorithm
from target_workos_users.records.values import invalid

if TYPE_CHECKING:
    from target_workos_users.records.rules import RecordRules

MAX_HASH = 10_000  # characters; Keycloak's credentials have some 500 each
PLAIN = "plain"
"""A ``password_hash_type`` that says: whatever it looks like, ``password`` is the password."""

_ALIASES = {
    **{name: name for name in HASH_TYPES},
    **dict.fromkeys(("argon2id", "argon2i", "argon2d"), "argon2"),
    **dict.fromkeys(("blf-crypt", "bcryptjs"), "bcrypt"),
    **dict.fromkeys(("scrypt-firebase", "fbscrypt", "firescrypt", "firebase"), "firebase-scrypt"),
    **dict.fromkeys(("better-auth", "lucia", "scrypt-werkzeug"), "scrypt"),
    **dict.fromkeys(("pbkdf2-sha256", "pbkdf2-sha512", "pbkdf2-sha256-django"), "pbkdf2"),
    **dict.fromkeys(("ldap-ssha", "salted-sha1"), "ssha"),
    "salted-sha256": "ssha256",
}
_TYPES = ", ".join(HASH_TYPES)
_WAY_OUT = "leave it empty, the user resets the password; or set unusable_hashes to skip"


def password_fields(
    record: Mapping[str, Any], rules: RecordRules, remarks: list[str]
) -> tuple[dict[str, str], str | None]:
    """What a record says of its user's password.

    Returns:
        The fields of ``POST /user_management/users``, and why a hash was skipped, if one was.

    Raises:
        RecordError: A hash can't be used, or its type contradicts it.
    """
    hash_type = values.text(record, "password_hash_type")
    salt_position = values.text(record, "password_salt_position")
    stored, plain = _stored(record), record.get("password")
    if stored is None and plain in (None, ""):
        if hash_type or salt_position:
            remarks.append("password_hash_missing")
        return {}, None
    try:
        if stored is None:
            return _read_password(plain, hash_type, salt_position, remarks), None
        if plain not in (None, ""):
            remarks.append("password_ignored")
        return _read_hash(stored, hash_type, salt_position, remarks), None
    except UnusableHash as problem:
        if rules.unusable_hashes == "skip":
            remarks.append("hash_skipped")
            return {}, str(problem)
        if stored is None:
            way_out = f"{_WAY_OUT}; if it is a password, set password_hash_type to {PLAIN}"
            raise invalid("password", f"{problem}: {way_out}") from None
        raise invalid("password_hash", f"{problem}: {_WAY_OUT}") from None


def _read_hash(
    stored: Any, hash_type: str | None, salt_position: str | None, remarks: list[str]
) -> dict[str, str]:
    """The fields for a hash.

    Args:
        stored: What the source has: a text, or a decoded JSON object.
        hash_type: One of ``HASH_TYPES`` or a name that systems have for it, in any case. None: told
            from the hash.
        salt_position: ``prefix`` or ``suffix``, for ssha256 only. None: WorkOS's default, suffix.
        remarks: Keys of ``REMARKS`` are added here.

    Returns:
        ``password_hash`` in the form that WorkOS takes, ``password_hash_type`` and, if given,
        ``password_salt_position``; nothing if it is a mark for no password.

    Raises:
        UnusableHash: WorkOS can't verify it.
        RecordError: The columns contradict each other.
    """
    if isinstance(stored, str):
        if is_no_password(stored):
            remarks.append("no_password_marker")
            return {}
        if stored.lower() in NULLS:
            raise UnusableHash(
                f"the text {stored}, which programs write for no value (list it in null_values)"
            )
    found = recognize(stored)
    if found is None:
        raise _unknown(stored, hash_type)
    return _fields(found, hash_type, salt_position, remarks)


def _read_password(
    plain: Any, hash_type: str | None, salt_position: str | None, remarks: list[str]
) -> dict[str, str]:
    """The fields for what stands in ``password``, which many systems keep their hashes in."""
    password = values.scalar_text("password", plain)
    values.check_text("password", password)  # spaces around it may belong to it: kept
    if (hash_type or "").lower() != PLAIN:
        if is_no_password(password, whole=True):
            remarks.append("no_password_marker")
            return {}
        if found := recognize(password, whole=True):
            remarks.append("hash_in_password")
            return _fields(found, hash_type, salt_position, remarks)
    remarks.append("plain_password")
    return {"password": password}


def _stored(record: Mapping[str, Any]) -> Any:
    value = record.get("password_hash")
    if isinstance(value, Mapping | list):
        return value or None
    if isinstance(value, str):
        value = value.rstrip("\0")  # libsodium fills its buffer up with them
    return values.text({"password_hash": value}, "password_hash", MAX_HASH)


def _unknown(stored: Any, hash_type: str | None) -> UnusableHash:
    known = hash_type and _named(hash_type)
    if known:
        return UnusableHash(f"in no form of {known}; expected {EXPECTED[known]}")
    what = "a text" if isinstance(stored, str) else values.kind(stored)
    return UnusableHash(f"{what} in no form that is known; expected a hash of one of {_TYPES}")


def _fields(
    found: Hash, hash_type: str | None, salt_position: str | None, remarks: list[str]
) -> dict[str, str]:
    if hash_type and (named := _named(hash_type)) != found.type:
        raise invalid(
            "password_hash_type",
            f"says {named}, but the hash is {found.type} by its form; correct it or leave it empty",
        )
    if found.remark:
        if found.remark == "better_auth_assumed" and (hash_type or "").lower() == "scrypt":
            raise UnusableHash(
                "scrypt as salt:key in hex, without its parameters (if it is Better Auth's or "
                "Lucia's, leave password_hash_type empty; else write "
                "$scrypt$v=1$n=…,r=…,p=…,kl=…$<salt>$<hash>)"
            )
        remarks.append(found.remark)
    fields = {"password_hash": found.text, "password_hash_type": found.type}
    if position := salt_position or found.salt_position:
        fields["password_salt_position"] = _salt_position(position, found.type)
    return fields


def _named(hash_type: str) -> str:
    """The type of WorkOS's that a name stands for."""
    name = _ALIASES.get(hash_type.lower().replace("_", "-"))
    if name is None and names_algorithm(hash_type):
        raise UnusableHash(f"'{hash_type}' by its type, which isn't one of {_TYPES}")
    if name is None:
        raise invalid("password_hash_type", f"the value isn't one of {_TYPES}")
    return name


def _salt_position(position: str, hash_type: str) -> str:
    if hash_type != "ssha256":
        raise invalid("password_salt_position", f"goes with ssha256 only, not with {hash_type}")
    if position.lower() not in {"prefix", "suffix"}:
        raise invalid("password_salt_position", "expected prefix or suffix")
    return position.lower()
