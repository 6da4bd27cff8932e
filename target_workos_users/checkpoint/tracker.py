"""The checkpoint: what of a source is loaded already, and what may be said of it. Pure.

A stream's entry in the state lists its chunks as ``[records, digest]`` since the stream's own
bookmark last moved: the tap starts again from that bookmark, and the first records that it sends
are compared with the list.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from itertools import islice

from target_workos_users.checkpoint.state import (
    FAILED,
    UNCHANGED,
    Entry,
    ErrorsPosition,
    State,
    StoredChunk,
    bookmark_of,
    outside_bookmarks,
    own_bookmark,
    says_something,
    without_entry,
    write_entry,
)
from target_workos_users.checkpoint.streams import Part, StreamProgress
from target_workos_users.records.digests import chunk_digest


@dataclass
class _Pending:
    """A STATE message of the tap that waits until every record before it is done."""

    value: State
    need: dict[str, int]
    origins: dict[str, int]
    closes: int
    heads: dict[str, StoredChunk] = field(default_factory=dict)


class Checkpoint:
    """What is loaded, and what may be said of it on stdout.

    Args:
        entry: The stored checkpoint to go on from, or a new one.
        tap_state: The tap's own state that goes with it: what the tap was started with.

    Attributes:
        has_moved: A stream's own bookmark moved since the last :meth:`state`.
    """

    def __init__(self, entry: Entry, tap_state: State) -> None:
        self.entry = entry
        self.streams: dict[str, StreamProgress] = {}
        self._started_with = tap_state
        self._forwarded = tap_state
        self._newest = tap_state
        self._pending: deque[_Pending] = deque()
        self._closes = 0
        self.has_moved = False

    def open_stream(self, name: str, source: str) -> None:
        """Start on a stream, after stream maps, from its stored chunks if there are any."""
        if name in self.streams:
            return
        started_with = self._started_with
        progress = StreamProgress(
            source=source,
            incremental=says_something(bookmark_of(started_with, source))
            or bool(outside_bookmarks(started_with)),
        )
        if stored := self.entry.streams.get(name):
            progress.stored.extend(stored.chunks)
            # A complete pass is over: this one counts from zero, and so compares all chunks anew.
            if not stored.complete:
                carried = min(stored.carried, len(stored.chunks))
                counted = stored.chunks[: len(stored.chunks) - carried]
                progress.counted = sum(chunk.records for chunk in counted)
                progress.records = stored.records
                progress.tally.update(stored.tally)
        self.streams[name] = progress

    def expected(self, name: str) -> StoredChunk | None:
        """The stored chunk that the stream's next records are compared with."""
        stream = self.streams[name]
        return stream.stored[stream.closed] if stream.closed < len(stream.stored) else None

    def is_ahead(self, name: str, number: int) -> bool:
        """Whether the record of a number is of a stored chunk that is still to be compared."""
        stream = self.streams[name]
        if stream.incremental or number <= stream.read:
            return False
        return number <= stream.committed + sum(chunk.records for chunk in stream.stored)

    def must_match(self, name: str) -> bool:
        """Whether a mismatch now means that the source changed under an interrupted import."""
        return self._is_counted(name) and not self.streams[name].incremental

    def _is_counted(self, name: str) -> bool:
        """Whether the expected chunk was read in an earlier, interrupted run of this pass."""
        stream = self.streams[name]
        ahead = sum(chunk.records for chunk in islice(stream.stored, stream.closed))
        return stream.counted > ahead

    def read_state(self, value: State) -> None:
        """A STATE message of the tap: hold it until the records read before it are committed."""
        value = without_entry(value)
        if value == self._newest:
            return
        everything = outside_bookmarks(value) != outside_bookmarks(self._newest)
        for stream in self.streams.values():
            before = own_bookmark(bookmark_of(self._newest, stream.source))
            if everything or own_bookmark(bookmark_of(value, stream.source)) != before:
                stream.moved_at = stream.read
        self._newest = value
        pending = _Pending(
            value=value,
            need={name: stream.read for name, stream in self.streams.items()},
            origins={name: stream.moved_at for name, stream in self.streams.items()},
            closes=self._closes,
        )
        if self._pending:
            last = self._pending[-1]
            pending.heads = {
                name: head
                for name, head in last.heads.items()
                if last.origins[name] == pending.origins[name]
            }
            # Only the newest of several states with no chunk between them is worth keeping.
            if last.closes == self._closes:
                self._pending.pop()
        self._pending.append(pending)
        self._forward()

    def close(self, name: str, digests: list[bytes], stored: StoredChunk | None) -> Part:
        """Take the stream's next records as one part, to be committed in the order of closing.

        Args:
            name: The stream.
            digests: One for each record since the last part.
            stored: The :meth:`expected` chunk, if they stand for it.
        """
        stream = self.streams[name]
        counted = stored is not None and self._is_counted(name)
        part = Part(name, stream.read - len(digests), digests, stored, counted)
        if stored:
            stream.closed += 1
        self._closes += 1
        return part

    def commit(self, part: Part, results: Counter[str], made: Counter[str]) -> None:
        """Every record of the part is in WorkOS or in the errors file on disk.

        Args:
            part: The stream's oldest part not committed.
            results: What became of its records, one each.
            made: What else was counted.
        """
        stream = self.streams[part.stream]
        assert part.start == stream.committed, "parts are committed in order"
        if part.stored:
            stream.stored.popleft()
            stream.closed -= 1
        size, failed = len(part.digests), len(part.failed)
        stream.done.append(StoredChunk(size, chunk_digest(part.digests), failed))
        stream.committed = part.end
        stream.tally.update(made)
        if part.counted:
            # Each record counts once in a pass: only what failed then and is loaded now moves.
            stream.counted -= size
            before = part.stored.failed if part.stored else 0
            stream.tally[FAILED] += failed - before
            stream.tally[UNCHANGED] += before - failed
        else:
            stream.records += size
            stream.tally.update(results)
        self._forward(part)

    def commit_again(
        self, name: str, position: int, result: Counter[str], made: Counter[str]
    ) -> None:
        """A record that was committed as failed was loaded once more.

        Args:
            name: The stream.
            position: Of the record, in this run's reading of the stream.
            result: What became of it, one.
            made: What else was counted.
        """
        stream = self.streams[name]
        stream.tally.update(made)
        if FAILED in result:
            return
        stream.tally.update(result)
        stream.tally[FAILED] -= 1
        start = stream.origin
        for index, chunk in enumerate(stream.done):
            if start <= position < start + chunk.records:
                stream.done[index] = StoredChunk(chunk.records, chunk.digest, chunk.failed - 1)
            start += chunk.records

    def truncate(self, part: Part, records: int) -> Part | None:
        """The first records of a part that was stopped half-way, if they can be committed.

        A stored chunk is replaced as a whole or not at all: the ones after it line up with it.
        """
        if part.stored or not records:
            return None
        return Part(part.stream, part.start, part.digests[:records])

    def drop_stored(self, name: str) -> None:
        """The source ended: forget stored chunks that it doesn't have any more."""
        stream = self.streams[name]
        stream.stored.clear()
        stream.closed = stream.counted = 0

    def finish(self) -> None:
        """The input ended as a whole one does; call it when everything is committed."""
        for stream in self.streams.values():
            stream.complete = True

    def state(self, org_cache: dict[str, str], errors: ErrorsPosition, now: str) -> State:
        """The next STATE line's value; ``seq`` grows by one.

        Args:
            org_cache: WorkOS ids of organizations by external id.
            errors: How far the errors file is on disk.
            now: UTC, ISO 8601.
        """
        entry = self.entry
        self.has_moved = False
        entry.seq += 1
        entry.updated = now
        entry.org_cache = org_cache
        entry.errors = errors
        entry.streams |= {name: stream.entry() for name, stream in self.streams.items()}
        return write_entry(self._forwarded, entry)

    def _forward(self, part: Part | None = None) -> None:
        """Take over the newest tap state whose records are all committed."""
        newest = None
        for pending in self._pending:
            if any(self.streams[name].committed < need for name, need in pending.need.items()):
                break
            newest = pending
        if part:
            self._cut(part, newest)
        if newest is None:
            return
        while self._pending and self._pending.popleft() is not newest:
            pass
        self._forwarded = newest.value
        for name, origin in newest.origins.items():
            if origin > self.streams[name].origin:
                self.streams[name].restart_at(origin, newest.heads.get(name))
                self.has_moved = True

    def _cut(self, part: Part, newest: _Pending | None) -> None:
        """Note the rest of the part for every waiting state that lets the list begin inside it."""
        waiting = False
        for pending in self._pending:
            waiting = waiting or pending is newest or newest is None
            origin = pending.origins.get(part.stream, 0)
            if waiting and part.start < origin < part.end:
                rest = part.digests[origin - part.start :]
                failed = sum(part.start + position >= origin for position in part.failed)
                pending.heads[part.stream] = StoredChunk(len(rest), chunk_digest(rest), failed)
