"""A response of WorkOS, or why there is none. Pure."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

LOWEST_FINAL = 200  # status; a lower one is followed by another response
_SUCCESS = range(200, 300)  # plain numbers: an enum's members cost a microsecond a request
_REDIRECTIONS = range(300, 400)
_CLIENT_ERROR, _SERVER_ERROR = 400, 500
_NOT_FOUND = 404
_TOO_MANY_REQUESTS = 429
_PASSING = {408, 425, _TOO_MANY_REQUESTS}
# Said of what may work later, whatever the status is (workos 10.8, ErrorBodyCode).
_PASSING_CODES = {"rate_limit_exceeded", "lock_timeout", "concurrent_request"}
_LONGEST_RETRY_AFTER = 60.0  # seconds; WorkOS's longest rate window (docs: reference/rate-limits)

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class NoResponse(Exception):
    """Nothing came back that could be read.

    Attributes:
        ambiguous: The request may have taken effect all the same.
        sent_at: When its last attempt was sent (monotonic).
    """

    def __init__(self, message: str, *, ambiguous: bool, sent_at: float = 0.0) -> None:
        super().__init__(message)
        self.ambiguous = ambiguous
        self.sent_at = sent_at


class TooLarge(NoResponse):
    """The response is longer than any of WorkOS's; to ask again would bring the same."""


class Redirected(Exception):
    """A 3xx response; it isn't followed, as another host would be sent the key."""


class Response:
    """WorkOS's response, with what the SDK reads of one: ``status_code``, ``content``, ``json()``.

    Attributes:
        status_code: HTTP status.
        headers: By names in lower case.
        content: The body.
        object: The body's JSON object, as all of WorkOS's bodies are; None if it isn't one.
        ambiguous: The request is a write that may have taken effect whatever this response says:
            this attempt got a 5xx, or an earlier one did, or was lost after it was sent.
        attempt: Which attempt of its request it answers, from 1.
        sent_at: When that attempt was sent (monotonic).
    """

    __slots__ = ("ambiguous", "attempt", "content", "headers", "object", "sent_at", "status_code")

    def __init__(self, status_code: int, headers: Mapping[str, str], content: bytes) -> None:
        self.status_code = status_code
        self.headers = headers
        self.content = content
        self.object = _object(content)
        self.ambiguous = False
        self.attempt = 1
        self.sent_at = 0.0

    @property
    def is_success(self) -> bool:
        """2xx."""
        return self.status_code in _SUCCESS

    @property
    def is_redirect(self) -> bool:
        """3xx."""
        return self.status_code in _REDIRECTIONS

    @property
    def is_error(self) -> bool:
        """4xx, 5xx, and what lies beyond."""
        return self.status_code >= _CLIENT_ERROR

    @property
    def is_server_error(self) -> bool:
        """5xx, and what lies beyond."""
        return self.status_code >= _SERVER_ERROR

    @property
    def is_too_many_requests(self) -> bool:
        """429."""
        return self.status_code == _TOO_MANY_REQUESTS

    @property
    def is_passing(self) -> bool:
        """Whether asking again may bring another: 408, 425, 429, 5xx, a 404 that isn't WorkOS's."""
        status = self.status_code
        if status < _CLIENT_ERROR:
            return False
        if self.object is None:
            return status >= _SERVER_ERROR or status in _PASSING or status == _NOT_FOUND
        code = self.object.get("code")
        named = isinstance(code, str) and code in _PASSING_CODES
        return named or status >= _SERVER_ERROR or status in _PASSING

    def json(self) -> dict[str, Any] | None:
        """The ``object``."""
        return self.object

    @property
    def retry_after(self) -> float:
        """Seconds that it asks to wait, at most 60; 0 if it doesn't say so, or not readably.

        ``Retry-After``, or a 429's ``retry_after`` (workos 10.8,
        RateLimitExceededErrorBodyWithRetryAfter).
        """
        seconds = _seconds(self.headers.get("retry-after", ""), self.headers.get("date", ""))
        said = self.object.get("retry_after") if self.object and self.is_too_many_requests else None
        if isinstance(said, int | float) and math.isfinite(said):
            seconds = max(seconds, said)
        return min(max(seconds, 0.0), _LONGEST_RETRY_AFTER)


class ErrorResponse(Exception):
    """A response with a status of 400 or more.

    Attributes:
        response: The response.
    """

    def __init__(self, response: Response) -> None:
        super().__init__(f"HTTP {response.status_code}")
        self.response = response


def _object(content: bytes) -> dict[str, Any] | None:
    try:
        return _decode(content)
    except (ValueError, RecursionError):
        return None


def _seconds(retry_after: str, date: str) -> float:
    """What ``Retry-After`` comes to; a date is read by the sender's clock, as ours may be wrong."""
    try:
        seconds = float(retry_after)
    except ValueError:
        until, now = _date(retry_after), _date(date)
        if until is None:
            return 0.0
        return (until - now).total_seconds() if now is not None else _LONGEST_RETRY_AFTER
    return seconds if math.isfinite(seconds) else 0.0


def _date(value: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(value)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
