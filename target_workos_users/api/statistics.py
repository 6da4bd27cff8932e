"""What a request is, whatever ids its URL holds, and how many of each kind were sent. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import lru_cache
from http import HTTPStatus
from urllib.parse import urlsplit

from target_workos_users.api.pacing import Lane

_COLLECTIONS = frozenset(
    {
        "user_management",
        "users",
        "external_id",
        "auth_factors",
        "organization_memberships",
        "organizations",
    }
)


@dataclass(frozen=True)
class Route:
    """The kind of a request.

    Attributes:
        kind: Method and path template, such as ``POST /user_management/users/{id}/auth_factors``.
        lane: The budget it counts against.
        writes: Whether it changes anything.
        repeatable: Whether sending it twice does no harm. A TOTP enrollment sent twice makes two
            factors; all else that is written is unique by email, external id or membership.
    """

    kind: str
    lane: Lane
    writes: bool
    repeatable: bool


@lru_cache(maxsize=256)
def route_of(method: str, url: str) -> Route:
    """The kind of a request.

    Args:
        method: HTTP method, in capitals.
        url: Complete URL; ids in its path are percent-encoded.
    """
    names = [name for name in urlsplit(url).path.split("/") if name]
    template = "".join(f"/{name if name in _COLLECTIONS else '{id}'}" for name in names)
    if "user_management" not in names:
        lane = Lane.OTHERS
    else:
        lane = Lane.READS if method == "GET" else Lane.WRITES
    repeatable = method != "POST" or names[-1:] != ["auth_factors"]
    return Route(f"{method} {template}", lane, writes=method != "GET", repeatable=repeatable)


@dataclass
class TransportStats:
    """What was sent and what came of it.

    Attributes:
        answers: Number of answers by (``Route.kind``, HTTP status).
        lost: Number of attempts without an answer, by ``Route.kind``.
        seconds: Time from sending to answer or loss, summed up by ``Route.kind``.
        retried: Number of attempts that weren't the first of their request.
        writes: Number of attempts that count against the budget of writes.
        first_write_at: When the first of them was sent (monotonic).
        last_write_at: The same of the last one.
    """

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    retried: int = 0
    writes: int = 0
    first_write_at: float | None = None
    last_write_at: float | None = None

    def add_sent(self, route: Route, at: float) -> None:
        """An attempt is sent; what comes of it is told by one of the others, or was cut off."""
        if route.lane is Lane.WRITES:
            self.writes += 1
            self.last_write_at = at
            if self.first_write_at is None:
                self.first_write_at = at

    def add_answer(self, route: Route, status: int, seconds: float) -> None:
        """An attempt was answered after so long."""
        self.answers[route.kind, status] += 1
        self.seconds[route.kind] += seconds

    def add_lost(self, route: Route, seconds: float) -> None:
        """An attempt was given up after so long."""
        self.lost[route.kind] += 1
        self.seconds[route.kind] += seconds

    @property
    def attempts(self) -> int:
        """Number of requests sent, retries included."""
        return self.answers.total() + self.lost.total()

    @property
    def refused(self) -> int:
        """Number of answers with status 429."""
        return sum(
            number
            for (_, status), number in self.answers.items()
            if status == HTTPStatus.TOO_MANY_REQUESTS
        )
