"""Users: create, get, list, update, delete.

Sources: bodies and codes are those of the WorkOS OpenAPI spec. A duplicate on create is answered
as live WorkOS does (recorded in workos/emulate pull request 108): 400 ``user_creation_error``
with one entry in ``errors`` for each clash. On update the codes stand at the top level (spec).
What a recorded answer doesn't show is the sub-code of a malformed email on create; it is
``invalid_email`` here, the spec's code on update. Radar's codes are those of the workos package
(10.8.0), which documents a 403 on create; the status of ``ip_address_required`` and the wordings
are written nowhere. The spec's ``email_change_not_allowed`` and ``user_deletion_not_allowed``
concern users that a directory manages, which the sandbox doesn't have.
"""

from __future__ import annotations

import re
import sqlite3
from typing import TYPE_CHECKING, Any

import msgspec

from workos_sandbox.paging import list_page
from workos_sandbox.passwords import read_password
from workos_sandbox.response import ErrorResponse, Response, found
from workos_sandbox.store import Store, timestamp
from workos_sandbox.validation import (
    external_id,
    flag,
    is_email,
    merge_metadata,
    normalize_email,
    text,
)

if TYPE_CHECKING:
    from workos_sandbox.environment import Environment
    from workos_sandbox.paging import Filter
    from workos_sandbox.request import Request

_EMAIL_TAKEN = ("This email is not available.", "email_not_available")
_MALFORMED_EMAIL = ("This email is not valid.", "invalid_email")
_LOCALE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")

_INSERT = """
INSERT INTO users VALUES (
  :id, :email, :external_id, :first_name, :last_name, :name, :email_verified, NULL, :metadata,
  :password_hash, :password_hash_type, :password_salt_position, NULL, :now, :now)
RETURNING *
"""
_UPDATE = """
UPDATE users SET email = :email, external_id = :external_id, first_name = :first_name,
  last_name = :last_name, name = :name, email_verified = :email_verified, locale = :locale,
  metadata = :metadata, password_hash = :password_hash,
  password_hash_type = :password_hash_type, password_salt_position = :password_salt_position,
  updated_at = :now
WHERE id = :id
RETURNING *
"""
_TEXTS = ("first_name", "last_name", "name")
_PASSWORD_COLUMNS = ("password_hash", "password_hash_type", "password_salt_position")
_NO_VALUES = dict.fromkeys(("external_id", *_TEXTS, *_PASSWORD_COLUMNS))


def present_user(row: sqlite3.Row) -> dict[str, Any]:
    """The user object of the API; it never has a password or its hash."""
    return {
        "object": "user",
        "id": row["id"],
        "email": row["email"],
        "first_name": row["first_name"],
        "last_name": row["last_name"],
        "name": row["name"],
        "email_verified": bool(row["email_verified"]),
        "profile_picture_url": None,
        "external_id": row["external_id"],
        "metadata": msgspec.Raw(row["metadata"].encode()),
        "last_sign_in_at": row["last_sign_in_at"],
        "locale": row["locale"],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }


def find_user(store: Store, user_id: str) -> sqlite3.Row:
    """The user's row; 404 if there is none."""
    return found(store.one("SELECT * FROM users WHERE id = ?", user_id), "User", user_id)


def create_user(request: Request) -> Response:
    """POST /user_management/users."""
    settings, body = request.environment.settings, request.body
    email = normalize_email(body.get("email"))
    if settings.ip_address_required and not text(body, "ip_address"):
        raise ErrorResponse(400, "An ip_address is required.", "ip_address_required")
    if denied := settings.radar_denies.get(email):
        raise ErrorResponse(403, "Radar denied this request.", denied)
    return Response(201, present_user(add_user(request.environment, body)))


def add_user(environment: Environment, body: dict[str, Any]) -> sqlite3.Row:
    """A new user with the fields of a body."""
    email = normalize_email(body.get("email"))
    user = _NO_VALUES | {"email_verified": False} | _read_columns(body)
    user["metadata"] = merge_metadata("{}", body)
    if not is_email(email):
        raise _creation_error(_MALFORMED_EMAIL)
    user |= {"id": environment.store.new_id("user"), "email": email, "now": timestamp()}
    try:
        (row,) = environment.store.write(_INSERT, user)
    except sqlite3.IntegrityError:
        raise _creation_error(*_clashes(environment, user)) from None
    return row


def get_user(request: Request) -> Response:
    """GET /user_management/users/{id}."""
    return Response(200, present_user(find_user(request.store, request.variables["id"])))


def get_user_by_external_id(request: Request) -> Response:
    """GET /user_management/users/external_id/{external_id}."""
    wanted = request.variables["external_id"]
    row = request.store.one("SELECT * FROM users WHERE external_id = ?", wanted)
    return Response(200, present_user(found(row, "User", wanted)))


def list_users(request: Request) -> Response:
    """GET /user_management/users, by ``email`` and ``organization_id`` (or ``organization``)."""
    filters: list[Filter] = []
    if email := request.query.get("email"):
        filters.append(("email = ?", [email.strip().lower()]))
    organization_id = request.query.get("organization_id") or request.query.get("organization")
    if not organization_id:
        return list_page(request, "users", filters, present_user)
    filters.append(("organization_id = ?", [organization_id]))
    return list_page(
        request,
        "memberships JOIN users ON users.id = memberships.user_id",
        filters,
        present_user,
        columns="users.*",
        key="user_id",
    )


def update_user(request: Request) -> Response:
    """PUT /user_management/users/{id}: what is left out stays."""
    row = change_user(request.environment, request.variables["id"], request.body)
    return Response(200, present_user(row))


def change_user(environment: Environment, user_id: str, body: dict[str, Any]) -> sqlite3.Row:
    """Set the fields of a body.

    Another email makes the address unverified, unless the body says otherwise (WorkOS docs).
    """
    row = find_user(environment.store, user_id)
    user = dict(row) | _read_columns(body)
    if "locale" in body:
        user["locale"] = text(body, "locale")
        if user["locale"] and not _LOCALE.fullmatch(user["locale"]):
            raise ErrorResponse(400, "The locale is not valid.", "invalid_locale")
    if body.get("email") is not None:
        user["email"] = normalize_email(body["email"])
        if not is_email(user["email"]):
            raise ErrorResponse(400, *_MALFORMED_EMAIL)
    if user["email"] != row["email"]:
        user["email_verified"] = bool(body.get("email_verified"))
    elif row["email_verified"] and not user["email_verified"]:
        message = "The user email has already been verified and cannot be unverified."
        raise ErrorResponse(400, message, "email_already_verified")
    user["metadata"] = merge_metadata(row["metadata"], body)
    try:
        (updated,) = environment.store.write(_UPDATE, user | {"now": timestamp()})
    except sqlite3.IntegrityError:
        raise ErrorResponse(400, *_clashes(environment, user)[0]) from None
    return updated


def delete_user(request: Request) -> Response:
    """DELETE /user_management/users/{id}: 200 without a body; memberships and factors go too."""
    row = find_user(request.store, request.variables["id"])
    request.store.write("DELETE FROM users WHERE id = :id", {"id": row["id"]})
    return Response(200)


def _read_columns(body: dict[str, Any]) -> dict[str, Any]:
    """The columns that a body sets, but for email, locale and metadata."""
    columns: dict[str, Any] = {name: text(body, name) for name in _TEXTS if name in body}
    if "external_id" in body:
        columns["external_id"] = external_id(body)
    verified = flag(body, "email_verified")
    if verified is not None:
        columns["email_verified"] = verified
    return columns | read_password(body)


def _clashes(environment: Environment, user: dict[str, Any]) -> list[tuple[str, str]]:
    """Why a user can't be stored: message and code for each unique field that another has."""
    others = "SELECT 1 FROM users WHERE id != ? AND "
    store, clashes = environment.store, []
    if store.one(others + "email = ?", user["id"], user["email"]):
        clashes.append(_EMAIL_TAKEN)
    if store.one(others + "external_id = ?", user["id"], user["external_id"]):
        message = "This external_id has already been assigned to another user."
        clashes.append((message, environment.settings.external_id_taken))
    return clashes


def _creation_error(*errors: tuple[str, str]) -> ErrorResponse:
    items = [{"code": code, "message": message} for message, code in errors]
    return ErrorResponse(400, "Could not create user.", "user_creation_error", errors=items)
