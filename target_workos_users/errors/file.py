"""errors.jsonl: a line for each record that failed, on disk before the STATE that covers it."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import msgspec

from target_workos_users.exceptions import OutputError, RecordError, SettingsError
from target_workos_users.files import is_intact, private_open, write_all
from target_workos_users.records import numbers
from target_workos_users.records.parse import show_record
from target_workos_users.records.redaction import redact_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_QUOTED = re.compile(r"(?<=')[^']+(?=')")  # an id, say; in the wrong column it may be a secret

_encoder = msgspec.json.Encoder(decimal_format="number", enc_hook=str)


def error_line(
    *,
    stream: str,
    record_number: int,
    chunk: int,
    record: Mapping[str, Any],
    error: RecordError,
) -> dict[str, Any]:
    """One line of errors.jsonl.

    Args:
        stream: The stream's name.
        record_number: Counts from 1 in the tap's order.
        chunk: Counts from 1.
        record: The record as it came; its secrets are replaced.
        error: Why it failed.
    """
    clean = show_record(record)
    return {
        "stream": stream,
        "record_number": record_number,
        "chunk": chunk,
        "email": clean.get("email"),
        "external_id": clean.get("external_id"),
        "user_id": error.user_id,
        "error_type": error.error_type,
        "error_message": _QUOTED.sub(lambda text: redact_text(text[0]), error.message),
        "retryable": error.retryable,
        "http_status": error.http_status,
        "workos_code": error.workos_code,
        "workos_request_id": error.workos_request_id,
        "workos_errors": error.workos_errors,
        "org_id": error.org_id or clean.get("org_id"),
        "org_external_id": clean.get("org_external_id"),
        "role_slugs": clean.get("role_slugs"),
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "record": clean,
    }


def shown_record(record: Mapping[str, Any]) -> bytes:
    """A record as its line in errors.jsonl has it: redacted, as JSON."""
    return _encoder.encode(show_record(record))


class ErrorsFile:
    """Appends lines to an errors file.

    Args:
        path: The setting ``errors_path``. Mode 0600.
    """

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self.size = 0
        self._file: IO[bytes] | None = None

    def open(self, keep: int | None) -> None:
        """Get ready to append.

        Args:
            keep: How many bytes of the file belong to the checkpoint that the run resumes from:
                what is after them is cut off, since its records are loaded again. None for a
                fresh import: an existing file is moved aside. So is one in which no line ends
                there: another file has taken its place.

        Raises:
            SettingsError: The file can't be written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = private_open(self.path, os.O_RDWR | os.O_APPEND)
            end = self._file.seek(0, os.SEEK_END)
            self.size = min(keep or 0, end)
            if end and (keep is None or not self._line_ends_at(self.size)):
                self.close()
                self._move_aside()
                self._file = private_open(self.path, os.O_RDWR | os.O_APPEND)
                self.size = 0
            self._file.truncate(self.size)
        except OSError as error:
            raise SettingsError(
                f"errors_path: {self.path} can't be written ({error.strerror}). Nothing was "
                "loaded. Set errors_path to a file in a folder that you may write to."
            ) from None

    def append(self, lines: Iterable[dict[str, Any]]) -> None:
        """Write the lines and wait until they are on disk.

        Raises:
            OutputError: The disk is full, or the file is gone.
        """
        content = b"".join(_encoder.encode(line) + b"\n" for line in lines)
        if not content or self._file is None:
            return
        try:
            write_all(self._file, content)
            os.fsync(self._file.fileno())
        except OSError as error:
            raise OutputError(
                f"errors_path: {self.path} can't be written ({error.strerror}). The last STATE "
                "line covers all that was loaded until then: free the disk and run again."
            ) from None
        self.size += len(content)
        self.check()

    def check(self) -> None:
        """See that all lines are still there, before a STATE line says so.

        Raises:
            OutputError: The file was removed, replaced, cut or added to: by log rotation, say.
        """
        if self._file and not is_intact(self.path, self._file, self.size):
            raise OutputError(
                f"errors_path: {self.path} was removed or changed by somebody else while the "
                "import was running. Leave it alone until the import is over (no log rotation), "
                "and run again: the import goes on from the last STATE line."
            )

    def close(self) -> None:
        """Close the file; an empty one stays, as a sign that nothing failed."""
        if self._file:
            self._file.close()
            self._file = None

    def _line_ends_at(self, size: int) -> bool:
        assert self._file
        return not size or os.pread(self._file.fileno(), 1, size - 1) == b"\n"

    def _move_aside(self) -> None:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        aside = self.path.with_name(f"{self.path.stem}-{stamp}{self.path.suffix}")
        number = 1
        while aside.exists():
            number += 1
            aside = self.path.with_name(f"{self.path.stem}-{stamp}-{number}{self.path.suffix}")
        self.path.rename(aside)


class ErrorLine(msgspec.Struct):
    """A line of errors.jsonl, as far as it is read again.

    Attributes:
        record: The redacted record.
    """

    stream: str
    record_number: Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
    error_type: str
    error_message: str
    retryable: bool = False
    http_status: int | None = None
    workos_code: str | None = None
    record: dict[str, Any] = {}


_decode_line = msgspec.json.Decoder(ErrorLine, float_hook=numbers.decimal).decode


def read_errors(path: Path) -> Iterator[ErrorLine]:
    """The lines of an errors file; a torn last line is left out.

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
    except OSError as error:
        raise SettingsError(f"{path} can't be read ({error.strerror}).") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        flaw = str(error) if isinstance(error, msgspec.ValidationError) else "not valid JSON"
        raise SettingsError(
            f"{path}, line {number}: no line of an errors file ({flaw}). Expected a file that "
            "errors_path named, unchanged."
        ) from None
