"""What came of a call besides an error answer: a success that must make sense, or nothing. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from target_workos_users.api.attempt import NoAnswer, Redirected
from target_workos_users.exceptions import ApiError, Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workos import WorkOSError


def entity(answer: Any, call: str, *, writes: bool, **expected: str) -> dict[str, Any]:
    """The answer, if it is an object with an id and doesn't contradict what was asked for."""
    if not isinstance(answer, dict) or not (answer.get("id") and isinstance(answer["id"], str)):
        raise ApiError(
            Reason.GAVE_UP, f"{call}: WorkOS reported success without an id", ambiguous=writes
        )
    for name, value in expected.items():
        if answer.get(name) is not None and answer[name] != value:
            message = f"{call}: WorkOS answered with another {name} than {value}"
            raise ApiError(Reason.GAVE_UP, message, ambiguous=writes)
    return answer


def entities(answer: Any, call: str, **expected: str) -> list[dict[str, Any]]:
    """The objects of a list answer, if none contradicts what was asked for."""
    if not isinstance(answer, dict) or not isinstance(answer.get("data"), list):
        raise ApiError(Reason.GAVE_UP, f"{call}: WorkOS reported success without a list")
    return [entity(item, call, writes=False, **expected) for item in answer["data"]]


def lost_error(error: WorkOSError) -> ApiError:
    """What to raise when the SDK had no answer to give; its cause is the transport's error."""
    match error.__cause__:
        case NoAnswer() as cause:
            return ApiError(Reason.GAVE_UP, str(cause), ambiguous=cause.ambiguous)
        case Redirected() as cause:
            return ApiError(Reason.REFUSED, f"{cause}, which isn't followed: check base_url")
        case _:
            return ApiError(Reason.GAVE_UP, f"the SDK failed with {type(error).__name__}")


def unsendable_error(path: Sequence[str], error: ValueError) -> ApiError:
    """What to raise when the SDK refused to send a request: an id or a value isn't fit for it."""
    for segment in path:
        if segment in {"", ".", ".."}:
            message = f"no id: {segment!r}"
            return ApiError(Reason.NOT_FOUND, message, entity_id=segment)
    why = error.reason if isinstance(error, UnicodeEncodeError) else type(error).__name__
    return ApiError(Reason.REFUSED, f"can't be sent to WorkOS: {why}")
