"""The way to WorkOS: paces, counts, times and retries every attempt. The only place that retries.

:class:`Transport` is what the SDK calls its HTTP client (``workos.AsyncHTTPBackend``, since 10.8).
The SDK's own retries must be off: they sleep per request and obey ``Retry-After: 0`` (measured,
workos 10.8.0).
"""

from __future__ import annotations

import asyncio
import math
import random
from itertools import count
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from target_workos_users.api.connections import Connections
from target_workos_users.api.endpoints import Endpoint, endpoint_of
from target_workos_users.api.http import send
from target_workos_users.api.response import (
    ErrorResponse,
    NoResponse,
    Redirected,
    Response,
    TooLarge,
)
from target_workos_users.api.statistics import TransportStats

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_workos_users.api.pacing import Pacer

_LONGEST_BACKOFF = 30.0  # seconds
_PATIENCE = 120.0  # seconds; twice WorkOS's longest rate window


class Stopped(Exception):
    """:meth:`Transport.stop_retrying` was called, and this request would need another attempt.

    Not one of the SDK's errors, so it passes through the SDK's client. Whether the request took
    effect is open: the record is unfinished, neither done nor failed.
    """


def longest_backoff(attempt: int) -> float:
    """Seconds to wait at most after the failed ``attempt`` (from 0): 1, 2, 4, 8, 16, 30."""
    return min(2.0 ** min(attempt, 5), _LONGEST_BACKOFF)


class Transport:
    """Sends the SDK's requests: paced, in one connection pool, retried while that is safe.

    Args:
        pacer: Lets each attempt wait for its turn.
        max_retries: Attempts after the first for 408, 429, 5xx, timeouts and lost connections.
        backoff: Seconds to wait at most after the n-th failed attempt, from 0.

    Attributes:
        stats: What was sent so far.
    """

    def __init__(
        self,
        pacer: Pacer,
        *,
        max_retries: int,
        backoff: Callable[[int], float] = longest_backoff,
    ) -> None:
        self.stats = TransportStats()
        self._pacer = pacer
        self._now = asyncio.get_running_loop().time
        self._max_retries = max_retries
        self._backoff = backoff
        self._connections = Connections()
        self._answered: dict[str, float] = {}  # endpoint -> when a request of it was sent that was
        self._stopping = False
        self._given_up: Exception | None = None
        self._waiting_to_retry: set[asyncio.Timeout] = set()

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str],
        content: bytes | None,
        timeout: float,  # noqa: ASYNC109 - the SDK's protocol
        has_effect: bool = True,
    ) -> Response:
        """Send a request, and again while that may help.

        Args:
            method: HTTP method, in capitals.
            url: Complete and encoded.
            headers: As sent.
            content: JSON body, if it has one.
            timeout: Seconds for one attempt, from connecting to the last byte.
            has_effect: Whether it may change anything, if it is a write.

        Returns:
            The response to the last attempt, if it is a success.

        Raises:
            ErrorResponse: It is an error.
            NoResponse: The last attempt was lost.
            Redirected: The response was a 3xx.
            Stopped: A retry was due after :meth:`stop_retrying`.
        """
        endpoint = endpoint_of(method, url)
        writes = endpoint.writes and has_effect
        sent_at = await self._pacer.acquire(endpoint.lane)
        ambiguous = False
        for attempt in count():
            self.stats.add_sent(endpoint, sent_at)
            try:
                response = await send(
                    self._connections,
                    method,
                    url,
                    headers=headers,
                    content=content,
                    seconds=timeout,
                )
                self._learn(endpoint, response, sent_at)
            except NoResponse as loss:
                self.stats.add_lost(endpoint, self._now() - sent_at)
                self._pacer.accepted(endpoint.lane, sent_at=sent_at)
                ambiguous |= writes and loss.ambiguous
                final = isinstance(loss, TooLarge)
                if final or self._is_last(attempt, endpoint, ambiguous=ambiguous):
                    text = f"{loss}, at attempt {attempt + 1} of {endpoint.name}"
                    raise type(loss)(text, ambiguous=ambiguous, sent_at=sent_at) from None
                delay = self._delay(attempt)
            else:
                ambiguous |= writes and response.is_server_error
                refused = response.is_too_many_requests
                if not response.is_passing or self._is_last(
                    attempt, endpoint, ambiguous=ambiguous, refused=refused
                ):
                    break
                delay = self._delay(attempt, refused=refused)
            finally:
                self._pacer.release(sent_at=sent_at)
            sent_at = await self._wait_for_retry(endpoint, delay)
        response.ambiguous, response.attempt, response.sent_at = ambiguous, attempt + 1, sent_at
        if response.is_error:
            raise ErrorResponse(response)
        return response

    @property
    def is_refused_for_good(self) -> bool:
        """Whether nothing but 429 has come for twice as long as any limit of WorkOS's lasts."""
        return self._pacer.refused_for() > _PATIENCE

    def answered_since(self, endpoint_name: str, time: float) -> bool:
        """Whether WorkOS has said yes or no to a request of this endpoint that was sent later."""
        return self._answered.get(endpoint_name, -math.inf) > time

    def stop_retrying(self) -> None:
        """Begin no retry from now on: requests that wait for one, or come to need one, are Stopped.

        First attempts go on, so that a record in flight gets its membership. To be called on the
        event loop.
        """
        if self._stopping:
            return  # a deadline that is passing can't be moved again
        self._stopping = True
        for waiting in self._waiting_to_retry:
            waiting.reschedule(0)

    def give_up(self, error: Exception) -> None:
        """Send nothing any more: requests that wait, or come to wait, get this error."""
        self._given_up = error
        self.stop_retrying()
        self._pacer.give_up(error)

    async def close(self) -> None:
        """Close the connections."""
        await self._connections.close()

    def _is_last(
        self, attempt: int, endpoint: Endpoint, *, ambiguous: bool, refused: bool = False
    ) -> bool:
        """Whether no further attempt may follow this one."""
        return (
            attempt >= self._max_retries
            or (ambiguous and not endpoint.repeatable)
            or (refused and self.is_refused_for_good)
        )

    def _delay(self, attempt: int, *, refused: bool = False) -> float:
        """Seconds to wait after a failed attempt.

        After a 429 so long that five retries outlast WorkOS's longest rate window, which may be one
        of this endpoint only. Else full jitter, so that clients don't come back together.
        """
        longest = self._backoff(attempt)
        return 2 * longest if refused else random.uniform(0, longest)  # noqa: S311 - no secret

    async def _wait_for_retry(self, endpoint: Endpoint, delay: float) -> float:
        """Back off, then wait for a turn; returns when that came.

        Raises:
            Stopped: Retries are off.
            Exception: What :meth:`give_up` was called with.
        """
        if self._stopping:
            raise self._given_up or Stopped
        waiting = asyncio.timeout(None)
        try:
            async with waiting:
                self._waiting_to_retry.add(waiting)
                await asyncio.sleep(delay)
                sent_at = await self._pacer.acquire(endpoint.lane)
        except TimeoutError:
            raise (self._given_up or Stopped) from None
        finally:
            self._waiting_to_retry.discard(waiting)
        self.stats.retried += 1
        return sent_at

    def _learn(self, endpoint: Endpoint, response: Response, sent_at: float) -> None:
        """Count a response, and pause or slow down if it says so."""
        self.stats.add_answer(endpoint, response.status_code, self._now() - sent_at)
        if response.is_too_many_requests:
            self._pacer.refused(endpoint.lane, sent_at=sent_at, retry_after=response.retry_after)
            return
        self._pacer.accepted(endpoint.lane, sent_at=sent_at)
        if response.is_passing:
            self._pacer.pause(response.retry_after)
        elif response.is_redirect:
            host = urlsplit(response.headers.get("location", "")).netloc
            raise Redirected(f"HTTP {response.status_code}, a redirect to {host or 'another path'}")
        else:
            self._answered[endpoint.name] = sent_at
