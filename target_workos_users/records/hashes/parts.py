"""What hashes are made of: parts between separators, numbers, Base64, hex. Pure."""

from __future__ import annotations

import base64
import re

from target_workos_users.records.hashes.workos import MalformedHash, UnusableHash

NULLS = frozenset({"none", "null", "nil", "nan", "undefined"})
"""What programs write for no value."""

REDACTED = (
    "the word REDACTED, which Firebase gives to those without the permission "
    "firebaseauth.configs.getHashConfig (export again with it)"
)
"""What a hash is that reads REDACTED, in Base64 (firebase-admin-node, pull request 660)."""

_WHOLE_NUMBER = re.compile(r"[0-9]{1,10}")
_B64 = re.compile(r"[A-Za-z0-9+/]+")
_HEX = re.compile(r"[0-9a-f]{32,}|(?=.*[0-9])[0-9A-F]{32,}")


def split(text: str, separator: str, number: int) -> list[str]:
    """The parts of a text, of which there must be so many."""
    parts = text.split(separator)
    if len(parts) != number:
        raise MalformedHash(f"with {len(parts)} parts, not {number}")
    return parts


def number(text: str, name: str, base: int = 10) -> int:
    """A whole number; ``name`` is what it is, for the message."""
    try:
        if base != 10 or _WHOLE_NUMBER.fullmatch(text):  # noqa: PLR2004 - decimal
            return int(text, base)
    except ValueError:
        pass
    raise MalformedHash(f"with {name} that isn't a whole number")


def pairs(text: str) -> dict[str, str]:
    """``a=1,b=2`` by name."""
    found: dict[str, str] = {}
    for item in text.split(","):
        name, equals, value = item.partition("=")
        if not equals or name in found:
            raise MalformedHash("whose parameters aren't name=value, each once")
        found[name] = value
    return found


def only(parameters: dict[str, str], *names: str) -> None:
    """Refuse parameters that lack one of ``names``, or have others."""
    if missing := [name for name in names if name not in parameters]:
        raise MalformedHash(f"without {' and '.join(missing)}")
    if len(parameters) > len(names):
        raise MalformedHash(f"with parameters besides {', '.join(names)}")


def base64_bytes(text: str, what: str) -> bytes:
    """Base64, padded or not, in the standard or the URL-safe alphabet."""
    _refuse_nothing(text, what)
    stripped = text.rstrip("=").replace("-", "+").replace("_", "/")
    if _HEX.fullmatch(stripped):  # at this length certain: Base64 has other characters too
        raise MalformedHash(f"whose {what} is hex, where Base64 belongs")
    if not _B64.fullmatch(stripped) or len(stripped) % 4 == 1:
        raise MalformedHash(f"whose {what} isn't Base64")
    raw = base64.b64decode(stripped + "=" * (-len(stripped) % 4))
    if raw == b"REDACTED":
        raise UnusableHash(f"that is {REDACTED}")
    return raw


def passlib_bytes(text: str, what: str) -> bytes:
    """Passlib's own Base64, in which ``.`` stands for ``+``."""
    return base64_bytes(text.replace(".", "+"), what)


def hex_bytes(text: str, what: str) -> bytes:
    """Hex, in either case."""
    _refuse_nothing(text, what)
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise MalformedHash(f"whose {what} isn't hex") from None


def _refuse_nothing(text: str, what: str) -> None:
    if not text or text.lower() in NULLS:
        found = f"the text {text}" if text else "empty"
        raise MalformedHash(f"whose {what} is {found}; the export lacks it")
