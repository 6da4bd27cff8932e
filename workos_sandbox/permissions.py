"""Permissions: create, get, list, update. Roles hold their slugs.

Source: WorkOS OpenAPI spec: slugs have at most 48 characters: lower-case letters, digits and
``-_:.*``.
"""

from __future__ import annotations

import re
import sqlite3
from typing import TYPE_CHECKING, Any

from workos_sandbox.paging import list_page
from workos_sandbox.response import ErrorResponse, Response, found, invalid_parameters
from workos_sandbox.store import Store, timestamp
from workos_sandbox.validation import required_text, slug_fields

if TYPE_CHECKING:
    from workos_sandbox.request import Request

_SLUG = re.compile(r"[a-z0-9_:.*-]{1,48}")
_INSERT = """
INSERT INTO permissions VALUES (
  :id, :slug, :name, :description, :resource_type_slug, :now, :now)
RETURNING *
"""
_UPDATE = """
UPDATE permissions SET name = :name, description = :description, updated_at = :now WHERE id = :id
RETURNING *
"""


def find_permission(store: Store, slug: str) -> sqlite3.Row:
    """The permission's row; 404 if there is none."""
    return found(store.one("SELECT * FROM permissions WHERE slug = ?", slug), "Permission", slug)


def create_permission(request: Request) -> Response:
    """POST /authorization/permissions."""
    slug = required_text(request.body, "slug")
    if not _SLUG.fullmatch(slug):
        message = "The slug must be 1 to 48 lower-case letters, digits and any of - _ : . *"
        raise invalid_parameters("slug_invalid", message)
    permission = slug_fields(request.body) | {
        "id": request.store.new_id("perm"),
        "slug": slug,
        "now": timestamp(),
    }
    try:
        (row,) = request.store.write(_INSERT, permission)
    except sqlite3.IntegrityError:
        message = f"A permission with the slug '{slug}' already exists."
        raise ErrorResponse(409, message, "permission_slug_conflict") from None
    return Response(201, _present(row))


def list_permissions(request: Request) -> Response:
    """GET /authorization/permissions; in ``normal`` order unless another is asked for (spec)."""
    return list_page(request, "permissions", [], _present, default_order="normal")


def get_permission(request: Request) -> Response:
    """GET /authorization/permissions/{slug}."""
    return Response(200, _present(find_permission(request.store, request.variables["slug"])))


def update_permission(request: Request) -> Response:
    """PATCH /authorization/permissions/{slug}: name and description; what is left out stays."""
    permission = dict(find_permission(request.store, request.variables["slug"]))
    permission |= slug_fields(permission | request.body) | {"now": timestamp()}
    (row,) = request.store.write(_UPDATE, permission)
    return Response(200, _present(row))


def _present(row: sqlite3.Row) -> dict[str, Any]:
    return {"object": "permission", "system": False, **dict(row)}
