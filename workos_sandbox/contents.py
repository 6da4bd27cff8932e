"""What a sandbox file holds, for comparing end states."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

_ORGANIZATIONS = """
SELECT *, (
  SELECT json_group_array(json_object('domain', domain, 'state', state)) FROM organization_domains
  WHERE organization_id = organizations.id) AS domains
FROM organizations ORDER BY id
"""
_MEMBERSHIPS = """
SELECT m.id, m.user_id, u.email, m.organization_id, o.external_id AS organization_external_id,
  o.name AS organization_name, m.status, m.directory_managed, m.role_slugs
FROM memberships m JOIN users u ON u.id = m.user_id JOIN organizations o
  ON o.id = m.organization_id
ORDER BY m.id
"""
_FACTORS = """
SELECT f.id, f.user_id, u.email, f.issuer, f.user, f.secret
FROM auth_factors f JOIN users u ON u.id = f.user_id ORDER BY f.id
"""


@dataclass(frozen=True)
class Contents:
    """Everything in a sandbox, oldest first, as plain dictionaries.

    Attributes:
        users: The fields of the API (``metadata`` as a dictionary, ``email_verified`` as a
            boolean), and ``password_hash``, ``password_hash_type``, ``password_salt_position``.
        organizations: ``id``, ``name``, ``external_id``, ``metadata``, ``domains`` (each with
            ``domain`` and ``state``), …
        memberships: ``id``, ``user_id``, ``email``, ``organization_id``,
            ``organization_external_id``, ``organization_name``, ``status``,
            ``directory_managed``, ``role_slugs``.
        roles: ``slug``, ``name``, ``organization_id`` (empty for the environment's),
            ``permissions`` (their slugs), …
        permissions: ``slug``, ``name``, ``description``, …
        auth_factors: ``id``, ``user_id``, ``email``, ``issuer``, ``user``, ``secret``.
    """

    users: list[dict[str, Any]]
    organizations: list[dict[str, Any]]
    memberships: list[dict[str, Any]]
    roles: list[dict[str, Any]]
    permissions: list[dict[str, Any]]
    auth_factors: list[dict[str, Any]]


def read_contents(path: str | Path) -> Contents:
    """Read a sandbox file, whether or not a sandbox has it open.

    Raises:
        sqlite3.Error: There is no such file, or it isn't a sandbox file.
    """
    uri = f"{Path(path).absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as db:
        db.row_factory = sqlite3.Row
        db.execute("BEGIN")  # one snapshot for all of it
        return Contents(
            users=_read(db, "SELECT * FROM users ORDER BY id"),
            organizations=_read(db, _ORGANIZATIONS),
            memberships=_read(db, _MEMBERSHIPS),
            roles=_read(db, "SELECT * FROM roles ORDER BY id"),
            permissions=_read(db, "SELECT * FROM permissions ORDER BY id"),
            auth_factors=_read(db, _FACTORS),
        )


def _read(db: sqlite3.Connection, sql: str) -> list[dict[str, Any]]:
    return [_plain(dict(row)) for row in db.execute(sql)]


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    for column in ("metadata", "role_slugs", "permissions", "domains"):
        if column in row:
            row[column] = msgspec.json.decode(row[column])
    for column in ("email_verified", "allow_profiles_outside_organization", "directory_managed"):
        if column in row:
            row[column] = bool(row[column])
    return row
