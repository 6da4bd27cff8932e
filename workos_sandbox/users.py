"""Users: create, get, list, update, delete.

Sources: bodies and codes are those of the WorkOS OpenAPI spec. A duplicate on create is answered
as live WorkOS does (recorded in workos/emulate pull request 108): 400 ``user_creation_error``
with one entry in ``errors`` for each clash. On update the codes stand at the top level (spec).
What a recorded answer doesn't show is the sub-code of a malformed email on create; it is
``invalid_email`` here, the spec's code on update. The spec's ``email_change_not_allowed`` and
``user_deletion_not_allowed`` concern users that a directory manages, which the sandbox hasn't.
"""

from __future__ import annotations

import re
import sqlite3
from typing import Any

import msgspec

from workos_sandbox.exchange import Answer, Call, Refusal, not_found
from workos_sandbox.paging import list_page
from workos_sandbox.passwords import read_password
from workos_sandbox.store import Store, timestamp
from workos_sandbox.validation import (
    external_id,
    flag,
    is_email,
    merge_metadata,
    normalize_email,
    text,
)

_EMAIL_TAKEN = {"code": "email_not_available", "message": "This email is not available."}
_EXTERNAL_ID_TAKEN = {
    "code": "external_id_already_used",
    "message": "This external_id has already been assigned to another user.",
}
_MALFORMED_EMAIL = {"code": "invalid_email", "message": "This email is not valid."}
_LOCALE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")

_INSERT = """
INSERT INTO users VALUES (
  :id, :email, :external_id, :first_name, :last_name, :name, :email_verified, :locale, :metadata,
  :password_hash, :password_hash_type, :password_salt_position, :created_at, :updated_at)
RETURNING *
"""
_UPDATE = """
UPDATE users SET email = :email, external_id = :external_id, first_name = :first_name,
  last_name = :last_name, name = :name, email_verified = :email_verified, locale = :locale,
  metadata = :metadata, password_hash = :password_hash,
  password_hash_type = :password_hash_type, password_salt_position = :password_salt_position,
  updated_at = :updated_at
WHERE id = :id
RETURNING *
"""
_NO_VALUES = dict.fromkeys(
    (
        "external_id",
        "first_name",
        "last_name",
        "name",
        "locale",
        "password_hash",
        "password_hash_type",
        "password_salt_position",
    )
)


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
        "last_sign_in_at": None,
        "locale": row["locale"],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }


def find_user(store: Store, user_id: str) -> sqlite3.Row:
    """The user's row; 404 if there is none."""
    row = store.one("SELECT * FROM users WHERE id = ?", user_id)
    if row is None:
        raise not_found("User", user_id)
    return row


def create_user(call: Call) -> Answer:
    """POST /user_management/users."""
    email = normalize_email(call.body.get("email"))
    columns = _read_columns(call.body)
    metadata = merge_metadata({}, call.body)
    if not is_email(email):
        raise _creation_error(_MALFORMED_EMAIL)
    now = timestamp()
    user = _NO_VALUES | {"email_verified": False} | columns
    user |= {
        "id": call.store.new_id("user"),
        "email": email,
        "metadata": _encode(metadata),
        "created_at": now,
        "updated_at": now,
    }
    try:
        row = call.store.write(_INSERT, user)
    except sqlite3.IntegrityError:
        raise _creation_error(*_clashes(call.store, user)) from None
    assert row is not None
    return Answer(201, present_user(row))


def get_user(call: Call) -> Answer:
    """GET /user_management/users/{id}."""
    return Answer(200, present_user(find_user(call.store, call.params["id"])))


def get_user_by_external_id(call: Call) -> Answer:
    """GET /user_management/users/external_id/{external_id}."""
    wanted = call.params["external_id"]
    row = call.store.one("SELECT * FROM users WHERE external_id = ?", wanted)
    if row is None:
        raise not_found("User", wanted)
    return Answer(200, present_user(row))


def list_users(call: Call) -> Answer:
    """GET /user_management/users, by ``email`` and ``organization_id`` (or ``organization``)."""
    filters: list[tuple[str, list[object]]] = []
    if email := call.query.get("email"):
        filters.append(("email = ?", [email.strip().lower()]))
    organization_id = call.query.get("organization_id") or call.query.get("organization")
    if organization_id:
        members = "SELECT user_id FROM memberships WHERE organization_id = ?"
        filters.append((f"id IN ({members})", [organization_id]))
    return list_page(call, "users", filters, present_user)


def update_user(call: Call) -> Answer:
    """PUT /user_management/users/{id}: what is left out stays.

    Another email makes the address unverified, unless the request says otherwise (WorkOS docs).
    """
    row = find_user(call.store, call.params["id"])
    user = dict(row) | _read_columns(call.body)
    if call.body.get("email") is not None:
        user["email"] = normalize_email(call.body["email"])
        if not is_email(user["email"]):
            raise Refusal(400, _MALFORMED_EMAIL["message"], _MALFORMED_EMAIL["code"])
    if user["email"] != row["email"]:
        user["email_verified"] = bool(call.body.get("email_verified"))
    elif row["email_verified"] and not user["email_verified"]:
        raise Refusal(
            400,
            "The user email has already been verified and cannot be unverified.",
            "email_already_verified",
        )
    user["metadata"] = _encode(merge_metadata(msgspec.json.decode(row["metadata"]), call.body))
    user["updated_at"] = timestamp()
    try:
        updated = call.store.write(_UPDATE, user)
    except sqlite3.IntegrityError:
        clash = _clashes(call.store, user)[0]
        raise Refusal(400, clash["message"], clash["code"]) from None
    assert updated is not None
    return Answer(200, present_user(updated))


def delete_user(call: Call) -> Answer:
    """DELETE /user_management/users/{id}: 200 without a body; memberships and factors go too."""
    user_id = call.params["id"]
    if not call.store.write("DELETE FROM users WHERE id = :id RETURNING id", {"id": user_id}):
        raise not_found("User", user_id)
    return Answer(200)


def _read_columns(body: dict[str, Any]) -> dict[str, Any]:
    """The columns that a body sets, but for email and metadata."""
    columns: dict[str, Any] = {
        name: text(body, name)
        for name in ("first_name", "last_name", "name", "locale")
        if name in body
    }
    if columns.get("locale") and not _LOCALE.fullmatch(columns["locale"]):
        raise Refusal(400, "The locale is not valid.", "invalid_locale")
    if "external_id" in body:
        columns["external_id"] = external_id(body)
    verified = flag(body, "email_verified")
    if verified is not None:
        columns["email_verified"] = verified
    return columns | read_password(body)


def _clashes(store: Store, user: dict[str, Any]) -> list[dict[str, str]]:
    """Why a user can't be stored: one entry for each unique field that another user has."""
    others = "SELECT 1 FROM users WHERE id != ? AND "
    clashes = []
    if store.one(others + "email = ?", user["id"], user["email"]):
        clashes.append(_EMAIL_TAKEN)
    if store.one(others + "external_id = ?", user["id"], user["external_id"]):
        clashes.append(_EXTERNAL_ID_TAKEN)
    return clashes


def _creation_error(*errors: dict[str, str]) -> Refusal:
    return Refusal(400, "Could not create user.", "user_creation_error", errors=list(errors))


def _encode(metadata: dict[str, str]) -> str:
    return msgspec.json.encode(metadata).decode()
