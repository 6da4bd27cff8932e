"""Figures over time as the shapes of a chart. Pure.

A chart's box is 1000 wide and 300 high, stretched to whatever room the page has; labels stand
beside it in HTML, at percentages of the box, so that they keep their size on a phone.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from target_workos_users.progress.wording import duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_workos_users.progress.timeline import ChunkLine

WIDTH, HEIGHT = 1000.0, 300.0
_BINS = 120
_TICKS = 4


@dataclass(frozen=True)
class Tick:
    """A label on an axis, at a percentage of its length."""

    percent: float
    text: str


@dataclass(frozen=True)
class Bar:
    """An upright bar, the part of it that stands for failures, and what it says when pointed at."""

    x: float
    width: float
    height: float
    failed: float
    title: str


@dataclass
class Chart:
    """What is drawn.

    Attributes:
        x_ticks: Along the bottom.
        y_ticks: Along the left.
        lines: By name: points of a polyline.
        bars: Upright bars.
        level: Height of a horizontal line (the rate limit).
        marks: Where a further run began.
    """

    x_ticks: list[Tick]
    y_ticks: list[Tick]
    lines: dict[str, str] = field(default_factory=dict)
    bars: list[Bar] = field(default_factory=list)
    level: float | None = None
    marks: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Bin:
    """Consecutive chunks taken together, so that a page stays small."""

    lines: Sequence[ChunkLine]
    until: float

    @property
    def seconds(self) -> float:
        """How long they took."""
        return sum(line.seconds for line in self.lines)

    @property
    def records(self) -> int:
        """How many records they have."""
        return sum(line.records for line in self.lines)

    @property
    def failed(self) -> int:
        """How many of those failed."""
        return sum(line.failed for line in self.lines)

    def rate(self, name: str) -> float:
        """A count of theirs, a second."""
        return float(sum(getattr(line, name) for line in self.lines)) / max(self.seconds, 1e-3)


def bins(lines: Sequence[ChunkLine]) -> list[Bin]:
    """Some 120 bins of consecutive chunks, none across two runs.

    The time between two runs is left out: what counts is the time at work.
    """
    until = list(accumulate(line.seconds for line in lines))
    size = max(1, math.ceil(len(lines) / _BINS))
    found: list[Bin] = []
    start = 0
    for end in range(1, len(lines) + 1):
        if end == len(lines) or end - start == size or lines[end].run != lines[start].run:
            found.append(Bin(lines[start:end], until[end - 1]))
            start = end
    return found


def records_chart(binned: Sequence[Bin]) -> Chart:
    """Records loaded and failed so far, over the time at work."""
    times = [0.0, *(each.until for each in binned)]
    records = [0, *accumulate(each.records for each in binned)]
    failed = [0, *accumulate(each.failed for each in binned)]
    top = _top(max(records))
    return Chart(
        x_ticks=_time_ticks(times[-1]),
        y_ticks=_ticks(top),
        lines={
            "records": _points(times, records, top),
            "failed": _points(times, failed, top),
        },
        marks=_marks(binned),
    )


def rate_chart(binned: Sequence[Bin], limit: float) -> Chart:
    """Requests and writes a second, over the time at work, against the limit of writes."""
    rates = {name: [each.rate(name) for each in binned] for name in ("requests", "writes")}
    top = _top(max(limit, *rates["requests"]) if binned else limit)
    starts = [0.0, *(each.until for each in binned)]
    times = [time for pair in pairwise(starts) for time in pair]
    return Chart(
        x_ticks=_time_ticks(starts[-1]),
        y_ticks=_ticks(top),
        lines={
            name: _points(times, [rate for rate in values for _ in range(2)], top)
            for name, values in rates.items()
        },
        level=_height(limit, top),
        marks=_marks(binned),
    )


def durations_chart(binned: Sequence[Bin]) -> Chart:
    """Seconds that each chunk took, on average if several share a bar."""
    seconds = [each.seconds / len(each.lines) for each in binned]
    top = _top(max(seconds, default=0))
    width = WIDTH / max(len(binned), 1)
    return Chart(
        x_ticks=[
            Tick(100 * (index + 0.5) / len(binned), f"{binned[index].lines[0].chunk:,}")
            for index in range(0, len(binned), max(1, math.ceil(len(binned) / (2 * _TICKS))))
        ],
        y_ticks=[Tick(tick.percent, f"{tick.text} s") for tick in _ticks(top)],
        bars=[
            Bar(
                x=round(index * width, 2),
                width=round(width * 0.8, 2),
                height=_height(value, top),
                failed=_height(value * each.failed / max(each.records, 1), top),
                title=_describe(each, value),
            )
            for index, (each, value) in enumerate(zip(binned, seconds, strict=True))
        ],
    )


def _describe(each: Bin, seconds: float) -> str:
    first, last = each.lines[0].chunk, each.lines[-1].chunk
    chunks = f"Chunk {first:,}" if first == last else f"Chunks {first:,} to {last:,}"
    took = f"{seconds:,.1f} s a chunk"
    return f"{chunks}: {took}, {each.records:,} records, {each.failed:,} failed"


def _marks(binned: Sequence[Bin]) -> list[float]:
    end = binned[-1].until if binned else 0.0
    return [
        round(WIDTH * before.until / max(end, 1e-3), 2)
        for before, after in pairwise(binned)
        if before.lines[0].run != after.lines[0].run
    ]


def _points(times: Sequence[float], values: Sequence[float], top: float) -> str:
    end = max(times[-1] if times else 0.0, 1e-3)
    return " ".join(
        f"{WIDTH * time / end:.1f},{HEIGHT - _height(value, top):.1f}"
        for time, value in zip(times, values, strict=True)
    )


def _height(value: float, top: float) -> float:
    return round(HEIGHT * min(value / top, 1.0), 2)


def _top(highest: float) -> float:
    """The end of an axis: the next number of one digit that has round parts."""
    if highest < sys.float_info.min:  # zero, or too near to it for powers of ten
        return 1.0
    power = 10.0 ** math.floor(math.log10(highest))
    return next(power * factor for factor in (1, 2, 4, 6, 8, 10, 20) if power * factor >= highest)


def _ticks(top: float) -> list[Tick]:
    form = ",.4g" if top < 10_000 else ",.0f"  # noqa: PLR2004 - no decimals from here on
    return [
        Tick(100 * index / _TICKS, f"{top * index / _TICKS:{form}}".replace("e+", "e"))
        for index in range(_TICKS + 1)
    ]


def _time_ticks(end: float) -> list[Tick]:
    return [
        Tick(100 * index / _TICKS, duration(end * index / _TICKS)) for index in range(_TICKS + 1)
    ]
