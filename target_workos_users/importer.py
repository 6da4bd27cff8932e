"""The import: chunks are read, compared, loaded and committed, in order; STATE after each.

One thread does it all. Reading a line and handing it on is ordinary code; whenever there is no
input, or two chunks are in flight, the event loop runs until that changes.
"""

from __future__ import annotations

import asyncio
import signal
from collections import defaultdict
from dataclasses import astuple
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from target_workos_users.checkpoint.chunks import Chunk, Chunker, Record
from target_workos_users.checkpoint.digests import Digester
from target_workos_users.checkpoint.spans import Spans
from target_workos_users.commit import Committer
from target_workos_users.errors.file import check_of, record_check
from target_workos_users.exceptions import AccessDenied, ErrorType, RecordError
from target_workos_users.ledger import Version
from target_workos_users.loading.connection import Connection
from target_workos_users.loading.outcome import Outcome, Result
from target_workos_users.loading.task import identity_of, make_task
from target_workos_users.records.parse import identity, parse_record

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from target_workos_users.checkpoint.outputs import Outputs
    from target_workos_users.checkpoint.state import State
    from target_workos_users.errors.file import ErrorLine
    from target_workos_users.ledger import Ledger
    from target_workos_users.loading.task import Task
    from target_workos_users.progress.progress import Progress
    from target_workos_users.records.parse import OrganizationRef
    from target_workos_users.settings.settings import Settings

_CHUNKS_IN_FLIGHT = 2
_SECONDS_BETWEEN_TICKS = 0.5
_MOST_SECONDS_TO_STOP = 20  # a container is killed 30 s after SIGTERM


class Interrupted(BaseException):
    """SIGTERM or SIGINT came; nothing between here and ``target`` is to handle it."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal_number = signal_number


class Importer:
    """Takes records and tap states, loads, and prints STATE.

    Args:
        settings: Of the run.
        outputs: The checkpoint to go on from, the errors file and the ledger, opened.
        progress: What is told to the user.
        emit: Prints a STATE value on stdout.
        loop: The event loop; it runs only inside the calls of this class.
        connect: Opens the way to WorkOS, when the first record is to be sent.
    """

    def __init__(
        self,
        settings: Settings,
        outputs: Outputs,
        progress: Progress,
        emit: Callable[[State], None],
        loop: asyncio.AbstractEventLoop,
        *,
        connect: Callable[
            [Settings, Ledger, Mapping[str, str]], Awaitable[Connection]
        ] = Connection.open,
    ) -> None:
        self._connect = connect
        self._settings = settings
        self._outputs = outputs
        self._ledger = outputs.ledger
        self._ledger.commit_soon(loop.call_soon)
        self._progress = progress
        self._loop = loop
        organization = settings.organization
        self._connection: Connection | None = None
        self._chunker = Chunker(
            outputs.checkpoint,
            Digester(organization and astuple(organization)),
            size=settings.batch_size_rows,
            reload=settings.on_source_change == "reload",
        )
        self._committer = Committer(
            settings, outputs, progress, emit=emit, organizations=self._known_organizations
        )
        self._skipped: defaultdict[str, Spans] = defaultdict(Spans)
        self._changed = asyncio.Event()
        self._interrupted_by: int | None = None
        self._ticking = loop.create_task(self._tick())

    # Input

    def open_stream(self, name: str, source: str) -> None:
        """A stream's first SCHEMA message.

        Args:
            name: Its name after stream maps.
            source: Its name in the tap.
        """
        self._chunker.open_stream(name, source)

    def add(self, name: str, content: dict[str, Any], number: int | None = None) -> None:
        """A record.

        Args:
            name: Its stream, after stream maps.
            content: The record, after stream maps.
            number: Counts from 1 in the tap's order, if it isn't the next one.

        Raises:
            StopRun: The import can't go on.
            Interrupted: A signal came.
        """
        self._submit(self._chunker.add(name, content, number))

    def read_state(self, value: State) -> None:
        """A STATE message of the tap."""
        self._committer.read_state(value)

    def turn(self) -> None:
        """Let requests in flight go on for a moment.

        Raises:
            StopRun: The import can't go on.
            Interrupted: A signal came.
        """
        self._loop.call_soon(self._loop.stop)
        self._loop.run_forever()
        self._check()

    def wait_for_input(self, descriptor: int) -> None:
        """Let requests in flight go on until there is input.

        Raises:
            StopRun: The import can't go on.
            Interrupted: A signal came.
        """
        self._loop.run_until_complete(self._wait_for_input(descriptor))

    # The end

    def finish(self, *, complete: bool) -> None:
        """The input is at its end: load what is left, and say so.

        Args:
            complete: Whether it ended as a whole input does.

        Raises:
            StopRun: The import can't go on.
            Interrupted: A signal came.
        """
        self._loop.run_until_complete(self._until_in_flight(at_most=0))
        self._submit(self._chunker.end(complete=complete))
        self._loop.run_until_complete(self._until_in_flight(at_most=0))
        orderly = self._interrupted_by is None
        self._committer.finish(complete=complete, orderly=orderly, is_settled=self._is_settled)

    def break_off(self) -> None:
        """Stop half-way: let requests in flight finish, and commit what is finished.

        Raises:
            StopRun: What is finished can't be committed.
        """
        if self._connection:
            seconds = min(self._settings.request_timeout, _MOST_SECONDS_TO_STOP)
            self._loop.run_until_complete(self._connection.drain(seconds))
            if isinstance(self._connection.queue.failure, AccessDenied):
                self._committer.reopen(HTTPStatus.FORBIDDEN)  # it was the key, not the records
        self._committer.commit_start()
        streams = self._outputs.checkpoint.streams.values()
        self._progress.unfinished(sum(stream.read - stream.committed for stream in streams))

    def close(self) -> None:
        """Close connections and files."""
        self._ticking.cancel()
        self._loop.run_until_complete(asyncio.wait([self._ticking]))
        if self._connection:
            self._loop.run_until_complete(self._connection.close())
        self._outputs.close()

    def interrupt(self, signal_number: int) -> None:
        """A signal came: stop at the next turn of the loop. Further signals change nothing."""
        if self._interrupted_by is None:
            name = signal.Signals(signal_number).name
            self._progress.say(f"{name}: finishing the requests in flight, then stopping.")
            self._interrupted_by = signal_number
            if self._connection:
                self._connection.stop()
            self._changed.set()

    def _known_organizations(self) -> dict[str, str] | None:
        return self._connection.organizations.to_state() if self._connection else None

    # Loading

    def _submit(self, chunk: Chunk | None) -> None:
        if chunk is None:
            return
        self._committer.take(chunk)
        if chunk.skipped:
            self._note_skipped(chunk)
        else:
            self._loop.run_until_complete(self._load(chunk))
        self._check()

    def _note_skipped(self, chunk: Chunk) -> None:
        """These records are in the source as they were, under the same numbers."""
        for part, records in chunk.parts:
            if not self._outputs.checkpoint.streams[part.stream].incremental:
                self._skipped[part.stream].add(records[0].number, records[-1].number)

    async def _load(self, chunk: Chunk) -> None:
        if self._connection is None:
            entry = self._outputs.checkpoint.entry
            self._connection = await self._connect(self._settings, self._ledger, entry.org_cache)
            self._progress.connected(
                self._connection.transport.stats, self._connection.organizations.counts
            )
            self._committer.start()
        tasks = [
            (task, partial(self._settle, chunk, record))
            for part, records in chunk.parts
            for record in records
            if (task := self._prepare(chunk, part.stream, record))
        ]
        self._connection.load(tasks)
        await self._until_in_flight(at_most=_CHUNKS_IN_FLIGHT - 1)

    def _prepare(self, chunk: Chunk, stream: str, record: Record) -> Task | None:
        """The task to load, or None if the record needs no request."""
        try:
            row = parse_record(record.content, self._settings.record_rules)
        except RecordError as error:
            self._remember_invalid(chunk, stream, record)
            self._settle(chunk, record, Outcome(errors=[error]))
            return None
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
        if task is None:
            self._settle(chunk, record, Outcome(Result.UNCHANGED))
        return task

    def _settle(self, chunk: Chunk, record: Record, outcome: Outcome) -> None:
        if self._committer.settle(chunk, record, outcome):
            self._changed.set()

    def _remember_invalid(self, chunk: Chunk, stream: str, record: Record) -> None:
        """Note that a record was looked at."""
        who = identity(record.content, self._settings.organization)
        self._ledger.settle(
            self._identity(stream, who, lambda: check_of(record.content)),
            Version(record.digest, record.number),
            stream=stream,
            chunk=chunk.number,
            email=who and who[0],
            error=ErrorType.INVALID_RECORD,
        )

    def _is_settled(self, line: ErrorLine) -> bool:
        """Whether this run looked at the record of an earlier run's line, or it is gone."""
        stream = self._outputs.checkpoint.streams.get(line.stream)
        if stream is None or not stream.incremental:
            return stream is not None  # the whole of it was read
        who = identity(line.record, self._settings.organization)
        number = self._identity(line.stream, who, lambda: record_check(line.record))
        return self._ledger.past(number).has_come

    def _identity(
        self, stream: str, who: tuple[str, OrganizationRef | None] | None, check: Callable[[], int]
    ) -> int:
        """The number under which the ledger knows a record, even one that doesn't say whose."""
        if who is None:
            return self._ledger.identity(stream, check())
        return identity_of(self._ledger, stream, *who)

    async def _tick(self) -> None:
        """Tell the progress that time goes by."""
        while True:
            await asyncio.sleep(_SECONDS_BETWEEN_TICKS)
            self._progress.tick(self._committer.finished, self._committer.unfinished)

    # Waiting

    def _check(self) -> None:
        if self._connection and self._connection.queue.failure:
            raise self._connection.queue.failure
        if self._interrupted_by is not None:
            raise Interrupted(self._interrupted_by)

    async def _until(self, condition: Callable[[], bool]) -> None:
        while True:
            self._check()
            if condition():
                return
            self._changed.clear()
            if self._connection:
                await self._connection.queue.wait(self._changed)
            else:
                await self._changed.wait()

    async def _until_in_flight(self, *, at_most: int) -> None:
        await self._until(lambda: len(self._committer) <= at_most)

    async def _wait_for_input(self, descriptor: int) -> None:
        readable = False

        def is_readable() -> None:
            nonlocal readable
            readable = True
            self._changed.set()

        self._loop.add_reader(descriptor, is_readable)
        try:
            await self._until(lambda: readable)
        finally:
            self._loop.remove_reader(descriptor)
