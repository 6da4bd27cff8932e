"""Hashes as PHC strings: argon2, scrypt, pbkdf2, and Firebase's in four spellings. Pure.

A PHC string is ``$name[$v=version]$param=value,...$salt$hash`` with Base64 in the standard
alphabet and without padding (https://github.com/P-H-C/phc-string-format). Exporters deviate, in
padding, alphabet, order and names; what can be put right with certainty is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_workos_users.records.hashes import workos
from target_workos_users.records.hashes.parts import (
    base64_bytes,
    number,
    only,
    pairs,
    passlib_bytes,
    split,
)
from target_workos_users.records.hashes.workos import Hash, MalformedHash, UnusableHash

if TYPE_CHECKING:
    from collections.abc import Callable

_FIREBASE_FIELDS = ("hash", "salt", "sk", "ss", "r", "m")
_LARGEST_LOGARITHM = 31


def _parse(text: str) -> tuple[str, str | None, dict[str, str], str, str]:
    """Name, version, parameters, salt and hash."""
    _, name, *parts = text.split("$")
    version = parts.pop(0)[2:] if parts and parts[0].startswith("v=") else None
    if len(parts) != 3:  # noqa: PLR2004 - parameters, salt, hash
        raise MalformedHash(f"with {len(parts)} parts after its name and version, not 3")
    return name.lower(), version, pairs(parts[0]), parts[1], parts[2]


def argon2(text: str) -> Hash:
    """``$argon2id$v=19$m=65536,t=3,p=4$salt$hash``.

    ``keyid`` and ``data`` mean that a secret key or more data went into the hash; without ``v`` it
    is of version 1.0, which is computed otherwise (the argon2 reference implementation).
    """
    variant, version, parameters, salt, digest = _parse(text)
    if extra := parameters.keys() & {"keyid", "data"}:
        raise UnusableHash(
            f"with {' and '.join(sorted(extra, reverse=True))}, made with a secret key or more "
            "data, which WorkOS doesn't have"
        )
    only(parameters, "m", "t", "p")
    if version != "19":
        found = "without v, so version 16" if version is None else "of another version"
        raise UnusableHash(f"{found}; WorkOS takes v=19")
    return workos.argon2(
        base64_bytes(salt, "salt"),
        base64_bytes(digest, "hash"),
        variant=variant,
        memory=number(parameters["m"], "m"),
        passes=number(parameters["t"], "t"),
        lanes=number(parameters["p"], "p"),
    )


def scrypt(text: str) -> Hash:
    """``$scrypt$v=1$n=16384,r=8,p=1,kl=64$salt$hash``, and ``ln=14`` for ``n=16384``.

    ``ln`` is the logarithm of n (passlib, RustCrypto), but Ory Kratos writes n itself there: such a
    number is no logarithm of anything that can be computed.
    """
    _, version, parameters, salt, digest = _parse(text)
    if version not in {None, "1"}:
        raise MalformedHash("with another v, where v=1 belongs")
    if "n" not in parameters and "ln" in parameters:
        logarithm = number(parameters.pop("ln"), "ln")
        large = logarithm > _LARGEST_LOGARITHM
        parameters["n"] = str(logarithm if large else 2**logarithm)
    salt_bytes, digest_bytes = base64_bytes(salt, "salt"), base64_bytes(digest, "hash")
    size = number(parameters.pop("kl", str(len(digest_bytes))), "kl")
    only(parameters, "n", "r", "p")
    if size != len(digest_bytes):
        raise MalformedHash(
            f"with kl={size:,} and a hash of {len(digest_bytes)} bytes, as if it was cut short"
        )
    return made_scrypt(salt_bytes, digest_bytes, *map(parameters.__getitem__, "nrp"))


def pbkdf2(text: str) -> Hash:
    """PBKDF2 in three spellings.

    - ``$pbkdf2$i=600000,d=sha256$salt$hash``, WorkOS's;
    - ``$pbkdf2-sha256$i=600000,l=32$salt$hash``: RustCrypto, Auth0, Ory Kratos;
    - ``$pbkdf2-sha256$600000$salt$hash`` with its own Base64: passlib, Zitadel, Elixir. Without
      ``-sha256`` it is of SHA-1 there.
    """
    _, name, parameters, salt, digest = split(text, "$", 5)
    if "=" not in parameters:
        name = prf(name.lower().partition("-")[2] or "sha1")
        return made_pbkdf2(name, passlib_bytes, salt, digest, parameters)
    values = pairs(parameters)
    values.setdefault("d", name.lower().partition("-")[2])
    size = values.pop("l", None)
    only(values, "i", "d")
    digest_bytes = base64_bytes(digest, "hash")
    if size is not None and number(size, "l") != len(digest_bytes):
        found = f"with l={number(size, 'l'):,} and a hash of {len(digest_bytes)} bytes"
        raise MalformedHash(f"{found}, as if it was cut short")
    return workos.pbkdf2(
        prf(values["d"]),
        base64_bytes(salt, "salt"),
        digest_bytes,
        iterations=number(values["i"], "i"),
        sized=size is not None,
    )


def prf(name: str) -> str:
    """``sha256`` for SHA-256, HMAC-SHA256 and the like.

    Raises:
        UnusableHash: WorkOS doesn't take PBKDF2 of that digest.
    """
    plain = name.lower().replace("-", "").replace("_", "").removeprefix("hmac")
    if plain not in workos.PBKDF2_ITERATIONS:
        found = "SHA-1" if plain == "sha1" else "another digest"
        raise UnusableHash(f"of {found}; WorkOS takes SHA-256 and SHA-512")
    return plain


def made_pbkdf2(
    name: str, decode: Callable[[str, str], bytes], salt: str, digest: str, iterations: str
) -> Hash:
    """PBKDF2 from its parts as texts, salt and hash in one encoding."""
    return workos.pbkdf2(
        name,
        decode(salt, "salt"),
        decode(digest, "hash"),
        iterations=number(iterations, "iterations"),
    )


def made_scrypt(salt: bytes, digest: bytes, *numbers: str, base: int = 10) -> Hash:
    """Scrypt from its parts, of which n, r and p are texts."""
    cost, block, lanes = (
        number(text, name, base) for name, text in zip("nrp", numbers, strict=True)
    )
    return workos.scrypt(salt, digest, cost=cost, block=block, lanes=lanes)


def firebase(text: str) -> Hash:
    """``$firebase-scrypt$v=1$r=8,m=14,ss=..,sk=..$salt$hash``, or WorkOS's tools' raw fields.

    Those write ``$firebase-scrypt$hash=..$salt=..$sk=..$ss=..$r=..$m=..``.
    """
    fields = text.split("$")[2:]
    if any(field.startswith("hash=") for field in fields):
        values = pairs(",".join(fields))
        only(values, *_FIREBASE_FIELDS)
        return _firebase(values)
    _, version, values, salt, digest = _parse(text)
    only(values, "r", "m", "ss", "sk")
    if version != "1":
        raise MalformedHash("without v=1")
    return _firebase({**values, "salt": salt, "hash": digest})


def supabase_firebase(text: str) -> Hash:
    """``$fbscrypt$v=1,n=14,r=8,p=1,ss=..,sk=..$salt$hash``: Supabase's auth server, Hanko."""
    _, _, parameters, salt, digest = split(text, "$", 5)
    values = pairs(parameters)
    only(values, "v", "n", "r", "p", "ss", "sk")
    if (values["v"], values["p"]) != ("1", "1"):
        raise MalformedHash("without v=1 and p=1")
    return _firebase({**values, "salt": salt, "hash": digest, "m": values["n"]})


def kratos_firebase(text: str) -> Hash:
    """``$firescrypt$ln=14,r=8,p=1$salt$hash$separator$signer key``: Ory Kratos."""
    _, _, parameters, salt, digest, separator, key = split(text, "$", 7)
    values = pairs(parameters)
    only(values, "ln", "r", "p")
    if values["p"] != "1":
        raise MalformedHash("without p=1")
    return _firebase(
        {"salt": salt, "hash": digest, "sk": key, "ss": separator, **values, "m": values["ln"]}
    )


def clerk_firebase(text: str) -> Hash:
    """``hash$salt$signer key$separator$rounds$memory``: Clerk's ``scrypt_firebase``."""
    return _firebase(dict(zip(_FIREBASE_FIELDS, split(text, "$", 6), strict=True)))


def _firebase(fields: dict[str, str]) -> Hash:
    decoded = {name: base64_bytes(fields[name], name) for name in ("hash", "salt", "sk", "ss")}
    return workos.firebase_scrypt(
        decoded["salt"],
        decoded["hash"],
        rounds=number(fields["r"], "r"),
        memory=number(fields["m"], "m"),
        separator=decoded["ss"],
        key=decoded["sk"],
    )
