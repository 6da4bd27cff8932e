"""Whether so many records fail that the run had better stop: ``abort_error_rate``. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_workos_users.exceptions import TooManyFailures
from target_workos_users.loading.outcome import Result

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable

_TELLS_FROM = 20  # records


class FailureRate:
    """Judges chunk by chunk; small ones together, as soon as they tell anything.

    Args:
        limit: The share of a chunk that may fail, 0 to 1.
        errors_path: Where the failed records are, for the message.
    """

    def __init__(self, limit: float, errors_path: str) -> None:
        self._limit = limit
        self._errors_path = errors_path
        self._failed = self._size = 0  # of chunks that weren't judged yet

    def judge(self, number: int, results: Iterable[Counter[str]]) -> None:
        """A chunk is about to be committed, with these results of its parts.

        Raises:
            TooManyFailures: More failed than may.
        """
        size = 0
        for result in results:
            size += result.total()
            self._failed += result[Result.FAILED]
        self._size += size
        if self._size < _TELLS_FROM:
            return
        failed, of = self._failed, self._size
        self._failed = self._size = 0
        if failed / of <= self._limit:
            return
        where = f"of chunk {number}" if of == size else f"up to chunk {number}"
        raise TooManyFailures(
            f"{failed:,} of {of:,} records {where} failed, more than abort_error_rate = "
            f"{self._limit:g} allows. They are in {self._errors_path}. The checkpoint stays before "
            "this chunk: fix the cause and run again, or set abort_error_rate to 1.0 to go on all "
            "the same."
        )
