"""Responses, and error responses in the shapes of live WorkOS.

Sources: the envelope ``{"message", "code"?, "errors"?}`` and the ``entity_id`` of a 404 are those
recorded in workos-ruby's VCR cassettes (v6.2.0); the codes are those of the WorkOS OpenAPI spec.
Where the spec has only the placeholder "Request could not be processed.", live wording isn't
known and the text here says what is wrong. No text repeats a value that could be a secret.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workos_sandbox.exceptions import SandboxError
from workos_sandbox.limits import RATE_LIMIT_MESSAGE

if TYPE_CHECKING:
    import sqlite3


@dataclass(frozen=True, slots=True)
class Response:
    """What is sent.

    Attributes:
        status: HTTP status.
        body: Sent as JSON; bytes as they are; None as nothing.
        headers: Headers beside ``X-Request-Id``; ``Content-Type`` is JSON's unless given.
    """

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class ErrorResponse(SandboxError):
    """Raised where the response is an error.

    Attributes:
        response: What is sent.
    """

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None = None,
        *,
        errors: list[dict[str, Any]] | None = None,
        entity_id: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        parts = {"message": message, "code": code, "errors": errors, "entity_id": entity_id}
        body = {name: value for name, value in parts.items() if value is not None}
        self.response = Response(status, body, headers or {})
        super().__init__(message)


def unauthorized() -> ErrorResponse:
    """401 without a code, as recorded in workos-ruby's VCR cassettes."""
    return ErrorResponse(401, "Unauthorized")


def found(row: sqlite3.Row | None, entity: str, entity_id: str) -> sqlite3.Row:
    """The row, if there is one.

    Raises:
        ErrorResponse: 404 as recorded: ``User not found: 'user_01'.`` with code and ``entity_id``.
    """
    if row is None:
        message = f"{entity} not found: '{entity_id}'."
        raise ErrorResponse(404, message, "entity_not_found", entity_id=entity_id)
    return row


def invalid_parameters(code: str, message: str) -> ErrorResponse:
    """422 as recorded for a missing email: ``Validation failed`` with a list of code and message.

    ``email_string_required`` and ``user_id_string_required`` are recorded; the codes of other
    fields are made after them.
    """
    errors = [{"code": code, "message": message}]
    return ErrorResponse(422, "Validation failed", "invalid_request_parameters", errors=errors)


def rate_limited(retry_after: int) -> ErrorResponse:
    """429 without a code and without X-RateLimit headers, as live WorkOS was seen to send it.

    Args:
        retry_after: Seconds. Live WorkOS was seen to send 0 (e-dream-ai/client issue 535).
    """
    return ErrorResponse(429, RATE_LIMIT_MESSAGE, headers={"Retry-After": str(retry_after)})
