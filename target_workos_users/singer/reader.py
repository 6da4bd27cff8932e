"""Singer messages from stdin, read between two turns of the event loop."""

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
from singer_sdk.exceptions import InvalidJSONSchema

from target_workos_users.exceptions import InputError
from target_workos_users.records import numbers
from target_workos_users.records.parse import INTACT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_READ_SIZE = 1 << 16
LINES_PER_TURN = 100
_SURROGATE = re.compile("[\ud800-\udfff]")
_NO_UNICODE = (
    "column {columns} has bytes that aren't UTF-8, or half a surrogate pair; was the source read "
    "in a wrong encoding? The line shows U+FFFD in their place"
)


class MalformedError(ValueError):
    """A line is no Singer message; its text never quotes the line."""


class TruncatedInputError(InputError):
    """The last line was cut off: the tap died in mid-stream."""


class MessageReader(MsgSpecReader):
    """Reads Singer messages; what it says of a bad line is the line's number, never its text.

    Attributes:
        turn: Called every hundred lines, so that requests in flight go on.
        wait: Called with the file descriptor when there is no input yet; returns when there is.
        last_type: Type of the last message read that is a record or a state.
    """

    def __init__(self) -> None:
        super().__init__()
        self.turn: Callable[[], None] = lambda: None
        self.wait: Callable[[int], None] = lambda _: None
        self.last_type = ""
        self._line_number = 0

    def process_lines(
        self,
        file_input: IO[str] | None,
        callbacks: dict[str, Callable[[dict[str, Any]], None]],
    ) -> Counter[str]:
        """Read to the end of the input.

        Raises:
            InputError: A line is no Singer message, or stdin can't be read.
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
            whole = line.endswith(b"\n")
            try:
                self._process(line, callbacks, stats)
            except (MalformedError, InvalidJSONSchema) as error:
                self._fail(str(error), whole=whole)
            except KeyError as error:
                self._fail(f"the message lacks {error}", whole=whole)
        return stats

    def deserialize_json(self, line: str | bytes) -> dict[str, Any]:
        """A line as a message.

        A record with bytes that aren't UTF-8 goes on with them replaced, and the reason in
        ``_sdc_error``.

        Raises:
            MalformedError: It isn't a JSON object.
        """
        try:
            message = decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, InvalidOperation):
            message = _read_leniently(line)
        except RecursionError:
            raise MalformedError("nested too deep") from None
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

    @staticmethod
    def assert_line_requires(line_dict: dict[str, Any], requires: set[str]) -> None:
        """Check that a message has its keys.

        Raises:
            MalformedError: Names those that it lacks.
        """
        if missing := sorted(requires - line_dict.keys()):
            raise MalformedError(f"the message lacks {', '.join(missing)}")

    def _process(
        self,
        line: bytes,
        callbacks: dict[str, Callable[[dict[str, Any]], None]],
        stats: Counter[str],
    ) -> None:
        message = self.deserialize_json(line)
        message_type = message.get("type")
        callback = callbacks.get(message_type) if isinstance(message_type, str) else None
        if callback is None:
            raise MalformedError(
                "the message's type is none of RECORD, SCHEMA, STATE, BATCH, ACTIVATE_VERSION"
            )
        if message_type in {"RECORD", "BATCH", "STATE"}:
            self.last_type = str(message_type)
        stats[str(message_type)] += 1
        callback(message)

    def _fail(self, text: str, *, whole: bool) -> NoReturn:
        if not whole:
            self.last_type = ""
            raise TruncatedInputError(
                f"The input ends in the middle of line {self._line_number}: the tap died. What "
                "was read whole is loaded; run again to go on from there."
            ) from None
        raise InputError(
            f"Line {self._line_number} of the input is no Singer message: {text}. Mend the tap, "
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


def _read_leniently(line: str | bytes) -> Any:
    """JSON as Python's own parser takes it.

    NaN is null, text that can't be decoded is replaced, and a number beyond all bounds is its text.
    """
    raw = line if isinstance(line, bytes) else line.encode("utf-8", "surrogatepass")
    try:
        # Bytes that aren't UTF-8 become lone surrogates, which JSON's escapes may hold anyway.
        text = raw.decode("utf-8", "surrogateescape")
        message = json.loads(
            text,
            parse_constant=lambda _: None,
            parse_float=numbers.decimal,
            parse_int=numbers.integer,
        )
        replaced = _without_surrogates(message)
    except (ValueError, RecursionError):
        raise MalformedError("not valid JSON") from None
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
