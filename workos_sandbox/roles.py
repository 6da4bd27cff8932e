"""Roles of the environment and of organizations: create, get, list.

Source: WorkOS OpenAPI spec: slugs are at most 48 lower-case letters, digits, ``-`` and ``_``, those
of an organization begin with ``org-`` and are made up from the name if left out; a list for an
organization holds the environment's roles as well. Permissions aren't kept: the list is empty.
"""

from __future__ import annotations

import re
import secrets
import sqlite3
from typing import Any

from workos_sandbox.exchange import (
    Answer,
    Call,
    Refusal,
    invalid_parameters,
    not_found,
)
from workos_sandbox.organizations import find_organization
from workos_sandbox.store import ENVIRONMENT, Store, timestamp
from workos_sandbox.validation import required_text, text

_SLUG = re.compile(r"[a-z0-9_-]{1,48}")
_NAME_LENGTH = 48
_DESCRIPTION_LENGTH = 150
_INSERT = """
INSERT INTO roles VALUES (
  :id, :organization_id, :slug, :name, :description, :resource_type_slug, :now, :now)
RETURNING *
"""
_OF_ORGANIZATION = "SELECT * FROM roles WHERE organization_id IN ('', ?) "


def is_role_slug(slug: str) -> bool:
    """Whether a slug is one that WorkOS would take."""
    return _SLUG.fullmatch(slug) is not None


def role_exists(store: Store, organization_id: str, slug: str) -> bool:
    """Whether a member of the organization can have this role."""
    return store.one(_OF_ORGANIZATION + "AND slug = ?", organization_id, slug) is not None


def create_environment_role(call: Call) -> Answer:
    """POST /authorization/roles."""
    slug = required_text(call.body, "slug")
    return _create(call, ENVIRONMENT, slug, "role_slug_conflict")


def create_organization_role(call: Call) -> Answer:
    """POST /authorization/organizations/{organization_id}/roles."""
    organization_id = find_organization(call.store, call.params["organization_id"])["id"]
    slug = text(call.body, "slug") or _slug_of(required_text(call.body, "name"))
    if not slug.startswith("org-"):
        raise invalid_parameters(("slug_invalid", "The slug must begin with 'org-'."))
    return _create(call, organization_id, slug, "organization_role_slug_conflict")


def get_environment_role(call: Call) -> Answer:
    """GET /authorization/roles/{slug}."""
    return _get(call, ENVIRONMENT)


def get_organization_role(call: Call) -> Answer:
    """GET /authorization/organizations/{organization_id}/roles/{slug}."""
    return _get(call, find_organization(call.store, call.params["organization_id"])["id"])


def list_environment_roles(call: Call) -> Answer:
    """GET /authorization/roles: all of them, without pages (spec)."""
    return _list(call.store, ENVIRONMENT)


def list_organization_roles(call: Call) -> Answer:
    """GET /authorization/organizations/{organization_id}/roles: the environment's and its own."""
    organization = find_organization(call.store, call.params["organization_id"])
    return _list(call.store, organization["id"])


def _create(call: Call, organization_id: str, slug: str, conflict: str) -> Answer:
    name, description = required_text(call.body, "name"), text(call.body, "description")
    if not is_role_slug(slug):
        message = "The slug must be 1 to 48 lower-case letters, digits, hyphens and underscores."
        raise invalid_parameters(("slug_invalid", message))
    if len(name) > _NAME_LENGTH or len(description or "") > _DESCRIPTION_LENGTH:
        message = "The name has at most 48, the description at most 150 characters."
        raise invalid_parameters(("name_or_description_too_long", message))
    role = {
        "id": call.store.new_id("role"),
        "organization_id": organization_id,
        "slug": slug,
        "name": name,
        "description": description,
        "resource_type_slug": text(call.body, "resource_type_slug") or "organization",
        "now": timestamp(),
    }
    try:
        row = call.store.write(_INSERT, role)
    except sqlite3.IntegrityError:
        raise Refusal(409, f"A role with the slug '{slug}' already exists.", conflict) from None
    assert row is not None
    return Answer(201, _present(row))


def _get(call: Call, organization_id: str) -> Answer:
    slug = call.params["slug"]
    row = call.store.one(_OF_ORGANIZATION + "AND slug = ?", organization_id, slug)
    if row is None:
        raise not_found("Role", slug)
    return Answer(200, _present(row))


def _list(store: Store, organization_id: str) -> Answer:
    rows = store.all(_OF_ORGANIZATION + "ORDER BY id", [organization_id])
    return Answer(200, {"object": "list", "data": [_present(row) for row in rows]})


def _slug_of(name: str) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return f"org-{words[:35]}-{secrets.token_hex(4)}"


def _present(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "object": "role",
        "id": row["id"],
        "slug": row["slug"],
        "name": row["name"],
        "description": row["description"],
        "type": "OrganizationRole" if row["organization_id"] else "EnvironmentRole",
        "resource_type_slug": row["resource_type_slug"],
        "permissions": [],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }
