"""A record that was read becomes a task to load, or has its outcome at once."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from target_workos_users.checkpoint.spans import Spans
from target_workos_users.exceptions import RecordError
from target_workos_users.ledger import Version
from target_workos_users.loading.outcome import Outcome, Result
from target_workos_users.loading.task import identity_of, make_task
from target_workos_users.records.columns import is_deleted
from target_workos_users.records.parse import identity, parse_record

if TYPE_CHECKING:
    from target_workos_users.checkpoint.chunks import Chunk, Record
    from target_workos_users.checkpoint.outputs import Outputs
    from target_workos_users.errors import ErrorLine
    from target_workos_users.exceptions import ErrorType
    from target_workos_users.loading.task import Task
    from target_workos_users.progress.progress import Progress
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
        if who is None and line.fingerprint is None:
            return False
        number = (
            identity_of(self._ledger, line.stream, *who) if who else int(line.fingerprint or "", 16)
        )
        return self._ledger.past(number).has_come

    def _remember(
        self, chunk: Chunk, stream: str, record: Record, error: ErrorType | None = None
    ) -> None:
        """Note that a record was looked at."""
        who = identity(record.content, self._settings.organization)
        number = (
            identity_of(self._ledger, stream, *who)
            if who
            else self._ledger.identity(stream, record.digest)
        )
        self._ledger.settle(
            number,
            Version(record.digest, record.number),
            stream=stream,
            chunk=chunk.number,
            email=who and who[0],
            error=error,
        )
