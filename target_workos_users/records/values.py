"""One column of a record: CSV text or a typed JSON value in, what WorkOS takes out. Pure.

Every function raises ``RecordError(INVALID_RECORD)`` whose message starts with the column's name
and never quotes the value: a ragged row may have moved a secret into this column.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Literal

import msgspec

from target_workos_users.exceptions import ErrorType, RecordError
from target_workos_users.records import numbers

MAX_TEXT = 1_000  # for columns without a documented limit: more is a shifted or broken export
MAX_EMAIL = 254  # RFC 3696, erratum 1690
MAX_EXTERNAL_ID = 128  # WorkOS OpenAPI spec
MAX_ROLES = 100  # no documented limit

_NOT_IN_EMAIL = r"""\s@<>()\[\],;:"\\"""
_LABEL = rf"[^.{_NOT_IN_EMAIL}]+"
_EMAIL = re.compile(rf"[^{_NOT_IN_EMAIL}]+@{_LABEL}(?:\.{_LABEL})*")
_FORMULA = re.compile(r"=.*|#(?:N/A|[A-Z0-9/]{3,8}[!?])|#{3,}", re.DOTALL)
_EXPONENT = re.compile(r"[+-]?\d(?:[.,]\d+)?E\+\d+", re.IGNORECASE)
ROLE_SLUG = re.compile(r"[a-z0-9_-]{1,48}")
_BOOLEANS = dict.fromkeys(("true", "t", "yes", "y", "1", "1.0"), True) | dict.fromkeys(
    ("false", "f", "no", "n", "0", "0.0"), False
)

_json_list = msgspec.json.Decoder(list[Any], float_hook=numbers.decimal)


def invalid(column: str, problem: str, *facts: object) -> RecordError:
    """The error of a record whose ``column`` WorkOS wouldn't take.

    Args:
        column: Its name.
        problem: What is wrong, with ``{}`` in each fact's place.
        facts: What differs from record to record.
    """
    error = RecordError.worded(ErrorType.INVALID_RECORD, problem, *facts)
    error.message, error.pattern = f"{column}: {error.message}", f"{column}: {error.pattern}"
    return error


def text(record: Mapping[str, Any], column: str, limit: int = MAX_TEXT) -> str | None:
    """The column's text without spaces around it; None if it is missing, null or blank.

    A number is its text as JSON writes it (``42``, ``42.0``), a date its ISO 8601 form.
    """
    value = record.get(column)
    if value is None:
        return None
    if type(value) is not str:
        value = scalar_text(column, value)
    value = value.strip()
    if not value:
        return None
    if len(value) > limit or "\0" in value or not value.isascii():
        check_text(column, value, limit)
    return value


def check_text(column: str, value: str, limit: int = MAX_TEXT) -> None:
    """Refuse a text that is too long or can't be sent as JSON in UTF-8."""
    if len(value) > limit:
        raise invalid(column, f"{{}} characters; expected {limit:,} at most", f"{len(value):,}")
    if "\0" in value:
        raise invalid(column, "has a NUL character; remove it at the source")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise invalid(
            column,
            "has half a surrogate pair, which is no Unicode text; "
            "was the source read in a wrong encoding?",
        ) from None


def scalar_text(column: str, value: Any) -> str:
    """A scalar as text: a number as JSON writes it, a date in ISO 8601."""
    if isinstance(value, str):
        return value
    if isinstance(value, float | Decimal) and not Decimal(value).is_finite():
        raise invalid(column, "NaN or infinity; expected text")
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        try:
            return str(value)
        except ValueError:  # an integer of more digits than Python converts
            raise invalid(column, "a number of thousands of digits; expected text") from None
    if isinstance(value, date):
        return value.isoformat()
    raise invalid(column, f"{kind(value)}; expected text")


def external_id(record: Mapping[str, Any], column: str) -> str | None:
    """An external id of a user or an organization."""
    value = text(record, column)
    if value is not None:
        check_external_id(column, value)
    return value


def check_external_id(column: str, value: str) -> None:
    """Refuse more than 128 characters, or others than ASCII (WorkOS OpenAPI spec)."""
    check_text(column, value, MAX_EXTERNAL_ID)
    if not value.isascii():
        raise invalid(column, "has characters outside ASCII; WorkOS takes ASCII only")
    if _EXPONENT.fullmatch(value):
        raise invalid(
            column,
            "a number with an exponent, as spreadsheets write long numbers: digits of it are lost. "
            "Export it from the source itself, not through a spreadsheet, or format the column as "
            "text there before the file is opened",
        )
    if _FORMULA.fullmatch(value):
        what = 'a formula of a spreadsheet, such as ="00123", or its error, such as #REF!'
        raise invalid(column, f"{what}; write the text alone, without = and quotes")
    if value in {".", ".."}:  # URL parsers drop such a path segment; measured, workos 10.8.0
        raise invalid(column, "is '.' or '..', which can't be looked up in WorkOS; use another id")


def email(record: Mapping[str, Any]) -> str:
    """The address as WorkOS stores it: trimmed and in lower case (WorkOS OpenAPI spec).

    The check is pragmatic, WorkOS has the last word: one ``@``, no empty part, no space, control
    character, bracket, quote or comma. A domain without a dot passes.
    """
    value = record.get("email")
    if value is None or value == "":
        raise invalid(
            "email",
            "missing; every record needs one. If the source has it under another name, "
            "rename it with a stream map",
        )
    if not isinstance(value, str):
        raise invalid("email", f"{kind(value)}; expected an email address")
    written = value.strip()
    address = written.lower()
    if len(address) > MAX_EMAIL or not address.isprintable() or not _EMAIL.fullmatch(address):
        raise _no_address(address)
    if not written.isascii():
        _check_letters(written)
    return address


def _check_letters(written: str) -> None:
    """Refuse what isn't the address that it looks like."""
    if "\ufffd" in written:
        raise invalid(
            "email",
            "has U+FFFD, which stands where a character was lost; "
            "read the source in its own encoding",
        )
    if any(letter.lower().isascii() for letter in written if not letter.isascii()):
        raise invalid(
            "email",
            "has a letter outside ASCII that is an ASCII letter in lower case, such as the Kelvin "
            "sign: it would become somebody else's address; correct it at the source",
        )


def _no_address(address: str) -> RecordError:
    if not address:
        return invalid("email", "blank; every record needs one")
    if len(address) > MAX_EMAIL:
        most = f"an address has {MAX_EMAIL} at most"
        return invalid("email", f"{{}} characters; {most}", f"{len(address):,}")
    if not (ats := address.count("@")):
        return invalid("email", "no '@'; expected one address like name@example.com")
    if ats > 1:
        return invalid("email", "{} '@'; expected one address like name@example.com", ats)
    if " " in address or not address.isprintable():
        return invalid("email", "has a space, control or invisible character within")
    return invalid("email", "not an address like name@example.com")


def boolean(record: Mapping[str, Any], column: str) -> bool | None:
    """The column as a truth value; None if it is missing, null or blank."""
    value = record.get(column)
    if value is None or value is True or value is False:
        return value
    word = text(record, column)
    if word is None:
        return None
    truth = _BOOLEANS.get(word.lower())
    if truth is None:
        raise invalid(column, f"{kind(value)} that isn't one of true, false, yes, no, 1, 0")
    return truth


def ip_address(record: Mapping[str, Any]) -> str | None:
    """The user's address in the internet."""
    value = text(record, "ip_address")
    if value is not None:
        try:
            ipaddress.ip_address(value)
        except ValueError:
            raise invalid("ip_address", "expected one IPv4 or IPv6 address") from None
    return value


def status(record: Mapping[str, Any]) -> Literal["active", "inactive"] | None:
    """The status of the membership; None if the record doesn't say."""
    value = text(record, "status")
    match value and value.lower():
        case None:
            return None
        case "active":
            return "active"
        case "inactive":
            return "inactive"
        case "pending":
            raise invalid(
                "status",
                "pending; only an invitation makes such a membership, and an import sends none. "
                "Leave the row out and invite the user, or make it active or inactive",
            )
    raise invalid("status", f"{kind(value)} that is neither active nor inactive")


def role_slugs(record: Mapping[str, Any]) -> tuple[str, ...]:
    """The roles of the membership, in order, each once: ``role_slugs``, then ``role_slug``.

    Either takes a list, its JSON text, or a comma-separated text. A slug has up to 48 lower-case
    letters, digits, hyphens and underscores (WorkOS OpenAPI spec).
    """
    slugs = (*_slugs(record, "role_slugs"), *_slugs(record, "role_slug"))
    return tuple(dict.fromkeys(slugs))


def _slugs(record: Mapping[str, Any], column: str) -> tuple[str, ...]:
    value = record.get(column)
    if isinstance(value, str):
        value = _split_slugs(column, value)
    if value is None:
        return ()
    if not isinstance(value, list | tuple):
        raise invalid(column, f"{kind(value)}; expected a list, its JSON text or slugs and commas")
    if len(value) > MAX_ROLES:
        raise invalid(column, f"{{}} roles; expected {MAX_ROLES} at most", f"{len(value):,}")
    slugs: dict[str, None] = {}
    for position, item in enumerate(value, start=1):
        slug = item if type(item) is str else scalar_text(column, "" if item is None else item)
        slug = slug.strip()
        if not slug:
            continue
        if not ROLE_SLUG.fullmatch(slug):
            raise invalid(
                column,
                "item {} isn't a role slug: expected up to 48 lower-case letters, digits, "
                "hyphens and underscores, as the WorkOS dashboard shows it",
                position,
            )
        slugs[slug] = None
    return tuple(slugs)


def _split_slugs(column: str, value: str) -> list[Any]:
    value = value.strip()
    if not value.startswith("["):
        return value.split(",") if value else []
    try:
        return _json_list.decode(value)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        raise invalid(column, "begins with '[' but isn't a JSON list") from None


def decoded(text: str) -> Any:
    """What a JSON text says; None if it is none."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None


def kind(value: Any) -> str:
    """What a JSON value is, in words for an error message."""
    if isinstance(value, str):
        return "a text"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return "a list"
    return "a number" if isinstance(value, int | float | Decimal) else f"a {type(value).__name__}"
