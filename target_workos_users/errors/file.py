"""errors.jsonl: a line for each record that failed, on disk before the STATE that covers it."""

from __future__ import annotations

import hashlib
import os
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from target_workos_users.errors.lines import decoded, encoded, failure_key
from target_workos_users.exceptions import OutputError, SettingsError
from target_workos_users.files import is_intact, private_open, private_replace, write_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from target_workos_users.errors.lines import ErrorLine

_READ_SIZE = 4_096


def line_digest(line: bytes) -> str:
    """What a checkpoint knows a line by: 11 characters."""
    return urlsafe_b64encode(hashlib.sha256(line).digest()[:8]).rstrip(b"=").decode()


class ErrorsFile:
    """Appends lines to an errors file.

    Args:
        path: The setting ``errors_path``. Mode 0600.

    Attributes:
        size: Bytes in it.
        tail: A digest of its last line; empty if there is none.
        before_replacing: Called with size and tail of the file that is about to take its place: a
            kill may come before a checkpoint says so.
    """

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self.size = 0
        self.tail = ""
        self.before_replacing: Callable[[int, str], object] = lambda _size, _tail: None
        self._file: IO[bytes] | None = None
        self._of_this_run = 0

    def open(
        self,
        size: int,
        tail: str,
        keep_lines: Callable[[str], bool] | None = None,
        *,
        replaced: tuple[int, str] | None = None,
    ) -> bool:
        """Get ready to append.

        A file is continued only where a checkpoint proves that it is its own: what comes after
        the line that it knows is cut off, since those records are loaded again. Any other file is
        renamed, never changed.

        Args:
            size: Bytes that belong to the checkpoint; 0 for a fresh import.
            tail: Digest of the line that ends there.
            keep_lines: A new pass begins, and the file is renamed too. Its lines go on in the new
                one if this says so of their stream.
            replaced: Size and tail of the file that took its place, as far as is known, after the
                checkpoint.

        Returns:
            Whether it was what the checkpoint says, or what took its place.

        Raises:
            SettingsError: The file can't be written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = private_open(self.path, os.O_RDWR | os.O_APPEND)
            end = self._file.seek(0, os.SEEK_END)
            proven = size <= end and tail == self._line_digest(size)
            if not proven and replaced == (end, self._line_digest(end)):
                proven, size = True, end
            size = size if proven else 0
            if end and (keep_lines or not size):
                self.close()
                aside = self._move_aside()
                kept = _lines(aside, size, keep_lines) if keep_lines else ()
                private_replace(self.path, self._noted(kept), sync=True)
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

    def append(self, lines: Iterable[dict[str, Any]], *, sync: bool = True) -> None:
        """Write the lines, and wait until they are on disk unless nothing depends on that.

        Raises:
            OutputError: The disk is full, or the file is gone.
        """
        content = b"".join(map(encoded, lines))
        if not content or self._file is None:
            return
        try:
            write_all(self._file, content)
            if sync:
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

    def drop_lines(
        self,
        is_settled: Callable[[ErrorLine], bool],
        was_tried: Callable[[ErrorLine], bool] = lambda _: False,
        again_from: int = 0,
    ) -> None:
        """At the end: drop what was written of records that came again, or were loaded again.

        Args:
            is_settled: Whether this run looked at the record of an earlier run's line.
            was_tried: Whether it loaded the record of a line of its own once more.
            again_from: Where the lines begin that tell how that went.

        Raises:
            OutputError: It can't be written.
        """
        if not (self._of_this_run or again_from) or self._file is None:
            return
        lines = self._lines_but(is_settled, was_tried, again_from)
        try:
            private_replace(self.path, self._noted(lines), sync=True)
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

    def _lines_but(
        self,
        is_settled: Callable[[ErrorLine], bool],
        was_tried: Callable[[ErrorLine], bool],
        again_from: int,
    ) -> Iterator[bytes]:
        """All lines but those whose records came again, or were loaded again, then or now."""
        latest: dict[int, int] = {}
        for position, raw in self._lines_before():
            line = decoded(raw)
            if line is None or not is_settled(line):
                latest[failure_key(line, raw)] = position
        for position, raw in self._lines_before():
            if latest.get(failure_key(decoded(raw), raw)) == position:
                yield raw
        with self.path.open("rb") as file:
            position = file.seek(self._of_this_run)
            for raw in file:
                line = decoded(raw) if position < again_from else None
                position += len(raw)
                if line is None or not was_tried(line):
                    yield raw

    def _noted(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """The lines; and then, before they are put in place, a word of what they come to."""
        size, last = 0, b""
        for last in lines:
            size += len(last)
            yield last
        self.before_replacing(size, line_digest(last[:-1]) if last else "")

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
            found = decoded(line)
            if position <= size and found and keep(found.stream):
                yield line
