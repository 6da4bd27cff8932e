"""Records that failed for want of another record, kept until the input is at its end.

Their errors are in the errors file, and STATE covers them as failed ones: whatever becomes of this
process, the next run tries them again.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from target_workos_users.checkpoint.chunks import Record
from target_workos_users.records.kinds import Kind
from target_workos_users.records.numbers import decode_object, encode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from target_workos_users.errors import ErrorLine
    from target_workos_users.exceptions import Waits
    from target_workos_users.loading.outcome import Outcome

_MOST_SECRETS = 100_000  # records that are kept with their secrets, in memory
_BATCH = 1_000
_CACHE_KIB = 2_048
_SCHEMA = """
CREATE TABLE aside (
    id INTEGER PRIMARY KEY, kind TEXT, stream TEXT, chunk INTEGER, position INTEGER,
    number INTEGER, digest BLOB, content BLOB, waits INTEGER, tried INTEGER
);
CREATE INDEX waiting ON aside (kind, id) WHERE NOT tried;
CREATE INDEX records ON aside (stream, number);
"""
_COLUMNS = "id, stream, chunk, position, number, digest, content"


@dataclass(slots=True)
class Waiting:
    """A record that waits.

    Attributes:
        stream: Of the record.
        chunk: In which it came, from 1.
        position: In this run's reading of the stream, from 0.
        record: The record. Without its secrets, where they did their work already.
    """

    stream: str
    chunk: int
    position: int
    record: Record


class Aside:
    """Keeps records in a temporary file, which is gone with the process; secrets in memory only."""

    def __init__(self) -> None:
        self._secrets: dict[int, dict[str, Any]] = {}
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        self._database.executescript(_SCHEMA)
        self._database.execute("BEGIN")

    def count(self, least: Waits) -> int:
        """How many wait, for what is worth it."""
        query = "SELECT count(*) FROM aside WHERE NOT tried AND waits >= ?"
        with closing(self._database.execute(query, (least,))) as found:
            return int(found.fetchone()[0])

    def add(self, kind: Kind, waiting: Waiting, outcome: Outcome) -> None:
        """Keep a record, if all that it failed for may come."""
        if not outcome.waits:
            return
        record = waiting.record
        secrets = {name: value for name, value in record.content.items() if _is_secret(name)}
        # A user that was made has its password; the rest is about its membership.
        needs_secrets = secrets and (kind is Kind.TOTP_FACTORS or outcome.user_id is None)
        if needs_secrets and len(self._secrets) >= _MOST_SECRETS:
            return
        content = {name: each for name, each in record.content.items() if name not in secrets}
        place = (kind, waiting.stream, waiting.chunk, waiting.position, record.number)
        cursor = self._database.execute(
            "INSERT INTO aside VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
            (*place, record.digest, encode(content), outcome.waits),
        )
        if needs_secrets and cursor.lastrowid is not None:
            self._secrets[cursor.lastrowid] = secrets

    def all_batches(self, least: Waits) -> Iterator[list[Waiting]]:
        """The records, each once, kind by kind as they need each other, a thousand at a time.

        Args:
            least: What is worth waiting for.
        """
        for kind in Kind:
            yield from self._batches(kind, least)

    def _batches(self, kind: Kind, least: Waits) -> Iterator[list[Waiting]]:
        query = (
            f"SELECT {_COLUMNS} FROM aside WHERE kind = ? AND NOT tried AND waits >= ? "  # noqa: S608 - no input
            "ORDER BY id LIMIT ?"
        )
        while rows := self._database.execute(query, (kind, least, _BATCH)).fetchall():
            yield [self._waiting(*row) for row in rows]
            self._database.executemany(
                "UPDATE aside SET tried = 1, content = NULL WHERE id = ?",
                [(row[0],) for row in rows],
            )

    def was_tried(self, line: ErrorLine) -> bool:
        """Whether the record of an error line was loaded once more since."""
        query = "SELECT 1 FROM aside WHERE stream = ? AND number = ? AND tried"
        place = (line.stream, line.record_number)
        return self._database.execute(query, place).fetchone() is not None

    def close(self) -> None:
        """Forget them all."""
        self._database.close()

    def _waiting(  # noqa: PLR0917 - a row
        self,
        row_id: int,
        stream: str,
        chunk: int,
        position: int,
        number: int,
        digest: bytes,
        content: bytes,
    ) -> Waiting:
        record = {**decode_object(content), **self._secrets.pop(row_id, {})}
        return Waiting(stream, chunk, position, Record(number, record, digest))


def _is_secret(column: str) -> bool:
    """Whether a column is a secret, or says something of one."""
    return column.startswith(("password", "totp_"))
