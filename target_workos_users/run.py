"""A run from its first message to its exit code: signals, errors, and the summary."""

from __future__ import annotations

import asyncio
import signal
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from target_workos_users.exceptions import OutputError, StopRun
from target_workos_users.singer.reader import TruncatedInputError
from target_workos_users.turns import Interrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from target_workos_users.target import TargetWorkosUsers

SIGNALS = (signal.SIGINT, signal.SIGTERM)
SIGNALED = 128  # and the signal's number: exit code, as shells have it
_PACKAGE = Path(__file__).parent.parent


class _End(NamedTuple):
    """How the input ended: the exit code, the reason for the summary, and the error if any."""

    code: int
    reason: str
    error: str | None = None


def run(target: TargetWorkosUsers, listen: Callable[[], None]) -> int:
    """Run to the end of the input, or to whatever stops it; say how it went.

    Args:
        target: What takes the records.
        listen: Reads the whole input, and finishes the target at its end.

    Returns:
        The exit code: 0, or 1 for an error (or a failed record, with ``fail_on_errors``), or 2 for
        a diff that found something, or 128 and the number of the signal.
    """
    for number in SIGNALS:
        signal.signal(number, _interrupt)
    end = _End(1, "stopped by a fault of the target")
    try:
        end = _listen(target, listen)
    except Exception as error:  # noqa: BLE001 - whatever it is, its text may quote a secret
        for line in describe_fault(error):
            target.logger.error("%s", line)  # noqa: TRY400 - nor a traceback
    finally:
        target.close()
        ignore_signals()  # all is done, and the closed loop has let go of its handlers
        if target.has_begun:
            target.sum_up(end.reason, end.code, end.error)
    return end.code


def _listen(target: TargetWorkosUsers, listen: Callable[[], None]) -> _End:
    try:
        try:
            listen()
        except TruncatedInputError:
            target.finish(complete=False)
            raise
    except Interrupted as signaled:
        ignore_signals()
        number = signaled.signal_number
        reason = f"stopped by {signal.Signals(number).name}"
        return _End(SIGNALED + number, reason, _break_off(target))
    except StopRun as error:
        target.logger.error("%s", error)  # noqa: TRY400 - the message says it all
        _break_off(target, after=error)
        return _End(1, "stopped by an error", str(error))
    return _End(target.exit_code, "complete")


def _break_off(target: TargetWorkosUsers, after: StopRun | None = None) -> str | None:
    """Stop half-way; returns the error if that can't be done.

    Args:
        target: What takes the records.
        after: The error that stopped the run. A full disk fails more than one file, and is said
            once.
    """
    try:
        target.break_off()
    except StopRun as error:
        if not isinstance(after, OutputError):
            target.logger.error("%s", error)  # noqa: TRY400 - the message says it all
        return str(error)
    return None


def until_signal(
    loop: asyncio.AbstractEventLoop,
    work: Callable[[], Coroutine[Any, Any, None]],
    stop: Callable[[int], float] | None = None,
) -> None:
    """Do work to its end, or until the first signal. Further signals change nothing.

    Args:
        loop: The event loop.
        work: What to do.
        stop: Told the signal's number, makes the work come to an end; returns the seconds that this
            may take. Without, or after that, the work is cancelled.

    Raises:
        Interrupted: A signal came.
    """
    signals: list[int] = []
    task: asyncio.Task[None] | None = None

    def interrupt(number: int) -> None:
        signals.append(number)
        if task and len(signals) == 1:
            loop.call_later(stop(number) if stop else 0, task.cancel)

    for number in SIGNALS:
        loop.add_signal_handler(number, interrupt, number)  # is called once the loop runs
    task = loop.create_task(work())
    with suppress(asyncio.CancelledError):
        loop.run_until_complete(task)
    if signals:
        raise Interrupted(signals[0])


def describe_fault(error: BaseException) -> list[str]:
    """Where an exception that nobody expected was raised, in several lines for the log.

    A traceback with the exceptions' own texts isn't fit for it: Python's texts quote values
    (``invalid literal for int(): 'hunter2'``).
    """
    introduction = (
        "A fault of target-workos-users stopped the run. Nothing is lost: run again, and it goes "
        "on from the last STATE line. If it stops again, please report the following lines; they "
        "hold nothing of your records."
    )
    lines = [introduction]
    chained: BaseException | None = error
    while chained is not None:
        lines.append(f"  {type(chained).__module__}.{type(chained).__qualname__}, raised in")
        frames = traceback.extract_tb(chained.__traceback__)
        lines += (f"    {_shown(f.filename)}:{f.lineno} {f.name}" for f in reversed(frames))
        chained = chained.__cause__ or chained.__context__
    return lines


def _shown(filename: str) -> str:
    path = Path(filename)
    return str(path.relative_to(_PACKAGE)) if path.is_relative_to(_PACKAGE) else filename


def _interrupt(number: int, _: object) -> None:
    """Stop on a signal that comes before anything is in flight."""
    ignore_signals()
    raise Interrupted(number)


def ignore_signals() -> None:
    """The run is stopping: a further signal changes nothing."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
