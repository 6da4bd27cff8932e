"""Streams and organizations, each a small number in the rows of the records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from target_workos_users.ledger.memory import Made

if TYPE_CHECKING:
    from target_workos_users.ledger.database import Database

_MOST_ORGANIZATIONS = 10_000  # kept in memory


class Names:
    """The numbers of streams and organizations.

    Every method raises :class:`.OutputError` if the ledger can't be used.

    Args:
        database: The ledger's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._streams: dict[tuple[str, str], int] = {}
        self._organizations: dict[str, int] = {}

    def stream(self, lineage: str, name: str) -> int:
        """The number of an import's stream."""
        key = (lineage, name)
        if key not in self._streams:
            self._database.write("INSERT OR IGNORE INTO streams (lineage, name) VALUES (?, ?)", key)
            self._streams[key] = self._number(
                "SELECT id FROM streams WHERE lineage = ? AND name = ?", key
            )
        return self._streams[key]

    def organization(self, workos_id: str | None) -> int | None:
        """The number of an organization, by its WorkOS id."""
        if workos_id is None:
            return None
        if workos_id not in self._organizations:
            self.add_organization(workos_id, None, made=False)
            if len(self._organizations) >= _MOST_ORGANIZATIONS:
                self._organizations.clear()
            self._organizations[workos_id] = self._number(
                "SELECT id FROM organizations WHERE workos_id = ?", (workos_id,)
            )
        return self._organizations[workos_id]

    def add_organization(self, workos_id: str, external_id: str | None, *, made: bool) -> None:
        """An organization was created, or found; what is known of it already stays."""
        values: tuple[Any, ...] = (external_id,)
        attempts = "FROM organizations WHERE workos_id IS NULL AND external_id = ?"
        attempted = self._database.query(f"SELECT 1 {attempts}", values)
        if attempted:
            self._database.write(f"DELETE {attempts}", values)
        how = Made.YES if made else Made.ATTEMPTED if attempted else Made.NO
        self._database.write(
            "INSERT INTO organizations (workos_id, external_id, made) VALUES (?, ?, ?) "
            "ON CONFLICT (workos_id) DO NOTHING",
            (workos_id, external_id, int(how)),
        )

    def attempt_organization(self, external_id: str) -> None:
        """An organization is about to be created."""
        self._database.write(
            "INSERT INTO organizations (external_id, made) VALUES (?, ?)",
            (external_id, int(Made.ATTEMPTED)),
        )

    def made_organization(self, workos_id: str) -> bool:
        """Whether this import made an organization, or tried to and then found it."""
        found = self._database.query(
            "SELECT made FROM organizations WHERE workos_id = ?", (workos_id,)
        )
        return bool(found and found[0][0])

    def _number(self, statement: str, values: tuple[str, ...]) -> int:
        found = self._database.query(statement, values)
        with self._database.reading():
            return int(found[0][0])
