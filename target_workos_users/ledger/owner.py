"""A ledger as a file: whose it is, and when it is written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from target_workos_users.ledger.database import Database
from target_workos_users.ledger.store import open_database, set_aside

if TYPE_CHECKING:
    from collections.abc import Callable


class LedgerFile:
    """What is true of all that a ledger knows.

    Args:
        database: An open ledger.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, path: str | None, say: Callable[[str], None]) -> Self:
        """Open it, made if it isn't there.

        Args:
            path: The setting ``ledger_path``; None: a temporary one.
            say: Tells the user about a damaged one, which is set aside.

        Raises:
            SettingsError: It can't be used.
        """
        file = Path(path) if path else None
        return cls(Database(open_database(file, say), file))

    @property
    def destination(self) -> str | None:
        """The WorkOS environment that it belongs to; None if it is new."""
        destination: str | None = self._meta("destination")
        return destination

    @destination.setter
    def destination(self, destination: str) -> None:
        self._database.write(
            "INSERT OR REPLACE INTO meta VALUES ('destination', ?)", (destination,)
        )
        self.commit()

    @property
    def some_user_id(self) -> str | None:
        """A user that WorkOS should have, if this ledger belongs to the environment."""
        rows = self._database.query(
            "SELECT user_id FROM people WHERE user_id IS NOT NULL ORDER BY turn DESC LIMIT 1"
        )
        return str(rows[0][0]) if rows else None

    def note_errors(self, owner: str, seq: int, size: int, tail: str) -> None:
        """Another errors file is about to take the place of the one that the checkpoint knows.

        Args:
            owner: Whose it is: the import, and the file.
            seq: Of the newest checkpoint that knows the one that goes.
            size: Bytes in it.
            tail: Digest of its last line.

        Raises:
            OutputError: The ledger can't be written.
        """
        value = f"{seq} {size} {tail} {owner}"
        self._database.write("INSERT OR REPLACE INTO meta VALUES ('errors_next', ?)", (value,))
        self.commit()

    def errors_after(self, owner: str, seq: int) -> tuple[int, str] | None:
        """Size and tail of the errors file that took the place of the one a checkpoint knows.

        Args:
            owner: Whose it is.
            seq: Of the checkpoint; a newer one than was noted knows the new file.
        """
        with self._database.reading():
            noted, size, tail, of = (self._meta("errors_next") or "0 0  ").split(" ", 3)
            return (int(size), tail) if of == owner and seq <= int(noted) else None

    def was_undone(self, lineage: str) -> bool:
        """Whether what an import made was deleted since, by ``workos-users undo``."""
        return bool(
            self._database.query(
                "SELECT 1 FROM runs JOIN meta ON name = 'undone' AND id <= value WHERE lineage = ?",
                (lineage,),
            )
        )

    def set_aside(self, say: Callable[[str], None]) -> Self:
        """Rename the file, which belongs to another environment, and begin a new one."""
        path = self._database.path
        assert path
        self.close()
        aside = set_aside(path)
        say(f"{path} belongs to another WorkOS environment: it is now {aside.name}.")
        return type(self)(Database(open_database(path, say), path))

    def commit(self) -> None:
        """Make what was noted last, whatever becomes of this process.

        Raises:
            OutputError: The ledger can't be written.
        """
        self._database.commit()

    def commit_soon(self, defer: Callable[[Callable[[], None]], object]) -> None:
        """Commit what is noted at the end of each turn.

        Args:
            defer: The event loop's ``call_soon``.
        """
        self._database.defer = defer

    def close(self) -> None:
        """Close it; what isn't committed is lost."""
        self._database.close()

    def _meta(self, name: str) -> Any:
        rows = self._database.query("SELECT value FROM meta WHERE name = ?", (name,))
        return rows[0][0] if rows else None
