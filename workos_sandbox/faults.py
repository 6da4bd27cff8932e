"""What can go wrong on purpose: latency, random faults with a seed, scripted faults.

Pure: it says which fault a request gets, ``server`` makes it happen.
"""

from __future__ import annotations

import random
import re
from typing import Annotated, Literal

import msgspec

from workos_sandbox.limits import RATE_LIMIT_MESSAGE

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Milliseconds = Annotated[float, msgspec.Meta(ge=0)]


class Action(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What happens to a request instead of its answer.

    Attributes:
        kind: ``answer``: the answer below, and the request is not handled;
            ``answer_after_write``: the request takes effect, but gets the answer below;
            ``drop_before``, ``drop_after``: the connection is reset before or after the request
            takes effect; ``hang``, ``hang_after_write``: no answer ever comes, without or with
            effect; ``cut_off``: the request takes effect, its answer stops half-way.
        status: Status of the answer below.
        body: Its body, as is; None, after a write: the true answer's status and body.
        headers: Headers beside ``Content-Type`` and ``X-Request-Id``.
        content_type: Its ``Content-Type``.
    """

    kind: Literal[
        "answer",
        "answer_after_write",
        "drop_before",
        "drop_after",
        "hang",
        "hang_after_write",
        "cut_off",
    ]
    status: Annotated[int, msgspec.Meta(ge=200, le=599)] = 500
    body: str | None = '{"message":"Internal Server Error"}'
    headers: dict[str, str] = {}
    content_type: str = "application/json; charset=utf-8"

    def __post_init__(self) -> None:
        if self.body is None and self.kind != "answer_after_write":
            raise ValueError("without a body there must be a true answer: answer_after_write")

    @property
    def has_effect(self) -> bool:
        """Whether the request is handled all the same."""
        return self.kind not in ("answer", "drop_before", "hang")


class ScriptedFault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A fault for the requests that match, the first in the script that still has any left.

    Attributes:
        path: Regular expression that is searched in the path (percent-encoded, without query).
        action: What happens to them.
        method: HTTP method; None for any.
        text: Regular expression that is searched in the query and the body as they were sent;
            None for any.
        skip: The first so many matching requests pass.
        count: So many get the fault after that; None for all.
    """

    path: str
    action: Action
    method: str | None = None
    text: str | None = None
    skip: Annotated[int, msgspec.Meta(ge=0)] = 0
    count: Annotated[int, msgspec.Meta(ge=0)] | None = 1

    def __post_init__(self) -> None:
        for name, pattern in (("path", self.path), ("text", self.text or "")):
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{name} isn't a regular expression: {error}") from error


class Faults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All fault knobs; ``Faults()`` is none. Shares are of the requests let through, 0 to 1.

    Attributes:
        latency_ms: Time an answer takes, half before the request takes effect, half after.
        jitter_ms: It varies by up to this much to either side.
        share_500: Answered with 500, without effect.
        share_503: Answered with 503 and an HTML body, as a proxy does, without effect.
        share_429: Answered with 429, without effect.
        share_500_after_write: Answered with 500 after taking effect.
        share_drop_before: Connection reset, without effect.
        share_drop_after: Connection reset after taking effect.
        share_hang: Never answered, without effect.
        share_hang_after_write: Never answered, after taking effect.
        seed: Of the random numbers; None for another run every time.
        script: Scripted faults; they come before the random ones.
    """

    latency_ms: Milliseconds = 0
    jitter_ms: Milliseconds = 0
    share_500: Share = 0
    share_503: Share = 0
    share_429: Share = 0
    share_500_after_write: Share = 0
    share_drop_before: Share = 0
    share_drop_after: Share = 0
    share_hang: Share = 0
    share_hang_after_write: Share = 0
    seed: int | None = None
    script: list[ScriptedFault] = []

    def __post_init__(self) -> None:
        total = sum(share for share, _ in self.shares())
        if total > 1:
            raise ValueError(f"the shares sum up to {total:g}, more than 1")

    def shares(self) -> list[tuple[float, Action]]:
        """Each random fault with its share."""
        return [
            (self.share_500, Action("answer")),
            (self.share_503, _UNAVAILABLE),
            (self.share_429, _RATE_LIMITED),
            (self.share_500_after_write, Action("answer_after_write")),
            (self.share_drop_before, Action("drop_before")),
            (self.share_drop_after, Action("drop_after")),
            (self.share_hang, Action("hang")),
            (self.share_hang_after_write, Action("hang_after_write")),
        ]


_UNAVAILABLE = Action(
    "answer",
    status=503,
    body="<html><body><h1>503 Service Temporarily Unavailable</h1></body></html>\n",
    content_type="text/html",
)
_RATE_LIMITED = Action(
    "answer",
    status=429,
    body=msgspec.json.encode({"message": RATE_LIMIT_MESSAGE}).decode(),
    headers={"Retry-After": "0"},
)


class FaultInjector:
    """Deals out the faults of one :class:`Faults`."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self._random = random.Random(faults.seed)  # noqa: S311 - dice, not a secret
        self._shares = [(share, action) for share, action in faults.shares() if share > 0]
        self._matched = [0] * len(faults.script)

    def latency(self) -> float:
        """Seconds that the next answer takes."""
        latency, jitter = self.faults.latency_ms, self.faults.jitter_ms
        if jitter:
            latency += self._random.uniform(-jitter, jitter)
        return max(latency, 0) / 1000

    def draw(self, method: str, path: str, query: str = "", body: bytes = b"") -> Action | None:
        """The fault that a request gets, if any."""
        if not self.faults.script:
            return self._rolled()
        text = f"{query}\n{body.decode(errors='replace')}"
        return self._scripted(method, path, text) or self._rolled()

    def _scripted(self, method: str, path: str, text: str) -> Action | None:
        for index, fault in enumerate(self.faults.script):
            if (
                fault.method not in (None, method)
                or not re.search(fault.path, path)
                or not re.search(fault.text or "", text)
            ):
                continue
            seen = self._matched[index] - fault.skip
            if seen >= 0 and fault.count is not None and seen >= fault.count:
                continue  # used up: the next one that matches may have some left
            self._matched[index] += 1
            if seen >= 0:
                return fault.action
        return None

    def _rolled(self) -> Action | None:
        if not self._shares:
            return None
        roll = self._random.random()
        for share, action in self._shares:
            if roll < share:
                return action
            roll -= share
        return None
