"""Whether a password fits a hash in the form that WorkOS documents, computed from that form alone.

Forms: WorkOS docs, migrate/other-services and migrate/firebase. It knows nothing of the target, and
refuses whatever isn't exactly the documented string.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING

import bcrypt
from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_B64 = r"[A-Za-z0-9+/]+"
_PARTS = rf"\$(?P<salt>{_B64})\$(?P<hash>{_B64})"
FORMS = {
    "bcrypt": r"\$2[ab]\$[0-3][0-9]\$[./A-Za-z0-9]{53}",
    "argon2": r"\$(?P<id>argon2id|argon2i|argon2d)\$v=19"
    rf"\$m=(?P<m>\d+),t=(?P<t>\d),p=(?P<p>\d){_PARTS}",
    "scrypt": rf"\$scrypt\$v=1\$n=(?P<n>\d+),r=(?P<r>\d+),p=(?P<p>\d+),kl=(?P<kl>\d+){_PARTS}",
    "pbkdf2": rf"\$pbkdf2\$i=(?P<i>\d+),d=(?P<d>sha256|sha512){_PARTS}",
    "firebase-scrypt": r"\$firebase-scrypt\$v=1\$r=(?P<r>\d),m=(?P<m>\d+)"
    rf",ss=(?P<ss>{_B64}),sk=(?P<sk>{_B64}){_PARTS}",
    "ssha": rf"\{{SSHA\}}(?P<raw>{_B64}={{0,2}})",
    "ssha256": rf"\{{SSHA256\}}(?P<raw>{_B64}={{0,2}})",
}


def parts(fields: Mapping[str, str]) -> dict[str, str]:
    """The parts of a user's hash, by the names of its form."""
    found = re.fullmatch(FORMS[fields["password_hash_type"]], fields["password_hash"], re.ASCII)
    assert found, "not the documented form"
    return found.groupdict()


def fits(fields: Mapping[str, str], password: str) -> bool:
    """Whether WorkOS, computing as its form says, would let the user in with the password."""
    given = parts(fields)
    compute = _COMPUTED.get(fields["password_hash_type"])
    if compute:
        return compute(given, password.encode()) == decode(given["hash"])
    if fields["password_hash_type"] == "bcrypt":
        return bcrypt.checkpw(password.encode(), fields["password_hash"].encode())
    name = "sha1" if fields["password_hash_type"] == "ssha" else "sha256"
    raw = base64.b64decode(given["raw"], validate=True)
    size = hashlib.new(name).digest_size
    salted = password.encode() + raw[size:]
    if fields.get("password_salt_position") == "prefix":
        salted = raw[size:] + password.encode()
    return hashlib.new(name, salted).digest() == raw[:size]


def decode(text: str) -> bytes:
    """Base64 without padding."""
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


def _argon2(given: dict[str, str], password: bytes) -> bytes:
    variants = {"argon2id": Type.ID, "argon2i": Type.I, "argon2d": Type.D}
    return hash_secret_raw(
        password,
        decode(given["salt"]),
        time_cost=int(given["t"]),
        memory_cost=int(given["m"]),
        parallelism=int(given["p"]),
        hash_len=len(decode(given["hash"])),
        type=variants[given["id"]],
        version=19,
    )


def _scrypt(given: dict[str, str], password: bytes) -> bytes:
    return hashlib.scrypt(
        password,
        salt=decode(given["salt"]),
        n=int(given["n"]),
        r=int(given["r"]),
        p=int(given["p"]),
        dklen=int(given["kl"]),
        maxmem=2**30,
    )


def _pbkdf2(given: dict[str, str], password: bytes) -> bytes:
    size = len(decode(given["hash"]))
    return hashlib.pbkdf2_hmac(given["d"], password, decode(given["salt"]), int(given["i"]), size)


def firebase(password: bytes, salt: bytes, key: bytes, rounds: int, memory: int) -> bytes:
    """Firebase's own computation (github firebase/scrypt): AES of the signer key, by scrypt.

    ``salt`` is the user's, with the project's separator behind it.
    """
    derived = hashlib.scrypt(password, salt=salt, n=2**memory, r=rounds, p=1, maxmem=2**30)
    return Cipher(algorithms.AES(derived[:32]), modes.CTR(bytes(16))).encryptor().update(key)


def _firebase(given: dict[str, str], password: bytes) -> bytes:
    salt = decode(given["salt"]) + decode(given["ss"])
    return firebase(password, salt, decode(given["sk"]), int(given["r"]), int(given["m"]))


_COMPUTED: dict[str, Callable[[dict[str, str], bytes], bytes]] = {
    "argon2": _argon2,
    "scrypt": _scrypt,
    "pbkdf2": _pbkdf2,
    "firebase-scrypt": _firebase,
}
