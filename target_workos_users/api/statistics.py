"""What was sent to WorkOS, and what came of it. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

from target_workos_users.api.pacing import Lane

if TYPE_CHECKING:
    from target_workos_users.api.endpoints import Endpoint


@dataclass
class TransportStats:
    """Counts of requests and responses.

    Attributes:
        answers: Number of responses by (``Endpoint.name``, HTTP status).
        lost: Number of attempts without a response, by ``Endpoint.name``.
        seconds: Time from sending to response or loss, summed up by ``Endpoint.name``.
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

    def add_sent(self, endpoint: Endpoint, at: float) -> None:
        """An attempt is sent; what comes of it is told by one of the others, or was cut off."""
        if endpoint.lane is Lane.WRITES:
            self.writes += 1
            self.last_write_at = at
            if self.first_write_at is None:
                self.first_write_at = at

    def add_answer(self, endpoint: Endpoint, status: int, seconds: float) -> None:
        """An attempt was answered after so long."""
        self.answers[endpoint.name, status] += 1
        self.seconds[endpoint.name] += seconds

    def add_lost(self, endpoint: Endpoint, seconds: float) -> None:
        """An attempt was given up after so long."""
        self.lost[endpoint.name] += 1
        self.seconds[endpoint.name] += seconds

    @property
    def attempts(self) -> int:
        """Number of requests sent, retries included."""
        return self.answers.total() + self.lost.total()

    @property
    def refused(self) -> int:
        """Number of responses with status 429."""
        return sum(
            number
            for (_, status), number in self.answers.items()
            if status == HTTPStatus.TOO_MANY_REQUESTS
        )
