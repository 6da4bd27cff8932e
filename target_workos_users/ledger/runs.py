"""Whether a checkpoint goes on from where the last run was, or was set back. Pure."""

from __future__ import annotations

from typing import NamedTuple


class LastRun(NamedTuple):
    """The last run of an import, as the ledger knows it.

    Attributes:
        began: The mark that it started from.
        marks: One for each STATE line that it printed, oldest first.
        ended: Its last STATE line was printed, in an orderly end.
    """

    began: str
    marks: list[str]
    ended: bool


def goes_on(last: LastRun, mark: str) -> bool:
    """Whether a run that starts from ``mark`` goes on from the last one.

    It does after an orderly end, from the newest STATE line; and after any other end from every
    STATE line of that run, and from the one that it started from, since Meltano stores no line
    that is printed after a signal (measured, 4.4.1). Any other checkpoint was cleared, edited or
    set back: somebody wants what it doesn't cover to be loaded again.

    Args:
        last: The newest of this import.
        mark: Of the checkpoint that came in.
    """
    newest = last.marks[-1] if last.marks else last.began
    return mark == newest or (not last.ended and mark in {last.began, *last.marks})
