"""Texts of others (a server's message, a record's value), fit to be shown. Pure."""

from __future__ import annotations

import logging
import re
from functools import lru_cache

# C0 and C1 controls, by which a terminal is commanded, and what turns the direction of writing.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")

_FOLDED = re.compile(
    r"""(?P<quoted>(?<!\w)'[^'\n]{2,}'(?!\w)|"[^"\n]{2,}")"""
    r"|(?P<email>[^\s<>(),;:'\"]+@[^\s<>(),;:'\"]+)"
    # user_01H…, and whatever else WorkOS gives ids: a prefix and a ULID; UUIDs; long words with
    # digits in them
    r"|(?P<id>\b[a-z_]+_[0-9A-Z]{8,}\b"
    r"|\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"
    r"|\b(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[0-9A-Za-z]{16,}\b)"
    r"|(?P<n>(?<![\w$-])(?<!HTTP )\d+(?:[.,]\d+)*(?!\w))"
)
_LONGEST_MESSAGE = 2_000  # characters that are looked at


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


@lru_cache(maxsize=4096)
def fold(message: str) -> str:
    """What a message has in common with its like: values quoted, emails, ids and numbers left out.

    >>> fold("User user_01HXYZ0000 with 'a@b.example' has 3 factors, mail x@y.example")
    'User <id> with <quoted> has <n> factors, mail <email>'
    """
    return _FOLDED.sub(lambda match: f"<{match.lastgroup}>", message[:_LONGEST_MESSAGE])


class NeutralLog(logging.Filter):
    """Makes each log message one line that commands no terminal."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every message through, as it may be shown."""
        record.msg, record.args = neutralize(record.getMessage()), None
        return True
