"""errors.jsonl: a line for each record that failed, on disk before the STATE that covers it."""

from __future__ import annotations

import hashlib
import os
import re
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import msgspec

from target_workos_users.checkpoint.digests import Digester
from target_workos_users.exceptions import OutputError, RecordError, SettingsError
from target_workos_users.files import is_intact, private_open, private_replace, write_all
from target_workos_users.records import numbers
from target_workos_users.records.parse import show_record
from target_workos_users.records.redaction import redact_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

_QUOTED = re.compile(r"(?<=')[^']+(?=')")  # an id, say; in the wrong column it may be a secret

_READ_SIZE = 4_096

_encoder = msgspec.json.Encoder(decimal_format="number", enc_hook=str)
_decode_record = msgspec.json.Decoder(dict[str, Any], float_hook=numbers.decimal).decode
_digest = Digester()


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


def line_digest(line: bytes) -> str:
    """What a checkpoint knows a line by: 11 characters."""
    return urlsafe_b64encode(hashlib.sha256(line).digest()[:8]).rstrip(b"=").decode()


def record_check(shown: Mapping[str, Any]) -> int:
    """A number that tells a record, as its line shows it, from others; no ``_sdc_*`` columns."""
    return int.from_bytes(_digest(dict(shown))[:8])


def check_of(record: Mapping[str, Any]) -> int:
    """The :func:`record_check` that the line of a record would have."""
    return record_check(_decode_record(_encoder.encode(show_record(record))))


class ErrorsFile:
    """Appends lines to an errors file.

    Args:
        path: The setting ``errors_path``. Mode 0600.

    Attributes:
        size: Bytes in it.
        tail: A digest of its last line; empty if there is none.
    """

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self.size = 0
        self.tail = ""
        self._file: IO[bytes] | None = None
        self._of_this_run = 0

    def open(self, size: int, tail: str, keep_lines: Callable[[str], bool] | None = None) -> bool:
        """Get ready to append.

        A file is continued only where a checkpoint proves that it is its own: what comes after
        the line that it knows is cut off, since those records are loaded again. Any other file is
        renamed, never changed.

        Args:
            size: Bytes that belong to the checkpoint; 0 for a fresh import.
            tail: Digest of the line that ends there.
            keep_lines: A new pass begins, and the file is renamed too. Its lines go on in the new
                one if this says so of their stream.

        Returns:
            Whether it was what the checkpoint says.

        Raises:
            SettingsError: The file can't be written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = private_open(self.path, os.O_RDWR | os.O_APPEND)
            end = self._file.seek(0, os.SEEK_END)
            proven = size <= end and tail == self._line_digest(size)
            size = size if proven else 0
            if end and (keep_lines or not size):
                self.close()
                aside = self._move_aside()
                kept = _lines(aside, size, keep_lines) if keep_lines else ()
                private_replace(self.path, kept, sync=True)
                self._file = private_open(self.path, os.O_RDWR | os.O_APPEND)
                size = self._file.seek(0, os.SEEK_END)
            self._file.truncate(size)
            self._look(size)
            self._of_this_run = size
        except OSError as error:
            raise SettingsError(
                f"errors_path: {self.path} can't be written ({error.strerror}). Nothing was "
                "loaded. Set errors_path to a file in a folder that you may write to."
            ) from None
        return proven

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
        self.tail = line_digest(content[:-1].rpartition(b"\n")[2])
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

    def drop_lines(self, is_settled: Callable[[ErrorLine], bool]) -> None:
        """At the end of a pass: drop what an earlier run wrote of records that came again.

        Args:
            is_settled: Whether this run looked at the record of a line.

        Raises:
            OutputError: It can't be written.
        """
        if not self._of_this_run or self._file is None:
            return
        try:
            private_replace(self.path, self._lines_but(is_settled), sync=True)
            self._file.close()
            self._file = private_open(self.path, os.O_RDWR | os.O_APPEND)
            self._look(self._file.seek(0, os.SEEK_END))
        except OSError as error:
            raise OutputError(
                f"errors_path: {self.path} can't be written ({error.strerror}). Everything is "
                "loaded; it lists records that were loaded since. Free the disk and run again."
            ) from None
        self._of_this_run = 0

    def close(self) -> None:
        """Close the file; an empty one stays, as a sign that nothing failed."""
        if self._file:
            self._file.close()
            self._file = None

    def _lines_but(self, is_settled: Callable[[ErrorLine], bool]) -> Iterator[bytes]:
        """All lines but those of earlier runs whose records came again, then or now."""
        latest: dict[int, int] = {}
        for position, raw in self._lines_before():
            line = _decoded(raw)
            if line is None or not is_settled(line):
                latest[_key(line, raw)] = position
        for position, raw in self._lines_before():
            if latest.get(_key(_decoded(raw), raw)) == position:
                yield raw
        with self.path.open("rb") as file:
            file.seek(self._of_this_run)
            yield from file

    def _lines_before(self) -> Iterator[tuple[int, bytes]]:
        """The lines of earlier runs, with their positions."""
        position = 0
        with self.path.open("rb") as file:
            while position < self._of_this_run:
                line = file.readline()
                yield position, line
                position += len(line)

    def _look(self, size: int) -> None:
        self.size, self.tail = size, self._line_digest(size)

    def _line_digest(self, size: int) -> str:
        """Of the line that ends at a position; empty at the start of the file.

        A text that is no digest stands for a position at which no line ends.
        """
        assert self._file
        start, line = size, b""
        while start and b"\n" not in line[:-1]:
            start = max(0, start - _READ_SIZE)
            line = os.pread(self._file.fileno(), size - start, start)
        if size and not line.endswith(b"\n"):
            return "no line ends here"
        return line_digest(line[:-1].rpartition(b"\n")[2]) if size else ""

    def _move_aside(self) -> Path:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        aside = self.path.with_name(f"{self.path.stem}-{stamp}{self.path.suffix}")
        number = 1
        while aside.exists():
            number += 1
            aside = self.path.with_name(f"{self.path.stem}-{stamp}-{number}{self.path.suffix}")
        self.path.rename(aside)
        return aside


def _lines(path: Path, size: int, keep: Callable[[str], bool]) -> Iterator[bytes]:
    """The lines within the first bytes of a file, of some streams."""
    position = 0
    with path.open("rb") as file:
        for line in file:
            position += len(line)
            found = _decoded(line)
            if position <= size and found and keep(found.stream):
                yield line


def _key(line: ErrorLine | None, raw: bytes) -> int:
    """A number that tells what failed of which record."""
    if line is None:
        return hash(raw)
    return hash((line.stream, record_check(line.record), line.error_type, line.workos_code))


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
_NO_LINE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def _decoded(line: bytes) -> ErrorLine | None:
    """A line; None if somebody made something else of it."""
    try:
        return _decode_line(line)
    except _NO_LINE:
        return None


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
    except _NO_LINE as error:
        flaw = str(error) if isinstance(error, msgspec.ValidationError) else "not valid JSON"
        raise SettingsError(
            f"{path}, line {number}: no line of an errors file ({flaw}). Expected a file that "
            "errors_path named, unchanged."
        ) from None
