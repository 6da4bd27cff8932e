"""What goes to stderr beside the words for people, and who reads there."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING, Any

from singer_sdk import metrics

if TYPE_CHECKING:
    from target_workos_users.progress.live import LiveBar


def on_terminal(logger: logging.Logger) -> bool:
    """Whether somebody looks at a terminal that can show a bar, and wants to be told."""
    return (
        logger.isEnabledFor(logging.INFO)
        and sys.stderr.isatty()
        and os.environ.get("TERM", "dumb") not in {"dumb", "unknown"}
    )


def open_bar(logger: logging.Logger) -> LiveBar | None:
    """A live bar, if somebody looks at a terminal."""
    if not on_terminal(logger):
        return None
    from target_workos_users.progress.live import LiveBar  # noqa: PLC0415 - rich takes 50 ms

    return LiveBar(logger)


def log_batch_time(stream: str, seconds: float) -> None:
    """The SDK's own metric of a batch; the SDK's timer can't span two batches under way."""
    tags: dict[str, Any] = {
        metrics.Tag.STREAM: stream,
        metrics.Tag.PID: os.getpid(),
        metrics.Tag.STATUS: metrics.Status.SUCCEEDED.value,
    }
    point = metrics.Point("timer", metrics.Metric.BATCH_PROCESSING_TIME, seconds, tags)
    metrics.log(metrics.get_metrics_logger(), point)
