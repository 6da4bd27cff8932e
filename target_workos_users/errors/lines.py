"""A line of errors.jsonl: what it says of a record that failed, and how it is read again."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from target_workos_users.exceptions import SettingsError
from target_workos_users.records import numbers
from target_workos_users.records.columns import KNOWN_COLUMNS, by_column
from target_workos_users.records.digests import Digester
from target_workos_users.records.kinds import OTHER_COLUMNS, Kind
from target_workos_users.records.redaction import redact_text
from target_workos_users.records.shown import show_record
from target_workos_users.texts import fold, neutralize

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from target_workos_users.exceptions import RecordError

# An id, say; in the wrong column it may be a secret. An apostrophe in a word is no quote.
_QUOTED = re.compile(r"""(?<=(?<!\w)')[^']+(?='(?!\w))|(?<=(?<!\w)")[^"]+(?="(?!\w))""")

_digest = Digester()


class ErrorLine(msgspec.Struct):
    """A line of errors.jsonl, as far as it is read again.

    Attributes:
        error_pattern: The message as others of the same cause have it, where that is another text;
            unset in a line that an older release wrote.
        record: The redacted record.
        fingerprint: Stands for the whole record.
    """

    stream: str
    record_number: Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
    error_type: str
    error_message: str
    error_pattern: str | msgspec.UnsetType | None = msgspec.UNSET
    retryable: bool = False
    http_status: int | None = None
    workos_code: str | None = None
    fingerprint: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{1,16}$")] | None = None
    record: dict[str, Any] = {}

    @property
    def pattern(self) -> str:
        """The message as others of the same cause have it."""
        if self.error_pattern is msgspec.UNSET:
            return fold(self.error_message)
        return self.error_pattern or self.error_message


_decode_line = msgspec.json.Decoder(ErrorLine, float_hook=numbers.decimal).decode
_NO_LINE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def decoded(line: bytes) -> ErrorLine | None:
    """A line; None if somebody made something else of it."""
    try:
        return _decode_line(line)
    except _NO_LINE:
        return None


def error_line(
    *,
    stream: str,
    kind: Kind,
    record_number: int,
    chunk: int,
    record: Mapping[str, Any],
    error: RecordError,
    fingerprint: str | None = None,
    shown_columns: Collection[str] = (),
) -> dict[str, Any]:
    """One line of errors.jsonl: the record with its secrets replaced.

    The fingerprint stands for the record, secrets and all, under the ledger's key.
    """
    own = OTHER_COLUMNS.get(kind, frozenset()) - {"metadata"}
    shown = show_record(record, {*shown_columns, *own})
    clean = by_column(shown)
    message, pattern = redact_message(error.message), pattern_of(error)
    return {
        "stream": stream,
        "kind": kind,
        "record_number": record_number,
        "chunk": chunk,
        "email": clean.get("email"),
        "external_id": clean.get("external_id"),
        "user_id": error.user_id,
        "error_type": error.error_type,
        "error_message": message,
        "error_pattern": pattern if pattern != message else None,
        "retryable": error.retryable,
        "http_status": error.http_status,
        "workos_code": error.workos_code,
        "workos_request_id": error.workos_request_id,
        "workos_errors": error.workos_errors,
        "org_id": error.org_id or clean.get("org_id"),
        "org_external_id": clean.get("org_external_id"),
        "role_slugs": clean.get("role_slugs") or clean.get("role_slug"),
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "fingerprint": fingerprint,
        "record": shown,
    }


def pattern_of(error: RecordError) -> str:
    """The message of an error as others of the same cause have it, without a secret."""
    return fold(error.message) if error.pattern is None else redact_message(error.pattern)


def redact_message(message: str) -> str:
    """A message of our own without secrets: they can only be in what it quotes."""
    return _QUOTED.sub(lambda text: redact_text(text[0]), message)


def encoded(line: dict[str, Any]) -> bytes:
    """A line as it is written: a terminal that shows it is commanded by nothing in it."""
    return neutralize(numbers.encode(line).decode()).encode() + b"\n"


def record_check(shown: Mapping[str, Any]) -> int:
    """A number that tells a record, as its line shows it, from others, by its known columns.

    What is shown of the other columns and of ``metadata`` is up to ``shown_columns``.
    """
    known = {
        name: value
        for name, value in by_column(shown).items()
        if name == "_sdc_error" or (name in KNOWN_COLUMNS and name != "metadata")
    }
    return int.from_bytes(_digest(known)[:8])


def check_of(record: Mapping[str, Any]) -> int:
    """The :func:`record_check` that the line of a record would have."""
    return record_check(numbers.decode_object(numbers.encode(show_record(record))))


def failure_key(line: ErrorLine | None, raw: bytes) -> int:
    """A number that tells what failed of which record."""
    if line is None:
        return hash(raw)
    which = line.fingerprint or record_check(line.record)
    return hash((line.stream, which, line.error_type, line.workos_code))


def read_errors(path: Path) -> Iterator[ErrorLine]:
    """The lines of an errors file; a torn last line is left out, a whole one without its end isn't.

    Raises:
        SettingsError: The file can't be read, or a line isn't one that this target wrote.
    """
    number = 0
    try:
        with path.open("rb") as file:
            for line in file:
                number += 1
                if line.endswith(b"\n"):
                    yield _decode_line(line)
                elif last := decoded(line):  # an editor took the line end away
                    yield last
    except OSError as error:
        raise SettingsError(
            f"{path} can't be read ({error.strerror}). Name the file that errors_path named."
        ) from None
    except _NO_LINE as error:
        flaw = str(error) if isinstance(error, msgspec.ValidationError) else "not valid JSON"
        raise SettingsError(
            f"{path}, line {number}: no line of an errors file ({flaw}). Expected a file that "
            "errors_path named, unchanged."
        ) from None
