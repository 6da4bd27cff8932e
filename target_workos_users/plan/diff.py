"""The diff: the source compared with WorkOS, record by record; nothing is written there."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

from target_workos_users.api.connect import connect
from target_workos_users.errors import ErrorsFile, redact_message
from target_workos_users.exceptions import ApiError, Unreachable
from target_workos_users.loading.index import Index
from target_workos_users.plan.compare import Comparison
from target_workos_users.plan.diff_text import diff_lines
from target_workos_users.plan.difference import Difference
from target_workos_users.plan.reading import Reading
from target_workos_users.plan.source import Source
from target_workos_users.progress.other_summary import OtherRun
from target_workos_users.records.columns import by_column
from target_workos_users.records.entities import EntityRow
from target_workos_users.records.redaction import redact_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from target_workos_users.exceptions import RecordError
    from target_workos_users.plan.reading import Run
    from target_workos_users.progress.progress import Progress
    from target_workos_users.records.kinds import Kind
    from target_workos_users.records.read import Row
    from target_workos_users.settings.settings import Settings

ONLY_IN_WORKOS = "only_in_workos"


class Diff(Reading):
    """Takes records where the importer would, and compares them with WorkOS at the end.

    Attributes:
        counts: What was compared, and what differs, by kind of difference.
        fields: Users that differ, by field.
        listed_all: Whether all users of WorkOS were listed.
        requests: Sent.
    """

    doing = "Comparing"

    def __init__(
        self, settings: Settings, progress: Progress, kinds: Mapping[str, Kind], run: Run
    ) -> None:
        super().__init__(settings, progress, kinds, run)
        self._index = Index()
        self._source = Source(self._index.database)
        self._file = ErrorsFile(str(settings.differences_path))
        self._file.open(0, "")
        self.counts: Counter[str] = Counter()
        self.fields: Counter[str] = Counter()
        self.listed_all = False
        self.requests = 0
        self._other_run = OtherRun(settings, "diff", progress.say)

    @property
    def has_found(self) -> bool:
        """Whether something differs: users that only WorkOS has don't count."""
        return any(name.endswith(_DIFFERING) for name in self.counts)

    def finish(self, *, complete: bool) -> None:
        """Compare, and say what differs.

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

    def sum_up(self, reason: str, exit_code: int, error: str | None) -> None:
        """Write the JSON summary."""
        counts = {"records": self.numbers.total(), "deleted": self.deleted, **self.counts}
        self._other_run.finish(reason, exit_code, error, counts, self.requests)

    def close(self) -> None:
        """Close the files."""
        self._index.close()
        self._file.close()

    async def _compare(self, *, complete: bool) -> None:
        async with connect(self._settings) as api:
            steps = self._progress.steps()
            comparison = Comparison(api.workos, self._settings, self._index, self._source, steps)
            try:
                await comparison.read()
                self._write(await comparison.entities())
                if self._settings.diff_factors:
                    self._write(await comparison.factors())
            except ApiError as error:
                raise Unreachable(
                    f"The source can't be compared with WorkOS: {error}. Nothing was changed; run "
                    "the diff again."
                ) from error
            finally:
                steps.end()
                self.requests = api.transport.stats.attempts
        self._write(comparison.people())
        self._write(comparison.memberships())
        self.listed_all = self._index.has_all_users and complete and not self._settings.limit
        if self.listed_all:
            self._write(comparison.not_in_the_source())
        self.counts.update(comparison.counts)
        self.fields = comparison.fields

    def _write(self, found: Iterable[Difference]) -> None:
        for difference in found:
            if difference.kind != ONLY_IN_WORKOS:  # counted whole, listed in part
                self.counts[difference.kind] += 1
            self._file.append([_line(difference)], sync=False)

    def _take(self, name: str, number: int, row: Row) -> None:
        if isinstance(row, EntityRow):
            self._source.add_entity(row, name, number)
        else:
            self._source.add_user(row, name, number)

    def _note_failure(
        self, name: str, number: int, content: dict[str, Any], error: RecordError
    ) -> None:
        email = by_column(content).get("email")
        about = {
            "email": email if isinstance(email, str) else None,
            "error_type": error.error_type,
            "error_message": error.message,
        }
        self._write([Difference("would_fail", name, number, about)])


_DIFFERING = ("_missing", "_differs", "_unknown", "would_fail")


def _line(difference: Difference) -> dict[str, Any]:
    place = {"stream": difference.stream, "record_number": difference.number}
    about = {name: value for name, value in difference.about.items() if value is not None}
    message = about.pop("error_message", None)  # it begins with a column's name, such as password
    line: dict[str, Any] = _shown({"difference": difference.kind, **place, **about})
    return line if message is None else {**line, "error_message": redact_message(message)}


def _shown(value: Any) -> Any:
    """A value whose texts give no secret away, wherever a ragged row has put one."""
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, dict):
        return {name: _shown(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_shown(each) for each in value]
    return value
