"""Tables for a spreadsheet, as CSV."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from target_workos_users.errors import read_errors
from target_workos_users.files import write_output
from target_workos_users.records.numbers import encode
from target_workos_users.texts import neutralize

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from target_workos_users.errors import ErrorLine

_OWN_COLUMNS = ("stream", "record_number", "error_type", "error_message", "retryable")
_FORMULA = tuple("=+-@＝＋－＠")  # noqa: RUF001 - full-width ones too
_BOM = b"\xef\xbb\xbf"  # by which a spreadsheet knows that it is UTF-8


def write_errors_table(errors: Path, table: Path) -> int:
    """Write a row an error: what failed, then the record's columns, secrets redacted.

    The file is read twice: the columns of all records make the header.

    Returns:
        The number of rows.

    Raises:
        SettingsError: A file can't be read or written.
    """
    columns: dict[str, None] = {}
    for line in read_errors(errors):
        columns.update(dict.fromkeys(line.record))
    names = [f"record_{name}" if name in _OWN_COLUMNS else name for name in columns]
    rows = (_row(line, columns) for line in read_errors(errors))
    return write_table(table, (*_OWN_COLUMNS, *names), rows, kept=_OWN_COLUMNS, source=errors)


def write_table(
    table: Path,
    header: Sequence[str],
    rows: Iterable[Iterable[Any]],
    *,
    kept: Sequence[str],
    source: Path,
) -> int:
    """Write a CSV, mode 0600, over an earlier one of its kind at most.

    Args:
        table: The CSV to write. A cell that a spreadsheet would take for a formula begins with
            an apostrophe.
        header: Names of the columns.
        rows: Values, as many each.
        kept: The names by which a table of its kind begins.
        source: The file that is read.

    Returns:
        The number of rows.

    Raises:
        SettingsError: It can't be written, or something else is there.
    """
    written = 0

    def content() -> Iterator[bytes]:
        nonlocal written
        yield _BOM + csv_line(header).encode()
        for row in rows:
            written += 1
            yield csv_line(row).encode()

    beginning = _BOM + csv_line(kept).rstrip().encode()
    write_output(table, content(), like=beginning, inputs=[source])
    return written


def csv_line(values: Iterable[Any]) -> str:
    """A row, with its line end."""
    line = io.StringIO()
    csv.writer(line).writerow(map(_cell, values))
    return line.getvalue()


def _row(line: ErrorLine, columns: Iterable[str]) -> Iterator[Any]:
    yield from (getattr(line, name) for name in _OWN_COLUMNS)
    yield from map(line.record.get, columns)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = neutralize(value if isinstance(value, str) else encode(value).decode(), keep="\n")
    formula = isinstance(value, str) and text.lstrip().startswith(_FORMULA)
    return f"'{text}" if formula else text
