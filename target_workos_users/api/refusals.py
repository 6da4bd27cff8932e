"""What an error answer of WorkOS means, and how much of it may be shown. Pure.

WorkOS has changed its error answers over the years and documents few of them, so each meaning is
recognized in every variant known: by ``code`` and ``errors[].code`` first, by status and by
message text after that. Sources: WorkOS OpenAPI spec 0.61, answers recorded in workos-ruby's VCR
cassettes, WorkOS's emulator 0.7.1, its two importers in TypeScript, public code that quotes
answers.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from target_workos_users.exceptions import ApiError, Reason
from target_workos_users.records.redaction import REDACTED

if TYPE_CHECKING:
    from workos._errors import APIError  # not exported

_EMAIL_CODES = {"email_not_available", "user_already_exists", "email_already_in_use"}
_EXTERNAL_ID_CODE = "external_id_already_used"
_MEMBER_CODES = {
    "organization_membership_already_exists",
    "user_already_organization_member",
    "entity_already_exists",
}
_ROLE_CODES = {"invalid_role", "sub_resource_scoped_role_not_allowed"}

_MAX_TEXT = 500  # characters of a message that are kept
_MAX_ITEMS = 20  # of a list or object that are kept
_MAX_DEPTH = 5
_CODE = re.compile("[a-z_]+")
_ENTITY_ID = re.compile(r"\b(?:user|org|om)_\w+")
_TRUNCATED = 12  # characters of a long secret that give it away when WorkOS quotes its beginning


@dataclass(frozen=True)
class Refusal:
    """An error answer, reduced to what tells its meaning.

    Attributes:
        status: HTTP status.
        codes: ``code`` and every ``errors[].code``.
        text: ``message`` and every ``errors[].message``, in lower case.
        creating: Whether the request was a POST.
        readable: Whether it is WorkOS's JSON, and no page of something on the way.
    """

    status: int
    codes: frozenset[str]
    text: str
    creating: bool
    readable: bool


Meaning = Callable[[Refusal], Reason | None]


def user_reason(refusal: Refusal) -> Reason | None:
    """Whether a user with this email or external id exists; None if it's something else.

    The real answer to a create is ``400 user_creation_error`` with ``errors[].code`` (captured by
    workos/emulate, pull request 108); to an update it's a top-level code.
    """
    by_external_id = _EXTERNAL_ID_CODE in refusal.codes or _external_id_taken(refusal.text)
    by_email = bool(refusal.codes & _EMAIL_CODES) or "email is not available" in refusal.text
    if by_email and by_external_id:
        return Reason.USER_EXISTS
    if by_external_id:
        return Reason.EXTERNAL_ID_EXISTS
    if by_email or "already exists" in refusal.text:
        return Reason.EMAIL_EXISTS
    if refusal.creating and refusal.status == HTTPStatus.CONFLICT:
        return Reason.EMAIL_EXISTS
    return Reason.USER_EXISTS if refusal.codes == {"user_creation_error"} else None


def organization_reason(refusal: Refusal) -> Reason | None:
    """Whether an organization with this external id exists; None if it's something else."""
    taken = _EXTERNAL_ID_CODE in refusal.codes or "already been assigned" in refusal.text
    return Reason.EXTERNAL_ID_EXISTS if taken or _external_id_taken(refusal.text) else None


def membership_reason(refusal: Refusal) -> Reason | None:
    """What is in the way of a membership: itself, or its roles; None if it's something else."""
    codes, text = refusal.codes, refusal.text
    if "cannot_reactivate_pending_organization_membership" in codes:
        return Reason.MEMBER_PENDING
    if "multiple_roles_not_enabled" in codes or "multiple roles is not enabled" in text:
        return Reason.MULTIPLE_ROLES_OFF
    if codes & _ROLE_CODES or "is not a valid role" in text:
        return Reason.INVALID_ROLE
    if refusal.status == HTTPStatus.NOT_FOUND and text.startswith("role"):
        return Reason.INVALID_ROLE
    if codes & _MEMBER_CODES or "already a member" in text or "membership already exists" in text:
        return Reason.MEMBER_EXISTS
    unclear = refusal.creating and refusal.status == HTTPStatus.CONFLICT
    return Reason.CONFLICT if unclear else None


def api_error(error: APIError, *, meaning: Meaning | None, secrets: Iterable[str]) -> ApiError:
    """The SDK's error as ours.

    Args:
        error: What the SDK raised for an answer of 400 or more.
        meaning: Tells what answers to this kind of request mean beyond the usual.
        secrets: What was sent and must not be shown, should WorkOS quote it.

    Returns:
        An error whose texts are redacted and shortened. Its ``ambiguous`` is False.
    """
    status = error.status_code or 0
    body = error.response_json if isinstance(error.response_json, Mapping) else {}
    message, code, errors = body.get("message"), body.get("code"), body.get("errors")
    items = errors if isinstance(errors, list) else [errors] if errors else []
    objects = [body, *(item for item in items if isinstance(item, Mapping))]
    refusal = Refusal(
        status=status,
        codes=frozenset(str(item["code"]) for item in objects if item.get("code")),
        text=" ".join(str(item.get("message") or "") for item in objects).strip().lower(),
        creating=error.request_method == "POST",
        readable=isinstance(error.response_json, Mapping),
    )
    if not isinstance(message, str) or not message:
        message = body.get("error_description") or body.get("error") or "an error without a message"
    message = str(message)
    entity_id = body.get("entity_id")
    if not isinstance(entity_id, str):
        named = _ENTITY_ID.search(message)
        entity_id = named[0] if named else ""
    show = _Redactor(secrets)
    return ApiError(
        reason=_reason(refusal, meaning),
        message=show.text(message),
        status=status,
        code=show.code(code) if isinstance(code, str) else None,
        request_id=show.text(error.request_id) if error.request_id else None,
        errors=show.value(items),
        entity_id=show.text(entity_id) if entity_id else None,
    )


def _reason(refusal: Refusal, meaning: Meaning | None) -> Reason:
    status = refusal.status
    if (
        status >= HTTPStatus.INTERNAL_SERVER_ERROR
        or status in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
        or "rate_limit_exceeded" in refusal.codes
        or (status == HTTPStatus.FORBIDDEN and "rate limit" in refusal.text)
        or (status == HTTPStatus.NOT_FOUND and not refusal.readable)
    ):
        return Reason.GAVE_UP
    if meaning and (reason := meaning(refusal)):
        return reason
    return Reason.NOT_FOUND if status == HTTPStatus.NOT_FOUND else Reason.REFUSED


def _external_id_taken(text: str) -> bool:
    return "already" in text and ("external_id" in text or "external id" in text)


class _Redactor:
    """Takes secrets out of what WorkOS says, and shortens it.

    Args:
        secrets: As they were sent. Their escaped forms and long beginnings are taken out as well.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = set(filter(None, secrets))
        forms = {form for secret in self._secrets for form in _forms(secret)}
        self._patterns = [(form, re.escape(form)) for form in sorted(forms, key=len, reverse=True)]
        self._patterns += (
            (beginning, re.escape(beginning) + r"\S*")
            for secret in self._secrets
            if len(secret) > _TRUNCATED
            for beginning in _forms(secret[:_TRUNCATED])
        )

    def text(self, text: str) -> str:
        """A text without the secrets, at most 500 characters long."""
        # Few of them occur, and to compile all takes longer than a request.
        found = [pattern for literal, pattern in self._patterns if literal in text]
        shown = re.sub("|".join(found), REDACTED, text) if found else text
        return shown if len(shown) <= _MAX_TEXT else f"{shown[: _MAX_TEXT - 1]}…"

    def code(self, code: str) -> str:
        """A code, left whole: ``password_too_weak`` says nothing of a password ``password``."""
        if _CODE.fullmatch(code) and code not in self._secrets:
            return code[:_MAX_TEXT]
        return self.text(code)

    def value(self, value: Any, depth: int = 0) -> Any:
        """A JSON value without the secrets, at most 20 items in a list and 5 levels deep."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list | Mapping) and depth >= _MAX_DEPTH:
            return "…"
        if isinstance(value, list):
            return [self.value(item, depth + 1) for item in value[:_MAX_ITEMS]]
        if isinstance(value, Mapping):
            return {
                self.text(name): self.code(item)
                if name == "code" and isinstance(item, str)
                else self.value(item, depth + 1)
                for name, item in list(value.items())[:_MAX_ITEMS]
            }
        return REDACTED if str(value) in self._secrets else value


def _forms(secret: str) -> tuple[str, ...]:
    """A secret as it may stand in a text: plain, or escaped for JSON, HTML or a URL."""
    return (
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        html.escape(secret),
        quote(secret, safe="", errors="replace"),
    )
