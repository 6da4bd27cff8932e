"""Singer messages from stdin, read between two turns of the event loop.

A RECORD that can't be read, of a stream that its line names, goes on as a record that says so: it
fails like any other bad one. Any other line that can't be read stops the run, since it may have
been a record, or a schema, of any stream.
"""

from __future__ import annotations

import json
import os
import re
import select
import sys
from collections import Counter
from decimal import InvalidOperation
from typing import IO, TYPE_CHECKING, Any, NoReturn

import msgspec
from singer_sdk.contrib.msgspec import MsgSpecReader, decoder

from target_workos_users.exceptions import InputError
from target_workos_users.records import numbers
from target_workos_users.records.columns import INTACT, WHERE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_READ_SIZE = 1 << 16
LINES_PER_TURN = 100
MAX_DEPTH = 100  # levels that a message may be nested; far fewer than Python's recursion takes

_SURROGATE = re.compile("[\ud800-\udfff]")
_BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
_TYPE, _STREAM = rb'"type"\s*:\s*"RECORD"', rb'"stream"\s*:\s*"(?P<%b>[^"\\]+)"'
# The head of a RECORD, as taps write it: what comes later may be a column of the record.
_HEAD = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*\{\s*(?:%b\s*,\s*%b|%b\s*,\s*%b)\s*[,}]"
    % (_TYPE, _STREAM % b"after", _STREAM % b"before", _TYPE)
)
_UTF_16 = (
    "it is UTF-16, as PowerShell's > writes it. Pipe the tap right into the target, or write the "
    "file with cmd's >, or with Out-File -Encoding utf8"
)
_NO_UNICODE = (
    "column {columns} has bytes that aren't UTF-8, or half a surrogate pair; was the source read "
    "in a wrong encoding? The line shows U+FFFD in their place"
)


class MalformedError(ValueError):
    """A line isn't a Singer message; its text never quotes the line."""


class NoJSONError(MalformedError):
    """A line isn't JSON at all."""


class TruncatedInputError(InputError):
    """The last line was cut off: the tap died in mid-stream."""


class MessageReader(MsgSpecReader):
    """Reads Singer messages; what it says of a bad line is the line's number, never its text.

    Attributes:
        turn: Called every hundred lines, so that requests in flight go on.
        wait: Called with the file descriptor when there is no input yet; returns when there is.
    """

    def __init__(self) -> None:
        super().__init__()
        self.turn: Callable[[], None] = lambda: None
        self.wait: Callable[[int], None] = lambda _: None
        self._line_number = 0

    def process_lines(
        self,
        file_input: IO[str] | None,
        callbacks: dict[str, Callable[[dict[str, Any]], None]],
    ) -> Counter[str]:
        """Read to the end of the input.

        Raises:
            InputError: A line isn't a Singer message, or stdin can't be read.
            TruncatedInputError: The last line is cut off.
        """
        if file_input is None and sys.stdin is None:
            raise InputError("Stdin is closed: pipe the messages of a Singer tap into it.")
        stats = Counter[str]()
        for number, line in enumerate(self._lines(file_input or sys.stdin), start=1):
            self._line_number = number
            if number % LINES_PER_TURN == 0:
                self.turn()
            if not line.strip():
                continue
            try:
                for message in self._messages(line):
                    self._process(message, callbacks, stats)
            except MalformedError as error:
                self._fail(str(error), line)
        return stats

    def deserialize_json(self, line: str | bytes) -> dict[str, Any]:
        """A line as a message.

        A record with bytes that aren't UTF-8 goes on with them replaced, and the reason in
        ``_sdc_error``.

        Raises:
            MalformedError: It isn't a JSON object, or is nested too deep.
        """
        raw = line if isinstance(line, bytes) else line.encode("utf-8", "surrogatepass")
        try:
            message = decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, InvalidOperation, RecursionError):
            message = _read_leniently(raw)
        if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH and _is_deep(message):
            raise _too_deep()
        if not isinstance(message, dict):
            raise MalformedError("not a JSON object")
        return message

    def deserialize_record(self, line: bytes) -> dict[str, Any]:
        """A record that is a line by itself, read as one in a RECORD message is.

        Raises:
            MalformedError: It isn't a JSON object.
        """
        message = self.deserialize_json(b'{"record":%b}' % line)
        record = message["record"]
        if len(message) > 1 or not isinstance(record, dict):
            raise MalformedError("not a JSON object")
        return record

    def _messages(self, line: bytes) -> list[dict[str, Any]]:
        """What a line says: several messages, where the line ends between them were lost."""
        where = f"line {self._line_number:,} of the input"
        try:
            messages = [self.deserialize_json(line)]
        except MalformedError as error:
            if len(parts := _split(line)) > 1:
                return [message for part in parts for message in self._messages(part)]
            head = _HEAD.match(line)
            if head is None or not line.endswith(b"\n"):
                raise
            stream = (head["after"] or head["before"]).decode("utf-8", "replace")
            return [{"type": "RECORD", "stream": stream, "record": unread(where, str(error))}]
        for message in messages:
            if message.get("type") == "RECORD" and not isinstance(message.get("record"), dict):
                message["record"] = unread(where, "the message has no record object")
        return messages

    def _process(
        self,
        message: dict[str, Any],
        callbacks: dict[str, Callable[[dict[str, Any]], None]],
        stats: Counter[str],
    ) -> None:
        message_type = message.get("type")
        callback = callbacks.get(message_type) if isinstance(message_type, str) else None
        if callback is None:
            raise MalformedError(
                "the message's type is none of RECORD, SCHEMA, STATE, BATCH, ACTIVATE_VERSION"
            )
        stats[str(message_type)] += 1
        callback(message)

    def _fail(self, text: str, line: bytes) -> NoReturn:
        if not line.endswith(b"\n"):
            raise TruncatedInputError(
                f"The input ends in the middle of line {self._line_number}: the tap died. What "
                "was read whole is loaded; run again to go on from there."
            ) from None
        if self._line_number == 1 and (
            line.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in line[:2]
        ):
            raise InputError(f"The input can't be read: {_UTF_16}.") from None
        if not line.lstrip().startswith((b"{", b"[", b'"')):
            text += "; if it is a line of the tap's log, have the tap log on stderr"
        raise InputError(
            f"Line {self._line_number} of the input isn't a Singer message: {text}. Fix the tap, "
            "and run again: the import goes on from the last STATE line."
        ) from None

    def _lines(self, file: IO[str]) -> Iterator[bytes]:
        try:
            descriptor = file.fileno()
        except (OSError, AttributeError):  # a StringIO
            for line in file:
                yield line.encode("utf-8", "surrogatepass")
            return
        rest: list[bytes] = []
        while block := self._read(descriptor):
            first, *lines = block.split(b"\n")
            rest.append(first)
            if lines:
                yield b"".join(rest) + b"\n"
                rest = [lines.pop()]
                for whole in lines:
                    yield whole + b"\n"
        yield b"".join(rest)

    def _read(self, descriptor: int) -> bytes:
        if not select.select([descriptor], [], [], 0)[0]:
            self.wait(descriptor)
        try:
            return os.read(descriptor, _READ_SIZE)
        except OSError as error:
            raise InputError(
                f"Stdin can't be read ({error.strerror}). Run again: the import goes on from the "
                "last STATE line."
            ) from None


def unread(where: str, why: str) -> dict[str, Any]:
    """What stands for a record that can't be read.

    Args:
        where: Where it was. No part of its digest: other lines before it move it.
        why: What is wrong with it.
    """
    return {WHERE: where, "_sdc_error": f"{why}; fix the tap, or the source"}


def _too_deep() -> MalformedError:
    return MalformedError(f"nested more than {MAX_DEPTH} levels deep")


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            item
            for each in level
            if isinstance(each, dict | list)
            for item in (each.values() if isinstance(each, dict) else each)
        ]
    return any(isinstance(each, dict | list) for each in level)


def _split(line: bytes) -> list[bytes]:
    """The JSON texts that stand in a line, one after the other; none if it holds anything else."""
    text = line.decode("utf-8", "surrogateescape").strip().strip(_BOM)
    parts, start = list[bytes](), 0
    try:
        while start < len(text):
            end = _json.raw_decode(text, start)[1]
            parts.append(text[start:end].encode("utf-8", "surrogateescape") + b"\n")
            start = len(text) - len(text[end:].lstrip().lstrip(_BOM))
    except (ValueError, RecursionError):
        return []
    return parts


_json = json.JSONDecoder(
    parse_constant=lambda _: None,
    parse_float=numbers.decimal,
    parse_int=numbers.integer,
    strict=False,
)


def _read_leniently(raw: bytes) -> Any:
    """JSON as Python's own parser takes it.

    NaN is null, text that can't be decoded is replaced, a number beyond all bounds is its text,
    control characters in a text needn't be escaped, and a byte order mark is passed over.
    """
    try:
        # Bytes that aren't UTF-8 become lone surrogates, which JSON's escapes may hold anyway.
        text = raw.decode("utf-8", "surrogateescape")
        message = _json.decode(text.strip().lstrip(_BOM))
        replaced = _without_surrogates(message)
    except RecursionError:
        raise _too_deep() from None
    except ValueError:
        raise NoJSONError("not valid JSON") from None
    if isinstance(message, dict) and isinstance(message.get("record"), dict):
        columns = [
            name
            for name, value in message["record"].items()
            if _without_surrogates({name: value}) != {name: value}
        ]
        if columns and not message["record"].get("_sdc_error"):
            why = _NO_UNICODE.format(columns=", ".join(map(ascii, columns[:5])))
            replaced["record"] |= {INTACT: True, "_sdc_error": why}
    return replaced


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {
            _without_surrogates(name): _without_surrogates(item) for name, item in value.items()
        }
    return value
