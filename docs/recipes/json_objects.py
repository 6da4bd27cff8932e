"""JSON of any size -> its objects, one at a time, in flat memory."""

from __future__ import annotations

import gzip
import json
import re
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Row = dict[str, Any]

CHUNK = 2**16  # characters read at a time
LARGEST = 2**24  # characters of one value at most: a broken file must not be read whole
_BLANK = re.compile(r"[ \t\r\n]*")


def objects(path: Path, list_name: str | None) -> Iterator[tuple[int, Row]]:
    """The objects of a file with their lines, one at a time.

    They stand in NDJSON, in a list, or in the list of that name in a document.
    """
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8-sig", errors="surrogateescape") as file:
        text = Text(path, file)
        if not text.peek():
            raise SystemExit(f"{path} is empty; is it cut off?")
        while start := text.peek():
            if start == "[":
                found = text.items()
            else:
                found = text.members(list_name) if list_name else iter([text.value()])
            for item in found:
                if not isinstance(item, dict):
                    raise text.broken()
                yield text.line, item


class Text:
    """A JSON text that is read value by value.

    Attributes:
        line: Where the last value began.
    """

    def __init__(self, path: Path, file: IO[str]) -> None:
        self.line = 1
        self._path = path
        self._file = file
        self._decode = json.JSONDecoder().raw_decode
        self._text = ""
        self._at = 0
        self._lines = 1  # up to _at
        self._ended = False

    def peek(self) -> str:
        """The next character that isn't blank; empty at the end."""
        while True:
            if blank := _BLANK.match(self._text, self._at):
                self._pass(blank.end())
            if self._at < len(self._text) or not self._fill():
                return self._text[self._at : self._at + 1]

    def take(self, expected: str) -> bool:
        """Whether the next character is this one, which is passed then."""
        found = self.peek() == expected
        self._at += found
        return found

    def value(self) -> Any:
        """The next value, whole."""
        self.peek()
        self.line = self._lines
        while True:
            try:
                value, end = self._decode(self._text, self._at)
            except RecursionError:
                raise self.broken() from None
            except ValueError:  # its text quotes the value, which may hold a hash
                end = len(self._text)
            else:
                if self._text[end - 1] in '}]"' or end < len(self._text) or self._ended:
                    self._pass(end)
                    return value
            if end - self._at > LARGEST or not self._fill():
                raise self.broken()

    def items(self) -> Iterator[Any]:
        """The values of a list."""
        self._need("[")
        while not self.take("]"):
            yield self.value()
            if not self.take(",") and self.peek() != "]":
                raise self.broken()

    def members(self, list_name: str) -> Iterator[Any]:
        """The values in the list of that name in an object; if it has none, the object itself."""
        self._need("{")
        others: Row = {}
        found = False
        while not self.take("}"):
            name = self.value()
            self._need(":")
            if name == list_name and self.peek() == "[":
                found = True
                yield from self.items()
            else:
                others[str(name)] = self.value()
            if not self.take(",") and self.peek() != "}":
                raise self.broken()
        if not found:
            yield others

    def broken(self) -> SystemExit:
        """The error of a text that isn't as expected."""
        return SystemExit(f"{self._path}, line {self._lines}: not JSON of users; is it cut off?")

    def _need(self, expected: str) -> None:
        if not self.take(expected):
            raise self.broken()

    def _pass(self, end: int) -> None:
        self._lines += self._text.count("\n", self._at, end)
        self._at = end

    def _fill(self) -> bool:
        rest = self._text[self._at :]
        more = self._file.read(max(CHUNK, len(rest)))
        self._text, self._at, self._ended = rest + more, 0, not more
        return bool(more)
