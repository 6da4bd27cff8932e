"""Rate budgets, as WorkOS publishes them.

Source: WorkOS docs, reference/rate-limits. Whether WorkOS's windows slide isn't known; these do,
which is the stricter reading: no span of ten seconds, wherever it begins, holds more. A refused
request doesn't use up budget.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Annotated

import msgspec

RATE_LIMIT_MESSAGE = (
    "Rate limit exceeded. See the WorkOS docs for more information: "
    "https://workos.com/docs/reference/rate-limits"
)

Budget = Annotated[int, msgspec.Meta(ge=1)] | None


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Requests allowed in a window; None for no limit. ``Limits()`` is what WorkOS publishes.

    Attributes:
        writes: POST, PUT, PATCH and DELETE under /user_management, in 10 s.
        reads: GET under /user_management, in 10 s.
        requests: All requests, in 60 s.
        organization_deletes: DELETE /organizations/{id}, in 60 s.
        retry_after: ``Retry-After`` of a refusal, in seconds. None for the true one: whole
            seconds until the next request would be let through.
    """

    writes: Budget = 500
    reads: Budget = 1_000
    requests: Budget = 6_000
    organization_deletes: Budget = 50
    retry_after: Annotated[int, msgspec.Meta(ge=0)] | None = None


NO_LIMITS = Limits(writes=None, reads=None, requests=None, organization_deletes=None)


def is_write(method: str, path: str) -> bool:
    """Whether a request counts as an AuthKit write."""
    return method != "GET" and path.startswith("/user_management/")


class SlidingWindow:
    """Times of the requests of the last ``seconds``, of which there may be ``limit``."""

    def __init__(self, limit: int, seconds: float) -> None:
        self._limit = limit
        self._seconds = seconds
        self._times: deque[float] = deque()

    def wait(self, now: float) -> float:
        """Seconds until one more request fits; 0 if it does now."""
        while self._times and self._times[0] <= now - self._seconds:
            self._times.popleft()
        if len(self._times) < self._limit:
            return 0.0
        return self._times[0] + self._seconds - now

    def take(self, now: float) -> None:
        """Count a request."""
        self._times.append(now)


class RateBudgets:
    """The windows of one :class:`Limits`."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._writes = _window(limits.writes, 10)
        self._reads = _window(limits.reads, 10)
        self._requests = _window(limits.requests, 60)
        self._organization_deletes = _window(limits.organization_deletes, 60)

    def refuse(self, method: str, path: str, now: float) -> int | None:
        """Count a request, or refuse it.

        Args:
            method: HTTP method.
            path: Path without the query.
            now: Seconds on a monotonic clock.

        Returns:
            ``Retry-After`` in seconds if the request is refused, None if it was let through.
        """
        windows = [window for window in self._windows(method, path) if window is not None]
        wait = max((window.wait(now) for window in windows), default=0.0)
        if wait > 0:
            return math.ceil(wait) if self.limits.retry_after is None else self.limits.retry_after
        for window in windows:
            window.take(now)
        return None

    def _windows(self, method: str, path: str) -> list[SlidingWindow | None]:
        if path.startswith("/user_management/"):
            return [self._requests, self._writes if is_write(method, path) else self._reads]
        if method == "DELETE" and path.startswith("/organizations/"):
            return [self._requests, self._organization_deletes]
        return [self._requests]


def _window(limit: int | None, seconds: float) -> SlidingWindow | None:
    return None if limit is None else SlidingWindow(limit, seconds)
