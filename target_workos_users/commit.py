"""What is finished becomes true for good, in order: errors on disk, then journal, then STATE."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING

from target_workos_users.checkpoint.journal import FAILED
from target_workos_users.errors.file import error_line
from target_workos_users.exceptions import OutputError, TooManyFailures
from target_workos_users.loading.outcome import Result

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_workos_users.checkpoint.chunks import Chunk, Record
    from target_workos_users.checkpoint.outputs import Run
    from target_workos_users.checkpoint.state import State
    from target_workos_users.checkpoint.streams import Part
    from target_workos_users.progress.progress import Progress
    from target_workos_users.settings.settings import Settings

_FAILURES_TELL_FROM = 20  # records a chunk


class Committer:
    """Commits chunks in the order in which they were read.

    Args:
        settings: Of the run.
        run: The checkpoint, the errors file and the journal.
        progress: What is told to the user.
        emit: Prints a STATE value on stdout; raises :class:`OutputError` if nobody reads it.
        organizations: The known organizations, by external id; None if none was resolved.

    Attributes:
        in_flight: Chunks that aren't committed, oldest first.
    """

    def __init__(
        self,
        settings: Settings,
        run: Run,
        progress: Progress,
        *,
        emit: Callable[[State], None],
        organizations: Callable[[], dict[str, str] | None],
    ) -> None:
        self.in_flight: deque[Chunk] = deque()
        self._settings = settings
        self._run = run
        self._checkpoint = run.checkpoint
        self._progress = progress
        self._emit = emit
        self._organizations = organizations
        self._unsaid = False
        self._sealed = False
        self._failed_before = self._size_before = 0  # of chunks too small to tell anything

    def start(self) -> None:
        """Before the first record is sent: say that a pass over the source begins.

        Without that, a crash in its first chunk would leave nothing that the journal belongs to,
        nor when the pass began.

        Raises:
            OutputError: Nobody reads it.
        """
        if self._run.begins:
            self._print_state()

    def read_state(self, value: State) -> None:
        """A STATE message of the tap: forwarded with the records before it."""
        self._checkpoint.read_state(value)
        self._unsaid = True

    def commit_finished(self) -> None:
        """Commit the oldest chunks as far as they are finished; STATE after each.

        Raises:
            StopRun: A chunk failed too often, or a file or stdout can't be written. Nothing is
                committed from then on.
        """
        while self.in_flight and not self.in_flight[0].unfinished and not self._sealed:
            chunk = self.in_flight[0]
            self._commit(chunk.number, chunk.parts)
            self.in_flight.popleft()
            self._tell(chunk)
            # An unchanged chunk tells nothing new, unless the tap's bookmark moved with it.
            if not chunk.unchanged or self._checkpoint.has_moved:
                self._print_state()

    def reopen(self, status: int) -> None:
        """Records that aren't committed, and failed with this HTTP status, are unfinished again."""
        for chunk in self.in_flight:
            for _, records in chunk.parts:
                for record in records:
                    if any(error.http_status == status for error in record.errors):
                        record.counts, record.errors = None, []
                        chunk.unfinished += 1

    def commit_start(self) -> None:
        """The run is stopped half-way: commit what is finished of the oldest chunk, and say so.

        Raises:
            StopRun: As :meth:`commit_finished`.
        """
        self.commit_finished()
        if self.in_flight and not self._sealed:
            self._commit_records_at_the_start(self.in_flight[0])
        if self._unsaid and not self._sealed:
            self._print_state()

    def finish(self, *, complete: bool) -> None:
        """Everything is committed: print the last STATE.

        Args:
            complete: Whether the input ended as a whole input does.

        Raises:
            OutputError: Nobody reads it.
        """
        if complete:
            self._checkpoint.finish()
        if self._checkpoint.streams or self._unsaid:
            self._print_state()
            self._run.finish()

    def _commit_records_at_the_start(self, chunk: Chunk) -> None:
        parts: list[tuple[Part, list[Record]]] = []
        for part, records in chunk.parts:
            finished = next(
                (i for i, record in enumerate(records) if record.counts is None), len(records)
            )
            if start := self._checkpoint.truncate(part, finished):
                parts.append((start, records[:finished]))
        if not parts:
            return
        self._commit(chunk.number, parts)
        self._tell(chunk)
        for _, records in parts:
            for record in records:
                record.counts = None  # covered by the checkpoint, and so no business of the journal

    def _commit(self, number: int, parts: list[tuple[Part, list[Record]]]) -> None:
        tallies = [_tally(records) for _, records in parts]
        self._append_errors(number, parts)
        self._judge(number, tallies)
        for (part, records), tally in zip(parts, tallies, strict=True):
            self._checkpoint.commit(part, tally)
            self._progress.counts.commit(part.stream, records, tally)
        self._unsaid = True

    def _judge(self, number: int, tallies: list[Counter[str]]) -> None:
        """Stop if too many failed; small chunks are judged together, as soon as they tell."""
        failed = sum(tally[Result.FAILED] for tally in tallies)
        size = sum(tally[result] for tally in tallies for result in Result)
        self._failed_before += failed
        self._size_before += size
        if self._size_before < _FAILURES_TELL_FROM:
            return
        together, of = self._failed_before, self._size_before
        self._failed_before = self._size_before = 0
        if together / of <= self._settings.abort_error_rate:
            return
        self._sealed = True
        where = f"of chunk {number}" if of == size else f"up to chunk {number}"
        raise TooManyFailures(
            f"{together:,} of {of:,} records {where} failed, more than "
            f"abort_error_rate = {self._settings.abort_error_rate:g} allows. They are in "
            f"{self._settings.errors_path}. The checkpoint stays before this chunk: mend the "
            "cause and run again, or set abort_error_rate to 1.0 to go on all the same."
        )

    def _append_errors(self, number: int, parts: list[tuple[Part, list[Record]]]) -> None:
        lines = (
            error_line(
                stream=part.stream,
                record_number=record.number,
                chunk=number,
                record=record.content,
                error=error,
            )
            for part, records in parts
            for record in records
            if not self._is_reported(part, record)
            for error in record.errors
        )
        try:
            self._run.errors.append(lines)
            for part, records in parts:
                for record in records:
                    if record.errors:
                        self._run.journal.add(part.stream, record.digest, {FAILED: 1})
        except OutputError:
            self._sealed = True
            raise

    def _tell(self, chunk: Chunk) -> None:
        stream = chunk.parts[0][0].stream
        self._progress.chunk(stream, chunk.number, unchanged=chunk.unchanged)

    def _is_reported(self, part: Part, record: Record) -> bool:
        """Whether it has its lines already: an incremental tap sends some records once more."""
        known = self._run.finished.get(part.stream)
        incremental = self._checkpoint.streams[part.stream].incremental
        return incremental and known is not None and record.digest in known.reported

    def _print_state(self) -> None:
        try:
            self._emit(self._run.next_state(self._organizations(), self._uncommitted()))
        except OutputError:
            self._sealed = True
            raise
        self._unsaid = False

    def _uncommitted(self) -> list[tuple[str, bytes, dict[str, int]]]:
        """Records that are done, but not covered by the checkpoint."""
        finished = [
            (part.stream, record.digest, record.counts)
            for chunk in self.in_flight
            if not chunk.unchanged
            for part, records in chunk.parts
            for record in records
            if record.counts and not record.errors
        ]
        for name, known in self._run.finished.items():
            for digest, outcomes in known.uncounted.items():
                finished += [(name, digest, counts) for counts in outcomes]
        return finished


def _tally(records: list[Record]) -> Counter[str]:
    tally: Counter[str] = Counter()
    for record in records:
        for key, count in (record.counts or {}).items():
            tally[key] += count
    return tally
