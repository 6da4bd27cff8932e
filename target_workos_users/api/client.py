"""A call over the ``workos`` SDK: its JSON, or an error that says what to do with the record."""

from __future__ import annotations

from functools import lru_cache
from http import HTTPStatus
from itertools import count
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import msgspec
from workos import AsyncWorkOSClient, WorkOSError
from workos._errors import APIError  # not exported

from target_workos_users.api.answers import lost_error, unsendable_error
from target_workos_users.api.attempt import Answer
from target_workos_users.api.outage import Probe
from target_workos_users.api.refusals import Meaning, api_error
from target_workos_users.exceptions import AccessDenied, ApiError, Reason
from target_workos_users.records.redaction import texts_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workos import RequestOptions

    from target_workos_users.api.transport import Transport

_SHORTEST_NAME = 3  # characters; anything shorter tells nobody
_FORBIDDEN_IN_A_ROW = 5  # one 403 may be about one user (Radar), several in a row are about the key


class _Sdk(AsyncWorkOSClient):
    """The SDK's client, faster; should what is replaced here be renamed, the SDK's own is used."""

    @staticmethod
    def _encode_body(body: dict[str, Any] | None) -> bytes | None:
        return None if body is None else msgspec.json.encode(body)

    @staticmethod
    @lru_cache(maxsize=64)
    def _encode_path(path: Sequence[str]) -> str:
        return AsyncWorkOSClient._encode_path(path)  # noqa: SLF001 - of its base class


class Client:
    """Sends requests through the SDK, and reads what comes of them.

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
        self._transport = transport
        self._sdk = _Sdk(
            api_key=api_key,
            base_url=base_url,
            request_timeout=60,  # else read from the environment; each request has its own
            max_retries=0,
            http_client=transport,
        )
        self._base_url = base_url.rstrip("/")
        self._request_timeout = request_timeout
        self._probe = Probe(self._get)
        self._options: RequestOptions = {"timeout": request_timeout}
        self._run = token_hex(8)
        self._requests = count()
        self._forbidden = 0  # 403 answers since the last success

    async def call(
        self,
        method: str,
        path: tuple[str, ...],
        *,
        params: dict[str, Any] | None = None,
        body: dict[str, Any] | None = None,
        meaning: Meaning | None = None,
        repeatable: bool = True,
    ) -> Any:
        """Send a request; once more where only an outage was in the way.

        Args:
            method: HTTP method, in capitals.
            path: Segments of the URL's path.
            params: Query.
            body: JSON body.
            meaning: What the error answers of this request mean, besides what they all may.
            repeatable: Whether it may be sent again when it may have taken effect.

        Returns:
            The JSON of a successful answer; None if it has no body.

        Raises:
            ApiError: WorkOS refuses it or isn't heard; ``ambiguous`` if it is a write that may
                have taken effect all the same.
            AccessDenied: At a 401, and at the fifth 403 without a success between.
            Unreachable: It used up its retries, and then a :class:`.Probe` did so too.
            Stopped: A retry was due after :meth:`.Transport.stop_retrying`.
        """
        # As unique as the UUID that the SDK would make, at a tenth of its cost.
        key = f"{self._run}-{next(self._requests)}" if body else None
        before_outage: ApiError | None = None
        while True:
            try:
                answer = await self._sdk.request(
                    method,
                    path,
                    params=params,
                    body=body,
                    idempotency_key=key,
                    request_options=self._options,
                )
            except (WorkOSError, ValueError) as failure:
                error = self._error_of(failure, path, {**(params or {}), **(body or {})}, meaning)
            else:
                self._forbidden = 0
                return answer
            # Raised from here: in the handler the SDK's error, which quotes WorkOS unredacted,
            # would go with it.
            if not isinstance(error, ApiError):
                raise error
            error.ambiguous |= before_outage is not None and before_outage.ambiguous
            may_repeat = repeatable or not error.ambiguous
            if before_outage or error.reason is not Reason.GAVE_UP or not may_repeat:
                raise error
            if not await self._probe.outage_is_over(path, error):
                raise error
            before_outage = error

    async def close(self) -> None:
        """Close the connections."""
        await self._probe.close()
        await self._transport.close()

    async def _get(self, path: str) -> Answer:
        """Past the SDK, which hands on the JSON only."""
        headers = {"Authorization": f"Bearer {self._api_key}"}
        return await self._transport.request(
            "GET",
            self._base_url + path,
            headers=headers,
            content=None,
            timeout=self._request_timeout,
        )

    def _error_of(
        self,
        failure: WorkOSError | ValueError,
        path: tuple[str, ...],
        fields: Mapping[str, Any],
        meaning: Meaning | None,
    ) -> ApiError | AccessDenied:
        """What to raise instead of the SDK's error."""
        match failure:
            case APIError():
                return self._refusal(failure, path, fields, meaning)
            case WorkOSError():
                return lost_error(failure)
            case _:  # raised by the SDK before it sends anything
                return unsendable_error(path, failure)

    def _refusal(
        self,
        error: APIError,
        path: tuple[str, ...],
        fields: Mapping[str, Any],
        meaning: Meaning | None,
    ) -> ApiError | AccessDenied:
        denied = error.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
        secrets = [self._api_key, *texts_of({"path": path, **fields}, hidden=True)]
        if denied:  # this goes to the log, where nothing personal belongs either
            values = texts_of(list(fields.values()))
            secrets += (text for text in values if len(text) >= _SHORTEST_NAME)
        refusal = api_error(error, meaning=meaning, secrets=secrets)
        refusal.ambiguous = isinstance(error.response, Answer) and error.response.ambiguous
        if error.status_code == HTTPStatus.UNAUTHORIZED:
            return AccessDenied(
                f"WorkOS refuses the API key: {refusal}. Check api_key: it must be a secret key "
                "(sk_…) of the environment to load into, and not revoked."
            )
        if denied and refusal.reason is Reason.REFUSED:
            self._forbidden += 1
            if self._forbidden >= _FORBIDDEN_IN_A_ROW:
                return AccessDenied(
                    f"WorkOS refused {self._forbidden} requests in a row: {refusal}. Check in the "
                    "WorkOS dashboard that the key may write users and organizations."
                )
        return refusal
