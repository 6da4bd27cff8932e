"""A call of WorkOS: its JSON, or an error that says what to do with the record."""

from __future__ import annotations

import asyncio
from functools import partial
from http import HTTPStatus
from itertools import count
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from target_workos_users.api.endpoints import endpoint_name, is_repeatable, path_to_nobody
from target_workos_users.api.error_responses import Meaning, api_error, may_be_about_the_key
from target_workos_users.api.response import (
    ErrorResponse,
    NoResponse,
    Redirected,
    Response,
    TooLarge,
)
from target_workos_users.api.sdk import Sdk
from target_workos_users.exceptions import AccessDenied, ApiError, Reason, Unreachable
from target_workos_users.records.redaction import texts_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workos import RequestOptions

    from target_workos_users.api.transport import Transport

_SHORTEST_NAME = 3  # characters; anything shorter tells nobody
_DENIED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}

Path = tuple[str, ...]


class Client:
    """Sends requests by way of the SDK, and tells what came of them.

    A record that WorkOS answers with a 500 every time, or with a 403, is one error line. An outage,
    or a key that lacks a permission, isn't an error line, however many records meet it: the run
    stops. From inside one request the two look the same. So the endpoint is asked what it says to
    a request that names nobody and so has no effect.

    Args:
        api_key: WorkOS secret key.
        base_url: ``https://api.workos.com``, or where a sandbox listens.
        transport: Sends the requests; closed by :meth:`close`.
        request_timeout: Seconds for one attempt.
    """

    def __init__(
        self, *, api_key: str, base_url: str, transport: Transport, request_timeout: float
    ) -> None:
        self._api_key = api_key
        self._base_url = base_url.rstrip("/")
        self._transport = transport
        self._sdk = Sdk(api_key=api_key, base_url=base_url, transport=transport)
        self._timeout = request_timeout
        self._options: RequestOptions = {"timeout": request_timeout}
        self._run = token_hex(8)
        self._requests = count()
        self._looks: dict[str, asyncio.Task[Response]] = {}

    async def call(
        self,
        method: str,
        path: Path,
        *,
        params: dict[str, Any] | None = None,
        body: dict[str, Any] | None = None,
        meaning: Meaning | None = None,
    ) -> Any:
        """Send a request; once more where only an outage was in the way.

        Args:
            method: HTTP method, in capitals.
            path: Segments of the URL's path.
            params: Query.
            body: JSON body.
            meaning: What the error responses to this request mean, besides what they all may.

        Returns:
            The JSON of a success; None if it has no body.

        Raises:
            ApiError: WorkOS refuses it or isn't heard; ``ambiguous`` if it is a write that may
                have taken effect all the same.
            AccessDenied: WorkOS refuses the key, or lets it do nothing of this kind.
            Unreachable: It used up its retries, and so did a look at its endpoint.
            Stopped: A retry was due after :meth:`.Transport.stop_retrying`.
        """
        # As unique as the UUID that the SDK would make, at a tenth of its cost.
        key = f"{self._run}-{next(self._requests)}" if body else None
        before_outage: ApiError | None = None
        while True:
            sent_at = 0.0
            try:
                return await self._sdk.request(
                    method,
                    path,
                    params=params,
                    body=body,
                    idempotency_key=key,
                    request_options=self._options,
                )
            except ErrorResponse as failure:
                sent_at = failure.response.sent_at
                fields = {**(params or {}), **(body or {})}
                error = self._api_error(failure.response, method, path, fields, meaning)
            except NoResponse as failure:
                sent_at = failure.sent_at
                reason = Reason.TOO_LARGE if isinstance(failure, TooLarge) else Reason.GAVE_UP
                error = ApiError(reason, str(failure), ambiguous=failure.ambiguous)
            except Redirected as failure:
                text = f"{failure}, which isn't followed: check base_url"
                error = ApiError(Reason.REFUSED, text)
            except ValueError as failure:  # raised by the SDK before it sends anything
                error = _unsendable_error(path, failure)
            # Raised from here: what is handled above quotes WorkOS unredacted.
            if may_be_about_the_key(error):
                await self._check_the_key(method, path, error)
            if before_outage:
                error.ambiguous |= before_outage.ambiguous
                raise error
            others_are_answered = self._transport.answered_since(
                endpoint_name(method, path), sent_at
            )
            if error.reason is not Reason.GAVE_UP or others_are_answered:
                raise error
            was_down = await self._was_down(method, path, error)
            if not was_down or (error.ambiguous and not is_repeatable(method, path)):
                raise error
            before_outage = error

    async def close(self) -> None:
        """Close the connections."""
        for task in (tasks := list(self._looks.values())):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._transport.close()

    def _api_error(
        self,
        response: Response,
        method: str,
        path: Path,
        fields: Mapping[str, Any],
        meaning: Meaning | None,
    ) -> ApiError:
        """An error response as an error.

        Raises:
            AccessDenied: It is a 401.
        """
        secrets = [self._api_key, *texts_of({"path": path, **fields}, hidden=True)]
        if response.status_code in _DENIED:  # this goes to the log, where nothing personal belongs
            values = texts_of(list(fields.values()))
            secrets += (text for text in values if len(text) >= _SHORTEST_NAME)
        error = api_error(response, creating=method == "POST", meaning=meaning, secrets=secrets)
        if response.status_code == HTTPStatus.UNAUTHORIZED:
            raise AccessDenied(
                f"WorkOS refuses the API key: {error}. Check api_key: it must be a secret key "
                "(sk_…) of the environment to load into, and not revoked."
            ) from None
        return error

    async def _check_the_key(self, method: str, path: Path, error: ApiError) -> None:
        """Whether a 403 is about the request itself.

        Raises:
            AccessDenied: It is about the key.
        """
        try:
            response = await self._look(method, path)
        except (NoResponse, Redirected):
            return
        if response.is_error and may_be_about_the_key(
            self._api_error(response, method, path, {}, None)
        ):
            raise AccessDenied(
                f"WorkOS doesn't let the API key {endpoint_name(method, path)}: {error}. Check in "
                "the WorkOS dashboard that the key may write users and organizations."
            )

    async def _was_down(self, method: str, path: Path, error: ApiError) -> bool:
        """Whether WorkOS was down until now; if it was up, ``error`` is the request's own.

        Raises:
            Unreachable: WorkOS is down.
            Stopped: :meth:`.Transport.stop_retrying` was called meanwhile.
        """
        if self._transport.is_refused_for_good:
            raise self._unreachable(error, "nothing else, whatever is asked")
        try:
            response = await self._look(method, path)
        except NoResponse as loss:
            raise self._unreachable(error, str(loss)) from None
        except Redirected:
            return False
        if response.is_passing:
            name = endpoint_name(method, path)
            what = f"HTTP {response.status_code}, at attempt {response.attempt} of {name}"
            raise self._unreachable(error, what)
        return response.attempt > 1

    def _unreachable(self, error: ApiError, what: str) -> Unreachable:
        """An outage, in which no other request need find out by itself."""
        # What WorkOS says may name a user, and this goes to the log.
        first = f"HTTP {error.status}" if error.status else error.message
        unreachable = Unreachable(
            f"WorkOS can't be reached: {first}; then {what}. Check its status page, the network "
            "and base_url, then run again: the import goes on from its last checkpoint."
        )
        self._transport.give_up(unreachable)
        return unreachable

    async def _look(self, method: str, path: Path) -> Response:
        """What the endpoint says to a request that names nobody; requests that fail share a look.

        Raises:
            NoResponse: Nothing, after all retries.
            Redirected: As :meth:`.Transport.request` raises it.
            Stopped: As above.
        """
        name = endpoint_name(method, path)
        if name not in self._looks:
            self._looks[name] = asyncio.create_task(self._send_to_nobody(method, path))
            self._looks[name].add_done_callback(partial(self._looked, name))
        return await asyncio.shield(self._looks[name])

    def _looked(self, name: str, task: asyncio.Task[Response]) -> None:
        del self._looks[name]
        if not task.cancelled():
            task.exception()  # if every caller was cancelled, nobody else fetches it

    async def _send_to_nobody(self, method: str, path: Path) -> Response:
        query = "?limit=1" if method == "GET" else ""
        try:
            return await self._transport.request(
                method,
                f"{self._base_url}{path_to_nobody(path)}{query}",
                headers={
                    "Authorization": f"Bearer {self._api_key}",
                    "Content-Type": "application/json",
                    "User-Agent": "target-workos-users",
                },
                content=None if method in {"GET", "DELETE"} else b"{}",
                timeout=self._timeout,
                has_effect=False,
            )
        except ErrorResponse as failure:
            return failure.response


def _unsendable_error(path: Path, error: ValueError) -> ApiError:
    """What to raise when the SDK refused to send a request: an id or a value isn't fit for it."""
    for segment in path:
        if segment in {"", ".", ".."}:
            message = f"no id: {segment!r}"
            return ApiError(Reason.NOT_FOUND, message, entity_id=segment)
    why = f" ({error.reason})" if isinstance(error, UnicodeEncodeError) else ""
    return ApiError(Reason.REFUSED, f"its values can't be put into a request{why}")
