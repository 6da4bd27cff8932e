"""What a whole source asks for, in a temporary file: to be compared with WorkOS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from target_workos_users.records.kinds import Kind
from target_workos_users.records.organizations import OrganizationRef

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from target_workos_users.records.entities import EntityRow
    from target_workos_users.records.parse import UserRow

_SCHEMA = """
CREATE TABLE people (
    key TEXT PRIMARY KEY, email TEXT, external_id TEXT, user_id TEXT, fields BLOB, factors INTEGER,
    stream TEXT, number INTEGER
);
CREATE INDEX people_by_external_id ON people (external_id) WHERE external_id IS NOT NULL;
CREATE TABLE wanted (
    person TEXT, organization TEXT, roles BLOB, status TEXT, stream TEXT, number INTEGER,
    PRIMARY KEY (organization, person)
) WITHOUT ROWID;
CREATE TABLE organizations (
    key TEXT PRIMARY KEY, id TEXT, external_id TEXT, name TEXT, workos_id TEXT
);
CREATE TABLE entities (
    kind TEXT, key TEXT, organization TEXT, fields BLOB, permissions BLOB, stream TEXT,
    number INTEGER
);
"""
_pack, _unpack = msgspec.json.encode, msgspec.json.decode


class Person(NamedTuple):
    """Somebody whom the source names.

    Attributes:
        key: Tells one from others: an email, or what else names the user.
        email: In lower case; empty if the source gives another id.
        external_id: Of the user.
        user_id: WorkOS's id.
        fields: What records of users give; None if none is there.
        factors: Whether a TOTP secret is given.
        stream: Of the first record.
        number: Of the first record.
    """

    key: str
    email: str
    external_id: str | None
    user_id: str | None
    fields: dict[str, Any] | None
    factors: int
    stream: str
    number: int


class Wanted(NamedTuple):
    """A membership that the source asks for.

    Attributes:
        person: Key of the person.
        roles: Role slugs, of all its records.
        status: The last that a record says; None if none does.
        stream: Of the first record.
        number: Of the first record.
    """

    person: str
    roles: list[str]
    status: str | None
    stream: str
    number: int


class Organization(NamedTuple):
    """An organization that the source names.

    Attributes:
        key: Tells one from others.
        ref: How it is named.
        workos_id: Its id, once it was looked up and found.
    """

    key: str
    ref: OrganizationRef
    workos_id: str | None


class Entity(NamedTuple):
    """A record of an organization, a role or a permission.

    Attributes:
        kind: Of the record.
        key: Its slug, or what names the organization.
        organization: Key of the organization; None for the environment's.
        fields: The body of the ``POST`` that makes it.
        permissions: That a role gives.
        stream: Of the record.
        number: Of the record.
    """

    kind: Kind
    key: str
    organization: str | None
    fields: dict[str, Any]
    permissions: list[str]
    stream: str
    number: int


class Source:
    """What the records of a source ask for together: rows of one user are one user.

    A blank is no value, and the first value of a field holds, as in an import. Passwords and TOTP
    secrets aren't kept.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        database.executescript(_SCHEMA)

    def add_user(self, row: UserRow, stream: str, number: int) -> None:
        """Take a record about a user."""
        fields: dict[str, Any] | None = None
        if row.kind is Kind.USERS:
            fields = {name: value for name, value in row.fields.items() if "password" not in name}
        external_id = row.user_external_id or row.fields.get("external_id")
        now = Person(row.key, row.email, external_id, row.user_id, fields, 0, stream, number)
        before = self.person(row.key)
        person = now
        if before is not None:
            person = before._replace(
                fields=_merged(before.fields, fields),
                external_id=before.external_id or external_id,
            )
        if person != before or row.totp:
            packed = None if person.fields is None else _pack(person.fields)
            factors = int(person.factors or row.totp is not None)
            self._database.execute(
                "INSERT INTO people VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE "
                "SET fields = excluded.fields, factors = excluded.factors, "
                "external_id = excluded.external_id",
                person._replace(fields=packed, factors=factors),  # type: ignore[arg-type]
            )
        if row.organization is not None:
            key = self.add_organization(row.organization)
            self._add_membership(row, key, stream, number)

    def add_entity(self, row: EntityRow, stream: str, number: int) -> None:
        """Take a record about no user."""
        key = None
        if row.organization is not None and row.kind is not Kind.ORGANIZATIONS:
            key = self.add_organization(row.organization)
        self._database.execute(
            "INSERT INTO entities VALUES (?, ?, ?, ?, ?, ?, ?)",
            (row.kind, row.key, key, _pack(row.fields), _pack(row.permissions), stream, number),
        )

    def add_organization(self, ref: OrganizationRef) -> str:
        """Take an organization that a record names; returns its key. The first name holds."""
        key = f"id {ref.id}" if ref.id else f"external_id {ref.external_id}"
        self._database.execute(
            "INSERT INTO organizations VALUES (?, ?, ?, ?, NULL) ON CONFLICT (key) DO UPDATE "
            "SET name = coalesce(name, excluded.name)",
            (key, ref.id, ref.external_id, ref.name),
        )
        return key

    def found(self, organization: Organization, workos_id: str) -> None:
        """WorkOS has the organization."""
        self._database.execute(
            "UPDATE organizations SET workos_id = ? WHERE key = ?", (workos_id, organization.key)
        )

    def person(self, key: str) -> Person | None:
        """The person of a key."""
        return next(self._people("WHERE key = ?", key), None)

    def people(self) -> Iterator[Person]:
        """All of them, in the source's order."""
        return self._people("ORDER BY rowid")

    def will_be_made(self, person: Person) -> bool:
        """Whether a record of a user makes whom another record names by external id."""
        named = self._people("WHERE external_id = ?", person.external_id)
        return person.external_id is not None and any(each.fields for each in named)

    def organizations(self) -> list[Organization]:
        """All of them."""
        rows = self._database.execute("SELECT * FROM organizations")
        return [
            Organization(key, OrganizationRef(id_, external_id, name), workos_id)
            for key, id_, external_id, name, workos_id in rows
        ]

    def has_organization_record(self, ref: OrganizationRef) -> bool:
        """Whether a record of its own makes the organization."""
        key = ref.id or ref.external_id
        found = self._database.execute(
            "SELECT 1 FROM entities WHERE kind = ? AND key = ?", (Kind.ORGANIZATIONS, key)
        )
        return found.fetchone() is not None

    def wanted(self, organization: str) -> Iterator[Wanted]:
        """The memberships in an organization."""
        rows = self._database.execute(
            "SELECT person, roles, status, stream, number FROM wanted WHERE organization = ?",
            (organization,),
        )
        for person, roles, status, stream, number in rows:
            yield Wanted(person, _unpack(roles), status, stream, number)

    def entities(self) -> Iterator[Entity]:
        """Records of organizations, roles and permissions."""
        for kind, key, of, fields, permissions, *place in self._database.execute(
            "SELECT * FROM entities"
        ):
            yield Entity(Kind(kind), key, of, _unpack(fields), _unpack(permissions), *place)

    def count(self, table: str) -> int:
        """Rows of a table."""
        return int(self._database.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608

    def names_any(self, emails: list[str], organization: str | None = None) -> int:
        """How many of these emails the source names; or names as members of an organization."""
        asked = ", ".join("?" * len(emails))
        table = (
            "people WHERE key"
            if organization is None
            else "wanted WHERE organization = ? AND person"
        )
        counted = f"SELECT count(*) FROM {table} IN ({asked})"  # noqa: S608
        values = emails if organization is None else [organization, *emails]
        return int(self._database.execute(counted, values).fetchone()[0])

    def _people(self, where: str, *values: Any) -> Iterator[Person]:
        rows = self._database.execute(f"SELECT * FROM people {where}", values)  # noqa: S608
        for key, email, external_id, user_id, fields, *rest in rows:
            yield Person(key, email, external_id, user_id, fields and _unpack(fields), *rest)

    def _add_membership(self, row: UserRow, organization: str, stream: str, number: int) -> None:
        found = self._database.execute(
            "SELECT roles, status, stream, number FROM wanted "
            "WHERE organization = ? AND person = ?",
            (organization, row.key),
        ).fetchone()
        roles, status = list(row.role_slugs), row.status
        if found:
            before, status_before, stream, number = found
            roles = list(dict.fromkeys([*_unpack(before), *roles]))
            status = status or status_before
        self._database.execute(
            "INSERT OR REPLACE INTO wanted VALUES (?, ?, ?, ?, ?, ?)",
            (row.key, organization, _pack(roles), status, stream, number),
        )


def _merged(before: dict[str, Any] | None, now: dict[str, Any] | None) -> dict[str, Any] | None:
    """The fields of two records: what is there first holds, key by key of the metadata too."""
    if before is None or now is None:
        return now if before is None else before
    both = {**now, **before}
    if "metadata" in both:
        both["metadata"] = {**now.get("metadata", {}), **before.get("metadata", {})}
    return both
