"""What an import made in WorkOS, so that it can be taken back."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from target_workos_users.ledger.memory import Made

if TYPE_CHECKING:
    from collections.abc import Iterator

    from target_workos_users.ledger.database import Database

_PART = 1_000
_SOUGHT = ("person", "membership", "organization")


class MadeUser(NamedTuple):
    """A user that the import made, for certain.

    Attributes:
        key: In the ledger.
        email: Canonical.
        user_id: WorkOS's id.
    """

    key: int
    email: str
    user_id: str


class MadeEntity(NamedTuple):
    """A membership or an organization that the import made, for certain.

    Attributes:
        id: WorkOS's id.
        of: The user's email; the organization's external id.
    """

    id: str
    of: str | None


class Uncertain(NamedTuple):
    """How many may be somebody else's: the answer to their create was lost.

    Attributes:
        users: That exist by now.
        organizations: The same.
    """

    users: int
    organizations: int


class MadeByImport:
    """What is in a ledger of things made, and what becomes of that when they are taken back.

    Args:
        database: The ledger's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def undo(self) -> Iterator[None]:
        """Things are deleted: checkpoints of all runs so far cover nothing any more.

        Yields:
            While records are found by what they made, which an import doesn't have to pay for.
        """
        self._database.write("INSERT OR REPLACE INTO meta SELECT 'undone', max(id) FROM runs", ())
        for column in _SOUGHT:
            index = f"of_{column} ON records ({column})"
            self._database.write(f"CREATE INDEX IF NOT EXISTS {index}", ())
        self._database.commit()
        try:
            yield
        finally:
            for column in _SOUGHT:
                self._database.write(f"DROP INDEX of_{column}", ())
            self._database.commit()

    def count_users(self) -> int:
        """How many :meth:`users` there are."""
        query = "SELECT count(*) FROM people WHERE made = ? AND user_id IS NOT NULL"
        return int(self._database.query(query, (int(Made.YES),))[0][0])

    def users(self) -> Iterator[MadeUser]:
        """Users that it made; deleting rows meanwhile is fine."""
        last = -(1 << 63)
        while rows := self._database.query(
            "SELECT key, email, user_id FROM people WHERE made = ? AND user_id IS NOT NULL "
            "AND key > ? ORDER BY key LIMIT ?",
            (int(Made.YES), last, _PART),
        ):
            last = rows[-1][0]
            yield from (MadeUser(*row) for row in rows)

    def memberships(self) -> list[MadeEntity]:
        """Memberships that it made for users that were there; those of its users go with them."""
        rows = self._database.query(
            "SELECT DISTINCT membership, email FROM records r JOIN people p ON p.key = r.person "
            "WHERE r.made AND membership IS NOT NULL AND p.made <> ?",
            (int(Made.YES),),
        )
        return [MadeEntity(*row) for row in rows]

    def organizations(self) -> list[MadeEntity]:
        """Organizations that it made."""
        rows = self._database.query(
            "SELECT workos_id, external_id FROM organizations "
            "WHERE made = ? AND workos_id IS NOT NULL",
            (int(Made.YES),),
        )
        return [MadeEntity(*row) for row in rows]

    def uncertain(self) -> Uncertain:
        """What it may have made, or not."""
        ((users, organizations),) = self._database.query(
            "SELECT (SELECT count(*) FROM people WHERE made = :made AND user_id IS NOT NULL), "
            "(SELECT count(*) FROM organizations WHERE made = :made AND workos_id IS NOT NULL)",
            {"made": int(Made.ATTEMPTED)},
        )
        return Uncertain(users, organizations)

    def forget_user(self, user: MadeUser) -> None:
        """A user is gone, and all its memberships."""
        self._database.write("DELETE FROM records WHERE person = ?", (user.key,))
        self._database.write("DELETE FROM people WHERE key = ?", (user.key,))

    def forget_membership(self, membership: MadeEntity) -> None:
        """A membership is gone."""
        self._database.write("DELETE FROM records WHERE membership = ?", (membership.id,))

    def forget_organization(self, organization: MadeEntity) -> None:
        """An organization is gone."""
        number = "(SELECT id FROM organizations WHERE workos_id = ?)"
        values = (organization.id,)
        self._database.write(f"DELETE FROM records WHERE organization = {number}", values)  # noqa: S608
        self._database.write("DELETE FROM organizations WHERE workos_id = ?", values)
