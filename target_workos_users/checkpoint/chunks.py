"""Records become chunks, and each chunk is compared with the checkpoint. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from target_workos_users.exceptions import SourceChanged
from target_workos_users.records.digests import chunk_digest

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_workos_users.checkpoint.state import StoredChunk
    from target_workos_users.checkpoint.streams import Part
    from target_workos_users.checkpoint.tracker import Checkpoint
    from target_workos_users.loading.outcome import Outcome


@dataclass(slots=True)
class Record:
    """A record on its way.

    Attributes:
        number: Counts from 1 in the tap's order.
        content: After stream maps.
        digest: Of the content.
        outcome: What became of it; None while it isn't finished.
    """

    number: int
    content: dict[str, Any]
    digest: bytes
    outcome: Outcome | None = None


@dataclass
class Chunk:
    """Records that are committed together: as a rule of one stream.

    Attributes:
        number: Counts from 1 in the stream.
        parts: Per stream, what the checkpoint knows of them, and the records themselves.
        unchanged: They are what the checkpoint says.
        skipped: … and none of them failed: there is nothing to do.
        unfinished: How many records have no outcome yet; the committer's.
    """

    number: int
    parts: list[tuple[Part, list[Record]]]
    unchanged: bool = False
    skipped: bool = False
    unfinished: int = 0

    def __len__(self) -> int:
        """How many records it has."""
        return sum(len(records) for _, records in self.parts)


@dataclass
class _Open:
    """Records of one stream that are in no chunk yet."""

    chunks: int = 0
    records: list[Record] = field(default_factory=list)


class Chunker:
    """Collects records; hands them out as chunks that are equal to a stored one or to be loaded.

    Args:
        checkpoint: What is loaded already.
        digest: Of a record.
        size: Records a chunk, where the checkpoint doesn't say.
        reload: Load chunks that changed under an interrupted import, instead of stopping.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        digest: Callable[[dict[str, Any]], bytes],
        *,
        size: int,
        reload: bool,
    ) -> None:
        self._checkpoint = checkpoint
        self._digest = digest
        self._size = size
        self._reload = reload
        self._open: dict[str, _Open] = {}
        self._waiting = 0

    def open_stream(self, name: str, source: str) -> None:
        """A SCHEMA message: a stream, after stream maps, and its name in the tap."""
        self._checkpoint.open_stream(name, source)
        self._open.setdefault(name, _Open())

    def add(self, name: str, content: dict[str, Any], number: int | None = None) -> Chunk | None:
        """Take a record.

        Args:
            name: Its stream, after stream maps.
            content: The record, after stream maps.
            number: Counts from 1 in the tap's order, if it isn't the next one.

        Returns:
            The chunk that is full with it. To be committed in this order.

        Raises:
            SourceChanged: It isn't what an interrupted import had loaded.
        """
        stream = self._checkpoint.streams[name]
        records = self._open[name].records
        stream.read += 1
        records.append(Record(number or stream.read, content, self._digest(content)))
        if expected := self._checkpoint.expected(name):
            return self._compare(name, expected) if len(records) == expected.records else None
        self._waiting += 1
        return self.rest() if self._waiting >= self._size else None

    def rest(self) -> Chunk | None:
        """The records of all streams that wait for a full chunk, as one."""
        parts = [
            self._take(name)
            for name, stream in self._open.items()
            if stream.records and not self._checkpoint.expected(name)
        ]
        self._waiting = 0
        if not parts:
            return None
        return Chunk(max(self._open[part.stream].chunks for part, _ in parts), parts)

    def end(self, *, complete: bool) -> Chunk | None:
        """The input is at its end, and all chunks are committed.

        Args:
            complete: Whether it ended as a whole input does; else the tap died.

        Returns:
            The last chunk, to be loaded.

        Raises:
            SourceChanged: It has fewer records than an interrupted import had loaded.
        """
        for name, stream in self._open.items():
            expected = self._checkpoint.expected(name)
            if expected is None:
                continue
            if complete:
                if self._checkpoint.must_match(name):
                    found = f"{len(stream.records):,}, and then it ends"
                    self._changed(name, f"{expected.records:,} records", found)
                self._checkpoint.drop_stored(name)
            else:
                stream.records.clear()  # of a stored chunk: compared when the tap sends them again
        return self.rest()

    def _compare(self, name: str, expected: StoredChunk) -> Chunk:
        records, digest = expected.records, expected.digest
        found = chunk_digest([record.digest for record in self._open[name].records])
        unchanged = found == digest
        if not unchanged and self._checkpoint.must_match(name):
            self._changed(
                name,
                f"{records:,} records with digest {digest}",
                f"{records:,} with digest {found}",
            )
        part = self._take(name, expected)
        skipped = unchanged and not expected.failed
        return Chunk(self._open[name].chunks, [part], unchanged, skipped)

    def _take(self, name: str, stored: StoredChunk | None = None) -> tuple[Part, list[Record]]:
        stream = self._open[name]
        records, stream.records = stream.records, []
        stream.chunks += 1
        digests = [record.digest for record in records]
        return self._checkpoint.close(name, digests, stored), records

    def _changed(self, name: str, stored: str, found: str) -> None:
        if self._reload:
            return
        raise SourceChanged(
            f"Chunk {self._open[name].chunks + 1} of stream {name!r} isn't what the interrupted "
            f"import had loaded: the checkpoint has {stored}, the source now has {found}. Nothing "
            "of it was skipped or loaded. Put the source back as it was; or set on_source_change "
            'to "reload" to load the chunks that changed (users that exist are found); or start '
            "with the first record: --full-refresh."
        )
