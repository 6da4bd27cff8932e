"""Streams and organizations, each a small number in the rows of the records."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from target_workos_users.ledger.database import Database

_MOST_ORGANIZATIONS = 10_000  # kept in memory


class Names:
    """The numbers of streams and organizations.

    Args:
        database: The ledger's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._streams: dict[tuple[str, str], int] = {}
        self._organizations: dict[str, int] = {}

    def stream(self, lineage: str, name: str) -> int:
        """The number of an import's stream.

        Raises:
            OutputError: The ledger can't be written.
        """
        key = (lineage, name)
        if key not in self._streams:
            self._database.write("INSERT OR IGNORE INTO streams (lineage, name) VALUES (?, ?)", key)
            self._streams[key] = self._number(
                "SELECT id FROM streams WHERE lineage = ? AND name = ?", key
            )
        return self._streams[key]

    def organization(self, workos_id: str | None) -> int | None:
        """The number of an organization, by its WorkOS id.

        Raises:
            OutputError: The ledger can't be written.
        """
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
        """An organization was created, or found; what is known of it already stays.

        Raises:
            OutputError: The ledger can't be written.
        """
        self._database.write(
            "INSERT INTO organizations (workos_id, external_id, made) VALUES (?, ?, ?) "
            "ON CONFLICT (workos_id) DO NOTHING",
            (workos_id, external_id, int(made)),
        )

    def _number(self, statement: str, values: tuple[str, ...]) -> int:
        found = self._database.query(statement, values)
        with self._database.reading():
            return int(found[0][0])
