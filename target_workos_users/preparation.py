"""A record that was read becomes a task to load, or has its outcome at once."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from target_workos_users.checkpoint.spans import Spans
from target_workos_users.errors import check_of, record_check
from target_workos_users.exceptions import RecordError
from target_workos_users.ledger import Version
from target_workos_users.loading.outcome import Outcome, Result
from target_workos_users.loading.task import identity_of, make_task
from target_workos_users.records.parse import identity, is_deleted, parse_record

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_workos_users.checkpoint.chunks import Chunk, Record
    from target_workos_users.checkpoint.outputs import Outputs
    from target_workos_users.errors import ErrorLine
    from target_workos_users.exceptions import ErrorType
    from target_workos_users.loading.task import Task
    from target_workos_users.progress.progress import Progress
    from target_workos_users.records.parse import OrganizationRef
    from target_workos_users.settings.settings import Settings


class Preparation:
    """Knows which records need requests, and which lines of ``errors.jsonl`` are settled.

    Args:
        settings: Of the run.
        outputs: The checkpoint and the ledger.
        progress: Told what is remarkable about a record.
    """

    def __init__(self, settings: Settings, outputs: Outputs, progress: Progress) -> None:
        self._settings = settings
        self._ledger = outputs.ledger
        self._streams = outputs.checkpoint.streams
        self._progress = progress
        self._skipped: defaultdict[str, Spans] = defaultdict(Spans)

    def note_skipped(self, chunk: Chunk) -> None:
        """Its records are in the source as they were, under the same numbers."""
        for part, records in chunk.parts:
            if not self._streams[part.stream].incremental:
                self._skipped[part.stream].add(records[0].number, records[-1].number)

    def prepare(self, chunk: Chunk, stream: str, record: Record) -> Task | Outcome:
        """The task to load, or the outcome of a record that needs no request."""
        if is_deleted(record.content):
            self._remember(chunk, stream, record)
            return Outcome(Result.DELETED)
        try:
            row = parse_record(record.content, self._settings.record_rules)
        except RecordError as error:
            self._remember(chunk, stream, record, error.error_type)
            return Outcome(errors=[error])
        self._progress.remarks(row.remarks)
        task = make_task(
            self._ledger,
            row,
            stream=stream,
            chunk=chunk.number,
            number=record.number,
            digest=record.digest,
            is_there=self._skipped[stream].__contains__,
            proven=chunk.unchanged,
        )
        return task or Outcome(Result.UNCHANGED)

    def is_settled(self, line: ErrorLine) -> bool:
        """Whether this run looked at the record of an earlier run's line, or it is gone."""
        stream = self._streams.get(line.stream)
        if stream is None or not stream.incremental:
            return stream is not None  # the whole of it was read
        who = identity(line.record, self._settings.organization)
        number = self._identity(line.stream, who, lambda: record_check(line.record))
        return self._ledger.past(number).has_come

    def _remember(
        self, chunk: Chunk, stream: str, record: Record, error: ErrorType | None = None
    ) -> None:
        """Note that a record was looked at."""
        who = identity(record.content, self._settings.organization)
        self._ledger.settle(
            self._identity(stream, who, lambda: check_of(record.content)),
            Version(record.digest, record.number),
            stream=stream,
            chunk=chunk.number,
            email=who and who[0],
            error=error,
        )

    def _identity(
        self, stream: str, who: tuple[str, OrganizationRef | None] | None, check: Callable[[], int]
    ) -> int:
        """The number under which the ledger knows a record, even one that doesn't say whose."""
        if who is None:
            return self._ledger.identity(stream, check())
        return identity_of(self._ledger, stream, *who)
