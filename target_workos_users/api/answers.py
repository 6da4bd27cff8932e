"""What came of a call besides an error answer: a success that must make sense, or nothing. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from target_workos_users.api.attempt import NoAnswer, Redirected
from target_workos_users.exceptions import ApiError, Reason

if TYPE_CHECKING:
    from workos import WorkOSError


class _Role(msgspec.Struct):
    slug: str | None = None


class _Entity(msgspec.Struct):
    """What is read of WorkOS's objects, and its type (WorkOS OpenAPI spec)."""

    id: Annotated[str, msgspec.Meta(min_length=1)]
    user_id: str | None = None
    organization_id: str | None = None
    email: str | None = None
    external_id: str | None = None
    metadata: dict[str, Any] | None = None
    status: str | None = None
    type: str | None = None
    role: _Role | None = None
    roles: list[_Role] | None = None
    created_at: str | None = None
    updated_at: str | None = None


class _Cursor(msgspec.Struct):
    after: str | None = None


class _List(msgspec.Struct):
    data: list[Any]
    list_metadata: _Cursor | None = None


class _Roles(msgspec.Struct):
    data: list[_Role]


def entity(answer: Any, call: str, *, writes: bool, **expected: str) -> dict[str, Any]:
    """The answer, if it is an object with an id and doesn't contradict what was asked for."""
    _check(answer, _Entity, call, writes=writes)
    for name, value in expected.items():
        if answer.get(name) is not None and answer[name] != value:
            message = f"{call}: WorkOS answered with another {name} than {value}"
            raise ApiError(Reason.GAVE_UP, message, ambiguous=writes)
    found: dict[str, Any] = answer
    return found


def entities(answer: Any, call: str, **expected: str) -> list[dict[str, Any]]:
    """The objects of a list answer, if none contradicts what was asked for."""
    _check(answer, _List, call, writes=False)
    return [entity(item, call, writes=False, **expected) for item in answer["data"]]


def roles(answer: Any, call: str) -> list[dict[str, Any]]:
    """The roles of a list answer; a role needs a slug, and no id."""
    _check(answer, _Roles, call, writes=False)
    found: list[dict[str, Any]] = answer["data"]
    return found


def _check(answer: Any, shape: type[msgspec.Struct], call: str, *, writes: bool) -> None:
    """The answer has all that is needed, and of the type that it is read as."""
    try:
        msgspec.convert(answer, shape)
    except msgspec.ValidationError as error:  # its text names types and places, no values
        message = f"{call}: WorkOS reported success, but not as it should be: {error}"
        raise ApiError(Reason.GAVE_UP, message, ambiguous=writes) from None


def lost_error(error: WorkOSError) -> ApiError:
    """What to raise when the SDK had no answer to give; its cause is the transport's error."""
    match error.__cause__:
        case NoAnswer() as cause:
            return ApiError(Reason.GAVE_UP, str(cause), ambiguous=cause.ambiguous)
        case Redirected() as cause:
            return ApiError(Reason.REFUSED, f"{cause}, which isn't followed: check base_url")
        case _:
            return ApiError(Reason.GAVE_UP, f"the SDK failed with {type(error).__name__}")


def unsendable_error(path: tuple[str, ...], error: ValueError) -> ApiError:
    """What to raise when the SDK refused to send a request: an id or a value isn't fit for it."""
    for segment in path:
        if segment in {"", ".", ".."}:
            message = f"no id: {segment!r}"
            return ApiError(Reason.NOT_FOUND, message, entity_id=segment)
    why = f" ({error.reason})" if isinstance(error, UnicodeEncodeError) else ""
    return ApiError(Reason.REFUSED, f"its values can't be put into a request{why}")
