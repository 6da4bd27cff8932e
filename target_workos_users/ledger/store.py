"""The ledger's file: an SQLite database that is opened, told from others, and set aside."""

from __future__ import annotations

import os
import secrets
import sqlite3
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from target_workos_users.exceptions import SettingsError
from target_workos_users.files import check_place, private_open

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_APPLICATION = 0x574F5355  # "WOSU", in the header of the file: https://sqlite.org/fileformat2.html
_VERSION = 1
_KEY_BYTES = 16
_CACHE_KIB = 8_192
_SECONDS_TO_WAIT = 5.0  # for another program's lock

_SCHEMA = f"""
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {_VERSION};
CREATE TABLE meta (name TEXT PRIMARY KEY, value ANY) WITHOUT ROWID;
CREATE TABLE runs (
    id INTEGER PRIMARY KEY, lineage TEXT, began TEXT, reset INTEGER, at TEXT, ended INTEGER
);
CREATE TABLE marks (run INTEGER, seq INTEGER, fingerprint TEXT);
CREATE TABLE streams (id INTEGER PRIMARY KEY, lineage TEXT, name TEXT, UNIQUE (lineage, name));
CREATE TABLE organizations (
    id INTEGER PRIMARY KEY, workos_id TEXT UNIQUE, external_id TEXT, made INTEGER
);
CREATE INDEX attempts ON organizations (external_id) WHERE workos_id IS NULL;
CREATE TABLE people (
    key INTEGER PRIMARY KEY, email TEXT, user_id TEXT, external_id TEXT,
    made INTEGER, settled INTEGER, turn INTEGER, held BLOB, seen BLOB
);
CREATE TABLE records (
    key INTEGER, digest BLOB, stream INTEGER, chunk INTEGER, number INTEGER,
    person INTEGER, turn INTEGER,
    done INTEGER, organization INTEGER, membership TEXT, made INTEGER, roles TEXT, inactive INTEGER,
    prints BLOB,
    error TEXT, PRIMARY KEY (key, digest)
) WITHOUT ROWID;
"""


def open_database(path: Path | None, say: Callable[[str], None]) -> sqlite3.Connection:
    """Open a ledger, made if it isn't there.

    Args:
        path: The file, mode 0600. None: a temporary one, gone when it is closed.
        say: Tells the user about a damaged one, which is set aside.

    Raises:
        SettingsError: It can't be written, is locked, or isn't a ledger.
    """
    if path is None:
        return _prepare(sqlite3.connect("", isolation_level=None))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        check_place(path)
        private_open(path, os.O_RDWR).close()
        try:
            return _prepare(_connect(path))
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            _check_ours(path)
            aside = set_aside(path)
            say(
                f"ledger_path: {path} is damaged ({error}). It is now {aside.name}, and a new one "
                "is begun: nothing is lost, but WorkOS is asked again for what it knew."
            )
            return _prepare(_connect(path))
    except OSError as error:
        raise _unusable(path, error.strerror or str(error)) from None
    except sqlite3.Error as error:
        raise _unusable(path, str(error)) from None


@contextmanager
def open_for_reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a ledger to look into it, also while an import writes it.

    Raises:
        SettingsError: It isn't there, isn't a ledger, or is damaged.
    """
    if not path.is_file():
        raise SettingsError(
            f"There is no ledger {path}. Name the job's errors file, or the file that ledger_path "
            "names."
        )
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            if _pragma(database, "application_id") != _APPLICATION:
                raise SettingsError(
                    f"{path} is not a ledger. Name the job's errors file, or its ledger."
                )
            yield database
    except (sqlite3.Error, ValueError, TypeError) as error:
        why = error if isinstance(error, sqlite3.Error) else "its content is damaged"
        raise SettingsError(
            f"{path} can't be read as a ledger ({why}). Name the job's errors file, or its ledger."
        ) from None


def set_aside(path: Path) -> Path:
    """Rename a file, with what SQLite keeps beside it; returns its new name."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    number, aside = 1, path.with_name(f"{path.name}-{stamp}")
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}-{stamp}-{number}")
    for suffix in ("-wal", "-shm", ""):
        beside = path.with_name(path.name + suffix)
        if beside.exists():
            beside.rename(aside.with_name(aside.name + suffix))
    return aside


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, timeout=_SECONDS_TO_WAIT)


def _prepare(database: sqlite3.Connection) -> sqlite3.Connection:
    """Make the tables of a new file; refuse one that isn't a ledger."""
    database.text_factory = lambda content: content.decode("utf-8", "replace")  # of a torn page
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = OFF")  # a power cut costs requests, nothing else
        database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        if not _pragma(database, "schema_version"):
            database.executescript(_SCHEMA)
            database.execute(
                "INSERT INTO meta VALUES ('key', ?)", (secrets.token_bytes(_KEY_BYTES),)
            )
        elif _pragma(database, "application_id") != _APPLICATION:
            raise sqlite3.OperationalError("it is another program's database")
        elif (version := _pragma(database, "user_version")) > _VERSION:
            raise sqlite3.OperationalError(f"it has version {version}; upgrade this target")
        database.execute("UPDATE meta SET value = value WHERE name = 'key'")  # can it be written?
        key = database.execute("SELECT value FROM meta WHERE name = 'key'").fetchone()
        if not key or not isinstance(key[0], bytes) or len(key[0]) != _KEY_BYTES:
            raise sqlite3.DatabaseError("its key is missing")
    except UnicodeDecodeError:  # in SQLite's own message
        database.close()
        raise sqlite3.DatabaseError("database disk image is malformed") from None
    except sqlite3.Error:
        database.close()
        raise
    return database


def is_damage(error: sqlite3.Error) -> bool:
    """Whether an error tells that the file itself is damaged, not what it is used for."""
    if not isinstance(error, sqlite3.OperationalError):
        return True
    return "no such " in str(error) or str(error) == "unsupported file format"  # a torn header


def _pragma(database: sqlite3.Connection, name: str) -> int:
    return int(database.execute(f"PRAGMA {name}").fetchone()[0])


def _check_ours(path: Path) -> None:
    """A file that can't be read as a database may be anything: it is left alone unless it's ours.

    Raises:
        OSError: It isn't.
    """
    with path.open("rb") as file:
        head = file.read(72)
    if path.suffix != ".ledger" and head[68:] != _APPLICATION.to_bytes(4):
        raise OSError(0, "it isn't an SQLite database")


def _unusable(path: Path, why: str) -> SettingsError:
    return SettingsError(
        f"ledger_path: {path} can't be used ({why}). Nothing was loaded. Set ledger_path to "
        'another file; or to "none" for a run that remembers nothing record by record.'
    )
