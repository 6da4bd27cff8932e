"""The way to WorkOS: paces, counts, times and retries every attempt. The only place that retries.

:class:`Transport` is what the SDK calls its HTTP client (``workos.AsyncHTTPBackend``, since 10.8).
The SDK's own retries must be off: they sleep per request and obey ``Retry-After: 0`` (measured,
workos 10.8.0).
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import count
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from target_workos_users.api.attempt import Answer, NoAnswer, Redirected, open_session, send
from target_workos_users.api.pacing import Pacer
from target_workos_users.api.statistics import Route, TransportStats, route_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import aiohttp

_LONGEST_BACKOFF = 30.0  # seconds
_LONGEST_RETRY_AFTER = 60.0  # seconds; WorkOS's longest rate window (docs: reference/rate-limits)
_TOO_MANY_REQUESTS = 429


class Stopped(Exception):
    """:meth:`Transport.stop_retrying` was called, and this request would need another attempt.

    Not one of the SDK's errors, so it passes through the SDK's client. Whether the request took
    effect is open: the record is unfinished, neither done nor failed.
    """


def full_jitter(attempt: int) -> float:
    """Seconds to wait after the failed ``attempt`` (from 0): anything up to 1, 2, 4 … 30."""
    return random.uniform(0, min(2.0 ** min(attempt, 5), _LONGEST_BACKOFF))  # noqa: S311 - no secret


class Transport:
    """Sends the SDK's requests: paced, in one connection pool, retried while that is safe.

    Args:
        rate_limit: Writes per second on ``/user_management/*`` (see :class:`.Pacer`).
        max_retries: Attempts after the first for 408, 429, 5xx, timeouts and lost connections.
        concurrency: Requests in flight at most; as many connections are kept.
        pacer: One that shares the limit with other jobs, instead of one of its own.
        backoff: Seconds to wait after the n-th failed attempt, from 0.

    Attributes:
        stats: What was sent so far.
    """

    def __init__(
        self,
        *,
        rate_limit: float,
        max_retries: int,
        concurrency: int,
        pacer: Pacer | None = None,
        backoff: Callable[[int], float] = full_jitter,
    ) -> None:
        self.stats = TransportStats()
        self._pacer = pacer or Pacer(rate_limit=rate_limit, in_flight=concurrency)
        self._max_retries = max_retries
        self._concurrency = concurrency
        self._backoff = backoff
        self._session: aiohttp.ClientSession | None = None
        self._stopping = False
        self._waiting_to_retry: set[asyncio.Timeout] = set()

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str],
        content: bytes | None,
        timeout: float,  # noqa: ASYNC109 - the SDK's protocol
    ) -> Answer:
        """Send a request, and again while that may help.

        Args:
            method: HTTP method, in capitals.
            url: Complete and encoded.
            headers: As sent.
            content: JSON body, if it has one.
            timeout: Seconds for one attempt, from connecting to the last byte.

        Returns:
            The last answer, whatever its status.

        Raises:
            NoAnswer: The last attempt was lost.
            Redirected: The answer was a 3xx.
            Stopped: A retry was due after :meth:`stop_retrying`.
        """
        route = route_of(method, url)
        self._session = session = self._session or open_session(self._concurrency)
        sent_at = await self._pacer.acquire(route.lane)
        ambiguous = False
        for attempt in count():
            self.stats.add_sent(route, sent_at)
            try:
                answer = await send(
                    session, method, url, headers=headers, content=content, seconds=timeout
                )
                self._learn(route, answer, sent_at)
            except NoAnswer as loss:
                self.stats.add_lost(route, time.monotonic() - sent_at)
                self._pacer.accept(sent_at=sent_at)
                ambiguous |= route.writes and loss.ambiguous
                if self._is_last(attempt, route, ambiguous=ambiguous):
                    text = f"{loss}, at attempt {attempt + 1} of {route.kind}"
                    raise NoAnswer(text, ambiguous=ambiguous) from None
                delay = self._backoff(attempt)
            else:
                ambiguous |= route.writes and answer.is_server_error
                if not answer.is_passing or self._is_last(attempt, route, ambiguous=ambiguous):
                    break
                # After a 429 everything pauses: its retry just waits with the others.
                refused = answer.status_code == _TOO_MANY_REQUESTS
                delay = 0.0 if refused else self._backoff(attempt)
            finally:
                self._pacer.release(sent_at=sent_at)
            sent_at = await self._wait_for_retry(route, delay)
        answer.ambiguous, answer.attempt = ambiguous, attempt + 1
        return answer

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

    async def close(self) -> None:
        """Close the connections."""
        if self._session:
            await self._session.close()

    def _is_last(self, attempt: int, route: Route, *, ambiguous: bool) -> bool:
        """Whether no further attempt may follow this one."""
        return attempt >= self._max_retries or (ambiguous and not route.repeatable)

    async def _wait_for_retry(self, route: Route, delay: float) -> float:
        """Back off, then wait for a turn; returns when that came.

        Raises:
            Stopped: Retries are off.
        """
        if self._stopping:
            raise Stopped
        waiting = asyncio.timeout(None)
        try:
            async with waiting:
                self._waiting_to_retry.add(waiting)
                await asyncio.sleep(delay)
                sent_at = await self._pacer.acquire(route.lane)
        except TimeoutError:
            raise Stopped from None
        finally:
            self._waiting_to_retry.discard(waiting)
        self.stats.retried += 1
        return sent_at

    def _learn(self, route: Route, answer: Answer, sent_at: float) -> None:
        """Count an answer, and pause or slow down if it says so."""
        self.stats.add_answer(route, answer.status_code, time.monotonic() - sent_at)
        if answer.status_code == _TOO_MANY_REQUESTS:
            retry_after = retry_after_seconds(answer.headers)
            self._pacer.refuse(route.lane, sent_at=sent_at, retry_after=retry_after)
            return
        self._pacer.accept(sent_at=sent_at)
        if answer.is_passing:
            self._pacer.pause(retry_after_seconds(answer.headers))
        elif answer.is_redirect:
            host = urlsplit(answer.headers.get("Location", "")).netloc
            raise Redirected(f"HTTP {answer.status_code}, a redirect to {host or 'another path'}")


def retry_after_seconds(headers: Mapping[str, str]) -> float:
    """Seconds that ``Retry-After`` asks for, at most 60; 0 if it is absent or can't be read."""
    value = headers.get("Retry-After", "")
    try:
        seconds = float(value)
    except ValueError:
        try:
            date = parsedate_to_datetime(value)
        except (TypeError, ValueError, IndexError, OverflowError):
            return 0.0
        seconds = (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return min(max(seconds, 0.0), _LONGEST_RETRY_AFTER) if math.isfinite(seconds) else 0.0
