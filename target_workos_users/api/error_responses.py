"""What an error response of WorkOS means, and what of it is shown. Pure.

WorkOS has changed its error responses over the years and documents few of them, so each meaning is
recognized in every variant known: by ``code`` and ``errors[].code`` first, by status and by
message text after that. Sources: WorkOS OpenAPI spec 0.61, the SDK's models (workos 10.8),
responses recorded in workos-ruby's VCR cassettes, WorkOS's emulator 0.7.1, its two importers in
TypeScript, public code that quotes responses.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from target_workos_users.api.quoting import Quoter
from target_workos_users.exceptions import ApiError, Reason

if TYPE_CHECKING:
    from target_workos_users.api.response import Response

_EMAIL_CODES = {"email_not_available", "user_already_exists", "email_already_in_use"}
_EXTERNAL_ID_CODES = {"external_id_already_used", "external_id_already_in_use"}
_MEMBER_CODES = {
    "organization_membership_already_exists",
    "user_already_organization_member",
    "entity_already_exists",
}
_ROLE_CODES = {"invalid_role", "sub_resource_scoped_role_not_allowed"}
_SLUG_CODES = {
    "role_slug_conflict",
    "organization_role_slug_conflict",
    "permission_slug_conflict",
    "duplicate",  # WorkOS's emulator
}
_USER_CODES = {"policy_denied", "action_denied", "ip_address_required"}  # Radar's (workos 10.8)

_ENTITY_ID = re.compile(r"\b(?:user|org|om)_\w+")


@dataclass(frozen=True)
class ErrorBody:
    """An error response, reduced to what tells its meaning.

    Attributes:
        status: HTTP status.
        codes: ``code`` and every ``errors[].code``.
        text: ``message`` and what ``errors`` say, in lower case.
        creating: Whether the request was a POST.
    """

    status: int
    codes: frozenset[str]
    text: str
    creating: bool


Meaning = Callable[[ErrorBody], Reason | None]


def user_reason(error: ErrorBody) -> Reason | None:
    """Whether a user with this email or external id exists; None if it's something else.

    The real answer to a create is ``400 user_creation_error`` with ``errors[].code`` (captured by
    workos/emulate, pull request 108); to an update it's a top-level code.
    """
    by_external_id = _is_external_id_taken(error)
    by_email = bool(error.codes & _EMAIL_CODES) or "email is not available" in error.text
    if by_email and by_external_id:
        return Reason.USER_EXISTS
    if by_external_id:
        return Reason.EXTERNAL_ID_EXISTS
    if by_email or "already exists" in error.text:
        return Reason.EMAIL_EXISTS
    if error.creating and error.status == HTTPStatus.CONFLICT:
        return Reason.EMAIL_EXISTS
    return Reason.USER_EXISTS if error.codes == {"user_creation_error"} else None


def organization_reason(error: ErrorBody) -> Reason | None:
    """Whether an organization with this external id exists; None if it's something else."""
    taken = _is_external_id_taken(error) or "already been assigned" in error.text
    return Reason.EXTERNAL_ID_EXISTS if taken else None


def membership_reason(error: ErrorBody) -> Reason | None:
    """What is in the way of a membership: itself, or its roles; None if it's something else."""
    codes, text = error.codes, error.text
    if "cannot_reactivate_pending_organization_membership" in codes:
        return Reason.MEMBER_PENDING
    if "multiple_roles_not_enabled" in codes or "multiple roles is not enabled" in text:
        return Reason.MULTIPLE_ROLES_OFF
    if codes & _ROLE_CODES or "is not a valid role" in text:
        return Reason.INVALID_ROLE
    if error.status == HTTPStatus.NOT_FOUND and text.startswith("role"):
        return Reason.INVALID_ROLE
    if codes & _MEMBER_CODES or "already a member" in text or "membership already exists" in text:
        return Reason.MEMBER_EXISTS
    unclear = error.creating and error.status == HTTPStatus.CONFLICT
    return Reason.CONFLICT if unclear else None


def slug_reason(error: ErrorBody) -> Reason | None:
    """Whether a role or permission with this slug exists; None if it's something else."""
    taken = error.codes & _SLUG_CODES or error.status == HTTPStatus.CONFLICT
    return Reason.SLUG_EXISTS if error.creating and taken else None


def api_error(
    response: Response, *, creating: bool, meaning: Meaning | None, secrets: Iterable[str]
) -> ApiError:
    """An error response as an error.

    Args:
        response: Of a status of 400 or more.
        creating: Whether the request was a POST.
        meaning: Tells what responses to this kind of request mean beyond the usual.
        secrets: What was sent and must not be shown, should WorkOS quote it.

    Returns:
        An error whose texts are redacted and shortened.
    """
    body = response.object or {}
    quoter = Quoter(secrets)
    errors = body.get("errors")
    items = errors if isinstance(errors, list) else [errors] if errors else []
    said = _message(body.get("message"))
    message = said or _message(body.get("error_description")) or _message(body.get("error"))
    message = message or "an error without a message"
    objects = [body, *(item for item in items if isinstance(item, Mapping))]
    error = ErrorBody(
        status=response.status_code,
        codes=frozenset(str(item["code"]) for item in objects if item.get("code")),
        text=" ".join([said, *map(_said, items)]).strip().lower(),
        creating=creating,
    )
    entity_id = body.get("entity_id")
    if not isinstance(entity_id, str):
        named = _ENTITY_ID.search(message)
        entity_id = named[0] if named else ""
    code, request_id = body.get("code"), response.headers.get("x-request-id")
    shown = quoter.value(items)
    return ApiError(
        reason=_reason(response, error, meaning),
        message=quoter.text(message),
        status=response.status_code,
        code=quoter.code(code) if isinstance(code, str) else None,
        request_id=quoter.text(request_id) if request_id else None,
        errors=shown,
        details=[quoter.text(_said(item) or _json(item)) for item in shown if item],
        entity_id=quoter.text(entity_id) if entity_id else None,
        ambiguous=response.ambiguous,
    )


def may_be_about_the_key(error: ApiError) -> bool:
    """Whether a 403 may mean that the API key lacks a permission; Radar's are about the user."""
    items = [item.get("code") for item in error.errors if isinstance(item, dict)]
    return (
        error.status == HTTPStatus.FORBIDDEN
        and error.reason is Reason.REFUSED
        and _USER_CODES.isdisjoint({error.code, *filter(None, items)})
    )


def _reason(response: Response, error: ErrorBody, meaning: Meaning | None) -> Reason:
    if (
        response.is_passing
        or "rate_limit_exceeded" in error.codes
        or (error.status == HTTPStatus.FORBIDDEN and "rate limit" in error.text)
    ):
        return Reason.GAVE_UP
    if meaning and (reason := meaning(error)):
        return reason
    return Reason.NOT_FOUND if error.status == HTTPStatus.NOT_FOUND else Reason.REFUSED


def _is_external_id_taken(error: ErrorBody) -> bool:
    text = error.text
    named = "external_id" in text or "external id" in text
    return bool(error.codes & _EXTERNAL_ID_CODES) or ("already" in text and named)


def _message(value: Any) -> str:
    """A message, or several in a list (workos 10.8, ErrorBodyWithMessageOrMessageList)."""
    texts = value if isinstance(value, list) else [value]
    said = "; ".join(text for text in texts if isinstance(text, str))
    return said.replace(".; ", ". ")


def _said(item: Any) -> str:
    """The text in an item of ``errors``, in the shapes of the SDK's models (ErrorBodyWith…)."""
    match item:
        case str():
            return item
        case {"message": message} if text := _message(message):
            return text
        case {"property": str(name), "constraints": dict(constraints)}:
            return f"{name}: {_message(list(constraints.values()))}"
        case {"field": str(name), "code": str(code)}:
            return f"{name}: {code}"
        case {"code": str(code), **more} if not more:
            return code
        case _:
            return ""


def _json(item: Any) -> str:
    return json.dumps(item, ensure_ascii=False)
