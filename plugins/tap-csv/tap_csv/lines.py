"""The lines of a file on their way to :func:`csv.reader`, and what is wrong with them."""

from __future__ import annotations

import codecs
import logging
from itertools import chain
from typing import TYPE_CHECKING, cast

from tap_csv import sniff

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import TextIO

LOGGER = logging.getLogger(__name__)

MARK_UNDECODABLE = "tap_csv.mark"
"""Error handler for decoding: what it puts in is looked for in each line."""

# Stands for undecodable bytes until their line is read. Unlike U+FFFD it can't be in the file: no
# Unicode codec decodes anything to a lone surrogate.
_UNDECODABLE = "\udc80"


def _mark(error: UnicodeError) -> tuple[str, int]:
    return _UNDECODABLE, cast("UnicodeDecodeError", error).end


codecs.register_error(MARK_UNDECODABLE, _mark)


class Lines:
    """The lines of a file, the flaws of the row at hand noted on the way.

    Attributes:
        separator: The delimiter that Excel's line ``sep=`` names, if that was the first one.
        count: Lines handed out, or passed over.
        ended: The reader has asked for a line after the last.
        row: The lines of the row at hand.
        flaws: What is wrong with them.
    """

    def __init__(self, path: Path, file: TextIO, encoding: str) -> None:
        self._path = path
        self._file = file
        self._encoding = encoding
        self._is_unicode = codecs.lookup(encoding).name.startswith("utf")
        self._mojibake = False
        self._first = file.readline().removeprefix("\ufeff")
        self._last = self._first
        self.separator = sniff.separator(self._first)
        self.count = 0
        self.ended = False
        self.row: list[str] = []
        self.flaws: list[str] = []

    def __iter__(self) -> Iterator[str]:
        """Each line with its ending, undecodable bytes replaced."""
        first = [self._first] if self._first and not self.separator else []
        self.count += bool(self.separator)
        for line in chain(first, self._file):
            self.count += 1
            text = line
            if not text.isascii():
                if _UNDECODABLE in text:
                    text = self._without_undecodable(text)
                elif not self._mojibake and sniff.is_mojibake(text):
                    self._warn_of_mojibake()
            if "\0" in text:
                self.flaws.append("NUL bytes")
            self.row.append(text)
            self._last = text
            yield text
        self.ended = True

    def _without_undecodable(self, text: str) -> str:
        advice = "; if it was saved as cp1252, set `encoding`" if self._is_unicode else ""
        self.flaws.append(f"bytes that aren't {self._encoding}{advice}")
        return text.replace(_UNDECODABLE, "\ufffd")

    def _warn_of_mojibake(self) -> None:
        self._mojibake = True
        LOGGER.warning(
            "%s, line %d: this looks like UTF-8 that was read as cp1252 (Ã© for é): %s",
            self._path,
            self.count,
            "the file was damaged before, export it again"
            if self._is_unicode
            else "set `encoding` of this file to utf-8",
        )

    @property
    def cut_off(self) -> bool:
        """The last line that was handed out has no ending, so it is the file's last."""
        return not self._last.endswith(("\n", "\r"))

    @property
    def text(self) -> str:
        """The row at hand."""
        return "".join(self.row)

    def begin_row(self) -> int:
        """Forget the row before; returns the number of the line that the next begins on."""
        self.row.clear()
        self.flaws.clear()
        return self.count + 1

    def where_and_why(self) -> str:
        """Where the row at hand is and each of its flaws, once, in one text."""
        first = self.count - len(self.row) + 1
        where = f"line {first}" if first == self.count else f"lines {first} to {self.count}"
        return f"{self._path}, {where}: {'; '.join(dict.fromkeys(self.flaws))}"
