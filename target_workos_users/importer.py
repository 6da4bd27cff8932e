"""The import: chunks are read, compared, loaded and committed, in order; STATE after each.

One thread does it all. Reading a line and handing it on is ordinary code; whenever there is no
input, or two chunks are in flight, the event loop runs until that changes.
"""

from __future__ import annotations

import asyncio
import signal
from dataclasses import astuple
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from target_workos_users.aside import Aside, Waiting
from target_workos_users.checkpoint.chunks import Chunk, Chunker
from target_workos_users.commit import Committer
from target_workos_users.exceptions import AccessDenied
from target_workos_users.loading.connection import Connection
from target_workos_users.loading.outcome import Outcome
from target_workos_users.preparation import Preparation
from target_workos_users.records.digests import Digester
from target_workos_users.records.kinds import Kind
from target_workos_users.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

    from target_workos_users.checkpoint.outputs import Outputs
    from target_workos_users.checkpoint.state import State
    from target_workos_users.ledger import Ledger
    from target_workos_users.loading.task import AnyTask
    from target_workos_users.progress.progress import Progress
    from target_workos_users.settings.settings import Settings

_CHUNKS_IN_FLIGHT = 2
_SECONDS_BETWEEN_TICKS = 0.5


class Importer:
    """Takes records and tap states, loads, and prints STATE.

    Args:
        outputs: The checkpoint to go on from, the errors file and the ledger, opened.
        emit: Prints a STATE value on stdout.
        loop: The event loop; it runs only inside the calls of this class.
        kinds: Of the streams that are opened.
        keys: The columns of their primary keys.
        connect: Opens the way to WorkOS, when the first record is to be sent.

    Attributes:
        turns: Lets requests in flight go on, while others wait.
    """

    def __init__(
        self,
        settings: Settings,
        outputs: Outputs,
        progress: Progress,
        emit: Callable[[State], None],
        loop: asyncio.AbstractEventLoop,
        *,
        kinds: Mapping[str, Kind],
        keys: Mapping[str, Sequence[str]],
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
            settings,
            outputs,
            progress,
            kinds,
            emit=emit,
            organizations=self._known_organizations,
        )
        self._preparation = Preparation(settings, outputs, progress, kinds, keys)
        self._kinds = kinds
        self._kind = Kind.USERS  # of the records that were begun last
        self._unfinished = 0  # tasks that were handed to the connection
        self._aside = Aside()
        self.turns = Turns(loop)
        self._ticking = loop.create_task(self._tick())

    # Input

    def open_stream(self, name: str, source: str) -> None:
        """A stream's first SCHEMA message: its name after stream maps, and in the tap."""
        self._chunker.open_stream(name, source)

    def add(self, name: str, content: dict[str, Any], number: int | None = None) -> None:
        """A record, after stream maps, with its number if it isn't the next one.

        Raises:
            StopRun: The import can't go on.
            Interrupted: A signal came.
        """
        self._submit(self._chunker.add(name, content, number))

    def read_state(self, value: State) -> None:
        """A STATE message of the tap."""
        self._committer.read_state(value)

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
        self._loop.run_until_complete(self._load_aside())
        self._committer.finish(
            complete=complete,
            is_settled=self._preparation.is_settled,
            was_tried=self._aside.was_tried,
        )
        self._loop.run_until_complete(asyncio.sleep(0))  # a signal may have come meanwhile
        if self.turns.interrupted_by is None:
            self._ledger.end()  # after a signal Meltano doesn't store the last STATE

    def break_off(self) -> None:
        """Stop half-way: let requests in flight finish, and commit what is finished.

        Raises:
            StopRun: What is finished can't be committed.
        """
        if self._connection:
            self._loop.run_until_complete(self._connection.drain(self._settings.seconds_to_stop))
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
        self._aside.close()
        self._outputs.close()

    def interrupt(self, signal_number: int) -> None:
        """A signal came: stop at the next turn of the loop. Further signals change nothing."""
        if self.turns.interrupted_by is None:
            name = signal.Signals(signal_number).name
            self._progress.say(f"{name}: finishing the requests in flight, then stopping.")
            self.turns.interrupted_by = signal_number
            if self._connection:
                self._connection.stop()
            self.turns.changed.set()

    def _known_organizations(self) -> dict[str, str] | None:
        return self._connection.loader.organizations.to_state() if self._connection else None

    # Loading

    def _submit(self, chunk: Chunk | None) -> None:
        if chunk is None:
            return
        self._committer.take(chunk)
        if chunk.skipped:
            self._preparation.note_skipped(chunk)
        else:
            self._loop.run_until_complete(self._load(chunk))
        self.turns.check()

    async def _load(self, chunk: Chunk) -> None:
        if self._connection is None:
            entry = self._outputs.checkpoint.entry
            self._connection = await self._connect(self._settings, self._ledger, entry.org_cache)
            self.turns.queue = self._connection.queue
            self._progress.connected(
                self._connection.transport.stats, self._connection.loader.organizations.counts
            )
            self._committer.start()
        order = list(Kind)
        for part, records in sorted(
            chunk.parts, key=lambda part: order.index(self._kinds[part[0].stream])
        ):
            await self._begin(self._kinds[part.stream])
            tasks = []
            for position, record in enumerate(records, start=part.start):
                waiting = Waiting(part.stream, chunk.number, position, record)
                prepared = self._preparation.prepare(
                    part.stream,
                    record,
                    chunk=chunk.number,
                    proven=chunk.unchanged,
                    is_busy=self._connection.queue.has,
                )
                if isinstance(prepared, Outcome):
                    self._committer.settle(chunk, record, prepared)
                else:
                    tasks.append((prepared, partial(self._settle, chunk, waiting)))
            self._submit_tasks(tasks)
        self.turns.changed.set()
        await self._until_in_flight(at_most=_CHUNKS_IN_FLIGHT - 1)

    async def _begin(self, kind: Kind) -> None:
        """Before records of another kind: those in flight may be what they need."""
        if kind is not self._kind:
            await self.turns.until(lambda: not self._unfinished)
        self._kind = kind

    def _submit_tasks(self, tasks: Sequence[tuple[AnyTask, Callable[[Outcome], None]]]) -> None:
        assert self._connection
        self._unfinished += len(tasks)
        self._connection.load(tasks)

    def _settle(self, chunk: Chunk, waiting: Waiting, outcome: Outcome) -> None:
        self._unfinished -= 1
        self._aside.add(self._kinds[waiting.stream], waiting, outcome)
        if self._committer.settle(chunk, waiting.record, outcome) or not self._unfinished:
            self.turns.changed.set()

    async def _load_aside(self) -> None:
        """Load what waited for other records: by now all have come."""
        waiting = self._committer.waiting
        number = self._aside.count(waiting)
        if not number or self._connection is None:
            return
        self._progress.say(f"{number:,} records waited for others to come first: loading them.")
        self._connection.loader.look_again()
        self._committer.begin_again()
        for batch in self._aside.all_batches(waiting):
            self._submit_tasks(list(self._prepared_again(batch)))
            await self.turns.until(lambda: not self._unfinished)
            self._committer.commit_again(batch)

    def _prepared_again(
        self, batch: list[Waiting]
    ) -> Iterator[tuple[AnyTask, Callable[[Outcome], None]]]:
        for waiting in batch:
            prepared = self._preparation.prepare(
                waiting.stream, waiting.record, chunk=waiting.chunk
            )
            if isinstance(prepared, Outcome):
                waiting.record.outcome = prepared
            else:
                yield prepared, partial(self._settle_again, waiting)

    def _settle_again(self, waiting: Waiting, outcome: Outcome) -> None:
        waiting.record.outcome = outcome
        self._unfinished -= 1
        if not self._unfinished:
            self.turns.changed.set()

    async def _tick(self) -> None:
        """Tell the progress that time goes by."""
        while True:
            await asyncio.sleep(_SECONDS_BETWEEN_TICKS)
            self._progress.tick(self._committer.finished, self._committer.unfinished)

    async def _until_in_flight(self, *, at_most: int) -> None:
        await self.turns.until(lambda: len(self._committer) <= at_most)
