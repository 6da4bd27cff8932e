"""A record that was read becomes a task to load, or has its outcome at once."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from target_workos_users.exceptions import RecordError
from target_workos_users.ledger import Version
from target_workos_users.loading.outcome import Outcome, Result
from target_workos_users.loading.places import Places
from target_workos_users.loading.task import make_task
from target_workos_users.records.columns import is_deleted
from target_workos_users.records.kinds import OF_PEOPLE
from target_workos_users.records.read import identity, read_record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from target_workos_users.checkpoint.chunks import Chunk, Record
    from target_workos_users.checkpoint.outputs import Outputs
    from target_workos_users.errors import ErrorLine
    from target_workos_users.exceptions import ErrorType
    from target_workos_users.loading.task import AnyTask
    from target_workos_users.progress.progress import Progress
    from target_workos_users.records.kinds import Kind
    from target_workos_users.settings.settings import Settings


class Preparation:
    """Knows which records need requests, and which lines of ``errors.jsonl`` are settled.

    Args:
        progress: Told what is remarkable about a record.
    """

    def __init__(
        self,
        settings: Settings,
        outputs: Outputs,
        progress: Progress,
        kinds: Mapping[str, Kind],
        keys: Mapping[str, Sequence[str]],
    ) -> None:
        self._rules = settings.record_rules
        self._kinds = kinds
        self._keys = keys
        self._ledger = outputs.ledger
        self._checkpoint = outputs.checkpoint
        self._streams = outputs.checkpoint.streams
        self._progress = progress
        self._places: dict[str, Places] = {}

    def note_skipped(self, chunk: Chunk) -> None:
        """Its records are in the source as they were, under the same numbers."""
        for part, records in chunk.parts:
            if not self._streams[part.stream].incremental:
                self._of(part.stream).add(records[0].number, records[-1].number)

    def prepare(
        self,
        stream: str,
        record: Record,
        *,
        chunk: int,
        proven: bool = False,
        is_busy: Callable[[str], bool] = lambda _: False,
    ) -> AnyTask | Outcome:
        """The task to load, or the outcome of a record that needs no request.

        While rows of its user are in flight (``is_busy``), whether it needs one can't be known.
        """
        if is_deleted(record.content):
            self._remember(chunk, stream, record)
            return Outcome(Result.DELETED)
        try:
            row = read_record(self._kinds[stream], record.content, self._rules)
        except RecordError as error:
            self._remember(chunk, stream, record, error.error_type)
            return Outcome(errors=[error])
        self._progress.remarks(row.remarks)
        key = {column: record.content.get(column) for column in self._keys.get(stream, ())}
        task = make_task(
            self._ledger,
            row,
            key=self._ledger.fingerprinter.key(key) if key else {},
            is_incremental=self._streams[stream].incremental,
            stream=stream,
            chunk=chunk,
            number=record.number,
            digest=record.digest,
            places=self._of(stream),
            proven=proven,
            is_busy=is_busy,
        )
        return task or Outcome(Result.UNCHANGED)

    def is_settled(self, line: ErrorLine) -> bool:
        """Whether this run looked at the record of an earlier run's line, or it is gone."""
        stream = self._streams.get(line.stream)
        if stream is None or not stream.incremental:
            return stream is not None  # the whole of it was read
        who = identity(self._kinds[line.stream], line.record, self._rules)
        if who is None and line.fingerprint is None:
            return False
        number = self._ledger.identity(*who) if who else int(line.fingerprint or "", 16)
        return self._ledger.past(number, stream=line.stream).has_come

    def _of(self, stream: str) -> Places:
        if stream not in self._places:
            self._places[stream] = Places(partial(self._checkpoint.is_ahead, stream))
        return self._places[stream]

    def _remember(
        self, chunk: int, stream: str, record: Record, error: ErrorType | None = None
    ) -> None:
        """Note that a record was looked at."""
        kind = self._kinds[stream]
        who = identity(kind, record.content, self._rules)
        self._ledger.settle(
            self._ledger.identity(*(who or (stream, record.digest))),
            Version(record.digest, record.number),
            stream=stream,
            chunk=chunk,
            email=str(who[0]) if who and kind in OF_PEOPLE else None,
            error=error,
        )
