"""One stream in one run: which of its chunks are committed, and which are still to be compared."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

from target_workos_users.checkpoint.state import StoredChunk, StoredStream


@dataclass
class Part:
    """Consecutive records of one stream that are committed together.

    Attributes:
        stream: The stream's name.
        start: Position of the first record in this run's reading of the stream, from 0.
        digests: One per record.
        stored: The stored chunk that it stands for, equal or not.
        counted: Whether an earlier run of this pass has counted its records.
        failed: Positions in it of the records that failed, in ascending order.
    """

    stream: str
    start: int
    digests: list[bytes]
    stored: StoredChunk | None = None
    counted: bool = False
    failed: list[int] = field(default_factory=list)

    @property
    def end(self) -> int:
        """Position after the last record."""
        return self.start + len(self.digests)


@dataclass
class StreamProgress:
    """One stream in this run. Positions count the records read in this run, from 0.

    Attributes:
        source: The tap's name of the stream: the key of its bookmark.
        incremental: The tap was started with a bookmark for it: it may send records again.
        done: Chunks committed since ``origin``.
        stored: Chunks of the stored checkpoint that come next in the source.
        closed: How many of ``stored`` have been read, but not committed.
        counted: Records still to be read that ``records`` and ``tally`` hold already.
        origin: Where the tap would start again.
        moved_at: The same, of the newest STATE message read.
    """

    source: str
    incremental: bool = False
    done: deque[StoredChunk] = field(default_factory=deque)
    stored: deque[StoredChunk] = field(default_factory=deque)
    closed: int = 0
    counted: int = 0
    records: int = 0
    tally: Counter[str] = field(default_factory=Counter)
    complete: bool = False
    origin: int = 0
    moved_at: int = 0
    read: int = 0
    committed: int = 0

    def entry(self) -> StoredStream:
        """As the state keeps it."""
        rest = sum(chunk.records for chunk in self.stored)
        carried = 0
        for chunk in reversed(self.stored):
            if rest <= self.counted:
                break
            rest -= chunk.records
            carried += 1
        return StoredStream(
            complete=self.complete,
            records=self.records,
            chunks=[*self.done, *self.stored],
            tally={key: count for key, count in self.tally.items() if count},
            carried=carried,
        )

    def restart_at(self, position: int, head: StoredChunk | None) -> None:
        """Let the list of chunks begin at ``position``; ``head`` is the cut rest of a chunk."""
        while self.done and self.origin + self.done[0].records <= position:
            self.origin += self.done.popleft().records
        if self.origin < position and self.done:
            self.done.popleft()
            if head is None:
                raise AssertionError("a bookmark moved inside a chunk whose rest is unknown")
            self.done.appendleft(head)
        self.origin = position
