"""What is wrong with a row, in words that quote nothing of it; and the fields before the flaw."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _csv import Dialect
    from collections.abc import Sequence

CUT_OFF = "the file ends there, without a line ending: was it cut off?"


def of_error(error: csv.Error, text: str, dialect: Dialect, *, ended: bool) -> str:
    """Why :mod:`csv` refuses a row.

    Args:
        error: What it raised, reading strictly.
        text: The row's lines.
        dialect: How they were read.
        ended: Whether the file ended before the row did.
    """
    if ended:
        return "a quote isn't closed before the end of the file"
    if "expected after" not in str(error):
        return f"{error}; is a quote not closed?"
    escaped = f"\\{dialect.quotechar}" in text
    way_out = r"set `escapechar` to \ (backslash)" if escaped else "it must be doubled"
    return f"text after a closing quote; if that quote is part of the field, {way_out}"


def of_width(fields: Sequence[str], named: int, width: int) -> list[str]:
    """Why a row doesn't fit its header; nothing if it does.

    Args:
        fields: The row.
        named: How many columns have a name.
        width: How many columns there are, with the nameless ones at the end.
    """
    if not named <= len(fields) <= width:
        return [f"{len(fields)} fields, the header has {width}"]
    if any(map(str.strip, fields[named:])):
        return ["a value in a column without a name"]
    return []


def fields_before(text: str, dialect: Dialect) -> list[str]:
    """The fields before the one that :mod:`csv` refused, as far as they are certain.

    Args:
        text: The row's lines.
        dialect: How they were read.
    """
    if dialect.escapechar:
        return []
    delimiter, quote = re.escape(dialect.delimiter), re.escape(dialect.quotechar or "")
    quoted = rf"{quote}(?:[^{quote}]|{quote}{quote})*+{quote}"
    plain = rf"(?! *{quote})[^{delimiter}\r\n]*+"
    whole = re.match(rf"(?:(?:{quoted}|{plain}){delimiter})*", text)
    return next(csv.reader([whole[0]], dialect))[:-1] if whole and whole[0] else []
