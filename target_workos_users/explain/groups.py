"""Errors grouped by what is the same in them. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

_EXAMPLES = 3
_OTHERS = "(others: more different messages than are kept apart)"


@dataclass(frozen=True, slots=True)
class Example:
    """One of the errors of a group: its record, and the whole message."""

    stream: str
    record_number: int
    message: str


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
        examples: The first three.
        last: Stream and number of the last record.
    """

    error_type: str
    pattern: str
    retryable: bool
    http_status: int | None
    workos_code: str | None
    count: int
    examples: list[Example]
    last: tuple[str, int]

    @property
    def first(self) -> tuple[str, int]:
        """Stream and number of the first record."""
        return self.examples[0].stream, self.examples[0].record_number


_Key = tuple[str, str, bool, int | None, str | None]


@dataclass
class Groups:
    """Groups of errors, bounded in number.

    Attributes:
        most: Groups kept apart at most; errors beyond them share one group a type.
        records: Number of records; the errors of one come together.
        errors: Number of errors.
        retryable: Number of those that may succeed in a later run.
    """

    most: int = 1_000
    records: int = 0
    errors: int = 0
    retryable: int = 0
    _groups: dict[_Key, Group] = field(default_factory=dict)
    _last: tuple[str, int] = ("", 0)

    def add(
        self,
        *,
        stream: str,
        record_number: int,
        error_type: str,
        message: str,
        pattern: str,
        retryable: bool,
        http_status: int | None = None,
        workos_code: str | None = None,
    ) -> None:
        """Count an error; the pattern is what it has in common with others."""
        self.records += (stream, record_number) != self._last
        self._last = (stream, record_number)
        self.errors += 1
        self.retryable += retryable
        key = (error_type, pattern, retryable, http_status, workos_code)
        example = Example(stream, record_number, message)
        group = self._groups.get(key)
        if group is None and len(self._groups) >= self.most:
            key = (error_type, _OTHERS, retryable, None, None)
            group = self._groups.get(key)
        if group is None:
            self._groups[key] = group = Group(*key, 0, [], ("", 0))
        if len(group.examples) < _EXAMPLES:
            group.examples.append(example)
        group.count += 1
        group.last = self._last

    def by_count(self) -> list[Group]:
        """The groups, the largest first."""
        return sorted(self._groups.values(), key=lambda group: -group.count)
