"""The seven kinds of hash that WorkOS verifies: their strings, and what may be in them.

Types: WorkOS OpenAPI spec. Strings and ranges of scrypt, pbkdf2, argon2 and ssha: WorkOS docs,
migrate/other-services; of firebase-scrypt: migrate/firebase. ``ssha256`` is documented nowhere, and
follows ``ssha``. WorkOS takes a hash of the right form whatever is in it, and then nobody signs in;
so what can't be a hash is refused here:

- argon2: RFC 9106 has salts of at least 8 bytes; under 16 bytes of hash none was made on purpose.
- pbkdf2: a hash shorter than its digest, unless its source says how long it is, was cut short.
- scrypt: WorkOS names no range. RFC 7914: n is a power of two, r * p is under 2**30. A hash that
  takes more than a GiB to verify, four times what argon2 is allowed, is taken for a damaged one.
- firebase-scrypt: Firebase's own ranges (Admin SDK, ``UserImportHash``: rounds 1 to 8, memory 1 to
  14). It encrypts its signer key, so the hash has the key's length.
- bcrypt: costs 4 to 31, and 22 + 31 characters of its own alphabet. PHP's ``2y`` is what OpenBSD
  calls ``2b`` (crypt_blowfish); ``2x`` marks hashes of a faulty implementation.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field

EXPECTED = {
    "bcrypt": "$2b$<cost>$ and 53 characters",
    "firebase-scrypt": "$firebase-scrypt$v=1$r=8,m=14,ss=<Base64>,sk=<Base64>$<salt>$<hash>",
    "ssha": "{SSHA} and the Base64 of SHA-1 digest and salt",
    "ssha256": "{SSHA256} and the Base64 of SHA-256 digest and salt",
    "scrypt": "$scrypt$v=1$n=16384,r=8,p=1,kl=64$<salt>$<hash>",
    "pbkdf2": "$pbkdf2$i=600000,d=sha256$<salt>$<hash>",
    "argon2": "$argon2id$v=19$m=65536,t=3,p=4$<salt>$<hash>",
}
HASH_TYPES = tuple(EXPECTED)

MIN_SALT = 8
_MIN_HASH = 16
_ARGON2_PASSES = {"argon2id": 1, "argon2i": 3, "argon2d": 1}
PBKDF2_ITERATIONS = {"sha256": 600_000, "sha512": 210_000}
_SIZES = {"sha1": 20, "sha256": 32, "sha512": 64}
_NAMES = {"sha256": "SHA-256", "sha512": "SHA-512"}
_SCRYPT_MEMORY = 2**30
_BCRYPT = re.compile(r"\$2([abxyABXY]?)\$(\d{1,2})\$([./A-Za-z0-9]{53})", re.ASCII)


class UnusableHash(ValueError):
    """A hash that WorkOS can't verify: names its scheme and why, and never quotes it."""


class MalformedHash(UnusableHash):
    """A hash that isn't whole, or not of the form that its beginning promises."""


@dataclass(frozen=True, slots=True)
class Hash:
    """A hash as WorkOS takes it.

    Attributes:
        type: ``password_hash_type``, one of ``HASH_TYPES``.
        text: ``password_hash``.
        salt_position: ``password_salt_position``, where the source says it.
        remark: What is taken for granted of it, a key of ``records.parse.REMARKS``.
    """

    type: str
    text: str = field(repr=False)
    salt_position: str | None = None
    remark: str | None = None


def bcrypt(text: str) -> Hash:
    """A bcrypt hash in its usual string, a cost of one digit and a capital revision put right."""
    match = _BCRYPT.fullmatch(text)
    if not match:
        raise MalformedHash(
            f"with {len(text)} characters, not 60, or with one outside its alphabet"
        )
    revision, cost, rest = match[1].lower(), int(match[2]), match[3]
    if revision in {"", "x"}:
        raise UnusableHash(f"of revision 2{revision}, made by a faulty implementation")
    if match[1].isupper() and rest.upper() == rest:
        raise MalformedHash("whose letters are all capitals; something changed their case")
    _within(cost, 4, 31, "cost {}")
    return Hash("bcrypt", f"$2{'b' if revision == 'y' else revision}${cost:02}${rest}")


def argon2(
    salt: bytes, digest: bytes, *, variant: str, memory: int, passes: int, lanes: int
) -> Hash:
    """An argon2 hash of version 1.3; ``memory`` is in KiB."""
    _within(memory, 4_096, 262_144, "m={} KiB")
    if variant not in _ARGON2_PASSES:
        raise MalformedHash("of another variant than argon2id, argon2i and argon2d")
    _within(passes, _ARGON2_PASSES[variant], 5, "t={}")
    _within(lanes, 1, 8, "p={}")
    parameters = f"m={memory},t={passes},p={lanes}"
    return Hash("argon2", f"${variant}$v=19${parameters}{_salt_and_hash(salt, digest)}")


def scrypt(salt: bytes, digest: bytes, *, cost: int, block: int, lanes: int) -> Hash:
    """An scrypt hash; ``cost`` is n itself, not its logarithm."""
    if cost < 2 or cost & (cost - 1):  # noqa: PLR2004 - RFC 7914
        raise MalformedHash(f"with n={cost:,}, which isn't a power of two")
    if not 0 < block * lanes < 2**30:
        raise MalformedHash(f"with r={block:,} and p={lanes:,}, which scrypt doesn't have")
    if 128 * cost * block > _SCRYPT_MEMORY:
        raise UnusableHash(
            f"with n={cost:,} and r={block:,}, which takes {cost * block >> 23:,} GiB to verify"
        )
    parameters = f"n={cost},r={block},p={lanes},kl={len(digest)}"
    text = f"$scrypt$v=1${parameters}{_salt_and_hash(salt, digest)}"
    return Hash("scrypt", text)


def pbkdf2(prf: str, salt: bytes, digest: bytes, *, iterations: int, sized: bool = False) -> Hash:
    """A pbkdf2 hash.

    Args:
        prf: ``sha256`` or ``sha512``.
        salt: As bytes.
        digest: The derived key.
        iterations: How many.
        sized: Its length stood in the source, so that it wasn't cut short.
    """
    _within(iterations, PBKDF2_ITERATIONS[prf], 1_000_000, f"{{}} iterations of {_NAMES[prf]}")
    is_short = len(digest) < _SIZES[prf]
    if is_short and not sized:
        raise MalformedHash(
            f"with a hash of {len(digest)} bytes, where {_NAMES[prf]} gives {_SIZES[prf]}, "
            "as if it was cut short"
        )
    text = f"$pbkdf2$i={iterations},d={prf}{_salt_and_hash(salt, digest)}"
    return Hash("pbkdf2", text, remark="short_key" if is_short else None)


def firebase_scrypt(
    salt: bytes, digest: bytes, *, rounds: int, memory: int, separator: bytes, key: bytes
) -> Hash:
    """A hash of Firebase's own scrypt, with its project's parameters."""
    _within(rounds, 1, 8, "r={}")
    _within(memory, 1, 14, "m={}")
    if not separator or not key:
        raise MalformedHash("without ss or sk, the salt separator and signer key of its project")
    if len(digest) != len(key):
        raise MalformedHash(
            f"with a hash of {len(digest)} bytes and a signer key of {len(key)}, though a hash has "
            "its key's length"
        )
    parameters = f"r={rounds},m={memory},ss={_b64(separator)},sk={_b64(key)}"
    text = f"$firebase-scrypt$v=1${parameters}{_salt_and_hash(salt, digest)}"
    return Hash("firebase-scrypt", text)


def salted_sha(name: str, raw: bytes, salt_position: str | None = None) -> Hash:
    """Digest and salt as LDAP servers store them; ``name`` is ``ssha`` or ``ssha256``.

    Old servers' salts have 4 bytes (OpenLDAP before 2.4).
    """
    size = _SIZES["sha1" if name == "ssha" else "sha256"]
    if len(raw) <= size:
        raise MalformedHash(f"of {len(raw)} bytes, where {size} are digest, more are salt")
    text = f"{{{name.upper()}}}{base64.b64encode(raw).decode()}"
    return Hash(name, text, salt_position)


def _within(value: int, low: int, high: int, what: str) -> None:
    if not low <= value <= high:
        found = what.format(f"{value:,}")
        raise UnusableHash(f"with {found}; WorkOS takes {low:,} to {high:,}")


def _salt_and_hash(salt: bytes, digest: bytes) -> str:
    """The last two parts of a PHC string."""
    if len(salt) < MIN_SALT:
        raise MalformedHash(f"with a salt of {len(salt)} bytes; real ones have {MIN_SALT} or more")
    if len(digest) < _MIN_HASH:
        raise MalformedHash(f"with a hash of {len(digest)} bytes, as if it was cut short")
    return f"${_b64(salt)}${_b64(digest)}"


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode().rstrip("=")
