"""What a run did, counted straight into the summary that is printed at its end."""

from __future__ import annotations

import os
import re
from collections import Counter
from typing import TYPE_CHECKING

from target_workos_users.api.statistics import TransportStats
from target_workos_users.errors import pattern_of
from target_workos_users.explain import Groups
from target_workos_users.loading.organization_lookup import OrganizationCounts
from target_workos_users.loading.outcome import Result, Tally
from target_workos_users.progress.summary import Failure, Kind, Requests, Summary
from target_workos_users.records.columns import is_deleted
from target_workos_users.records.redaction import is_plain

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from target_workos_users.checkpoint.chunks import Record
    from target_workos_users.exceptions import RecordError
    from target_workos_users.loading.outcome import Outcome
    from target_workos_users.settings.settings import Settings

_MOST_ORGANIZATIONS = 10_000
_MOST_FAILURES = 50
_LARGEST = 50
_CODE = re.compile(r"\w{1,60}")

# The place of each tally in the summary.
_PLACES = {
    Tally.USERS_CREATED: ("users", "created"),
    Tally.USERS_UPDATED: ("users", "updated"),
    Tally.USERS_DELETED: ("users", "deleted"),
    Tally.PASSWORDS_LEFT: ("users", "passwords_left"),
    Tally.HASHES_SKIPPED: ("users", "hashes_skipped"),
    Tally.MEMBERSHIPS: ("memberships", "created"),
    Tally.MEMBERSHIPS_EXISTING: ("memberships", "existing"),
    Tally.MEMBERSHIPS_REACTIVATED: ("memberships", "reactivated"),
    Tally.MEMBERSHIPS_DEACTIVATED: ("memberships", "deactivated"),
    Tally.ROLES_ASSIGNED: ("roles", "assigned"),
    Tally.ROLES_ADDED: ("roles", "added"),
    Tally.ORGANIZATIONS_UPDATED: ("organizations", "updated"),
    Tally.ROLES_CREATED: ("roles", "created"),
    Tally.ROLES_EXISTING: ("roles", "existing"),
    Tally.PERMISSIONS_CREATED: ("permissions", "created"),
    Tally.PERMISSIONS_EXISTING: ("permissions", "existing"),
    Tally.FACTORS: ("factors", "enrolled"),
    Tally.FACTORS_EXISTING: ("factors", "existing"),
}
_USERS = {Result.EXISTING: "existing", Result.MERGED: "merged"}


class Counting:
    """Counts what became of records. Bounded, whatever the number of records.

    Args:
        started: When it began, with its time zone.
        progress_path: Where its progress is written.

    Attributes:
        summary: What is counted, as it is printed.
        stats: What was sent; the transport's.
        organizations: How organizations were resolved; the cache's.
    """

    def __init__(self, settings: Settings, started: datetime, progress_path: str = "") -> None:
        self.summary = Summary(
            mode=settings.mode,
            started=started.isoformat(timespec="seconds"),
            began=started.isoformat(timespec="seconds"),
            errors_path=settings.errors_path,
            ledger_path=settings.ledger_path,
            progress_path=progress_path,
            destination=destination_in_words(settings),
            sandbox_path=settings.sandbox_path,
            requests=Requests(rate_limit=settings.rate_limit),
        )
        self.stats = TransportStats()
        self.organizations = OrganizationCounts()
        self._started = started
        self._failures = Groups()
        self._waiting = Groups()  # failures of records that may be loaded once more
        self._skipped_hashes = Groups()
        self._sizes: Counter[str] = Counter()

    def settled(self, outcome: Outcome) -> None:
        """A record came to its end: what was done in WorkOS is done, whatever comes next."""
        for tally in outcome.tallies:
            if place := _PLACES.get(tally):
                section = getattr(self.summary, place[0])
                setattr(section, place[1], getattr(section, place[1]) + 1)
        if name := _USERS.get(outcome.result):
            setattr(self.summary.users, name, getattr(self.summary.users, name) + 1)

    def committed(self, stream: str, records: list[Record]) -> None:
        """Records became true for good; those without an outcome are unchanged."""
        self.add_errors(stream, records)
        counts = self.summary.records
        counts.read += len(records)
        for record in records:
            outcome = record.outcome
            if is_deleted(record.content):
                counts.deleted += 1
                continue
            if outcome is None or outcome.result is Result.UNCHANGED:
                counts.unchanged += 1
                continue
            if outcome.errors:
                counts.failed += 1
                continue
            counts.loaded += 1
            if outcome.organization is not None:
                self._add_member(outcome.organization)

    def add_errors(self, stream: str, records: Iterable[Record]) -> None:
        """Count why records failed, or were loaded without their password hash."""
        for record in records:
            if outcome := record.outcome:
                if why := outcome.skipped_hash:
                    self._skipped_hashes.add(
                        stream=stream,
                        record_number=record.number,
                        error_type="skipped_hash",
                        message="",
                        pattern=why,
                        retryable=False,
                    )
                groups = self._waiting if outcome.waits else self._failures
                for error in outcome.errors:
                    _add_error(groups, stream, record.number, error)

    def begin_again(self) -> None:
        """All that waited is about to be loaded once more."""
        self._waiting = Groups()

    def committed_again(self, stream: str, record: Record) -> None:
        """A record that was counted as failed was loaded once more."""
        outcome, counts = record.outcome, self.summary.records
        assert outcome
        for error in outcome.errors:
            _add_error(self._failures, stream, record.number, error)
        if not outcome.errors:
            counts.failed -= 1
            counts.unchanged += outcome.result is Result.UNCHANGED
            counts.loaded += outcome.result is not Result.UNCHANGED

    def finish(self, reason: str, exit_code: int, error: str | None, ended: datetime) -> Summary:
        """Complete the summary: why the run ends, and what stopped it."""
        summary = self.summary
        summary.reason, summary.exit_code, summary.error = reason, exit_code, error
        summary.ended = ended.isoformat(timespec="seconds")
        summary.seconds = round((ended - self._started).total_seconds(), 3)
        organizations = summary.organizations
        organizations.created = self.organizations.created
        organizations.found = self.organizations.found
        organizations.cache_hits = self.organizations.hits
        organizations.largest = self._sizes.most_common(_LARGEST)
        summary.failures = _reasons(self._failures, self._waiting)
        summary.skipped_hashes = _reasons(self._skipped_hashes)
        summary.requests = _requests(self.stats, summary.requests.rate_limit)
        return summary

    def _add_member(self, name: str) -> None:
        if name in self._sizes or (len(self._sizes) < _MOST_ORGANIZATIONS and is_plain(name)):
            self._sizes[name] += 1
        else:
            self.summary.organizations.others += 1


def destination_in_words(settings: Settings) -> str:
    """Where it loads, for people; nothing of the key but what kind it is."""
    if settings.sandbox_path:
        where = f"the sandbox {settings.sandbox_path}"
    else:
        kind = re.match(r"sk_(test|live)_", settings.api_key)
        key = f" with a {kind[1]} key" if kind else ""
        where = settings.base_url.removeprefix("https://") + key
    environment = os.environ.get("MELTANO_ENVIRONMENT")
    return f"{where} (Meltano environment {environment})" if environment else where


def _reasons(*groups: Groups) -> list[Failure]:
    """The most frequent ones."""
    found = [group for each in groups for group in each.by_count()]
    return [
        Failure(
            error_type=group.error_type,
            reason=group.pattern,
            retryable=group.retryable,
            count=group.count,
            first_stream=group.first[0],
            first_record=group.first[1],
            last_record=group.last[1],
        )
        for group in sorted(found, key=lambda group: -group.count)[:_MOST_FAILURES]
    ]


def _add_error(groups: Groups, stream: str, record_number: int, error: RecordError) -> None:
    """Count an error by our own words, or by status and code: WorkOS's may name a person."""
    code = error.workos_code if _CODE.fullmatch(error.workos_code or "") else None
    reason = None
    if error.http_status and error.pattern is None:
        reason = f"HTTP {error.http_status} {code or ''}".strip()
    groups.add(
        stream=stream,
        record_number=record_number,
        error_type=str(error.error_type),
        message="",
        pattern=reason or pattern_of(error),
        retryable=error.retryable,
        http_status=error.http_status,
        workos_code=code,
    )


def _requests(stats: TransportStats, rate_limit: float) -> Requests:
    answers: dict[str, dict[str, int]] = {kind: {} for kind in stats.lost}
    for (kind, status), number in sorted(stats.answers.items()):
        answers.setdefault(kind, {})[str(status)] = number
    by_kind = {}
    for kind, statuses in answers.items():
        lost = stats.lost[kind]
        sent = sum(statuses.values()) + lost
        by_kind[kind] = Kind(sent, lost, statuses, round(stats.seconds[kind] / max(sent, 1), 4))
    writes = stats.writes
    rate = None
    if stats.first_write_at is not None and stats.last_write_at is not None and writes > 1:
        rate = (writes - 1) / max(stats.last_write_at - stats.first_write_at, 1e-6)
    return Requests(
        sent=stats.attempts,
        refused=stats.refused,
        retried=stats.retried,
        lost=stats.lost.total(),
        writes=writes,
        writes_per_second=rate and round(rate, 2),
        rate_limit=rate_limit,
        by_kind=dict(sorted(by_kind.items(), key=lambda item: -item[1].sent)),
    )
