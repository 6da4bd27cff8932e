"""The SQLite file behind the sandbox: ids, one connection, one process at a time."""

from __future__ import annotations

import os
import secrets
import sqlite3
import time
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workos_sandbox.exceptions import SandboxError
from workos_sandbox.file_lock import FileLock, InUse
from workos_sandbox.schema import APPLICATION_ID, SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford base 32, as in WorkOS's ids
_DIGIT_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]


class Store:
    """The open file. Every write is in the file before it is answered, but never fsynced.

    So a killed process loses no answered write; a power cut may.

    Args:
        path: The SQLite file; made with mode 0600 if it isn't there.

    Raises:
        SandboxError: Another process uses the file, it can't be opened, or it isn't a sandbox
            file.
    """

    def __init__(self, path: Path) -> None:
        self._last_id = 0
        self._lock = _lock(path)
        try:
            self._db = _connect(path)
        except sqlite3.Error as error:
            self._lock.release()
            raise SandboxError(
                f"sandbox file {path}: {error}. Give another file, or delete this one to start "
                "afresh"
            ) from error
        except BaseException:
            self._lock.release()
            raise

    def close(self) -> None:
        """Close the file and let other processes have it."""
        self._db.close()
        self._lock.release()

    def one(self, sql: str, *values: object) -> sqlite3.Row | None:
        """The first row, or None."""
        row: sqlite3.Row | None = self._db.execute(sql, values).fetchone()
        return row

    def all(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """All rows."""
        return self._db.execute(sql, values).fetchall()

    def write(self, sql: str, values: Mapping[str, Any]) -> list[sqlite3.Row]:
        """Run a statement with named values; returns the rows of its RETURNING clause."""
        return self._db.execute(sql, values).fetchall()  # to its end, or it isn't committed

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Several writes, all or none."""
        self._db.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def new_id(self, prefix: str) -> str:
        """``prefix`` and a ULID that is greater than all before it."""
        fresh = (time.time_ns() // 1_000_000 << 80) | secrets.randbits(80)
        self._last_id = value = max(fresh, self._last_id + 1)
        pairs = [_DIGIT_PAIRS[value >> shift & 0x3FF] for shift in range(120, -1, -10)]
        return f"{prefix}_{''.join(pairs)}"


def environment_id(path: str | Path) -> str:
    """8 hex digits that tell a sandbox file from one that is made anew under the same name.

    Args:
        path: The SQLite file; made if it isn't there.

    Raises:
        SandboxError: As :class:`Store`.
    """
    with closing(Store(Path(path))) as store:
        (row,) = store.all("PRAGMA user_version")
        return f"{row[0]:08x}"


def timestamp(moment: datetime | None = None) -> str:
    """A time as WorkOS writes it, ``2026-01-15T12:00:00.000Z``; now if none is given."""
    moment = (moment or datetime.now(UTC)).astimezone(UTC)
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"


def _lock(path: Path) -> FileLock:
    """Keep other sandboxes off the file."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(path.with_name(path.name + "-lock"))
    except InUse as error:
        raise SandboxError(
            f"sandbox file {path} is in use by another sandbox (process {error}). End that one, "
            "or give another file"
        ) from None
    except OSError as error:
        raise SandboxError(
            f"sandbox file {path} can't be made: {error.strerror}. Give a file in a folder that "
            "exists and can be written to"
        ) from error


def _connect(path: Path) -> sqlite3.Connection:
    # Password hashes are in it: for its owner's eyes only, and SQLite copies the mode to the WAL.
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise SandboxError(
            f"sandbox file {path} can't be opened: {error.strerror}. Give another file"
        ) from None
    db = sqlite3.connect(path, isolation_level=None)
    try:
        db.row_factory = sqlite3.Row
        _prepare(db, path)
    except BaseException:
        db.close()
        raise
    return db


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    is_empty = not db.execute("SELECT 1 FROM sqlite_schema").fetchone()
    (application_id,) = db.execute("PRAGMA application_id").fetchone()
    if not is_empty and application_id >> 8 != APPLICATION_ID >> 8:
        raise SandboxError(
            f"sandbox file {path} is another program's SQLite file, and stays untouched. Give "
            "another file"
        )
    if not is_empty and application_id != APPLICATION_ID:
        raise SandboxError(
            f"sandbox file {path} was made by another version of the sandbox. Give another file, "
            "or delete this one to start afresh"
        )
    db.executescript(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA foreign_keys = ON; "
        "PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 8192;"
    )
    if is_empty:
        db.executescript(
            f"BEGIN; {SCHEMA} PRAGMA application_id = {APPLICATION_ID}; "
            f"PRAGMA user_version = {secrets.randbits(31)}; COMMIT;"
        )
