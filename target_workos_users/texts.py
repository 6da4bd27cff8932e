"""Texts of others (a server's message, a record's value), fit to be shown. Pure."""

from __future__ import annotations

import logging
import re

# C0 and C1 controls, by which a terminal is commanded, and what turns the direction of writing.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def neutralize(text: str, keep: str = "") -> str:
    r"""A text that commands no terminal: what would is shown as JSON escapes it.

    Args:
        text: Of anyone.
        keep: Control characters that stay: line ends, where the text has lines of its own.

    >>> neutralize("\x1b[2Jgone")
    '\\u001b[2Jgone'
    """
    return _UNSAFE.sub(
        lambda found: found[0] if found[0] in keep else f"\\u{ord(found[0]):04x}", text
    )


class NeutralLog(logging.Filter):
    """Makes each log message one line that commands no terminal."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every message through, as it may be shown."""
        record.msg, record.args = neutralize(record.getMessage()), None
        return True
