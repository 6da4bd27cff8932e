"""The diff: the source compared with WorkOS, record by record; nothing is written there."""

from __future__ import annotations

import time
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

from target_workos_users.api.connect import connect
from target_workos_users.errors import ErrorsFile, pattern_of
from target_workos_users.exceptions import ApiError, RecordError, Unreachable
from target_workos_users.explain import Groups
from target_workos_users.loading.index import Index
from target_workos_users.plan.compare import Comparison
from target_workos_users.plan.diff_text import diff_lines
from target_workos_users.plan.difference import Difference
from target_workos_users.plan.source import Source
from target_workos_users.records.columns import is_deleted
from target_workos_users.records.entities import EntityRow
from target_workos_users.records.read import read_record
from target_workos_users.records.redaction import redact_text

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping

    from target_workos_users.checkpoint.state import State
    from target_workos_users.progress.progress import Progress
    from target_workos_users.records.kinds import Kind
    from target_workos_users.settings.settings import Settings

_SECONDS_OF_SILENCE = 30
_RECORDS_BETWEEN_LOOKS = 10_000
ONLY_IN_WORKOS = "only_in_workos"


class Diff:
    """Takes records where the importer would, and compares them with WorkOS at the end.

    Args:
        settings: Of the run.
        progress: What is told to the user.
        kinds: Of the streams.
        run: Does work to its end, or raises what a signal asks for.

    Attributes:
        numbers: Records read, by stream.
        deleted: Records that were deleted at the source.
        failures: Records that would fail, and why.
        counts: What was compared, and what differs, by kind of difference.
        fields: Users that differ, by field.
        listed_all: Whether all users of WorkOS were listed.
        requests: Sent.
    """

    def __init__(
        self,
        settings: Settings,
        progress: Progress,
        kinds: Mapping[str, Kind],
        run: Callable[[Callable[[], Coroutine[Any, Any, None]]], None],
    ) -> None:
        self._settings = settings
        self._progress = progress
        self._kinds = kinds
        self._run = run
        self._index = Index()
        self._source = Source(self._index.database)
        self._file = ErrorsFile(settings.differences_path)
        self._file.open(0, "")
        self._said_at = time.monotonic()
        self.numbers: Counter[str] = Counter()
        self.deleted = 0
        self.failures = Groups()
        self.counts: Counter[str] = Counter()
        self.fields: Counter[str] = Counter()
        self.listed_all = False
        self.requests = 0

    @property
    def has_found(self) -> bool:
        """Whether anything differs: users that only WorkOS has don't count."""
        return any(name.endswith(_DIFFERING) for name in self.counts)

    def open_stream(self, name: str, source: str) -> None:
        """A stream's first SCHEMA message."""

    def read_state(self, value: State) -> None:
        """A STATE message of the tap; a diff prints none."""

    def add(self, name: str, content: dict[str, Any], number: int | None = None) -> None:
        """Take a record.

        Args:
            name: Its stream, after stream maps.
            content: The record, after stream maps.
            number: Counts from 1 in the tap's order, if it isn't the next one.
        """
        self.numbers[name] += 1
        number = number or self.numbers[name]
        if self.numbers[name] % _RECORDS_BETWEEN_LOOKS == 0:
            self._break_silence(f"{self.numbers.total():,} records read")
        if is_deleted(content):
            self.deleted += 1
            return
        try:
            row = read_record(self._kinds[name], content, self._settings.record_rules)
        except RecordError as error:
            self._fail(name, number, error)
            return
        if isinstance(row, EntityRow):
            self._source.add_entity(row, name, number)
        else:
            self._source.add_user(row, name, number)

    def finish(self, *, complete: bool) -> None:
        """Compare, and say what differs.

        Args:
            complete: Whether the input ended as a whole input does.

        Raises:
            StopRun: WorkOS can't be read, or the file can't be written.
        """
        self._progress.say(f"Comparing {self.numbers.total():,} records with WorkOS.")
        self._run(partial(self._compare, complete=complete))
        for line in diff_lines(self, self._settings):
            self._progress.say(line)

    def break_off(self) -> None:
        """Stop half-way: half a comparison says nothing."""
        self._progress.say("Stopped before all was compared: run the diff again.")

    def close(self) -> None:
        """Close the files."""
        self._index.close()
        self._file.close()

    async def _compare(self, *, complete: bool) -> None:
        async with connect(self._settings) as api:
            comparison = Comparison(
                api.workos, self._settings, self._index, self._source, self._break_silence
            )
            try:
                await comparison.read()
                self._take(await comparison.entities())
                if self._settings.diff_factors:
                    self._take(await comparison.factors())
            except ApiError as error:
                raise Unreachable(
                    f"The source can't be compared with WorkOS: {error}. Nothing was changed; run "
                    "the diff again."
                ) from error
            self.requests = api.transport.stats.attempts
        self._take(comparison.people())
        self._take(comparison.memberships())
        self.listed_all = self._index.has_all_users and complete and not self._settings.limit
        if self.listed_all:
            self._take(comparison.not_in_the_source())
        self.counts.update(comparison.counts)
        self.fields = comparison.fields

    def _take(self, found: Iterable[Difference]) -> None:
        for difference in found:
            if difference.kind != ONLY_IN_WORKOS:  # counted whole, listed in part
                self.counts[difference.kind] += 1
            self._file.append([_line(difference)], sync=False)

    def _fail(self, name: str, number: int, error: RecordError) -> None:
        self.counts["would_fail"] += 1
        about = {"error_type": error.error_type, "error_message": error.message}
        self._file.append([_line(Difference("would_fail", name, number, about))], sync=False)
        self.failures.add(
            stream=name,
            record_number=number,
            error_type=str(error.error_type),
            message=error.message,
            pattern=pattern_of(error),
            retryable=error.retryable,
        )

    def _break_silence(self, text: str) -> None:
        if time.monotonic() - self._said_at >= _SECONDS_OF_SILENCE:
            self._said_at = time.monotonic()
            self._progress.say(f"Comparing: {text}")


_DIFFERING = ("_missing", "_differs", "_unknown", "would_fail")


def _line(difference: Difference) -> dict[str, Any]:
    place = {"stream": difference.stream, "record_number": difference.number}
    about = {name: value for name, value in difference.about.items() if value is not None}
    line: dict[str, Any] = _shown({"difference": difference.kind, **place, **about})
    return line


def _shown(value: Any) -> Any:
    """A value whose texts give no secret away, wherever a ragged row has put one."""
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, dict):
        return {name: _shown(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_shown(each) for each in value]
    return value
