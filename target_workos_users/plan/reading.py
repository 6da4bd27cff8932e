"""Records that are read where an import would load them, and sent nowhere."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from typing import TYPE_CHECKING, Any

from target_workos_users.errors import pattern_of
from target_workos_users.exceptions import RecordError
from target_workos_users.explain import Groups
from target_workos_users.records.columns import is_deleted
from target_workos_users.records.read import read_record

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from target_workos_users.checkpoint.state import State
    from target_workos_users.progress.progress import Progress
    from target_workos_users.records.kinds import Kind
    from target_workos_users.records.read import Row
    from target_workos_users.settings.settings import Settings

    Run = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]

_RECORDS_BETWEEN_LOOKS = 10_000


class Reading(ABC):
    """Takes records where the importer would: the base of the plan and of the diff.

    Args:
        run: Does work to its end, or raises what a signal asks for.

    Attributes:
        numbers: Records read, by stream.
        failed: Records that would fail.
        deleted: Records that were deleted at the source, and wouldn't be sent.
        failures: Why.
    """

    doing: str
    """What it is at, for the user."""

    def __init__(
        self, settings: Settings, progress: Progress, kinds: Mapping[str, Kind], run: Run
    ) -> None:
        self._settings = settings
        self._progress = progress
        self._kinds = kinds
        self._run = run
        self.numbers: Counter[str] = Counter()
        self.failed = self.deleted = 0
        self.failures = Groups()

    @property
    def has_found(self) -> bool:
        """Whether something differs from WorkOS."""
        return False

    def open_stream(self, name: str, source: str) -> None:  # noqa: B027 - there is nothing to do
        """A stream's first SCHEMA message."""

    def read_state(self, value: State) -> None:  # noqa: B027 - as above
        """A STATE message of the tap; none is printed."""

    def add(self, name: str, content: dict[str, Any], number: int | None = None) -> None:
        """Take a record, after stream maps, with its number if it isn't the next one."""
        self.numbers[name] += 1
        number = number or self.numbers[name]
        if self.numbers[name] % _RECORDS_BETWEEN_LOOKS == 0:
            self._progress.break_silence(f"{self.doing}: {self.numbers.total():,} records read")
        if is_deleted(content):
            self.deleted += 1
            return
        try:
            row = read_record(self._kinds[name], content, self._settings.record_rules)
        except RecordError as error:
            self.failed += 1
            self.failures.add(
                stream=name,
                record_number=number,
                error_type=str(error.error_type),
                message=error.message,
                pattern=pattern_of(error),
                retryable=error.retryable,
            )
            self._note_failure(name, number, content, error)
        else:
            self._take(name, number, row)

    @abstractmethod
    def finish(self, *, complete: bool) -> None:
        """The input is at its end: say what was found.

        Args:
            complete: Whether it ended as a whole input does.

        Raises:
            StopRun: It can't be said.
        """

    @abstractmethod
    def break_off(self) -> None:
        """Stop half-way."""

    def sum_up(self, reason: str, exit_code: int, error: str | None) -> None:  # noqa: B027 - as above
        """Write how the run went."""

    @abstractmethod
    def close(self) -> None:
        """Close the files."""

    @abstractmethod
    def _take(self, name: str, number: int, row: Row) -> None:
        """A record that could be read."""

    @abstractmethod
    def _note_failure(
        self, name: str, number: int, content: dict[str, Any], error: RecordError
    ) -> None:
        """A record that couldn't, which is counted already."""
