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
from typing import Any

import msgspec

from workos_sandbox.exchange import (
    Answer,
    Call,
    Refusal,
    invalid_parameters,
    not_found,
)
from workos_sandbox.organizations import find_organization
from workos_sandbox.paging import list_page
from workos_sandbox.roles import role_exists
from workos_sandbox.store import Store, timestamp
from workos_sandbox.users import find_user, present_user
from workos_sandbox.validation import required_text, text

STATUSES = ("active", "inactive", "pending")
_DEFAULT_ROLE = "member"
_PENDING_MESSAGES = {
    "deactivate": "This membership should be deleted instead.",
    "reactivate": "The user needs to accept the invitation instead.",
}

_INSERT = """
INSERT INTO memberships
VALUES (:id, :user_id, :organization_id, 'active', :role_slugs, :now, :now)
RETURNING *
"""
_UPDATE = """
UPDATE memberships SET status = :status, role_slugs = :role_slugs, updated_at = :now WHERE id = :id
RETURNING *
"""


def create_membership(call: Call) -> Answer:
    """POST /user_management/organization_memberships.

    An inactive membership becomes active with the given roles; a pending one is refused (spec).
    """
    store = call.store
    user = find_user(store, required_text(call.body, "user_id"))
    organization = find_organization(store, required_text(call.body, "organization_id"))
    roles = _read_roles(call, organization["id"]) or [_DEFAULT_ROLE]
    membership = {
        "id": store.new_id("om"),
        "user_id": user["id"],
        "organization_id": organization["id"],
        "role_slugs": _encode(roles),
        "now": timestamp(),
    }
    try:
        row = store.write(_INSERT, membership)
    except sqlite3.IntegrityError:
        row = _revive(store, membership)
    assert row is not None
    return Answer(201, _present(row, user, organization))


def get_membership(call: Call) -> Answer:
    """GET /user_management/organization_memberships/{id}."""
    return Answer(200, _complete(call.store, _find(call.store, call.params["id"])))


def list_memberships(call: Call) -> Answer:
    """GET /user_management/organization_memberships, by user or organization and ``statuses``.

    ``statuses`` is comma-joined; only active memberships if it is left out (spec).
    """
    filters: list[tuple[str, list[object]]] = [
        (f"{name} = ?", [call.query[name]])
        for name in ("user_id", "organization_id")
        if call.query.get(name)
    ]
    if not filters:
        raise Refusal(
            400,
            "Either user_id or organization_id must be provided.",
            "missing_user_id_or_organization_id",
        )
    statuses = (call.query.get("statuses") or "active").split(",")
    if not set(statuses) <= set(STATUSES):
        error = {
            "code": "statuses_invalid",
            "message": f"Statuses must be among {', '.join(STATUSES)}.",
        }
        raise Refusal(400, "Validation failed", "invalid_request_parameters", errors=[error])
    filters.append((f"status IN ({', '.join('?' * len(statuses))})", list(statuses)))
    return list_page(call, "memberships", filters, lambda row: _complete(call.store, row))


def update_membership(call: Call) -> Answer:
    """PUT /user_management/organization_memberships/{id}: other roles."""
    row = _find(call.store, call.params["id"])
    roles = _read_roles(call, row["organization_id"])
    encoded = _encode(roles) if roles else row["role_slugs"]
    row = _write(call.store, row["id"], row["status"], encoded)
    return Answer(200, _complete(call.store, row))


def deactivate_membership(call: Call) -> Answer:
    """PUT …/{id}/deactivate; nothing happens if it is inactive already (spec)."""
    return _switch(call, "deactivate", "inactive")


def reactivate_membership(call: Call) -> Answer:
    """PUT …/{id}/reactivate, with the roles it had; nothing happens if it is active (spec)."""
    return _switch(call, "reactivate", "active")


def delete_membership(call: Call) -> Answer:
    """DELETE /user_management/organization_memberships/{id}: 200 without a body."""
    row = _find(call.store, call.params["id"])
    call.store.write("DELETE FROM memberships WHERE id = :id", {"id": row["id"]})
    return Answer(200)


def set_status(store: Store, membership_id: str, status: str) -> None:
    """Set a status that the API itself can't: tests need pending memberships.

    Raises:
        Refusal: 404 if there is no such membership.
    """
    row = _find(store, membership_id)
    _write(store, row["id"], status, row["role_slugs"])


def _find(store: Store, membership_id: str) -> sqlite3.Row:
    row = store.one("SELECT * FROM memberships WHERE id = ?", membership_id)
    if row is None:
        raise not_found("Organization Membership", membership_id)
    return row


def _write(store: Store, membership_id: str, status: str, role_slugs: str) -> sqlite3.Row:
    row = store.write(
        _UPDATE,
        {"id": membership_id, "status": status, "role_slugs": role_slugs, "now": timestamp()},
    )
    assert row is not None
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
        raise Refusal(
            409,
            "The user is already a member of this organization.",
            "organization_membership_already_exists",
        )
    if row["status"] == "pending":
        raise _pending("reactivate")
    return _write(store, row["id"], "active", wanted["role_slugs"])


def _switch(call: Call, verb: str, status: str) -> Answer:
    row = _find(call.store, call.params["id"])
    if row["status"] == "pending":
        raise _pending(verb)
    if row["status"] != status:
        row = _write(call.store, row["id"], status, row["role_slugs"])
    return Answer(200, _complete(call.store, row))


def _pending(verb: str) -> Refusal:
    return Refusal(
        400,
        f"A pending organization membership cannot be {verb}d. {_PENDING_MESSAGES[verb]}",
        f"cannot_{verb}_pending_organization_membership",
    )


def _read_roles(call: Call, organization_id: str) -> list[str]:
    """The slugs of ``role_slug`` or ``role_slugs``, each once; empty if neither is sent.

    Raises:
        Refusal: 422 if both are sent, several aren't allowed, or one isn't a role.
    """
    single, several = text(call.body, "role_slug"), call.body.get("role_slugs")
    if single is not None and several is not None:
        message = "Role slug and role slugs exclude each other."
        raise invalid_parameters(("role_slug_and_role_slugs_provided", message))
    if several is None:
        slugs = [] if single is None else [single]
    elif isinstance(several, list) and several and all(isinstance(slug, str) for slug in several):
        slugs = list(dict.fromkeys(several))
    else:
        message = "Role slugs must be a list of one or more strings."
        raise invalid_parameters(("role_slugs_array_required", message))
    if len(slugs) > 1 and not call.multiple_roles:
        message = "Multiple roles is not enabled for this environment."
        raise Refusal(422, message, "multiple_roles_not_enabled")
    for slug in slugs:
        if not role_exists(call.store, organization_id, slug):
            raise Refusal(422, f"Role '{slug}' is not a valid role.", "invalid_role")
    return slugs


def _encode(role_slugs: list[str]) -> str:
    return msgspec.json.encode(role_slugs).decode()


def _complete(store: Store, row: sqlite3.Row) -> dict[str, Any]:
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
        "directory_managed": False,
        "custom_attributes": {},
        "role": roles[0],
        "roles": roles,
        "user": present_user(user),
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }
