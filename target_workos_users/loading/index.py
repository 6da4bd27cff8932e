"""What WorkOS has, as far as it was read in pages: users and memberships, in a temporary file."""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

_SCHEMA = """
CREATE TABLE users (
    id TEXT PRIMARY KEY, email TEXT, external_id TEXT, way TEXT, at REAL, body BLOB
) WITHOUT ROWID;
CREATE INDEX users_by_email ON users (email);
CREATE INDEX users_by_external_id ON users (external_id) WHERE external_id IS NOT NULL;
CREATE TABLE members (
    organization_id TEXT, user_id TEXT, at REAL, body BLOB, PRIMARY KEY (organization_id, user_id)
) WITHOUT ROWID;
"""
_OF_A_USER = {
    "id",
    "email",
    "external_id",
    "first_name",
    "last_name",
    "name",
    "email_verified",
    "metadata",
    "last_sign_in_at",
}
_OF_A_MEMBERSHIP = {"id", "user_id", "organization_id", "status", "role", "roles"}
_FOR_EVER = float("inf")

Entity = dict[str, Any]


class Index:
    """Users and memberships that were listed; memory is flat, SQLite spills to disk.

    It is a hint like any cache: WorkOS goes on while it is read.

    Args:
        believed_for: Seconds for which what was read is taken for true.

    Attributes:
        database: The temporary file; others may keep what they compare it with there.
        has_all_users: All users were read.
        has_all_members: Organizations of which all memberships were read.
    """

    def __init__(self, believed_for: float = _FOR_EVER) -> None:
        self.database = sqlite3.connect("", isolation_level=None)  # a file that is never seen
        self.database.executescript(_SCHEMA)
        self._believed_for = believed_for
        self.has_all_users = False
        self.has_all_members: set[str] = set()

    def add_users(self, users: Iterable[Entity], way: str = "") -> bool:
        """Take a page of users.

        Args:
            users: As WorkOS lists them.
            way: From which end of the list they were read.

        Returns:
            Whether one of them was read from another end before: then all between are known.
        """
        met = False
        for user in users:
            before = self.database.execute("SELECT way FROM users WHERE id = ?", (user["id"],))
            met |= before.fetchone() not in (None, (way,))
            self.database.execute(
                "INSERT OR REPLACE INTO users VALUES (?, ?, ?, ?, ?, ?)",
                (
                    user["id"],
                    str(user.get("email") or "").lower(),
                    user.get("external_id"),
                    way,
                    time.monotonic(),
                    _packed(user, _OF_A_USER),
                ),
            )
        return met

    def add_members(self, organization_id: str, memberships: Iterable[Entity]) -> None:
        """Take a page of an organization's memberships."""
        self.database.executemany(
            "INSERT OR REPLACE INTO members VALUES (?, ?, ?, ?)",
            (
                (organization_id, each.get("user_id"), time.monotonic(), _packed(each))
                for each in memberships
            ),
        )

    def user(self, **by: str) -> Entity | None:
        """The user with this ``id``, ``email`` or ``external_id``, if it was read."""
        ((column, value),) = by.items()
        return self._one(f"SELECT at, body FROM users WHERE {column} = ?", (value,))  # noqa: S608

    def member(self, organization_id: str, user_id: str) -> Entity | None:
        """The user's membership in the organization, if it was read."""
        return self._one(
            "SELECT at, body FROM members WHERE organization_id = ? AND user_id = ?",
            (organization_id, user_id),
        )

    def forget_user(self, email: str) -> None:
        """WorkOS says that there is no such user any more."""
        self.database.execute("DELETE FROM users WHERE email = ?", (email,))

    def close(self) -> None:
        """Close the file, which is gone then."""
        self.database.close()

    def _one(self, statement: str, values: tuple[str, ...]) -> Entity | None:
        row = self.database.execute(statement, values).fetchone()
        if row is None or time.monotonic() - row[0] > self._believed_for:
            return None
        entity: Entity = msgspec.json.decode(row[1])
        return entity


def _packed(entity: Entity, names: Iterable[str] = _OF_A_MEMBERSHIP) -> bytes:
    return msgspec.json.encode({name: entity[name] for name in names if name in entity})
