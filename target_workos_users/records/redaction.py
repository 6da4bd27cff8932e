"""What of a record may be written to errors.jsonl: everything but its secrets. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec

from target_workos_users.records import numbers
from target_workos_users.records.hashes import HASH_SIGN

REDACTED = "[redacted]"

MAX_VALUE = 4_096  # characters; a longer value is shortened
_KEPT = 256  # characters of a shortened value
_MAX_DEPTH = 32
_MOST_NAMES = 20
_PLAIN_NAME = re.compile(r"[A-Za-z_][\w .-]{0,39}")  # of a column

_HARMLESS = frozenset({"password_salt_position", "totp_issuer", "totp_user"})
_NAME = (
    r"passw|passphrase|(?<![a-z])pass(?![a-z])|pwd|hash|salt|secret|token|otp|credential|cookie|authorization"
    r"|(?:api|private|access|signer|signing|encryption).?key|(?:backup|recovery).?code"
)
_SECRET_NAME = re.compile(_NAME, re.IGNORECASE)
# A secret within a text: `password=…`, `"token": …`, also escaped in JSON within JSON.
_ASSIGNMENT = re.compile(rf"""(?:{_NAME})[\w\s\\"'-]{{0,30}}[:=]""", re.IGNORECASE)
# A ragged row puts a hash into another column: known by its form.
_SECRET_VALUE = re.compile(
    rf"{HASH_SIGN}|\bsk_\w{{8}}|-----BEGIN [A-Z ]*PRIVATE KEY",
    re.IGNORECASE,
)
_CERTAIN = re.compile(
    rf"{HASH_SIGN}|\bsk_(?:test|live)_\w{{8}}|-----BEGIN [A-Z ]*PRIVATE KEY", re.IGNORECASE
)
_SHORTEST = 20  # characters of a hash or a key
# Such a row also puts anything into password_hash_type: only what names an algorithm is shown.
_ALGORITHM_WORD = (
    r"(?:[bsy]|bc|yes|fbs|fires|blf-?)?crypt|bcryptjs|pbkdf2|argon2(?:id|i|d)?|s?sha(?:\d|256|384|512)?"
    r"|s?md[245]|hmac|phpass|ntlm|firebase|ldap|django|werkzeug|symfony|okta|better|auth|lucia"
    r"|(?:un)?salted|peppered|hex|base64|utf8|utf16|plain|\d{1,3}"
)
_ALGORITHM = re.compile(rf"(?:{_ALGORITHM_WORD})(?:[ _.-](?:{_ALGORITHM_WORD}))*", re.IGNORECASE)


def names_algorithm(hash_type: str) -> bool:
    """Whether a ``password_hash_type`` is safe to show: it names some hash algorithm."""
    return _ALGORITHM.fullmatch(hash_type) is not None


def is_hash_or_key(text: str) -> bool:
    """Whether a text can hardly be anything else than a password hash or a secret key."""
    return len(text) >= _SHORTEST and _CERTAIN.search(text) is not None


def redact(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record fit for errors.jsonl. Never raises; the result can be written as UTF-8 JSON.

    Returns:
        The record in which ``"[redacted]"`` stands for every value that is under a name like
        ``password``, ``hash``, ``salt``, ``secret``, ``token``, ``otp`` or ``api_key`` (also
        nested, also in JSON text) or has the form of a password hash, a secret key or a private
        key. Values of more than 4,096 characters are shortened to 256 and a note.
    """
    return {redact_text(str(name)): _column(str(name), value) for name, value in record.items()}


def redact_text(value: str) -> str:
    """A text fit to be shown: redacted if it seems to hold a secret, shortened if it is long."""
    return _redact_text(value, 0)


def texts_of(value: Any, *, hidden: bool = False) -> Iterator[str]:
    """The texts in a JSON value, at whatever depth.

    Args:
        value: The value.
        hidden: Only those that :func:`redact` hides.
    """
    if isinstance(value, str):
        if not hidden or redact_text(value) != value:
            yield value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from texts_of(item, hidden=hidden and _member(name, item, 0) != REDACTED)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts_of(item, hidden=hidden)


@lru_cache(maxsize=16_384)
def is_plain(value: str) -> bool:
    """Whether a name from a record is fit for the log, the state or the summary.

    It isn't if it seems to be a secret or an email address, which a ragged row has moved there.
    """
    return "@" not in value and _redact_text(value, 0) == value


def _column(name: str, value: Any) -> Any:
    shown = _member(name, value, 0)
    if isinstance(shown, dict | list):
        encoded = numbers.encode(shown)
        if len(encoded) > MAX_VALUE:
            return _shorten(encoded.decode())
    return shown


def _member(name: str, value: Any, depth: int) -> Any:
    """The value under ``name``, at whatever depth; an absent secret is shown as absent."""
    if name == "password_hash_type":
        harmless = not isinstance(value, str) or names_algorithm(value.strip())
    else:
        harmless = name in _HARMLESS or not _SECRET_NAME.search(name)
    if harmless or value is None or value == "":
        return _value(value, depth)
    return REDACTED


def _value(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return _redact_text(value, depth)
    if value is None or isinstance(value, bool | int | float | Decimal):
        return value
    if depth >= _MAX_DEPTH:
        return "[nested too deep]"
    if isinstance(value, Mapping):
        return {
            redact_text(str(name)): _member(str(name), item, depth + 1)
            for name, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_value(item, depth + 1) for item in value]
    return _redact_text(str(value), depth)


def _redact_text(value: str, depth: int) -> str:
    if len(value) > MAX_VALUE:
        return _text(_shorten(value))
    if depth < _MAX_DEPTH and value.lstrip()[:1] in {"{", "["}:
        try:
            decoded = numbers.decode(value)
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            return _text(value)
        # Never the text itself: of a name that comes twice, the decoder shows only the last value.
        return numbers.encode(_value(decoded, depth + 1)).decode()
    return _text(value)


def _text(value: str) -> str:
    """A text that is no JSON, or the name of a column."""
    if _SECRET_VALUE.search(value) or _ASSIGNMENT.search(value):
        return REDACTED
    return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()


def _shorten(value: str) -> str:
    return f"{value[:_KEPT]}... [{len(value):,} characters]"


def shown_names(names: Sequence[str]) -> str:
    """Names of columns, as far as they are no values of a file without a header."""
    if any("@" in name for name in names):
        return f"{len(names):,}, not shown since one is an address: is there no header?"
    shown = ", ".join(
        name if _PLAIN_NAME.fullmatch(name) and is_plain(name) else "<a name that isn't shown>"
        for name in names[:_MOST_NAMES]
    )
    return shown + (f", and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else "")
