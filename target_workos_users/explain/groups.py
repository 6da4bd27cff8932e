"""Errors grouped by what is the same in them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

_FOLDED = re.compile(
    r"""(?P<quoted>(?<!\w)'[^'\n]{2,}'(?!\w)|"[^"\n]{2,}")"""
    r"|(?P<email>[^\s<>(),;:'\"]+@[^\s<>(),;:'\"]+)"
    # user_01H…, and whatever else WorkOS gives ids: a prefix and a ULID; UUIDs; long hex numbers
    r"|(?P<id>\b[a-z_]+_[0-9A-Z]{8,}\b"
    r"|\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"
    r"|\b(?=[a-f]*[0-9])[0-9a-f]{16,}\b)"
    r"|(?P<n>(?<![\w$-])(?<!HTTP )\d+(?:[.,]\d+)*(?!\w))"
)
_LONGEST_MESSAGE = 2_000  # characters that are looked at
_OTHERS = "(others: more different messages than are kept apart)"


@lru_cache(maxsize=4096)
def fold(message: str) -> str:
    """What a message has in common with its like: values quoted, emails, ids and numbers left out.

    >>> fold("User user_01HXYZ0000 with 'a@b.example' has 3 factors, mail x@y.example")
    'User <id> with <quoted> has <n> factors, mail <email>'
    """
    return _FOLDED.sub(lambda match: f"<{match.lastgroup}>", message[:_LONGEST_MESSAGE])


@dataclass(slots=True)
class Group:
    """Errors of one kind.

    Attributes:
        error_type: As in errors.jsonl.
        pattern: The folded message.
        retryable: Whether a later run may succeed with the same records.
        http_status: Of WorkOS's answer; None if there was none.
        workos_code: Of the same answer.
        count: Number of errors; a record may have several.
        example: The message of the first one.
        first: Stream and number of the first record.
        last: Stream and number of the last record.
    """

    error_type: str
    pattern: str
    retryable: bool
    http_status: int | None
    workos_code: str | None
    count: int
    example: str
    first: tuple[str, int]
    last: tuple[str, int]


_Key = tuple[str, str, bool, int | None, str | None]


@dataclass
class Groups:
    """Groups of errors, bounded in number.

    Attributes:
        most: Groups kept apart at most; errors beyond them share one group a type.
        errors: Number of errors.
        retryable: Number of those that may succeed in a later run.
    """

    most: int = 1_000
    errors: int = 0
    retryable: int = 0
    _groups: dict[_Key, Group] = field(default_factory=dict)

    def add(
        self,
        *,
        stream: str,
        record_number: int,
        error_type: str,
        message: str,
        pattern: str | None = None,
        retryable: bool,
        http_status: int | None = None,
        workos_code: str | None = None,
    ) -> None:
        """Count an error.

        Args:
            stream: Of the record.
            record_number: Of the record.
            error_type: As in errors.jsonl.
            message: The whole message.
            pattern: What to group by, if it isn't the folded message.
            retryable: As in errors.jsonl.
            http_status: As in errors.jsonl.
            workos_code: As in errors.jsonl.
        """
        self.errors += 1
        self.retryable += retryable
        pattern = fold(message) if pattern is None else pattern
        key = (error_type, pattern, retryable, http_status, workos_code)
        record = (stream, record_number)
        group = self._groups.get(key)
        if group is None and len(self._groups) >= self.most:
            key = (error_type, _OTHERS, retryable, None, None)
            group = self._groups.get(key)
        if group is None:
            self._groups[key] = Group(*key, 1, message, record, record)
        else:
            group.count += 1
            group.last = record

    def by_count(self) -> list[Group]:
        """The groups, the largest first."""
        return sorted(self._groups.values(), key=lambda group: -group.count)
