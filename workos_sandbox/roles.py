"""Roles of the environment and of organizations: create, get, list, update, permissions.

Source: WorkOS OpenAPI spec: slugs are at most 48 lower-case letters, digits, ``-`` and ``_``, those
of an organization begin with ``org-`` and are made up from the name if left out; a list for an
organization holds the environment's roles as well. Which error an unknown permission of a role
is, the spec doesn't say; here it is the 404 of the permission.
"""

from __future__ import annotations

import re
import secrets
import sqlite3
from typing import TYPE_CHECKING, Any

import msgspec

from workos_sandbox.organizations import find_organization
from workos_sandbox.permissions import find_permission
from workos_sandbox.response import ErrorResponse, Response, found, invalid_parameters
from workos_sandbox.store import Store, timestamp
from workos_sandbox.validation import required_text, slug_fields, text

if TYPE_CHECKING:
    from workos_sandbox.request import Request

_ENVIRONMENT = ""  # organization_id of a role that belongs to no organization
_SLUG = re.compile(r"[a-z0-9_-]{1,48}")
_ADD = """
INSERT OR IGNORE INTO roles
VALUES (:id, '', :slug, :name, NULL, 'organization', '[]', :now, :now)
"""
_INSERT = """
INSERT INTO roles VALUES (
  :id, :organization_id, :slug, :name, :description, :resource_type_slug, '[]', :now, :now)
RETURNING *
"""
_UPDATE = """
UPDATE roles SET name = :name, description = :description, permissions = :permissions,
  updated_at = :now
WHERE id = :id
RETURNING *
"""
_APPLYING = "SELECT * FROM roles WHERE organization_id IN ('', ?) "
_OWN = "SELECT * FROM roles WHERE organization_id = ? AND slug = ?"


def is_role_slug(slug: str) -> bool:
    """Whether a slug is one that WorkOS would take."""
    return _SLUG.fullmatch(slug) is not None


def role_exists(store: Store, organization_id: str, slug: str) -> bool:
    """Whether a member of the organization can have this role."""
    return store.one(_APPLYING + "AND slug = ?", organization_id, slug) is not None


def add_environment_role(store: Store, slug: str) -> None:
    """Add an environment role, named after its slug, unless there is one."""
    name = slug.replace("-", " ").title()
    values = {"id": store.new_id("role"), "slug": slug, "name": name, "now": timestamp()}
    store.write(_ADD, values)


def create_environment_role(request: Request) -> Response:
    """POST /authorization/roles."""
    return _create(request, required_text(request.body, "slug"), "role_slug_conflict")


def create_organization_role(request: Request) -> Response:
    """POST /authorization/organizations/{organization_id}/roles."""
    slug = text(request.body, "slug") or _slug_of(required_text(request.body, "name"))
    if not slug.startswith("org-"):
        raise invalid_parameters("slug_invalid", "The slug must begin with 'org-'.")
    return _create(request, slug, "organization_role_slug_conflict")


def list_roles(request: Request) -> Response:
    """GET …/roles: all that apply, without pages (spec)."""
    rows = request.store.all(_APPLYING + "ORDER BY id", _owner(request))
    return Response(200, {"object": "list", "data": [_present(row) for row in rows]})


def get_role(request: Request) -> Response:
    """GET …/roles/{slug}: one that applies (spec)."""
    return Response(200, _present(_find(request, _APPLYING + "AND slug = ?")))


def update_role(request: Request) -> Response:
    """PATCH …/roles/{slug}: name and description; what is left out stays."""
    role = dict(_find(request, _OWN))
    return _update(request, role | slug_fields(role | request.body))


def set_permissions(request: Request) -> Response:
    """PUT …/roles/{slug}/permissions: these and no others."""
    slugs = request.body.get("permissions")
    if not isinstance(slugs, list) or not all(isinstance(slug, str) for slug in slugs):
        message = "Permissions must be a list of strings."
        raise invalid_parameters("permissions_array_required", message)
    return _give(request, _find(request, _OWN), slugs)


def add_permission(request: Request) -> Response:
    """POST …/roles/{slug}/permissions: one more; nothing happens if it is there (spec)."""
    role = _find(request, _OWN)
    has = msgspec.json.decode(role["permissions"])
    return _give(request, role, [*has, required_text(request.body, "slug")])


def _owner(request: Request) -> str:
    """The organization of the path, which must be there; the environment if it has none."""
    organization_id = request.variables.get("organization_id", _ENVIRONMENT)
    if organization_id != _ENVIRONMENT:
        find_organization(request.store, organization_id)
    return organization_id


def _create(request: Request, slug: str, conflict: str) -> Response:
    if not is_role_slug(slug):
        message = "The slug must be 1 to 48 lower-case letters, digits, hyphens and underscores."
        raise invalid_parameters("slug_invalid", message)
    role = slug_fields(request.body) | {
        "id": request.store.new_id("role"),
        "organization_id": _owner(request),
        "slug": slug,
        "now": timestamp(),
    }
    try:
        (row,) = request.store.write(_INSERT, role)
    except sqlite3.IntegrityError:
        raise ErrorResponse(
            409, f"A role with the slug '{slug}' already exists.", conflict
        ) from None
    return Response(201, _present(row))


def _find(request: Request, query: str) -> sqlite3.Row:
    slug = request.variables["slug"]
    return found(request.store.one(query, _owner(request), slug), "Role", slug)


def _give(request: Request, role: sqlite3.Row, slugs: list[str]) -> Response:
    for slug in slugs:
        find_permission(request.store, slug)
    permissions = msgspec.json.encode(list(dict.fromkeys(slugs))).decode()
    return _update(request, dict(role) | {"permissions": permissions})


def _update(request: Request, role: dict[str, Any]) -> Response:
    (row,) = request.store.write(_UPDATE, role | {"now": timestamp()})
    return Response(200, _present(row))


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
        "permissions": msgspec.Raw(row["permissions"].encode()),
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }
