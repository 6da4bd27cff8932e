"""Password hashes in the forms that WorkOS takes, checked before they are sent. Pure.

WorkOS answers a hash that it can't use with a bare 400 ``invalid_password_hash``; a hash of the
right form but with wrong content it takes, and the user can't sign in. So each of the seven types
(WorkOS OpenAPI spec) is checked for the form and ranges of "docs: migrate/other-services" and
"docs: migrate/firebase". Messages give parameters and numbers, never a salt or a hash.
"""

from __future__ import annotations

import base64
import re
from functools import partial
from typing import TYPE_CHECKING

from target_workos_users.records import phc
from target_workos_users.records.phc import MalformedHash
from target_workos_users.records.redaction import names_algorithm
from target_workos_users.records.values import invalid

if TYPE_CHECKING:
    from collections.abc import Callable

_EXPECTED = {
    "bcrypt": "$2b$<cost>$ and 53 characters",
    "firebase-scrypt": "$firebase-scrypt$v=1$r=8,m=14,ss=<Base64>,sk=<Base64>$<salt>$<hash>",
    "ssha": "{SSHA} and the Base64 of SHA-1 digest and salt",
    "ssha256": "{SSHA256} and the Base64 of SHA-256 digest and salt",
    "scrypt": "$scrypt$v=1$n=16384,r=8,p=1,kl=64$<salt>$<hash>",
    "pbkdf2": "$pbkdf2$i=600000,d=sha256$<salt>$<hash>",
    "argon2": "$argon2id$v=19$m=65536,t=3,p=4$<salt>$<hash>",
}
HASH_TYPES = tuple(_EXPECTED)

_ARGON2_VARIANTS = ("argon2id", "argon2i", "argon2d")
_TYPE_BY_PREFIX = {
    **dict.fromkeys(("$2$", "$2a$", "$2b$", "$2x$", "$2y$"), "bcrypt"),
    **{f"${variant}$": "argon2" for variant in _ARGON2_VARIANTS},
    **{f"${name}$": name for name in ("firebase-scrypt", "scrypt", "pbkdf2")},
    "{SSHA}": "ssha",
    "{SSHA256}": "ssha256",
}
_PREFIX = re.compile(r"\$[^$]*\$|\{[^}]*\}")
_BCRYPT = re.compile(r"\$(2[abxy])\$(\d\d)\$[./A-Za-z0-9]{53}", re.ASCII)
_WAY_OUT = "leave password_hash empty to load such users without a password"


def hashed_password(
    password_hash: str, hash_type: str | None = None, salt_position: str | None = None
) -> dict[str, str]:
    """The fields of ``POST /user_management/users`` for a hashed password.

    Args:
        password_hash: The hash, without spaces around it.
        hash_type: One of ``HASH_TYPES`` in any case, or argon2id, argon2i, argon2d. None: told
            from the prefix of the hash.
        salt_position: ``prefix`` or ``suffix``, for ssha256 only. None: WorkOS's default, suffix.

    Returns:
        ``password_hash`` in the form that WorkOS takes, ``password_hash_type`` and, if given,
        ``password_salt_position``.

    Raises:
        RecordError: The type is unknown, or the hash hasn't its form or ranges.
    """
    expected = _named_type(hash_type) if hash_type else _type_by_prefix(password_hash)
    if expected is None:
        raise invalid(
            "password_hash_type",
            "empty, and the hash has no prefix that tells it; fill in one of "
            + ", ".join(HASH_TYPES),
        )
    try:
        normalized = _normalize(password_hash, expected)
    except MalformedHash as problem:
        raise invalid(
            "password_hash", f"{expected} {problem}; expected {_EXPECTED[expected]}; {_WAY_OUT}"
        ) from None
    fields = {"password_hash": normalized, "password_hash_type": expected}
    if salt_position:
        fields["password_salt_position"] = _salt_position(salt_position, expected)
    return fields


def _normalize(password_hash: str, expected: str) -> str:
    found = _type_by_prefix(password_hash)
    if found != expected:
        prefix = f"with the prefix of {found}" if found else "without a prefix of that type"
        raise MalformedHash(f"by its type, but {prefix}")
    return _NORMALIZERS[expected](password_hash)


def _type_by_prefix(password_hash: str) -> str | None:
    match = _PREFIX.match(password_hash)
    if not match:
        return None
    prefix = match[0]
    return _TYPE_BY_PREFIX.get(prefix.upper() if prefix[0] == "{" else prefix)


def _named_type(hash_type: str) -> str:
    name = hash_type.lower().replace("_", "-")
    if name in _ARGON2_VARIANTS:
        return "argon2"
    if name not in _EXPECTED:
        shown = f"'{hash_type}'" if names_algorithm(hash_type) else "the value"
        raise invalid(
            "password_hash_type", f"{shown} isn't one of {', '.join(HASH_TYPES)}; {_WAY_OUT}"
        )
    return name


def _salt_position(position: str, hash_type: str) -> str:
    if hash_type != "ssha256":
        raise invalid("password_salt_position", f"goes with ssha256 only, not with {hash_type}")
    if position.lower() not in {"prefix", "suffix"}:
        raise invalid("password_salt_position", "expected prefix or suffix")
    return position.lower()


def _bcrypt(password_hash: str) -> str:
    match = _BCRYPT.fullmatch(password_hash)
    if not match:
        raise MalformedHash(
            f"with {len(password_hash)} characters, not 60, or with one outside its alphabet"
        )
    revision, cost = match[1], int(match[2])
    if not 4 <= cost <= 31:  # noqa: PLR2004 - the range of the algorithm itself
        raise MalformedHash(f"with cost {cost}, outside 4 to 31")
    if revision == "2x":
        raise MalformedHash("of revision 2x, which marks hashes of a faulty implementation")
    # 2y is crypt_blowfish's (so PHP's) name for what OpenBSD calls 2b: both are computed alike,
    # only the label differs. WorkOS's docs show 2a and 2b.
    return f"$2b{password_hash[3:]}" if revision == "2y" else password_hash


def _salted_sha(password_hash: str, *, scheme: str, digest_size: int) -> str:
    """``{SCHEME}`` and Base64 of digest + salt, as LDAP servers store it."""
    encoded = phc.base64_text(password_hash.partition("}")[2], "text after the prefix")
    raw = base64.b64decode(encoded + "=" * (-len(encoded) % 4))
    if len(raw) <= digest_size:
        raise MalformedHash(f"of {len(raw)} bytes, where {digest_size} are digest, more are salt")
    return f"{{{scheme}}}{base64.b64encode(raw).decode()}"


_NORMALIZERS: dict[str, Callable[[str], str]] = {
    "bcrypt": _bcrypt,
    "firebase-scrypt": phc.firebase_scrypt,
    "ssha": partial(_salted_sha, scheme="SSHA", digest_size=20),
    "ssha256": partial(_salted_sha, scheme="SSHA256", digest_size=32),
    "scrypt": phc.scrypt,
    "pbkdf2": phc.pbkdf2,
    "argon2": phc.argon2,
}
