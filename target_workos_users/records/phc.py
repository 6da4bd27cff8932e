"""Hashes as PHC strings: argon2, scrypt, pbkdf2, firebase-scrypt. Pure.

A PHC string is ``$name[$v=version]$param=value,...$salt$hash`` with Base64 in the standard
alphabet and without padding (https://github.com/P-H-C/phc-string-format). Exporters deviate:
padding, the URL-safe alphabet, Firebase's fields under their own names. What can be put right
with certainty is; anything else is a :class:`MalformedHash`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

_B64 = re.compile(r"[A-Za-z0-9+/]+")
_WHOLE_NUMBER = re.compile(r"[0-9]{1,10}")
_PBKDF2_ITERATIONS = {"sha256": 600_000, "sha512": 210_000}
_FIREBASE_FIELDS = {"hash", "salt", "sk", "ss", "r", "m"}


class MalformedHash(ValueError):
    """What is wrong with a hash: a text that follows the type's name, and never quotes the hash."""


def base64_text(value: str, what: str) -> str:
    """Base64 in the standard alphabet without padding, whichever of both ``value`` has."""
    stripped = value.rstrip("=").replace("-", "+").replace("_", "/")
    if not _B64.fullmatch(stripped) or len(stripped) % 4 == 1:
        raise MalformedHash(f"whose {what} isn't Base64")
    return stripped


@dataclass(frozen=True, slots=True)
class _Phc:
    name: str
    version: str | None
    params: dict[str, str]
    salt: str
    digest: str

    @classmethod
    def parse(cls, password_hash: str) -> Self:
        _, name, *segments = password_hash.split("$")
        version = segments.pop(0)[2:] if segments and segments[0].startswith("v=") else None
        if len(segments) != 3:  # noqa: PLR2004 - parameters, salt, hash
            raise MalformedHash(f"with {len(segments)} parts after its name and version, not 3")
        params, salt, digest = segments
        return cls(
            name,
            version,
            _pairs(params.split(",")),
            base64_text(salt, "salt"),
            base64_text(digest, "hash"),
        )

    def require(self, version: str | None, *names: str) -> None:
        """Refuse another version or set of parameters."""
        if self.version != version:
            found = "without v" if self.version is None else "with another v"
            raise MalformedHash(f"{found}, where {f'v={version}' if version else 'none'} belongs")
        if missing := [name for name in names if name not in self.params]:
            raise MalformedHash(f"without {' and '.join(missing)}")
        if len(self.params) > len(names):
            raise MalformedHash(f"with parameters besides {', '.join(names)}")

    def number(self, name: str, low: int, high: int, unit: str = "") -> int:
        """The value of a parameter, which must be in ``low`` to ``high``."""
        return _number(self.params, name, low, high, unit)

    def render(self, params: str) -> str:
        version = f"$v={self.version}" if self.version else ""
        return f"${self.name}{version}${params}${self.salt}${self.digest}"


def _pairs(items: list[str]) -> dict[str, str]:
    params: dict[str, str] = {}
    for item in items:
        name, equals, value = item.partition("=")
        if not equals or name in params:
            raise MalformedHash("whose parameters aren't name=value, each once")
        params[name] = value
    return params


def _number(params: dict[str, str], name: str, low: int, high: int, unit: str = "") -> int:
    if not _WHOLE_NUMBER.fullmatch(params[name]):
        raise MalformedHash(f"with {name} that isn't a whole number")
    value = int(params[name])
    if not low <= value <= high:
        raise MalformedHash(f"with {name}={value:,}{unit}, outside {low:,} to {high:,}{unit}")
    return value


def argon2(password_hash: str) -> str:
    """Check an argon2 hash. Ranges: docs, migrate/other-services."""
    phc = _Phc.parse(password_hash)
    phc.require("19", "m", "t", "p")
    memory = phc.number("m", 4_096, 262_144, " KiB")
    passes = phc.number("t", 3 if phc.name == "argon2i" else 1, 5)
    return phc.render(f"m={memory},t={passes},p={phc.number('p', 1, 8)}")


def scrypt(password_hash: str) -> str:
    """Check an scrypt hash; fill in ``v`` and ``kl``, and ``n`` where passlib's ``ln`` is given.

    WorkOS documents the form (docs, migrate/other-services) and no ranges: these are scrypt's own.
    """
    phc = _Phc.parse(password_hash)
    params = dict(phc.params)
    if "n" not in params and "ln" in params:
        params["n"] = str(2 ** _number(params, "ln", 1, 31))
        del params["ln"]
    size = len(phc.digest) * 3 // 4
    params.setdefault("kl", str(size))
    phc = _Phc(phc.name, phc.version or "1", params, phc.salt, phc.digest)
    phc.require("1", "n", "r", "p", "kl")
    cost = phc.number("n", 2, 2**31)
    if cost & (cost - 1):
        raise MalformedHash(f"with n={cost:,}, which isn't a power of two")
    block, parallel = phc.number("r", 1, 2**30 - 1), phc.number("p", 1, 2**30 - 1)
    if phc.number("kl", 1, 2**31) != size:
        raise MalformedHash(f"with kl={params['kl']} and a hash of {size} bytes; was it cut short?")
    return phc.render(f"n={cost},r={block},p={parallel},kl={size}")


def pbkdf2(password_hash: str) -> str:
    """Check a pbkdf2 hash. Ranges: docs, migrate/other-services."""
    phc = _Phc.parse(password_hash)
    phc.require(None, "i", "d")
    least = _PBKDF2_ITERATIONS.get(phc.params["d"])
    if least is None:
        raise MalformedHash("with d that is neither sha256 nor sha512")
    iterations = phc.number("i", least, 1_000_000, f" (d={phc.params['d']})")
    return phc.render(f"i={iterations},d={phc.params['d']}")


def firebase_scrypt(password_hash: str) -> str:
    """Check a Firebase hash; give its raw fields the PHC form.

    The raw form is what WorkOS's own migration tools write:
    ``$firebase-scrypt$hash=..$salt=..$sk=..$ss=..$r=..$m=..``. PHC form: docs, migrate/firebase.
    Ranges: Firebase's, which makes no other hashes (Admin SDK, UserImportHash).
    """
    segments = password_hash.split("$")[2:]
    if any(segment.startswith("hash=") for segment in segments):
        fields = _pairs(segments)
        if fields.keys() != _FIREBASE_FIELDS:
            raise MalformedHash(f"in raw form without just {', '.join(sorted(_FIREBASE_FIELDS))}")
        salt, digest = (base64_text(fields.pop(name), name) for name in ("salt", "hash"))
        phc = _Phc("firebase-scrypt", "1", fields, salt, digest)
    else:
        phc = _Phc.parse(password_hash)
    phc.require("1", "r", "m", "ss", "sk")
    separator, key = base64_text(phc.params["ss"], "ss"), base64_text(phc.params["sk"], "sk")
    rounds, memory = phc.number("r", 1, 8), phc.number("m", 1, 14)
    return phc.render(f"r={rounds},m={memory},ss={separator},sk={key}")
