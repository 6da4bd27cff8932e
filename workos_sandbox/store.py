"""The SQLite file behind the sandbox: schema, ids, one connection, one process at a time."""

from __future__ import annotations

import os
import secrets
import sqlite3
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workos_sandbox.exceptions import SandboxError
from workos_sandbox.file_lock import FileLock, InUse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

ENVIRONMENT = ""  # organization_id of a role that belongs to no organization

_APPLICATION_ID = 0x574F5342  # "WOSB": tells a sandbox file from another program's
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford base 32, as in WorkOS's ids
_DIGIT_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]

# Ids are ULIDs and grow with time, so ordering by id is ordering by creation.
_SCHEMA = """
CREATE TABLE users (
  id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, external_id TEXT UNIQUE,
  first_name TEXT, last_name TEXT, name TEXT, email_verified INTEGER NOT NULL,
  locale TEXT, metadata TEXT NOT NULL,
  password_hash TEXT, password_hash_type TEXT, password_salt_position TEXT,
  created_at TEXT NOT NULL, updated_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE organizations (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, external_id TEXT UNIQUE, metadata TEXT NOT NULL,
  stripe_customer_id TEXT UNIQUE, allow_profiles_outside_organization INTEGER NOT NULL,
  created_at TEXT NOT NULL, updated_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE organization_domains (
  id TEXT PRIMARY KEY,
  organization_id TEXT NOT NULL REFERENCES organizations ON DELETE CASCADE,
  domain TEXT NOT NULL UNIQUE, state TEXT NOT NULL,
  created_at TEXT NOT NULL, updated_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX domains_of_organization ON organization_domains (organization_id);
CREATE TABLE memberships (
  id TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
  organization_id TEXT NOT NULL REFERENCES organizations ON DELETE CASCADE,
  status TEXT NOT NULL, role_slugs TEXT NOT NULL,
  created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
  UNIQUE (user_id, organization_id)
) WITHOUT ROWID;
CREATE INDEX memberships_of_organization ON memberships (organization_id);
CREATE TABLE roles (
  id TEXT PRIMARY KEY, organization_id TEXT NOT NULL, slug TEXT NOT NULL, name TEXT NOT NULL,
  description TEXT, resource_type_slug TEXT NOT NULL,
  created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
  UNIQUE (organization_id, slug)
) WITHOUT ROWID;
CREATE TABLE auth_factors (
  id TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
  issuer TEXT NOT NULL, user TEXT NOT NULL, secret TEXT NOT NULL,
  created_at TEXT NOT NULL, updated_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX factors_of_user ON auth_factors (user_id);
"""


class Store:
    """The open file. Every write is in the file before it is answered, but never fsynced.

    So a killed process loses no answered write; a power cut may.

    Args:
        path: The SQLite file; made with mode 0600 if it isn't there.

    Raises:
        SandboxError: Another process uses the file, it can't be opened, or it isn't a sandbox
            file.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._last_id = 0
        self._lock = _lock(self.path)
        try:
            self._db = _connect(self.path)
        except sqlite3.Error as error:
            self._lock.release()
            raise SandboxError(
                f"sandbox file {self.path}: {error}. Give another file, or delete this one to "
                "start afresh"
            ) from error
        except BaseException:
            self._lock.release()
            raise

    def close(self) -> None:
        """Close the file and let other processes have it."""
        self._db.close()
        self._lock.release()

    @property
    def environment_id(self) -> str:
        """8 hex digits that tell this file from one that is made anew under the same name."""
        return f"{self._db.execute('PRAGMA user_version').fetchone()[0]:08x}"

    def one(self, sql: str, *values: object) -> sqlite3.Row | None:
        """The first row, or None."""
        row: sqlite3.Row | None = self._db.execute(sql, values).fetchone()
        return row

    def all(self, sql: str, values: Iterable[object] = ()) -> list[sqlite3.Row]:
        """All rows."""
        return self._db.execute(sql, tuple(values)).fetchall()

    def write(self, sql: str, values: Mapping[str, Any]) -> sqlite3.Row | None:
        """Run a statement with named values; returns the first row of its RETURNING clause."""
        rows = self._db.execute(sql, values).fetchall()  # to its end, or it isn't committed
        return rows[0] if rows else None

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

    def add_role(self, slug: str) -> None:
        """Add an environment role, named after its slug, unless there is one."""
        now = timestamp()
        self.write(
            "INSERT OR IGNORE INTO roles VALUES (:id, :organization, :slug, :name, NULL, "
            "'organization', :now, :now)",
            {
                "id": self.new_id("role"),
                "organization": ENVIRONMENT,
                "slug": slug,
                "name": slug.replace("-", " ").title(),
                "now": now,
            },
        )


def environment_id(path: str | Path) -> str:
    """The id of a sandbox file, which is made if it isn't there.

    Raises:
        SandboxError: As :class:`Store`.
    """
    store = Store(path)
    try:
        return store.environment_id
    finally:
        store.close()


def timestamp() -> str:
    """Now, as WorkOS writes it: ``2026-01-15T12:00:00.000Z``."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


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
        _check_and_migrate(db, path)
    except BaseException:
        db.close()
        raise
    return db


def _check_and_migrate(db: sqlite3.Connection, path: Path) -> None:
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = OFF")
    db.execute("PRAGMA foreign_keys = ON")
    db.execute("PRAGMA cache_size = -65536")
    db.execute("PRAGMA wal_autocheckpoint = 8192")
    tables = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if tables == 0:
        db.executescript(
            f"BEGIN; {_SCHEMA} PRAGMA application_id = {_APPLICATION_ID}; "
            f"PRAGMA user_version = {secrets.randbits(31)}; COMMIT;"
        )
    elif db.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION_ID:
        raise SandboxError(
            f"sandbox file {path} is another program's SQLite file, and stays untouched. Give "
            "another file"
        )
