"""What the calls of WorkOS share: the JSON of a success, which must make sense."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypeVar

import msgspec

from target_workos_users.api.endpoints import endpoint_name
from target_workos_users.exceptions import ApiError, Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from target_workos_users.api.client import Client, Path
    from target_workos_users.api.error_responses import Meaning

PAGE = 100  # the most that WorkOS lists at a time (WorkOS OpenAPI spec)
_Shape = TypeVar("_Shape", bound=msgspec.Struct)


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
    slug: str | None = None
    role: _Role | None = None
    roles: list[_Role] | None = None
    created_at: str | None = None
    updated_at: str | None = None


class _Cursors(msgspec.Struct):
    after: str | None = None


class _List(msgspec.Struct):
    data: list[Any]
    list_metadata: _Cursors | None = None


class Page(NamedTuple):
    """A page of a list.

    Attributes:
        data: Its objects.
        after: Where the next page begins; None if this is the last one.
    """

    data: list[dict[str, Any]]
    after: str | None


class Calls:
    """Calls about one of WorkOS's nouns. Answers are WorkOS's JSON objects.

    Every method raises what :meth:`.Client.call` raises.

    Args:
        client: Sends the requests.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    async def _entity(
        self,
        method: str,
        path: Path,
        *,
        body: Mapping[str, Any] | None = None,
        meaning: Meaning | None = None,
        **expected: str,
    ) -> dict[str, Any]:
        """A call that WorkOS answers with an object, see :func:`check_entity`."""
        sent = None if body is None else dict(body)
        answer = await self._client.call(method, path, body=sent, meaning=meaning)
        return check_entity(answer, method, path, expected)

    async def _find(self, path: Path, **expected: str) -> dict[str, Any] | None:
        """The object there, or None."""
        try:
            answer = await self._client.call("GET", path)
        except ApiError as error:
            if error.reason is Reason.NOT_FOUND:
                return None
            raise
        return check_entity(answer, "GET", path, expected)

    async def _list(self, path: Path, params: Mapping[str, Any], **expected: str) -> Page:
        """A list, or a page of it: of ``limit`` objects, or fewer if they are too large.

        Args:
            path: As :meth:`.Client.call` takes it.
            params: Query; what is None is left out.
            expected: As :func:`check_entity` takes it, of each object.
        """
        query = {name: value for name, value in params.items() if value is not None}
        while True:
            try:
                answer = await self._client.call("GET", path, params=query)
            except ApiError as error:
                if error.reason is not Reason.TOO_LARGE or query.get("limit", 1) == 1:
                    raise
                query["limit"] //= 2
            else:
                return check_page(answer, path, expected)

    async def _delete(self, path: Path) -> None:
        """Delete the object there; one that is gone already is fine."""
        try:
            await self._client.call("DELETE", path)
        except ApiError as error:
            if error.reason is not Reason.NOT_FOUND:
                raise


def check_entity(
    answer: Any, method: str, path: Path, expected: Mapping[str, str]
) -> dict[str, Any]:
    """The JSON of a success, if it is an object with an id and has no other values than expected.

    Nothing but the id is needed: the SDK's models refuse a success that lacks one of their keys,
    when the user exists already (measured, workos 10.8.0).

    Args:
        answer: The JSON.
        method: Of the request.
        path: Of the request.
        expected: Values of fields.

    Raises:
        ApiError: It isn't; ``ambiguous`` if the request was a write.
    """
    _check(answer, _Entity, method, path)
    for name, value in expected.items():
        if answer.get(name) is not None and answer[name] != value:
            raise senseless(method, path, f"WorkOS answered with another {name} than {value}")
    entity: dict[str, Any] = answer
    return entity


def check_page(answer: Any, path: Path, expected: Mapping[str, str]) -> Page:
    """The JSON of a list, if each of its objects is as :func:`check_entity` wants it."""
    listed = _check(answer, _List, "GET", path)
    data = [check_entity(item, "GET", path, expected) for item in answer["data"]]
    return Page(data, listed.list_metadata.after if listed.list_metadata else None)


def senseless(method: str, path: Path, problem: str) -> ApiError:
    """What to raise for a success that makes no sense; ``ambiguous`` if the request was a write."""
    message = f"{endpoint_name(method, path)}: {problem}"
    return ApiError(Reason.GAVE_UP, message, ambiguous=method != "GET")


def _check(answer: Any, shape: type[_Shape], method: str, path: Path) -> _Shape:
    """The answer has all that is needed, and of the type that it is read as."""
    try:
        return msgspec.convert(answer, shape)
    except msgspec.ValidationError as error:  # its text names types and places, no values
        problem = f"WorkOS reported success, but not as it should be: {error}"
        raise senseless(method, path, problem) from None
