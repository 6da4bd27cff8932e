"""Authentication factors of users: enroll TOTP, get, list, delete.

Sources: WorkOS OpenAPI spec for paths, bodies and defaults (``totp_secret`` is Base32; issuer
defaults to the team's name, user to the email), workos 10.8.0's models for the answer's wrapping.
Whether a second TOTP factor of one user is refused is written nowhere; the sandbox takes it, so
that a retried enrollment shows. It draws no QR code: ``qr_code`` is an empty image.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from workos_sandbox.paging import list_page
from workos_sandbox.response import Response, found, invalid_parameters
from workos_sandbox.store import timestamp
from workos_sandbox.users import find_user
from workos_sandbox.validation import text

if TYPE_CHECKING:
    import sqlite3

    from workos_sandbox.request import Request

_TEAM_NAME = "Sandbox"
_INSERT = """
INSERT INTO auth_factors VALUES (:id, :user_id, :issuer, :user, :secret, :now, :now)
RETURNING *
"""


def enroll_factor(request: Request) -> Response:
    """POST /user_management/users/{user_id}/auth_factors."""
    user = find_user(request.store, request.variables["user_id"])
    if request.body.get("type") != "totp":
        raise invalid_parameters("type_invalid", "Type must be totp.")
    secret = text(request.body, "totp_secret")
    if secret is not None and not _is_base32(secret):
        raise invalid_parameters("totp_secret_invalid", "Totp secret must be Base32.")
    now = timestamp()
    factor = {
        "id": request.store.new_id("auth_factor"),
        "user_id": user["id"],
        "issuer": text(request.body, "totp_issuer") or _TEAM_NAME,
        "user": text(request.body, "totp_user") or user["email"],
        "secret": secret or base64.b32encode(secrets.token_bytes(20)).decode(),
        "now": now,
    }
    (row,) = request.store.write(_INSERT, factor)
    challenge = {
        "object": "authentication_challenge",
        "id": request.store.new_id("auth_challenge"),
        "authentication_factor_id": factor["id"],
        "created_at": now,
        "updated_at": now,
    }
    enrolled = _present(row)
    enrolled["totp"] |= _secrets(row)
    return Response(201, {"authentication_factor": enrolled, "authentication_challenge": challenge})


def list_factors(request: Request) -> Response:
    """GET /user_management/users/{user_id}/auth_factors; without secrets."""
    user = find_user(request.store, request.variables["user_id"])
    return list_page(request, "auth_factors", [("user_id = ?", [user["id"]])], _present)


def get_factor(request: Request) -> Response:
    """GET /auth/factors/{id}; without secrets."""
    return Response(200, _present(_find(request)))


def delete_factor(request: Request) -> Response:
    """DELETE /auth/factors/{id}: 204 (the spec has 200 and 204)."""
    row = _find(request)
    request.store.write("DELETE FROM auth_factors WHERE id = :id", {"id": row["id"]})
    return Response(204)


def _find(request: Request) -> sqlite3.Row:
    factor_id = request.variables["id"]
    row = request.store.one("SELECT * FROM auth_factors WHERE id = ?", factor_id)
    return found(row, "Authentication Factor", factor_id)


def _is_base32(secret: str) -> bool:
    bare = secret.rstrip("=")
    try:
        return bool(base64.b32decode(bare + "=" * (-len(bare) % 8), casefold=True))
    except (binascii.Error, ValueError):  # ValueError: not ASCII
        return False


def _secrets(row: sqlite3.Row) -> dict[str, str]:
    """What only the answer to an enrollment shows."""
    label = quote(f"{row['issuer']}:{row['user']}", safe=":@")
    parameters = {
        "secret": row["secret"],
        "issuer": row["issuer"],
        "algorithm": "SHA1",
        "digits": 6,
        "period": 30,
    }
    return {
        "secret": row["secret"],
        "qr_code": "data:image/png;base64,",
        "uri": f"otpauth://totp/{label}?{urlencode(parameters, quote_via=quote)}",
    }


def _present(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "object": "authentication_factor",
        "id": row["id"],
        "user_id": row["user_id"],
        "type": "totp",
        "totp": {"issuer": row["issuer"], "user": row["user"]},
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }
