"""What is finished becomes true for good, in order: errors on disk, then ledger, then STATE.

The committer owns the chunks in flight, and what becomes of their records.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, Any

from target_workos_users.checkpoint.state import UNCHANGED
from target_workos_users.errors import error_line
from target_workos_users.exceptions import OutputError, TooManyFailures, Waits
from target_workos_users.failure_rate import FailureRate
from target_workos_users.records.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from target_workos_users.aside import Waiting
    from target_workos_users.checkpoint.chunks import Chunk, Record
    from target_workos_users.checkpoint.outputs import Outputs
    from target_workos_users.checkpoint.state import State
    from target_workos_users.checkpoint.streams import Part
    from target_workos_users.errors import ErrorLine
    from target_workos_users.exceptions import RecordError
    from target_workos_users.loading.outcome import Outcome
    from target_workos_users.progress.progress import Progress
    from target_workos_users.settings.settings import Settings


class Committer:
    """Commits chunks in the order in which they were read.

    Args:
        emit: Prints a STATE value on stdout; raises :class:`OutputError` if nobody reads it.
        organizations: The known organizations, by external id; None if none was resolved.
    """

    def __init__(
        self,
        settings: Settings,
        outputs: Outputs,
        progress: Progress,
        kinds: Mapping[str, Kind],
        *,
        emit: Callable[[State], None],
        organizations: Callable[[], dict[str, str] | None],
    ) -> None:
        self._settings = settings
        self._outputs = outputs
        self._checkpoint = outputs.checkpoint
        self._progress = progress
        self._kinds = kinds
        self._emit = emit
        self._organizations = organizations
        self._in_flight: deque[Chunk] = deque()
        self._unsaid = False
        self._sealed = False
        self._again_from = 0  # of the errors file: lines of records that were loaded once more
        self._failures = FailureRate(settings.abort_error_rate, settings.errors_path)

    def __len__(self) -> int:
        """Chunks in flight."""
        return len(self._in_flight)

    @property
    def unfinished(self) -> int:
        """Records in flight without an outcome."""
        return sum(chunk.unfinished for chunk in self._in_flight)

    @property
    def finished(self) -> int:
        """Records in flight that have one."""
        return sum(map(len, self._in_flight)) - self.unfinished

    def start(self) -> None:
        """Before the first record is sent: say that a pass over the source begins.

        Without that, a crash in its first chunk would leave nothing that the ledger belongs to.

        Raises:
            OutputError: Nobody reads it.
        """
        if self._outputs.begins:
            self._print_state()

    def read_state(self, value: State) -> None:
        """A STATE message of the tap: forwarded with the records before it."""
        self._checkpoint.read_state(value)
        self._unsaid = True

    def take(self, chunk: Chunk) -> None:
        """A chunk was read; one that is to be skipped is finished.

        Raises:
            StopRun: As :meth:`settle`.
        """
        chunk.unfinished = 0 if chunk.skipped else len(chunk)
        self._in_flight.append(chunk)
        self._commit_finished()

    def settle(self, chunk: Chunk, record: Record, outcome: Outcome) -> bool:
        """A record came to its end.

        Returns:
            Whether its chunk did.

        Raises:
            StopRun: A chunk failed too often, or a file or stdout can't be written. Nothing is
                committed from then on.
        """
        record.outcome = outcome
        chunk.unfinished -= 1
        self._progress.settled(outcome)
        if chunk.unfinished:
            return False
        self._commit_finished()
        return True

    def reopen(self, status: int) -> None:
        """Records that aren't committed, and failed with this HTTP status, are unfinished again."""
        for chunk in self._in_flight:
            for _, records in chunk.parts:
                for record in records:
                    errors = record.outcome.errors if record.outcome else ()
                    if any(error.http_status == status for error in errors):
                        record.outcome = None
                        chunk.unfinished += 1

    def commit_start(self) -> None:
        """The run is stopped half-way: commit what is finished of the oldest chunk, and say so.

        Raises:
            StopRun: As :meth:`settle`.
        """
        self._commit_finished()
        if self._in_flight and not self._sealed:
            self._commit_records_at_the_start(self._in_flight[0])
        if self._unsaid and not self._sealed:
            self._print_state()

    @property
    def waiting(self) -> Waits:
        """What is worth waiting for, and all above: are there records of other kinds than users?"""
        kinds = {*self._kinds.values(), *(self._settings.stream_kinds or {}).values()}
        return Waits.FOR_THE_END if kinds == {Kind.USERS} else Waits.FOR_OTHER_KINDS

    def begin_again(self) -> None:
        """All is committed, and what failed for want of other records is about to be loaded."""
        self._again_from = self._outputs.errors.size
        self._progress.counting.begin_again()

    def commit_again(self, batch: list[Waiting]) -> None:
        """Records that were committed as failed were loaded once more.

        Raises:
            OutputError: The errors file can't be written.
        """
        self._outputs.errors.append(
            self._error_line(each.stream, each.chunk, each.record, error)
            for each in batch
            if each.record.outcome
            for error in each.record.outcome.errors
        )
        for each in batch:
            outcome = each.record.outcome
            assert outcome
            self._progress.settled(outcome)
            self._progress.counting.committed_again(each.stream, each.record)
            result, made = _results([each.record]), _made([each.record])
            self._checkpoint.commit_again(each.stream, each.position, result, made)
        self._unsaid = True

    def finish(
        self,
        *,
        complete: bool,
        is_settled: Callable[[ErrorLine], bool],
        was_tried: Callable[[ErrorLine], bool],
    ) -> None:
        """Everything is committed: print the last STATE.

        Args:
            complete: Whether the whole source was read.
            is_settled: Whether this run tells what became of the record of an earlier run's error
                line.
            was_tried: Whether the record of a line was loaded once more since.

        Raises:
            OutputError: Nobody reads it.
        """
        if complete or self._again_from:
            self._outputs.errors.drop_lines(
                is_settled if complete else lambda _: False, was_tried, self._again_from
            )
        if complete:
            self._checkpoint.finish()
        if self._checkpoint.streams or self._unsaid:
            self._print_state()

    def _commit_finished(self) -> None:
        """Commit the oldest chunks as far as they are finished; STATE after each."""
        while self._in_flight and not self._in_flight[0].unfinished and not self._sealed:
            chunk = self._in_flight[0]
            self._commit(chunk, chunk.parts)
            self._in_flight.popleft()
            # A skipped chunk tells nothing new, unless the tap's bookmark moved with it.
            if not chunk.skipped or self._checkpoint.has_moved:
                self._print_state()

    def _commit_records_at_the_start(self, chunk: Chunk) -> None:
        parts: list[tuple[Part, list[Record]]] = []
        for part, records in chunk.parts:
            finished = next(
                (i for i, record in enumerate(records) if record.outcome is None), len(records)
            )
            if start := self._checkpoint.truncate(part, finished):
                parts.append((start, records[:finished]))
        if parts:
            self._commit(chunk, parts)

    def _commit(self, chunk: Chunk, parts: list[tuple[Part, list[Record]]]) -> None:
        if not chunk.skipped:
            self._append_errors(chunk.number, parts)
        results = [_results(records) for _, records in parts]
        if not chunk.skipped:
            try:
                self._failures.judge(chunk.number, (self._judged(records) for _, records in parts))
            except TooManyFailures:
                self._sealed = True
                for part, records in parts:
                    self._progress.counting.add_errors(part.stream, records)
                raise
        for (part, records), result in zip(parts, results, strict=True):
            self._progress.counting.committed(part.stream, records)
            part.failed = [i for i, r in enumerate(records) if r.outcome and r.outcome.errors]
            self._checkpoint.commit(part, result, _made(records))
        stream = parts[0][0].stream
        self._progress.chunk(stream, chunk.number, skipped=chunk.skipped)
        self._unsaid = True

    def _append_errors(self, number: int, parts: list[tuple[Part, list[Record]]]) -> None:
        lines = (
            self._error_line(part.stream, number, record, error)
            for part, records in parts
            for record in records
            if record.outcome
            for error in record.outcome.errors
        )
        try:
            self._outputs.errors.append(lines)
        except OutputError:
            self._sealed = True
            raise

    def _error_line(
        self, stream: str, chunk: int, record: Record, error: RecordError
    ) -> dict[str, Any]:
        return error_line(
            stream=stream,
            kind=self._kinds[stream],
            record_number=record.number,
            chunk=chunk,
            record=record.content,
            error=error,
            fingerprint=f"{self._outputs.ledger.identity(stream, record.digest):x}",
            shown_columns=self._settings.shown_columns,
        )

    def _judged(self, records: list[Record]) -> Counter[str]:
        """Results to judge by: what waits for another record hasn't failed yet."""
        waiting = self.waiting
        return _results([each for each in records if _waits(each) < waiting])

    def _print_state(self) -> None:
        try:
            self._emit(self._outputs.next_state(self._organizations()))
        except OutputError:
            self._sealed = True
            raise
        self._unsaid = False


def _results(records: list[Record]) -> Counter[str]:
    return Counter(record.outcome.result if record.outcome else UNCHANGED for record in records)


def _waits(record: Record) -> Waits:
    return record.outcome.waits if record.outcome else Waits.NO


def _made(records: list[Record]) -> Counter[str]:
    return Counter(
        tally for record in records if record.outcome for tally in record.outcome.tallies
    )
