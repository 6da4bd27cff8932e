"""A run from its first message to its exit code: signals, errors, and the summary."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, NamedTuple

from target_workos_users.exceptions import OutputError, StopRun
from target_workos_users.fault_report import report_fault
from target_workos_users.importer import Interrupted
from target_workos_users.singer.reader import TruncatedInputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from logging import Logger

    from target_workos_users.intake import DeferredIntake
    from target_workos_users.progress.progress import Progress
    from target_workos_users.settings.settings import Settings

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_SIGNALED = 128  # and the signal's number: exit code, as shells have it


class _End(NamedTuple):
    """How the input ended: the exit code, the reason for the summary, and the error if any."""

    code: int
    reason: str
    error: str | None = None


class RunControl:
    """Runs to the end of the input, or to whatever stops the run.

    Args:
        settings: Of the run.
        intake: Takes the records.
        progress: What is told to the user.
        logger: Of the target.
    """

    def __init__(
        self, settings: Settings, intake: DeferredIntake, progress: Progress, logger: Logger
    ) -> None:
        self._settings = settings
        self._intake = intake
        self._progress = progress
        self._logger = logger
        self._complete = True

    def run(self, listen: Callable[[], None]) -> int:
        """Run, and say how it went.

        Args:
            listen: Reads the whole input; calls :meth:`finish` at its end.

        Returns:
            The exit code: 0, or 1 for an error (or a failed record, with ``fail_on_errors``), or
            128 and the number of the signal.
        """
        for number in _SIGNALS:
            signal.signal(number, _interrupt)
        self._intake.signals = _SIGNALS
        end = _End(1, "stopped by a fault of the target")
        try:
            end = self._listen(listen)
        except Exception as error:  # noqa: BLE001 - whatever it is, its text may quote a secret
            self._logger.error("%s", report_fault(error))  # noqa: TRY400 - nor a traceback
        finally:
            self.close()
            if end.code > _SIGNALED:
                _ignore_signals()  # the closed loop has given them their default handlers back
            if self._intake.is_open and not self._settings.dry_run:
                self._progress.summary(end.reason, end.code, end.error)
        return end.code

    def finish(self, *, complete: bool) -> None:
        """The input is at its end: load and commit the rest.

        Args:
            complete: Whether it ended as a whole input does.
        """
        self._complete = complete
        self._intake.finish(complete=complete)

    def close(self) -> None:
        """Close all that is open."""
        self._intake.close()
        self._progress.end()

    def _listen(self, listen: Callable[[], None]) -> _End:
        try:
            try:
                listen()
            except TruncatedInputError:
                self.finish(complete=False)
                raise
        except Interrupted as signaled:
            _ignore_signals()
            number = signaled.signal_number
            reason = f"stopped by {signal.Signals(number).name}"
            return _End(_SIGNALED + number, reason, self._break_off())
        except StopRun as error:
            self._logger.error("%s", error)  # noqa: TRY400 - the message says it all
            self._break_off(after=error)
            return _End(1, "stopped by an error", str(error))
        failed = self._settings.fail_on_errors and self._progress.counts.failed
        reason = "complete" if self._complete else "the input ended without a last STATE"
        return _End(int(bool(failed)), reason)

    def _break_off(self, after: StopRun | None = None) -> str | None:
        """Stop half-way; returns the error if that can't be done.

        Args:
            after: The error that stopped the run. A full disk fails more than one file, and is
                said once.
        """
        try:
            self._intake.break_off()
        except StopRun as error:
            if not isinstance(after, OutputError):
                self._logger.error("%s", error)  # noqa: TRY400 - the message says it all
            return str(error)
        return None


def _interrupt(number: int, _: object) -> None:
    """Stop on a signal that comes before anything is in flight."""
    _ignore_signals()
    raise Interrupted(number)


def _ignore_signals() -> None:
    """The run is stopping: a further signal changes nothing."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
