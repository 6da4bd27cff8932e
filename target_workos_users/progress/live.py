"""A live bar on a terminal's stderr, below the log."""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from logging import Logger

_BAR_WIDTH = 60


class LiveBar:
    """Shows the progress in the last lines of the terminal; log lines appear above it.

    Nothing is drawn but in the calls of this class. Stdout is left alone.

    Args:
        logger: Its handlers that write to stderr write through the bar meanwhile.
    """

    def __init__(self, logger: Logger) -> None:
        self._console = Console(stderr=True)
        self._logger = logger
        self._content = Table.grid()
        self._live: Live | None = None
        self._handlers: list[tuple[logging.StreamHandler[Any], IO[str]]] = []
        self.start()

    def start(self) -> None:
        """Draw it."""
        stderr = sys.stderr
        self._live = Live(
            self._content,
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
        )
        self._live.start(refresh=True)
        for handler in _handlers(self._logger):
            if isinstance(handler, logging.StreamHandler) and handler.stream is stderr:
                self._handlers.append((handler, stderr))
                handler.setStream(sys.stderr)  # rich's stand-in, which prints above the bar

    def update(self, title: str, details: str, done: int, total: int | None) -> None:
        """Draw it anew: a line, the bar if the total is known, and another line."""
        self._content = Table.grid()
        self._content.add_row(Text(title, overflow="ellipsis", no_wrap=True))
        if total:
            self._content.add_row(ProgressBar(total=total, completed=done, width=_BAR_WIDTH))
        self._content.add_row(Text(details, overflow="ellipsis", no_wrap=True))
        if self._live:
            self._live.update(self._content, refresh=True)

    def stop(self) -> None:
        """Take it away."""
        if self._live:
            for handler, stream in self._handlers:
                handler.setStream(stream)
            self._handlers.clear()
            self._live.stop()
            self._live = None

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Take it away while something else is written to the terminal."""
        self.stop()
        try:
            yield
        finally:
            self.start()


def _handlers(logger: Logger | None) -> Iterator[logging.Handler]:
    while logger:
        yield from logger.handlers
        logger = logger.parent if logger.propagate else None
