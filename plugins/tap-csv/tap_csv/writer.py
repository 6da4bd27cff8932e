"""Singer messages -> stdout."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from singer_sdk.contrib.msgspec import MsgSpecWriter
from singer_sdk.singerlib import RecordMessage

if TYPE_CHECKING:
    from singer_sdk.singerlib import Message

BUFFER_SIZE = 64 * 1024  # bytes: that of a pipe


class BufferedWriter(MsgSpecWriter):
    """Gathers records before it writes them, where the SDK writes and flushes each.

    It has a buffer of its own, for that of stdout is off where PYTHONUNBUFFERED is set.
    """

    def __init__(self) -> None:
        super().__init__()
        self._stdout = open(sys.stdout.fileno(), "wb", buffering=BUFFER_SIZE, closefd=False)  # noqa: SIM115 - open to the end

    def write_message(self, message: Message) -> None:
        """Write a message to stdout, and flush unless it is a RECORD.

        Raises:
            SystemExit: Nobody reads stdout any more: the target has ended, and has said why.
        """
        try:
            self._stdout.write(self.format_message(message))
            if not isinstance(message, RecordMessage):
                self._stdout.flush()
        except BrokenPipeError:
            # The buffer is flushed once more as Python exits, and that must not fail.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stdout.fileno())
            sys.exit(1)
