"""The closing summary of a diff or an undo, as JSON.

It stands beside an import's, ``summary_path``, with ``.diff`` or ``.undo`` in its name: what the
last import came to is still wanted. The history of runs is that of imports.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from target_workos_users.progress.counting import destination_in_words
from target_workos_users.progress.summary import VERSION, write_summary

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from target_workos_users.settings.settings import Settings

Mode = Literal["diff", "undo"]


class OtherSummary(msgspec.Struct, kw_only=True):
    """A diff or an undo; docs/operations.md describes the keys.

    Attributes:
        counts: What was compared and what differs, or what was deleted and what was kept.
    """

    version: int = VERSION
    mode: Mode
    reason: str
    error: str | None
    exit_code: int
    started: str
    ended: str
    seconds: float
    destination: str
    ledger_path: str | None = None
    differences_path: str | None = None
    counts: dict[str, int]
    requests: int


class OtherRun:
    """Notes when a diff or an undo begins, and writes how it ended.

    Args:
        mode: Which of them.
        say: Told that the file can't be written.
    """

    def __init__(self, settings: Settings, mode: Mode, say: Callable[[str], None]) -> None:
        self._settings = settings
        self._mode = mode
        self._say = say
        self._started = datetime.now(UTC)

    def finish(
        self,
        reason: str,
        exit_code: int,
        error: str | None,
        counts: Mapping[str, int],
        requests: int,
        *,
        ledger_path: Path | None = None,
    ) -> None:
        """Write the summary: why the run ends, and what was compared or deleted."""
        if not self._settings.summary_path:
            return
        of_import = Path(self._settings.summary_path)
        path = of_import.with_name(f"{of_import.stem}.{self._mode}{of_import.suffix}")
        ended = datetime.now(UTC)
        summary = OtherSummary(
            mode=self._mode,
            reason=reason,
            error=error,
            exit_code=exit_code,
            started=self._started.isoformat(timespec="seconds"),
            ended=ended.isoformat(timespec="seconds"),
            seconds=round((ended - self._started).total_seconds(), 3),
            destination=destination_in_words(self._settings),
            ledger_path=str(ledger_path) if ledger_path else None,
            differences_path=self._settings.differences_path if self._mode == "diff" else None,
            counts=dict(counts),
            requests=requests,
        )
        try:
            write_summary(summary, path)
        except OSError as failure:
            self._say(f"The summary {path} can't be written ({failure.strerror}).")
