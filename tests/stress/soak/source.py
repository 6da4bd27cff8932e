"""Users by number: a file holds them, not memory, and what must come of each follows from it.

Four fifths of the records are a user each; the others are second organizations of every fourth
user, far from its first. One record in 500 is invalid, one user in 50 has a TOTP secret.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

ORGANIZATIONS = 200
_HASH = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"
_SCHEMA = {"type": "SCHEMA", "stream": "users", "schema": {"properties": {}}, "key_properties": []}
_STATE = {"type": "STATE", "value": {"bookmarks": {"users": {}}}}

_USERS = "SELECT email, json_extract(metadata, '$.row') FROM users"
_MEMBERSHIPS = """
SELECT u.email, o.external_id FROM memberships m JOIN users u ON u.id = m.user_id
JOIN organizations o ON o.id = m.organization_id
"""
_FACTORS = "SELECT u.email FROM auth_factors f JOIN users u ON u.id = f.user_id"
_ORGANIZATIONS = "SELECT external_id FROM organizations"


@dataclass(frozen=True)
class Source:
    """So many records, numbered from 1."""

    records: int

    @property
    def users(self) -> int:
        """Those of the first fifths: record n is user n."""
        return self.records - self.records // 5

    def user_of(self, number: int) -> int:
        return number if number <= self.users else 4 * (number - self.users)

    def organization_of(self, number: int) -> int:
        second = number > self.users
        return (self.user_of(number) + second) % ORGANIZATIONS

    def number_of(self, user: int, organization: int) -> int:
        """Of the record that asks for this membership."""
        return user if organization == user % ORGANIZATIONS else self.users + user // 4

    @staticmethod
    def is_invalid(number: int) -> bool:
        return number % 500 == 7  # odd: such a user has no second record

    def has_factor(self, number: int) -> bool:
        return number % 50 == 0 and number <= self.users

    def record(self, number: int) -> dict[str, Any]:
        record = {
            "email": f"user{self.user_of(number)}@example.com",
            "first_name": f"First{number}",
            "email_verified": "perhaps" if self.is_invalid(number) else "true",
            "password_hash": _HASH,
            "metadata": {"row": str(number)},
            "org_external_id": f"org-{self.organization_of(number)}",
            "org_name": f"Organization {self.organization_of(number)}",
            "role_slugs": "editor",
        }
        if self.has_factor(number):
            record["totp_secret"] = "JBSWY3DPEHPK3PXP"
        return record

    def write(self, path: Path) -> None:
        """The messages of a tap: all but the STATE that it was started with."""
        with path.open("w") as file:
            file.write(json.dumps(_SCHEMA) + "\n")
            for number in range(1, self.records + 1):
                message = {"type": "RECORD", "stream": "users", "record": self.record(number)}
                file.write(json.dumps(message) + "\n")
            file.write(json.dumps(_STATE) + "\n")

    # The audit

    def check_world(self, db: Path) -> None:
        """Every user, membership, factor and organization is in the sandbox, once."""
        with closing(sqlite3.connect(f"{db.as_uri()}?mode=ro", uri=True)) as world:
            users = (_user(email, row) for email, row in world.execute(_USERS))
            self._check(users, lambda number: number <= self.users and not self.is_invalid(number))
            memberships = (
                self.number_of(_user(email), int(organization.removeprefix("org-")))
                for email, organization in world.execute(_MEMBERSHIPS)
            )
            self._check(memberships, lambda number: not self.is_invalid(number))
            self._check((_user(email) for (email,) in world.execute(_FACTORS)), self.has_factor)
            organizations = {name for (name,) in world.execute(_ORGANIZATIONS)}
            assert organizations == {f"org-{number}" for number in range(ORGANIZATIONS)}

    def check_errors(self, path: Path) -> None:
        """Every invalid record is a line of the errors file, once."""
        with path.open() as file:
            numbers = (json.loads(line)["record_number"] for line in file)
            self._check(numbers, self.is_invalid)

    def _check(self, found: Iterable[int], expected: Callable[[int], bool]) -> None:
        times = bytearray(self.records + 1)
        for number in found:
            times[number] += 1
        wrong = [n for n in range(1, self.records + 1) if times[n] != expected(n)]
        assert not wrong, f"{len(wrong)} lost or doubled, such as {wrong[:5]}"


def _user(email: str, row: str | None = None) -> int:
    """The number in an email, and in the metadata: a user is made by its first record."""
    number = int(email.removeprefix("user").removesuffix("@example.com"))
    assert row in {None, str(number)}
    return number
