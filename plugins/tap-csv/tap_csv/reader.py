"""CSV file -> records, row by row. A row that can't be read whole goes on, its flaws named."""

from __future__ import annotations

import codecs
import csv
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from tap_csv.exceptions import TapError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import TextIO

ERROR_COLUMN = "_sdc_error"

FIELD_LIMIT = 16 * 2**20
"""Longest field in characters: a quote that is never closed must not swallow the whole file."""

# Stands for undecodable bytes until their line is read. Unlike U+FFFD it can't be in the file: no
# Unicode codec decodes anything to a lone surrogate.
_UNDECODABLE = "\udc80"
_ERRORS = "tap_csv.mark"


def _mark(error: UnicodeError) -> tuple[str, int]:
    return _UNDECODABLE, cast("UnicodeDecodeError", error).end


codecs.register_error(_ERRORS, _mark)


class Row(NamedTuple):
    """A row of a file.

    Attributes:
        line: The line of the file it starts on, from 1.
        record: Its fields by column name, and ``_sdc_error`` if it couldn't be read whole.
    """

    line: int
    record: dict[str, Any]


@dataclass(frozen=True)
class CSVFile:
    """A CSV file with a header.

    Attributes:
        path: Where it is; errors name it so.
        encoding: A Python text codec. A byte order mark is taken off, whatever it is.
        dialect: Format parameters of :func:`csv.reader`.
    """

    path: Path
    encoding: str = "utf-8"
    dialect: Mapping[str, Any] = field(default_factory=dict)

    def header(self) -> list[str]:
        """The column names.

        Raises:
            TapError: The file can't be read, is empty, or its first line is no header.
        """
        with self._open() as (lines, reader):
            return self._read_header(lines, reader)

    def rows(self) -> Iterator[Row]:
        """The rows after the header in the order of the file; blank lines are none.

        A row with too many or too few fields, NUL bytes, bytes outside the encoding, a quote that
        isn't closed, or anything else that :mod:`csv` refuses comes with the fields that were read
        (undecodable bytes replaced by U+FFFD), and in ``_sdc_error`` the file, the line and what
        is wrong: nothing that stands in the row.

        Raises:
            TapError: The file can't be read on, or as in :meth:`header`.
        """
        with self._open() as (lines, reader):
            header = self._read_header(lines, reader)
            while not lines.ended:
                first_line = lines.count + 1
                try:
                    fields = next(reader, [])
                except csv.Error as error:
                    fields = []
                    lines.flaws.append(f"{error}; is a quote not closed?")
                else:
                    if not fields:
                        continue
                    if lines.ended:  # a whole row doesn't ask for another line
                        lines.flaws.append("a quote isn't closed before the end of the file")
                    if len(fields) != len(header):
                        lines.flaws.append(f"{len(fields)} fields, the header has {len(header)}")
                record = dict(zip(header, fields, strict=False))
                if lines.flaws:
                    record[ERROR_COLUMN] = self._where_and_why(lines, first_line)
                yield Row(first_line, record)

    @contextmanager
    def _open(self) -> Iterator[tuple[_Lines, Iterator[list[str]]]]:
        csv.field_size_limit(FIELD_LIMIT)
        try:
            with self.path.open(encoding=self.encoding, errors=_ERRORS, newline="") as file:
                lines = _Lines(file, self.encoding)
                yield lines, csv.reader(lines, **self.dialect)
        except OSError as error:
            raise TapError(f"{self.path}: {error.strerror or error}") from error
        except UnicodeError as error:  # what a codec raises past the error handler: no UTF-16 BOM
            raise TapError(
                f"{self.path} can't be read as {self.encoding} ({error}): set `encoding` of this "
                "file to the one it was saved in"
            ) from error

    def _read_header(self, lines: _Lines, reader: Iterator[list[str]]) -> list[str]:
        try:
            header = next(reader, [])
        except csv.Error as error:
            raise TapError(f"{self.path}: the header can't be read: {error}") from error
        if not lines.count:
            raise TapError(f"{self.path} is empty: its first line must be the header")
        if not any(header):
            raise TapError(f"{self.path}: the first line is blank, it must be the header")
        if lines.flaws:
            raise TapError(
                f"{self.path}: the header has {lines.flaws[0]}: set `encoding` of this file to "
                "the one it was saved in, for example cp1252 or utf-16"
            )
        for position, name in enumerate(header, start=1):
            if not name:
                raise TapError(f"{self.path}: column {position} of the header has no name")
            if (first := header.index(name) + 1) != position:
                raise TapError(
                    f"{self.path}: columns {first} and {position} of the header have the same name"
                )
        return header

    def _where_and_why(self, lines: _Lines, first_line: int) -> str:
        many = lines.count > first_line
        where = f"lines {first_line} to {lines.count}" if many else f"line {first_line}"
        return f"{self.path}, {where}: {lines.take_flaws()}"


class _Lines:
    """The lines of a file on their way to :func:`csv.reader`.

    Attributes:
        count: Lines handed out.
        ended: The reader has asked for a line after the last.
        flaws: What is wrong with the lines of the row at hand.
    """

    def __init__(self, file: TextIO, encoding: str) -> None:
        self._file = file
        self._encoding = encoding
        self.count = 0
        self.ended = False
        self.flaws: list[str] = []

    def __iter__(self) -> Iterator[str]:
        """Each line with its ending, undecodable bytes replaced."""
        for line in self._file:
            self.count += 1
            text = line
            if not line.isascii():
                if self.count == 1:
                    text = text.removeprefix("\ufeff")
                if _UNDECODABLE in text:
                    text = text.replace(_UNDECODABLE, "\ufffd")
                    self.flaws.append(f"bytes that aren't {self._encoding}")
            if "\0" in text:
                self.flaws.append("NUL bytes")
            yield text
        self.ended = True

    def take_flaws(self) -> str:
        """The flaws in one text, each once; the next row begins with none."""
        text = "; ".join(dict.fromkeys(self.flaws))
        self.flaws.clear()
        return text
