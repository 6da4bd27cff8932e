"""The ledger's database: statements, one transaction per turn of the event loop, failures."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from target_workos_users.exceptions import OutputError
from target_workos_users.ledger.store import is_damage, set_aside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Database:
    """An open ledger.

    Args:
        connection: From :func:`.store.open_database`.
        path: Its file; None if it is a temporary one.

    Attributes:
        defer: Calls a function soon: a transaction is committed that way. Until it is set, by
            :meth:`commit` only.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path | None) -> None:
        self.path = path
        self.defer: Callable[[Callable[[], None]], object] = lambda _: None
        self._connection = connection
        self._is_open = True
        self._failed: OutputError | None = None

    def query(self, statement: str, values: tuple[Any, ...] | dict[str, Any] = ()) -> list[Any]:
        """The rows of a statement.

        Raises:
            OutputError: The ledger can't be used.
        """
        if self._failed:
            raise self._failed
        try:
            return self._connection.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise self._failure(error) from None
        except UnicodeDecodeError:  # in SQLite's own message
            raise self._failure(sqlite3.DatabaseError("it is damaged")) from None

    def write(self, statement: str, values: tuple[Any, ...]) -> None:
        """Change something, in the transaction of this turn of the event loop.

        Raises:
            OutputError: The ledger can't be written.
        """
        if not self._connection.in_transaction:
            self.query("BEGIN IMMEDIATE")
            self.defer(self._commit_turn)
        self.query(statement, values)

    def commit(self) -> None:
        """Make what was written last, whatever becomes of this process.

        Raises:
            OutputError: The ledger can't be written.
        """
        if self._failed or self._connection.in_transaction:
            self.query("COMMIT")

    @contextmanager
    def reading(self) -> Iterator[None]:
        """What is read makes sense; on a torn page it may not.

        Raises:
            OutputError: It doesn't.
        """
        try:
            yield
        except (ValueError, TypeError, LookupError, AttributeError):
            raise self._failure(sqlite3.DatabaseError("a row makes no sense")) from None

    def close(self) -> None:
        """Close it; what isn't committed is lost."""
        self._is_open = False
        self._connection.close()

    def _commit_turn(self) -> None:
        """At the end of a turn nobody is there to hear of a failure: what comes next does."""
        try:
            if self._is_open:
                self.commit()
        except OutputError as error:
            self._failed = error

    def _failure(self, error: sqlite3.Error) -> OutputError:
        way_on = "Free the disk, or whatever is in the way, and run again"
        aside = None
        if is_damage(error) and self.path and self.path.exists():
            aside = set_aside(self.path)
            way_on = f"It is now {aside.name}: run again, and a new one is begun"
        failure = OutputError(
            f"ledger_path: {self.path or 'the temporary ledger'} can't be used ({error}). The last "
            f"STATE line covers all that was loaded until then. {way_on}."
        )
        if aside:
            self._failed = failure  # whatever fails from now on, this is why
        return failure
