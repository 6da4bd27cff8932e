"""The records of an errors file as a CSV for a spreadsheet."""

from __future__ import annotations

import csv
import io
import os
from typing import TYPE_CHECKING, Any

import msgspec

from target_workos_users.errors import read_errors
from target_workos_users.exceptions import SettingsError
from target_workos_users.files import private_open

if TYPE_CHECKING:
    from pathlib import Path

    from target_workos_users.errors import ErrorLine

_OWN_COLUMNS = ("stream", "record_number", "error_type", "error_message", "retryable")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_encode = msgspec.json.Encoder(decimal_format="number").encode


def write_table(errors: Path, table: Path) -> int:
    """Write a row an error: what failed, then the record's columns, secrets redacted.

    The file is read twice: the columns of all records make the header. Mode 0600.

    Args:
        errors: The errors file.
        table: The CSV to write. A cell that a spreadsheet would take for a formula begins with
            an apostrophe.

    Returns:
        The number of rows.

    Raises:
        SettingsError: A file can't be read or written.
    """
    columns: dict[str, None] = {}
    for line in read_errors(errors):
        columns.update(dict.fromkeys(line.record))
    names = [f"record_{name}" if name in _OWN_COLUMNS else name for name in columns]
    rows = 0
    try:
        with (
            private_open(table, os.O_WRONLY | os.O_TRUNC) as raw,
            io.TextIOWrapper(io.BufferedWriter(raw), encoding="utf-8-sig", newline="") as file,
        ):
            writer = csv.writer(file)
            writer.writerow(map(_cell, (*_OWN_COLUMNS, *names)))
            for line in read_errors(errors):
                writer.writerow(_row(line, columns))
                rows += 1
    except OSError as error:
        raise SettingsError(f"{table} can't be written ({error.strerror}).") from None
    return rows


def _row(line: ErrorLine, columns: dict[str, None]) -> list[str]:
    own = (getattr(line, name) for name in _OWN_COLUMNS)
    return [*map(_cell, own), *(_cell(line.record.get(name)) for name in columns)]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else _encode(value).decode()
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text
