"""The password hash formats that WorkOS takes, and whether a string is one of them.

Sources: the list of types is the enum of the WorkOS OpenAPI spec; the formats and the ranges of
their parameters are those of WorkOS docs, migrate/other-services and migrate/firebase. Two things
aren't written down there: ``ssha256`` is read as ``ssha`` with SHA-256, and bcrypt's ``$2y$`` is
taken because it is the same algorithm as ``$2b$``.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_BCRYPT = re.compile(r"\$2[aby]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}")
_PHC = re.compile(
    r"\$(?P<id>[a-z0-9-]+)(\$v=(?P<version>[0-9]{1,3}))?\$(?P<params>[a-z]+=[^$,]+(,[a-z]+=[^$,]+)*)"
    r"\$(?P<salt>[A-Za-z0-9+/]+)\$(?P<hash>[A-Za-z0-9+/]+)"
)
_NUMBER = re.compile(r"[0-9]{1,9}")
_ARGON2_LANES = range(1, 9)
_ARGON2_MEMORY_KIB = range(4_096, 262_145)
_ARGON2_PASSES = {"argon2id": range(1, 6), "argon2d": range(1, 6), "argon2i": range(3, 6)}
_PBKDF2_ROUNDS = {"sha256": range(600_000, 1_000_001), "sha512": range(210_000, 1_000_001)}
_SHA1_BYTES = 20
_SHA256_BYTES = 32


@dataclass(frozen=True)
class _Phc:
    """``$id[$v=version]$name=value,…$salt$hash``, base64 without padding."""

    id: str
    version: int | None
    params: dict[str, str]
    salt: bytes
    hash: bytes

    def number(self, name: str) -> int:
        value = self.params.get(name, "")
        return int(value) if _NUMBER.fullmatch(value) else -1


def _unpadded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


def _parse_phc(text: str) -> _Phc | None:
    match = _PHC.fullmatch(text)
    if match is None:
        return None
    version = match["version"]
    try:
        salt, digest = _unpadded(match["salt"]), _unpadded(match["hash"])
    except binascii.Error:
        return None
    params = dict(pair.split("=", 1) for pair in match["params"].split(","))
    return _Phc(match["id"], int(version) if version else None, params, salt, digest)


def _is_bcrypt(text: str) -> bool:
    return _BCRYPT.fullmatch(text) is not None


def _is_scrypt(text: str) -> bool:
    phc = _parse_phc(text)
    if phc is None or (phc.id, phc.version) != ("scrypt", 1):
        return False
    cost = phc.number("n")
    power_of_two = cost > 1 and cost & (cost - 1) == 0
    return (
        power_of_two
        and phc.number("r") > 0
        and phc.number("p") > 0
        and phc.number("kl") == len(phc.hash)
    )


def _is_pbkdf2(text: str) -> bool:
    phc = _parse_phc(text)
    if phc is None or phc.id != "pbkdf2":
        return False
    return phc.number("i") in _PBKDF2_ROUNDS.get(phc.params.get("d", ""), ())


def _is_argon2(text: str) -> bool:
    phc = _parse_phc(text)
    return (
        phc is not None
        and phc.version == 19  # noqa: PLR2004 - Argon2's own version number, 0x13
        and phc.number("m") in _ARGON2_MEMORY_KIB
        and phc.number("t") in _ARGON2_PASSES.get(phc.id, ())
        and phc.number("p") in _ARGON2_LANES
    )


def _is_firebase_scrypt(text: str) -> bool:
    phc = _parse_phc(text)
    if phc is None or (phc.id, phc.version) != ("firebase-scrypt", 1):
        return False
    try:
        signer_key = _unpadded(phc.params.get("sk", ""))
        separator = _unpadded(phc.params.get("ss", ""))
    except binascii.Error:
        return False
    return phc.number("r") > 0 and phc.number("m") > 0 and bool(signer_key) and bool(separator)


def _is_salted_sha(text: str, prefix: str, digest_bytes: int) -> bool:
    if not text.startswith(prefix):
        return False
    try:
        return len(base64.b64decode(text.removeprefix(prefix), validate=True)) > digest_bytes
    except binascii.Error:
        return False


_CHECKS: dict[str, Callable[[str], bool]] = {
    "bcrypt": _is_bcrypt,
    "firebase-scrypt": _is_firebase_scrypt,
    "ssha": lambda text: _is_salted_sha(text, "{SSHA}", _SHA1_BYTES),
    "ssha256": lambda text: _is_salted_sha(text, "{SSHA256}", _SHA256_BYTES),
    "scrypt": _is_scrypt,
    "pbkdf2": _is_pbkdf2,
    "argon2": _is_argon2,
}

HASH_TYPES = frozenset(_CHECKS)


def is_well_formed(hash_type: str, text: str) -> bool:
    """Whether ``text`` has the format of ``hash_type``, one of :data:`HASH_TYPES`."""
    return text.isascii() and _CHECKS[hash_type](text)
