"""Checks of single fields, shared by the handlers.

Sources: limits of metadata (50 keys, keys of 40, values of 600 characters, strings only) and of
external ids (128 ASCII characters) are those of the WorkOS OpenAPI spec; an empty or missing email
is answered as recorded in workos-ruby's VCR cassettes. Fields that a request has no business
sending are ignored: a recorded update of a membership carries an ``id`` and is answered with 200.
"""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec

from workos_sandbox.response import ErrorResponse, invalid_parameters

Wanted = TypeVar("Wanted")

_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")
_EMAIL_LENGTH = 254
_EXTERNAL_ID_LENGTH = 128
_NAME_LENGTH = 48
_DESCRIPTION_LENGTH = 150
_METADATA_KEYS = 50
_METADATA_KEY_LENGTH = 40
_METADATA_VALUE_LENGTH = 600


def normalize_email(value: object) -> str:
    """Trimmed and lower-case, as WorkOS stores it (OpenAPI spec, field text of ``email``).

    Raises:
        ErrorResponse: 422 if it isn't a string, or is empty.
    """
    if not isinstance(value, str) or not value.strip():
        raise invalid_parameters("email_string_required", "Email should be a non-empty string.")
    return value.strip().lower()


def is_email(address: str) -> bool:
    """Whether a normalized address looks like one: one ``@``, a dotted domain, no spaces."""
    return len(address) <= _EMAIL_LENGTH and _EMAIL.fullmatch(address) is not None


def required_text(body: dict[str, Any], name: str) -> str:
    """A field that must be a non-empty string; 422 otherwise."""
    value = text(body, name)
    if value is None or not value.strip():
        raise _string_required(name)
    return value


def text(body: dict[str, Any], name: str) -> str | None:
    """A field that may be absent or null; 422 if it is something else than a string."""
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise _string_required(name)
    return value


def flag(body: dict[str, Any], name: str) -> bool | None:
    """A boolean that may be absent or null; 422 if it is something else."""
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise invalid_parameters(f"{name}_boolean_required", f"{_title(name)} must be a boolean.")
    return value


def external_id(body: dict[str, Any]) -> str | None:
    """The external id; 422 if it is empty, not ASCII or longer than 128 characters."""
    value = text(body, "external_id")
    if value is None or (value and value.isascii() and len(value) <= _EXTERNAL_ID_LENGTH):
        return value
    raise invalid_parameters(
        "external_id_invalid", f"External id must be 1 to {_EXTERNAL_ID_LENGTH} ASCII characters."
    )


def slug_fields(body: dict[str, Any]) -> dict[str, str | None]:
    """What roles and permissions have besides their slug: name, description, resource type.

    Raises:
        ErrorResponse: 422 if the name is missing, or they are longer than the spec allows.
    """
    name, description = required_text(body, "name"), text(body, "description")
    if len(name) > _NAME_LENGTH or len(description or "") > _DESCRIPTION_LENGTH:
        message = "The name has at most 48, the description at most 150 characters."
        raise invalid_parameters("name_or_description_too_long", message)
    resource_type = text(body, "resource_type_slug") or "organization"
    return {"name": name, "description": description, "resource_type_slug": resource_type}


def merge_metadata(stored: str, body: dict[str, Any]) -> str:
    """Metadata after a request, as JSON.

    A key that is sent replaces, null deletes it, ``{}`` deletes all (WorkOS docs,
    authkit/metadata). That null for the whole deletes all as well is this sandbox's reading.

    Raises:
        ErrorResponse: 400 ``invalid_metadata``.
    """
    if "metadata" not in body:
        return stored
    sent = body["metadata"]
    if sent in (None, {}):
        return "{}"
    if not isinstance(sent, dict):
        raise _invalid_metadata("must be an object")
    merged: dict[str, str] = msgspec.json.decode(stored)
    for key, value in sent.items():
        if value is None:
            merged.pop(key, None)
            continue
        if not 0 < len(key) <= _METADATA_KEY_LENGTH:
            raise _invalid_metadata(f"keys have 1 to {_METADATA_KEY_LENGTH} characters")
        if not isinstance(value, str):
            raise _invalid_metadata("values must be strings")
        if len(value) > _METADATA_VALUE_LENGTH:
            raise _invalid_metadata(f"values have at most {_METADATA_VALUE_LENGTH} characters")
        merged[key] = value
    if len(merged) > _METADATA_KEYS:
        raise _invalid_metadata(f"has at most {_METADATA_KEYS} keys")
    return msgspec.json.encode(merged).decode()


def read_struct(body: dict[str, Any], kind: type[Wanted]) -> Wanted:
    """A body as a struct; 400 if it isn't one."""
    try:
        return msgspec.convert(body, kind)
    except msgspec.ValidationError as error:
        raise ErrorResponse(400, str(error)) from None


def _invalid_metadata(reason: str) -> ErrorResponse:
    return ErrorResponse(400, f"Invalid metadata: {reason}.", "invalid_metadata")


def _string_required(name: str) -> ErrorResponse:
    message = f"{_title(name)} must be a non-empty string."
    return invalid_parameters(f"{name}_string_required", message)


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()
