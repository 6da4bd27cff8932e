"""What the user is told: how far the import is while it runs, and the summary at its end."""

from __future__ import annotations

import sys
import time
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from target_workos_users.loading import outcome
from target_workos_users.progress import wording
from target_workos_users.progress.counting import Counting
from target_workos_users.progress.history import PROGRESS, SUMMARY, forget_old_runs, new_run
from target_workos_users.progress.pace import Pace
from target_workos_users.progress.stderr import log_batch_time, on_terminal, open_bar
from target_workos_users.progress.steps import Steps
from target_workos_users.progress.summary import Records, write_summary
from target_workos_users.progress.summary_text import print_table, summary_lines
from target_workos_users.progress.timeline import ChunkLine, Timeline
from target_workos_users.progress.totals import Total
from target_workos_users.records import parse as records

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterable
    from contextlib import AbstractContextManager

    from target_workos_users.api.statistics import TransportStats
    from target_workos_users.checkpoint.state import Entry
    from target_workos_users.loading.organization_lookup import OrganizationCounts
    from target_workos_users.loading.outcome import Outcome
    from target_workos_users.progress.live import LiveBar
    from target_workos_users.settings.settings import Settings

_REMARKS = {**records.REMARKS, **outcome.REMARKS}
_SECONDS_OF_SILENCE = 30
_SECONDS_BETWEEN_SKIPS = 10
_SECONDS_TO_COUNT = 2


class Progress:
    """Tells the user: by a live bar on a terminal, by plain lines in the log elsewhere.

    Args:
        logger: The target's; at a level above info there is neither.

    Attributes:
        counting: What was counted so far.
    """

    def __init__(self, settings: Settings, logger: logging.Logger) -> None:
        self._settings = settings
        self._logger = logger
        self._started = datetime.now(UTC)
        self._run = new_run(settings.runs_path, self._started)
        self.counting = Counting(settings, self._started, progress_path=f"{self._run}{PROGRESS}")
        self._total = Total(settings.total_records, settings.streams)
        self._pace = Pace(time.monotonic())
        self._said_at = time.monotonic()
        self._remarked: set[str] = set()
        self._chunks = 0
        self._before = self._snapshot()
        self._resumed_from: str | None = None
        self._bar: LiveBar | None = None
        self._timeline: Timeline | None = None

    def say(self, text: str) -> None:
        """One line at level info."""
        self._logger.info("%s", text)
        self._said_at = time.monotonic()

    def break_silence(self, text: str) -> None:
        """The same, if nothing was said for long."""
        if time.monotonic() - self._said_at >= _SECONDS_OF_SILENCE:
            self.say(text)

    def remarks(self, kinds: Iterable[str]) -> None:
        """Warn of something, once a kind and run."""
        for kind in kinds:
            if kind not in self._remarked:
                self._remarked.add(kind)
                name, _, detail = kind.partition(" ")
                text = _REMARKS[name].format(detail)
                self._logger.warning("%s", text[0].upper() + text[1:] + ".")

    def begin(self, resumed: Entry | None = None) -> None:
        """The first record is about to be taken, by a run that may go on from a checkpoint.

        Raises:
            SettingsError: The progress file can't be written.
        """
        if not self._settings.only_errors_from:
            self._total.start()
        if resumed:
            self._resumed_from = resumed.updated
            self._total.wait(_SECONDS_TO_COUNT)
            total, size = self._total.value, self._settings.batch_size_rows
            self.say(wording.resuming(resumed, total, size, self._started))
            _, loaded = wording.loaded_chunks(resumed)
            covered = sum(stream.records for stream in resumed.streams.values())
            if wording.is_complete(resumed) and loaded == covered:
                self._total.value = total or loaded
        self._timeline = Timeline(Path(f"{self._run}{PROGRESS}"))
        forget_old_runs(self._settings.runs_path)
        self._bar = open_bar(self._logger)
        if self._bar:
            self.tick(0, 0)

    def retry(self, path: str, records: int) -> None:
        """Only the records that an errors file lists are loaded."""
        self._total.value = records
        self.say(f"Loading only the {records:,} records that {path} lists.")

    def steps(self) -> Steps:
        """What tells how far a diff is."""
        return Steps(self.say, open_bar(self._logger))

    @property
    def has_failures(self) -> bool:
        """Whether a record failed."""
        return self._records.failed > 0

    def aside(self) -> AbstractContextManager[None]:
        """Make room on the terminal while something is written to stdout."""
        return self._bar.aside() if self._bar and sys.stdout.isatty() else nullcontext()

    def settled(self, outcome: Outcome) -> None:
        """A record came to its end."""
        self.counting.settled(outcome)
        self.remarks(outcome.remarks)

    def connected(self, stats: TransportStats, organizations: OrganizationCounts) -> None:
        """The first request is about to be sent: what will be counted there."""
        self.counting.stats, self.counting.organizations = stats, organizations

    def unfinished(self, records: int) -> None:
        """So many records were read, but not settled when the run was stopped."""
        self._records.unfinished = records

    def left_out(self) -> None:
        """A record was read that isn't asked for."""
        self._records.left_out += 1
        self._records.read += 1

    def dropped(self) -> None:
        """A stream map left a record out."""
        self._records.dropped += 1

    def tick(self, finished: int, waiting: int) -> None:
        """Time went by: refresh the bar, or break a long silence.

        Args:
            finished: Records that are finished, but not committed.
            waiting: Records that were read, and aren't finished.
        """
        if self._bar:
            far, well = self._how_far(finished), self._how_well()
            done = self._taken + finished
            self._bar.update(" · ".join(far), " · ".join(well), done, self._known_total())
        else:
            under_way = (
                f"then {finished:,} of {finished + waiting:,} finished"
                if finished + waiting
                else "waiting for the tap"
            )
            self.break_silence(self._progress_line([under_way, *self._how_well()]))

    def chunk(self, stream: str, number: int, *, skipped: bool) -> None:
        """A chunk of a stream, or a part of it, is committed; a skipped one was unchanged."""
        self._chunks += 1
        before, self._before = self._before, self._snapshot()
        brought = {name: count - before[name] for name, count in self._before.items()}
        unchanged = brought.pop("unchanged")
        loaded = brought["records"] - unchanged
        # A chunk that the ledger knew by half or more tells nothing of those to come.
        typical = 2 * loaded > brought["records"]
        seconds = self._pace.add(time.monotonic(), loaded if typical else 0)
        if self._timeline:
            line = ChunkLine(
                at=datetime.now(UTC).isoformat(timespec="milliseconds"),
                run=self.counting.summary.started,
                began=self.counting.summary.began,
                mode=self._settings.mode,
                chunk=number,
                unchanged=skipped,
                seconds=round(seconds, 3),
                **brought,
            )
            self._timeline.append(line)
        if self._bar:
            self.tick(0, 0)
            return
        if not skipped:
            log_batch_time(stream, seconds)
        if not skipped or time.monotonic() - self._said_at >= _SECONDS_BETWEEN_SKIPS:
            self.say(self._progress_line([f"{self._records.failed:,} failed"]))

    def end(self) -> None:
        """Nothing is committed any more."""
        if self._bar:
            self._bar.stop()
            self._bar = None
        if self._timeline:
            self._timeline.close()

    def sum_up(self, reason: str, exit_code: int, error: str | None = None) -> None:
        """The closing summary: why the run ends, and what stopped it."""
        summary = self.counting.finish(reason, exit_code, error, datetime.now(UTC))
        if on_terminal(self._logger):
            print_table(summary)
        else:
            for line in summary_lines(summary):
                self.say(line)
        records = summary.records
        unchanged = records.unchanged == records.read > 0 and not summary.requests.sent
        if self._resumed_from and reason == "complete" and unchanged:
            self.say(wording.nothing_to_do(self._chunks, self._resumed_from, datetime.now(UTC)))
        for path in filter(None, (f"{self._run}{SUMMARY}", self._settings.summary_path)):
            try:
                write_summary(summary, Path(path))
            except OSError as failure:
                self._logger.warning(
                    "The summary %s can't be written (%s).", path, failure.strerror
                )

    def _progress_line(self, parts: list[str]) -> str:
        return "Progress: " + " · ".join(self._how_far() + parts)

    def _how_far(self, ahead: int = 0) -> list[str]:
        done, total = self._taken, self._known_total()
        size = self._settings.batch_size_rows
        return wording.how_far(self._chunks, done, total, size, self._pace, ahead=ahead)

    def _known_total(self) -> int | None:
        total = self._total.value
        return total if total and total >= self._taken else None

    @property
    def _taken(self) -> int:
        return self._records.read - self._records.left_out

    @property
    def _records(self) -> Records:
        return self.counting.summary.records

    def _how_well(self) -> list[str]:
        """How it goes: requests, and what went wrong."""
        stats = self.counting.stats
        return [
            f"{stats.attempts:,} requests",
            f"{stats.refused:,} refused",
            f"{stats.retried:,} retried",
            f"{self._records.failed:,} failed",
        ]

    def _snapshot(self) -> dict[str, int]:
        """How far it is, as a line of progress.jsonl names it."""
        summary, stats = self.counting.summary, self.counting.stats
        return {
            "records": self._taken,
            "unchanged": summary.records.unchanged,
            "failed": summary.records.failed,
            "users": summary.users.created,
            "memberships": summary.memberships.created,
            "requests": stats.attempts,
            "writes": stats.writes,
            "refused": stats.refused,
            "retried": stats.retried,
        }
