"""The password fields of a user: which may go together, the policy, what is kept.

Sources: fields, their exclusions and the codes of the refusals are those of the WorkOS OpenAPI
spec; WorkOS docs, authkit/email-password, describe the policy (length, complexity, leaked
passwords). A minimum of 10 characters was measured by others on one environment, which also took
a leaked password, so the sandbox has the first check, a simple form of the second, and no third.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import Any

from workos_sandbox.password_hashes import HASH_TYPES, is_well_formed
from workos_sandbox.response import ErrorResponse, invalid_parameters
from workos_sandbox.validation import text

_MINIMUM_LENGTH = 10
_MINIMUM_DISTINCT_CHARACTERS = 4


def read_password(body: dict[str, Any]) -> dict[str, str | None]:
    """The password columns that a request sets, by column name; empty if it sets none.

    A plaintext password is kept as a scrypt hash, in the format in which WorkOS takes one.

    Raises:
        ErrorResponse: The fields exclude one another, the password is too weak, or the hash isn't
            of its type's format.
    """
    password = text(body, "password")
    password_hash = text(body, "password_hash")
    hash_type = text(body, "password_hash_type")
    salt_position = text(body, "password_salt_position")
    if password is not None and password_hash is not None:
        raise _exclusive("password_and_password_hash_provided", "password_hash")
    if password is not None and hash_type is not None:
        raise _exclusive("password_and_password_hash_type_provided", "password_hash_type")
    if salt_position is not None and password_hash is None:
        raise ErrorResponse(
            400,
            "A password_salt_position needs a password_hash.",
            "password_salt_position_requires_password_hash",
        )
    if password is not None:
        _check_policy(password)
        return _columns(_scrypt(password), "scrypt", None)
    if password_hash is None and hash_type is None:
        return {}
    _check_hash(password_hash, hash_type, salt_position)
    return _columns(password_hash, hash_type, salt_position)


def _columns(
    password_hash: str | None, hash_type: str | None, salt_position: str | None
) -> dict[str, str | None]:
    return {
        "password_hash": password_hash,
        "password_hash_type": hash_type,
        "password_salt_position": salt_position,
    }


def _exclusive(code: str, other: str) -> ErrorResponse:
    return ErrorResponse(400, f"A password and a {other} exclude each other.", code)


def _check_hash(password_hash: str | None, hash_type: str | None, position: str | None) -> None:
    if password_hash is None:
        raise invalid_parameters(
            "password_hash_string_required", "Password hash must be a non-empty string."
        )
    if hash_type not in HASH_TYPES:
        choices = ", ".join(sorted(HASH_TYPES))
        raise invalid_parameters(
            "password_hash_type_invalid", f"Password hash type must be one of {choices}."
        )
    if position is not None and (hash_type != "ssha256" or position not in ("prefix", "suffix")):
        raise invalid_parameters(
            "password_salt_position_invalid",
            "Password salt position must be prefix or suffix, and goes with ssha256 only.",
        )
    if not is_well_formed(hash_type, password_hash):
        raise ErrorResponse(
            400, f"The password hash isn't a valid {hash_type} hash.", "invalid_password_hash"
        )


def _check_policy(password: str) -> None:
    errors: list[dict[str, Any]] = []
    if len(password) < _MINIMUM_LENGTH:
        errors.append(
            {
                "code": "password_too_short",
                "message": f"Password must be at least {_MINIMUM_LENGTH} characters long.",
                "minimum_length": _MINIMUM_LENGTH,
            }
        )
    if len(set(password)) < _MINIMUM_DISTINCT_CHARACTERS:
        errors.append(
            {
                "code": "password_too_weak",
                "message": "Password is too easy to guess.",
                "suggestions": ["Use more different characters."],
            }
        )
    if errors:
        raise ErrorResponse(
            400,
            "Password does not meet strength requirements.",
            "password_strength_error",
            errors=errors,
        )


def _scrypt(password: str) -> str:
    """A low-cost scrypt hash (about 3 ms), so that a load of plaintext passwords stays quick."""
    salt = secrets.token_bytes(16)
    digest = hashlib.scrypt(password.encode(), salt=salt, n=1024, r=8, p=1, dklen=32)
    encoded = [base64.b64encode(part).decode().rstrip("=") for part in (salt, digest)]
    return f"$scrypt$v=1$n=1024,r=8,p=1,kl=32${encoded[0]}${encoded[1]}"
