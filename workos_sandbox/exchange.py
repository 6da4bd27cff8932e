"""A request and its answer, in the shapes of live WorkOS.

Sources: the envelope ``{"message", "code"?, "errors"?}`` and the ``entity_id`` of a 404 are those
recorded in workos-ruby's VCR cassettes (v6.2.0); the codes are those of the WorkOS OpenAPI spec.
Where the spec has only the placeholder "Request could not be processed.", live wording isn't
known and the text here says what is wrong. No text repeats a value that could be a secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workos_sandbox.limits import RATE_LIMIT_MESSAGE

if TYPE_CHECKING:
    from workos_sandbox.store import Store


@dataclass(slots=True)
class Call:
    """A request as the handlers see it: authorized, within its budget, its JSON decoded.

    Attributes:
        store: Where everything is kept.
        params: The variable parts of the path, percent-decoded.
        query: The query, the last value of each name.
        body: The JSON object sent, ``{}`` if there was no body.
        multiple_roles: Whether a membership may have several roles.
    """

    store: Store
    params: dict[str, str]
    query: dict[str, str]
    body: dict[str, Any]
    multiple_roles: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and JSON body; a body of None is sent as an empty one."""

    status: int
    body: Any = None


class Refusal(Exception):
    """An error answer.

    Attributes:
        answer: What is sent.
        retry_after: ``Retry-After`` in seconds, for a 429.
    """

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None = None,
        *,
        errors: list[dict[str, Any]] | None = None,
        entity_id: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        body: dict[str, Any] = {"message": message}
        if code is not None:
            body["code"] = code
        if errors is not None:
            body["errors"] = errors
        if entity_id is not None:
            body["entity_id"] = entity_id
        self.answer = Answer(status, body)
        self.retry_after = retry_after
        super().__init__(message)


def unauthorized() -> Refusal:
    """401 without a code, as recorded in workos-ruby's VCR cassettes."""
    return Refusal(401, "Unauthorized")


def not_found(entity: str, entity_id: str) -> Refusal:
    """404 as recorded: ``User not found: 'user_01'.`` with code and ``entity_id``."""
    message = f"{entity} not found: '{entity_id}'."
    return Refusal(404, message, "entity_not_found", entity_id=entity_id)


def invalid_parameters(*errors: tuple[str, str]) -> Refusal:
    """422 as recorded for a missing email: ``Validation failed`` with a list of code and message.

    ``email_string_required`` and ``user_id_string_required`` are recorded; the codes of other
    fields are made after them.
    """
    items = [{"code": code, "message": message} for code, message in errors]
    return Refusal(422, "Validation failed", "invalid_request_parameters", errors=items)


def rate_limited(retry_after: int) -> Refusal:
    """429 without a code and without X-RateLimit headers, as live WorkOS was seen to send it.

    Args:
        retry_after: Seconds. Live WorkOS was seen to send 0 (e-dream-ai/client issue 535).
    """
    return Refusal(429, RATE_LIMIT_MESSAGE, retry_after=retry_after)
