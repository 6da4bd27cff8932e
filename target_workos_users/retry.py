"""Only what failed: the records that an errors file lists, from the unchanged source."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from target_workos_users.errors import check_of, read_errors, record_check
from target_workos_users.exceptions import SourceChanged

if TYPE_CHECKING:
    from datetime import datetime

    from target_workos_users.settings.settings import Settings


def retry_settings(settings: Settings, now: datetime) -> Settings:
    """The settings for loading only what failed.

    What fails again goes to a file of its own, ``errors-retry-<UTC>.jsonl``: the one named by
    ``errors_path`` belongs to the checkpoint. So does the summary, ``summary-retry-<UTC>.json``.
    The records are known to fail, so that ``abort_error_rate`` doesn't apply; a user that exists
    is no error.
    """

    def of_its_own(path: str) -> str:
        name = Path(path)
        return str(name.with_name(f"{name.stem}-retry-{now:%Y%m%dT%H%M%SZ}{name.suffix}"))

    return replace(
        settings,
        errors_path=of_its_own(settings.errors_path),
        summary_path=settings.summary_path and of_its_own(settings.summary_path),
        abort_error_rate=1.0,
        existing_users="keep" if settings.existing_users == "fail" else settings.existing_users,
    )


@dataclass
class Listed:
    """Records of one stream that an errors file lists; 16 bytes each.

    Attributes:
        numbers: In ascending order, each once.
        checks: What each record was, as a number.
        taken: How many of them came.
    """

    numbers: array[int] = field(default_factory=lambda: array("Q"))
    checks: array[int] = field(default_factory=lambda: array("Q"))
    taken: int = 0

    @property
    def next(self) -> int | None:
        """Number of the next record to come; None if all came."""
        return self.numbers[self.taken] if self.taken < len(self.numbers) else None

    def add(self, number: int, check: int) -> None:
        """A line lists a record."""
        if not self.numbers or number != self.numbers[-1]:
            self.numbers.append(number)
            self.checks.append(check)

    def sort(self) -> None:
        """Put the records in order, each once: a file may be put together by hand."""
        if any(after <= before for before, after in pairwise(self.numbers)):
            checks = dict(zip(self.numbers, self.checks, strict=True))
            self.numbers = array("Q", sorted(checks))
            self.checks = array("Q", map(checks.__getitem__, self.numbers))


def read_listed(settings: Settings) -> dict[str, Listed]:
    """The records that ``only_errors_from`` lists, by stream; none if it isn't set.

    Raises:
        SettingsError: The file can't be read, or isn't an errors file.
    """
    listed: defaultdict[str, Listed] = defaultdict(Listed)
    if settings.only_errors_from:
        for line in read_errors(Path(settings.only_errors_from)):
            if line.retryable or not settings.retryable_only:
                listed[line.stream].add(line.record_number, record_check(line.record))
    for stream in listed.values():
        stream.sort()
    return dict(listed)


class Retry:
    """Lets the listed records through, under their own numbers."""

    def __init__(self, path: str, listed: dict[str, Listed]) -> None:
        self._path = path
        self._listed = listed
        self._numbers: Counter[str] = Counter()

    @property
    def number(self) -> int:
        """How many records are listed."""
        return sum(len(stream.numbers) for stream in self._listed.values())

    def number_of(self, name: str, content: dict[str, Any]) -> int | None:
        """The number of a record, after stream maps, if it is listed.

        Raises:
            SourceChanged: It isn't the record that failed.
        """
        self._numbers[name] += 1
        number = self._numbers[name]
        listed = self._listed.get(name)
        if listed is None or listed.next != number:
            return None
        if listed.checks[listed.taken] != check_of(content):
            raise SourceChanged(
                f"Record {number:,} of stream {name!r} isn't the one that {self._path} lists: the "
                "source changed since, or the tap began elsewhere. Put the source back as it was, "
                "and let the tap start with its first record (meltano run --full-refresh "
                "--no-state-update); or run without only_errors_from, which loads what changed."
            )
        listed.taken += 1
        return number

    def check_all_came(self) -> None:
        """The input is at its end.

        Raises:
            SourceChanged: A listed record didn't come.
        """
        for name, listed in self._listed.items():
            if listed.next is not None:
                raise SourceChanged(
                    f"{self._path} lists record {listed.next:,} of stream {name!r}, but only "
                    f"{self._numbers[name]:,} records of it came. Those that came are loaded. "
                    "Put the source back as it was, and let the tap start with its first record "
                    "(meltano run --full-refresh --no-state-update)."
                )
