"""The journal: which records were finished since the last few STATE lines.

A printed STATE isn't always a stored one (Meltano 4.4.1 stores none that is printed after a
signal: measured), and a chunk in progress has none. The journal covers both. It is an append-only
file of JSON lines, digests only::

    {"journal": 1, "lineage": "8f14e45f"}
    {"mark": 46, "fingerprint": "…", "moved": ["<streams whose own bookmark moved>"]}
    ["users", "<digest of a record that is done>", {"created": 1, "memberships": 1}]

Records that failed are in it (``{"failed": 1}``) once their lines in errors.jsonl are on disk: they
are tried again, but not reported again.
"""

from __future__ import annotations

import os
from collections import defaultdict, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn

import msgspec

from target_workos_users.exceptions import OutputError, SettingsError
from target_workos_users.files import (
    check_place,
    is_intact,
    private_open,
    private_replace,
    write_all,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from target_workos_users.checkpoint.state import Entry

Counts = dict[str, int]

FAILED = "failed"

_MARKS = 3
_MOST_SINCE_MOVE = 100_000
_WORTH_COMPACTING = 1_000_000  # bytes


@dataclass
class Finished:
    """Records of one stream that the journal knows as done.

    Attributes:
        uncounted: Done after the checkpoint: digest -> what became of each such record. They come
            once more, and then count.
        counted: Done before it, since the stream's own bookmark moved. A tap that starts again
            from that bookmark may send them any number of times.
        reported: Records that failed before it, and have their lines in errors.jsonl.
    """

    uncounted: dict[bytes, list[Counts]] = field(default_factory=dict)
    counted: set[bytes] = field(default_factory=set)
    reported: set[bytes] = field(default_factory=set)

    def take(self, digest: bytes) -> Counts | None:
        """What became of a record that comes once more; None if it has to be loaded."""
        if outcomes := self.uncounted.get(digest):
            outcome = outcomes.pop()
            if not outcomes:
                del self.uncounted[digest]
            return outcome
        return {"unchanged": 1} if digest in self.counted else None


class _Header(msgspec.Struct):
    journal: int
    lineage: str
    bookmarked: list[str] = []  # streams whose bookmark moved at a mark that was dropped


class _Mark(msgspec.Struct):
    mark: int
    fingerprint: str
    moved: list[str]


_Done = tuple[str, bytes, Counts]

_read_header = msgspec.json.Decoder(_Header).decode
_read_line = msgspec.json.Decoder(_Mark | _Done).decode


def read_journal(path: Path, entry: Entry, fingerprint: str) -> dict[str, Finished]:
    """What was finished since a checkpoint.

    Args:
        path: The journal; need not exist.
        entry: The checkpoint that came in.
        fingerprint: Its fingerprint.

    Returns:
        By stream. Empty if the journal doesn't know the very checkpoint: then it was cleared, set
        to an earlier one or edited, or it belongs to another import.
    """
    lines = list(_lines(path, entry.lineage))
    latest = [line for line in lines if isinstance(line, _Mark)][-_MARKS:]
    if not any((line.mark, line.fingerprint) == (entry.seq, fingerprint) for line in latest):
        return {}
    finished: dict[str, Finished] = defaultdict(Finished)
    since_mark: dict[str, Finished] = defaultdict(Finished)
    moved: set[str] = set()
    found = False
    for line in lines:
        if isinstance(line, _Header):
            moved.update(line.bookmarked)
        elif isinstance(line, tuple):
            stream, digest, counts = line
            if not found:
                known = since_mark[stream]
                (known.reported if FAILED in counts else known.counted).add(digest)
            elif FAILED not in counts:
                finished[stream].uncounted.setdefault(digest, []).append(counts)
        elif not found:
            moved.update(line.moved)
            _pass_mark(finished, since_mark, line.moved, moved)
            since_mark.clear()
            found = (line.mark, line.fingerprint) == (entry.seq, fingerprint)
    return dict(finished)


def _pass_mark(
    finished: dict[str, Finished],
    since_mark: Mapping[str, Finished],
    just_moved: Iterable[str],
    moved: set[str],
) -> None:
    """Take over what stands between two marks.

    A stream without a bookmark of its own starts with its first record, and its chunks are
    compared: what stands here of an earlier pass may be superseded.
    """
    for stream in just_moved:
        finished[stream].counted.clear()
    for stream, known in since_mark.items():
        finished[stream].reported |= known.reported
        if stream in moved:
            finished[stream].counted |= known.counted


def _lines(path: Path, lineage: str) -> Iterator[_Header | _Mark | _Done]:
    """The lines of a journal, up to the first one that isn't whole."""
    try:
        check_place(path)
        header, *lines = path.read_bytes().split(b"\n")[:-1]  # a torn last line has no line end
        head = _read_header(header)
        if head.lineage != lineage:
            return
        yield head
        for line in lines:
            yield _read_line(line)
    except (OSError, ValueError, RecursionError):  # none there, empty, or torn by a crash
        return


class Journal:
    """Writes the journal.

    Args:
        path: The setting ``journal_path``; None turns the journal off.
    """

    def __init__(self, path: str | None) -> None:
        self.path = Path(path) if path else None
        self._file: IO[bytes] | None = None
        self._failure: OutputError | None = None
        self._size = 0
        self._head = b""
        self._lineage = ""
        self._bookmarked: set[str] = set()
        self._entries = 0
        self._marks: deque[int] = deque(maxlen=_MARKS)
        self._moves: dict[str, tuple[int, int]] = {}

    def open(
        self,
        lineage: str,
        seq: int,
        fingerprint: str,
        finished: Mapping[str, Finished],
    ) -> None:
        """Start the file anew with what is still true of the old one.

        Args:
            lineage: Of the import.
            seq: Of the checkpoint that the run starts from.
            fingerprint: Of the same.
            finished: What :func:`read_journal` found.

        Raises:
            SettingsError: The file can't be written.
        """
        if self.path is None:
            return
        self._lineage = lineage
        self._bookmarked = {stream for stream, known in finished.items() if known.counted}
        self._head = self._encode_head()
        before = [
            _line(stream, digest, counts)
            for stream, known in finished.items()
            for digests, counts in ((known.counted, {}), (known.reported, {FAILED: 1}))
            for digest in digests
        ]
        after = [
            _line(stream, digest, counts)
            for stream, known in finished.items()
            for digest, outcomes in known.uncounted.items()
            for counts in outcomes
        ]
        start = len(self._head)
        self._moves = dict.fromkeys(self._bookmarked, (start, 0))
        mark = _encode_mark(seq, fingerprint, [])
        self._marks.clear()
        self._marks.append(start + sum(map(len, before)))
        self._entries = len(before) + len(after)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._replace(b"".join([self._head, *before, mark, *after]))
        except OSError as error:
            raise SettingsError(
                f"journal_path: {self.path} can't be written ({error.strerror}). Nothing was "
                "loaded. Set journal_path to a file in a folder that you may write to, or to "
                '"none" (then up to a chunk is sent again after a crash).'
            ) from None

    def add(self, stream: str, digest: bytes, counts: Counts) -> None:
        """A record is done.

        Raises:
            OutputError: The file can't be written.
        """
        if self._file:
            self._entries += 1
            self._write(_line(stream, digest, counts))

    def mark(
        self,
        seq: int,
        fingerprint: str,
        moved: Iterable[str],
        uncommitted: Iterable[tuple[str, bytes, Counts]],
    ) -> None:
        """A STATE line is about to be printed.

        Args:
            seq: Its ``seq``.
            fingerprint: Its fingerprint.
            moved: Streams whose own bookmark moved with it.
            uncommitted: Records that are done, but not covered by it.

        Raises:
            OutputError: The file can't be written, or isn't what it was.
        """
        if not self._file or not self.path:
            return
        if self._failure:
            raise self._failure
        if not is_intact(self.path, self._file, self._size):
            raise OutputError(
                f"journal_path: {self.path} was removed or changed by somebody else while the "
                "import was running. Leave it alone until the import is over, and run again: the "
                "import goes on from the last STATE line."
            )
        moved = list(moved)
        self._bookmarked.update(moved)
        last = self._marks[-1]
        self._moves |= dict.fromkeys(moved, (last, self._entries))
        self._marks.append(self._size)
        lines = [_line(*record) for record in uncommitted]
        self._write(_encode_mark(seq, fingerprint, moved) + b"".join(lines))
        self._compact()

    def close(self) -> None:
        """Close the file; it stays for the next run."""
        if self._file:
            self._file.close()
            self._file = None

    def _compact(self) -> None:
        """Drop what no stored checkpoint can ask for any more."""
        wanted = [
            offset
            for offset, entries in self._moves.values()
            if self._entries - entries <= _MOST_SINCE_MOVE
        ]
        start = min([self._marks[0], *wanted])
        dropped = start - len(self._head)
        if dropped < max(_WORTH_COMPACTING, self._size - start) or self.path is None:
            return
        self._head = self._encode_head()
        try:
            with self.path.open("rb") as file:
                file.seek(start)
                self._replace(self._head + file.read())
        except OSError as error:
            self._fail(error)
        shift = start - len(self._head)
        self._marks = deque((offset - shift for offset in self._marks), maxlen=_MARKS)
        self._moves = {
            stream: (offset - shift, entries)
            for stream, (offset, entries) in self._moves.items()
            if offset >= start
        }

    def _encode_head(self) -> bytes:
        return msgspec.json.encode(_Header(1, self._lineage, sorted(self._bookmarked))) + b"\n"

    def _replace(self, content: bytes) -> None:
        assert self.path
        private_replace(self.path, content)
        self.close()
        self._file = private_open(self.path, os.O_WRONLY | os.O_APPEND)
        self._size = len(content)

    def _write(self, content: bytes) -> None:
        assert self._file
        if self._failure:
            raise self._failure  # what follows half a line would not be read
        try:
            write_all(self._file, content)
        except OSError as error:
            self._fail(error)
        self._size += len(content)

    def _fail(self, error: OSError) -> NoReturn:
        self._failure = OutputError(
            f"journal_path: {self.path} can't be written ({error.strerror}). The last STATE line "
            "covers all that was loaded until then: free the disk and run again."
        )
        raise self._failure from None


def _line(stream: str, digest: bytes, counts: Counts) -> bytes:
    return msgspec.json.encode((stream, digest, counts)) + b"\n"


def _encode_mark(seq: int, fingerprint: str, moved: list[str]) -> bytes:
    return msgspec.json.encode(_Mark(seq, fingerprint, moved)) + b"\n"
