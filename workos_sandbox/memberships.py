"""Organization memberships: create, get, list, update, deactivate, reactivate, delete.

Sources: bodies, statuses and codes are those of the WorkOS OpenAPI spec; the 404 is recorded in
workos-ruby's VCR cassettes, the message of ``multiple_roles_not_enabled`` in a public import
tool's sample of real errors. What no source pins down is the answer for a membership that is
there: code written against live WorkOS looks for ``organization_membership_already_exists`` with
400, 409 or 422; the sandbox answers 409. The spec doesn't say which of several roles is the
primary ``role``; here it is the first that was sent.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import msgspec

from workos_sandbox.organizations import find_organization
from workos_sandbox.paging import list_page
from workos_sandbox.response import ErrorResponse, Response, found, invalid_parameters
from workos_sandbox.roles import role_exists
from workos_sandbox.store import Store, timestamp
from workos_sandbox.users import find_user, present_user
from workos_sandbox.validation import required_text, text

if TYPE_CHECKING:
    from workos_sandbox.paging import Filter
    from workos_sandbox.request import Request

STATUSES = ("active", "inactive", "pending")
_DEFAULT_ROLE = "member"
_PENDING_MESSAGES = {
    "deactivate": "This membership should be deleted instead.",
    "reactivate": "The user needs to accept the invitation instead.",
}

_INSERT = """
INSERT INTO memberships
VALUES (:id, :user_id, :organization_id, 'active', FALSE, :role_slugs, :now, :now)
RETURNING *
"""
_UPDATE = """
UPDATE memberships SET status = :status, role_slugs = :role_slugs, updated_at = :now WHERE id = :id
RETURNING *
"""


def create_membership(request: Request) -> Response:
    """POST /user_management/organization_memberships.

    An inactive membership becomes active with the given roles; a pending one is refused (spec).
    """
    store = request.store
    user = find_user(store, required_text(request.body, "user_id"))
    organization = find_organization(store, required_text(request.body, "organization_id"))
    roles = _read_roles(request, organization["id"]) or [_DEFAULT_ROLE]
    membership = {
        "id": store.new_id("om"),
        "user_id": user["id"],
        "organization_id": organization["id"],
        "role_slugs": _encode(roles),
        "now": timestamp(),
    }
    try:
        (row,) = store.write(_INSERT, membership)
    except sqlite3.IntegrityError:
        row = _revive(store, membership)
    return Response(201, _present(row, user, organization))


def get_membership(request: Request) -> Response:
    """GET /user_management/organization_memberships/{id}."""
    row = find_membership(request.store, request.variables["id"])
    return Response(200, present_membership(request.store, row))


def list_memberships(request: Request) -> Response:
    """GET /user_management/organization_memberships, by user or organization and ``statuses``.

    ``statuses`` is comma-joined; only active memberships if it is left out (spec).
    """
    filters: list[Filter] = [
        (f"{name} = ?", [request.query[name]])
        for name in ("user_id", "organization_id")
        if request.query.get(name)
    ]
    if not filters:
        raise ErrorResponse(
            400,
            "Either user_id or organization_id must be provided.",
            "missing_user_id_or_organization_id",
        )
    statuses = (request.query.get("statuses") or "active").split(",")
    if not set(statuses) <= set(STATUSES):
        error = {
            "code": "statuses_invalid",
            "message": f"Statuses must be among {', '.join(STATUSES)}.",
        }
        raise ErrorResponse(400, "Validation failed", "invalid_request_parameters", errors=[error])
    filters.append((f"status IN ({', '.join('?' * len(statuses))})", list(statuses)))
    return list_page(
        request, "memberships", filters, lambda row: present_membership(request.store, row)
    )


def update_membership(request: Request) -> Response:
    """PUT /user_management/organization_memberships/{id}: other roles."""
    row = find_membership(request.store, request.variables["id"])
    roles = _read_roles(request, row["organization_id"])
    encoded = _encode(roles) if roles else row["role_slugs"]
    row = _write(request.store, row["id"], row["status"], encoded)
    return Response(200, present_membership(request.store, row))


def deactivate_membership(request: Request) -> Response:
    """PUT …/{id}/deactivate; nothing happens if it is inactive already (spec)."""
    return _switch(request, "deactivate", "inactive")


def reactivate_membership(request: Request) -> Response:
    """PUT …/{id}/reactivate, with the roles it had; nothing happens if it is active (spec)."""
    return _switch(request, "reactivate", "active")


def delete_membership(request: Request) -> Response:
    """DELETE /user_management/organization_memberships/{id}: 200 without a body."""
    row = find_membership(request.store, request.variables["id"])
    request.store.write("DELETE FROM memberships WHERE id = :id", {"id": row["id"]})
    return Response(200)


def find_membership(store: Store, membership_id: str) -> sqlite3.Row:
    """The membership's row; 404 if there is none."""
    row = store.one("SELECT * FROM memberships WHERE id = ?", membership_id)
    return found(row, "Organization Membership", membership_id)


def _write(store: Store, membership_id: str, status: str, role_slugs: str) -> sqlite3.Row:
    values = {"id": membership_id, "status": status, "role_slugs": role_slugs, "now": timestamp()}
    (row,) = store.write(_UPDATE, values)
    return row


def _revive(store: Store, wanted: dict[str, str]) -> sqlite3.Row:
    """Make an inactive membership active with the wanted roles."""
    row = store.one(
        "SELECT id, status FROM memberships WHERE user_id = ? AND organization_id = ?",
        wanted["user_id"],
        wanted["organization_id"],
    )
    assert row is not None
    if row["status"] == "active":
        raise ErrorResponse(
            409,
            "The user is already a member of this organization.",
            "organization_membership_already_exists",
        )
    if row["status"] == "pending":
        raise _pending("reactivate")
    return _write(store, row["id"], "active", wanted["role_slugs"])


def _switch(request: Request, verb: str, status: str) -> Response:
    row = find_membership(request.store, request.variables["id"])
    if row["status"] == "pending":
        raise _pending(verb)
    if row["status"] != status:
        row = _write(request.store, row["id"], status, row["role_slugs"])
    return Response(200, present_membership(request.store, row))


def _pending(verb: str) -> ErrorResponse:
    return ErrorResponse(
        400,
        f"A pending organization membership cannot be {verb}d. {_PENDING_MESSAGES[verb]}",
        f"cannot_{verb}_pending_organization_membership",
    )


def _read_roles(request: Request, organization_id: str) -> list[str]:
    """The slugs of ``role_slug`` or ``role_slugs``, each once; empty if neither is sent.

    Raises:
        ErrorResponse: 422 if both are sent, several aren't allowed, or one isn't a role.
    """
    single, several = text(request.body, "role_slug"), request.body.get("role_slugs")
    if single is not None and several is not None:
        message = "Role slug and role slugs exclude each other."
        raise invalid_parameters("role_slug_and_role_slugs_provided", message)
    if several is None:
        slugs = [] if single is None else [single]
    elif isinstance(several, list) and several and all(isinstance(slug, str) for slug in several):
        slugs = list(dict.fromkeys(several))
    else:
        message = "Role slugs must be a list of one or more strings."
        raise invalid_parameters("role_slugs_array_required", message)
    if len(slugs) > 1 and not request.environment.settings.multiple_roles:
        message = "Multiple roles is not enabled for this environment."
        raise ErrorResponse(422, message, "multiple_roles_not_enabled")
    for slug in slugs:
        if not role_exists(request.store, organization_id, slug):
            raise ErrorResponse(422, f"Role '{slug}' is not a valid role.", "invalid_role")
    return slugs


def _encode(role_slugs: list[str]) -> str:
    return msgspec.json.encode(role_slugs).decode()


def present_membership(store: Store, row: sqlite3.Row) -> dict[str, Any]:
    """The membership object of the API, with its user and organization looked up."""
    user, organization = row["user_id"], row["organization_id"]
    return _present(row, find_user(store, user), find_organization(store, organization))


def _present(row: sqlite3.Row, user: sqlite3.Row, organization: sqlite3.Row) -> dict[str, Any]:
    roles = [{"slug": slug} for slug in msgspec.json.decode(row["role_slugs"])]
    return {
        "object": "organization_membership",
        "id": row["id"],
        "user_id": row["user_id"],
        "organization_id": row["organization_id"],
        "organization_name": organization["name"],
        "status": row["status"],
        "directory_managed": bool(row["directory_managed"]),
        "custom_attributes": {},
        "role": roles[0],
        "roles": roles,
        "user": present_user(user),
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }
