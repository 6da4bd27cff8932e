"""CSV file -> records, row by row. A row that can't be read whole goes on, its flaws named."""

from __future__ import annotations

import csv
import logging
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any, NamedTuple

from tap_csv import flaws, sniff
from tap_csv.exceptions import TapError
from tap_csv.lines import MARK_UNDECODABLE, Lines

if TYPE_CHECKING:
    from _csv import Reader
    from collections.abc import Iterator, Mapping
    from pathlib import Path

LOGGER = logging.getLogger(__name__)

ERROR_COLUMN = "_sdc_error"

FIELD_LIMIT = 16 * 2**20
"""Longest field in characters: a quote that is never closed must not swallow the whole file."""


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
        """The column names, spaces around them taken off, without nameless ones at the end.

        Raises:
            TapError: The file can't be read, is empty, isn't a CSV file in this encoding and with
                this delimiter, or its first line isn't a header.
        """
        with self._open() as (lines, reader):
            return self._read_header(lines, reader)[0]

    def rows(self) -> Iterator[Row]:
        """The rows after the header in the order of the file, without blank lines.

        A row with too many or too few fields, a value in a column without a name, NUL bytes, bytes
        outside the encoding, a quote that isn't closed or has text after it, or anything else that
        :mod:`csv` refuses comes with the fields that were read before (undecodable bytes replaced
        by U+FFFD), and in ``_sdc_error`` the file, the line and what is wrong: nothing that stands
        in the row.

        Raises:
            TapError: The file can't be read on, or as in :meth:`header`.
        """
        with self._open() as (lines, reader):
            header, width = self._read_header(lines, reader)
            if width > len(header):
                LOGGER.warning(
                    "%s: the header ends in a column without a name, which is left out while it is "
                    "empty",
                    self.path,
                )
            row = None
            while not lines.ended:
                first_line = lines.begin_row()
                try:
                    fields = next(reader, [])
                except csv.Error as error:
                    fields = flaws.fields_before(lines.text, reader.dialect)
                    lines.flaws.append(self._refusal(error, lines, reader))
                else:
                    if not fields:
                        continue
                    if len(fields) != len(header):
                        lines.flaws += flaws.of_width(fields, len(header), width)
                record = dict(zip(header, fields, strict=False))
                if lines.flaws:
                    if lines.cut_off:
                        lines.flaws.append(flaws.CUT_OFF)
                    record[ERROR_COLUMN] = lines.where_and_why()
                row = Row(first_line, record)
                yield row
            self._say_what_the_end_is_like(lines, row)

    @contextmanager
    def _open(self) -> Iterator[tuple[Lines, Reader]]:
        csv.field_size_limit(FIELD_LIMIT)
        try:
            with self.path.open("rb") as file:
                head = file.peek(sniff.SAMPLE)
                if other := sniff.other_format(head):
                    raise TapError(f"{self.path} is {other}")
                if encoding := sniff.other_encoding(head, self.encoding):
                    raise TapError(
                        f"{self.path} is {encoding}, not {self.encoding}: set `encoding` of this "
                        f"file to {encoding}"
                    )
                text = TextIOWrapper(file, self.encoding, MARK_UNDECODABLE, newline="")
                lines = Lines(self.path, text, self.encoding)
                yield lines, self._reader(lines)
        except OSError as error:
            raise TapError(f"{self.path}: {error.strerror or error}") from error
        except UnicodeError as error:  # what a codec raises past the error handler: no UTF-16 BOM
            raise TapError(
                f"{self.path} can't be read as {self.encoding} ({error}): set `encoding` of this "
                "file to the one it was saved in"
            ) from error

    def _reader(self, lines: Lines) -> Reader:
        dialect = dict(self.dialect)
        if lines.separator:
            dialect["delimiter"] = lines.separator
        texts = iter(lines)
        if dialect.get("escapechar") == "\\":  # \N is MySQL's null, not an escaped N
            texts = (text.replace(r"\N", r"\\N") for text in texts)
        # Not strict, `"Jo "JJ" Doe"` would be another value: `Jo JJ" Doe"`.
        return csv.reader(texts, **dialect, strict=True)

    def _read_header(self, lines: Lines, reader: Reader) -> tuple[list[str], int]:
        """The columns with a name, and how many there are with those that have none."""
        lines.begin_row()
        try:
            names = [name.strip() for name in next(reader, [])]
        except csv.Error as error:
            self._check_delimiter(lines, reader)
            raise TapError(
                f"{self.path}: the header can't be read: {self._refusal(error, lines, reader)}"
            ) from error
        if not lines.row:
            raise TapError(f"{self.path} is empty: its first line must be the header")
        if not any(names):
            raise TapError(f"{self.path}: the first line is blank: it must be the header")
        if lines.flaws:
            raise TapError(f"{self.path}: the header has {lines.flaws[0]}")
        if len(names) == 1:
            self._check_delimiter(lines, reader)
        if sniff.has_address(names):
            raise TapError(
                f"{self.path} has no header: its first line holds an email address. Put a line "
                "with the names of the columns before it"
            )
        width = len(names)
        while not names[-1]:
            names.pop()
        self._check_names(names)
        return names, width

    def _check_delimiter(self, lines: Lines, reader: Reader) -> None:
        delimiter = sniff.other_delimiter(lines.row[0], reader.dialect.delimiter)
        if delimiter:
            raise TapError(
                f"{self.path}: it looks as if the delimiter is {delimiter}: set `delimiter` of "
                "this file to it"
            )

    def _check_names(self, names: list[str]) -> None:
        for position, name in enumerate(names, start=1):
            if not name:
                raise TapError(f"{self.path}: column {position} of the header has no name")
            if name[0] in "\"'":
                raise TapError(
                    f"{self.path}: the name of column {position} begins with a quote: set "
                    "`skipinitialspace` if spaces follow the delimiter, `quotechar` if it is "
                    "another"
                )
            if (first := names.index(name) + 1) != position:
                raise TapError(
                    f"{self.path}: columns {first} and {position} of the header have the same name"
                )

    def _refusal(self, error: csv.Error, lines: Lines, reader: Reader) -> str:
        if lines.ended and len(lines.row) > 1:
            LOGGER.warning(
                "%s: a quote that opens in line %d isn't closed before the end of the file, so "
                "that none of its last %d lines can be read",
                self.path,
                lines.count - len(lines.row) + 1,
                len(lines.row),
            )
        return flaws.of_error(error, lines.text, reader.dialect, ended=lines.ended)

    def _say_what_the_end_is_like(self, lines: Lines, last: Row | None) -> None:
        if not last:
            LOGGER.warning("%s has a header and no rows", self.path)
        elif lines.cut_off and ERROR_COLUMN not in last.record:
            LOGGER.warning(
                "%s ends without a line ending: if it was cut off, the last value of line %d is "
                "shorter than it should be",
                self.path,
                lines.count,
            )
