"""What was counted in a run."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from target_workos_users.api.statistics import TransportStats
from target_workos_users.explain.groups import Groups, fold
from target_workos_users.loading.organizations import OrganizationCounts
from target_workos_users.loading.outcome import Result, Tally
from target_workos_users.records.redaction import is_plain

if TYPE_CHECKING:
    from target_workos_users.checkpoint.chunks import Record
    from target_workos_users.exceptions import RecordError
    from target_workos_users.records.parse import OrganizationRef, UserRow

_MOST_ORGANIZATIONS = 10_000
_CODE = re.compile(r"\w{1,60}")


@dataclass
class Counts:
    """What became of the records, and what it took. Bounded, whatever the number of records.

    Attributes:
        tally: What became of the records that were committed.
        skipped: How many of them were unchanged.
        loaded_now: Committed records that this run has loaded, or tried to: not those skipped, nor
            those that the journal knew.
        unfinished: Records read, but not committed when the run was stopped.
        left_out: Records read, but not asked for (``only_errors_from``).
        failures: Errors of the committed records. Nothing in them is personal.
        stats: What was sent.
        organizations: How organizations were resolved.
        sizes: Records loaded, by organization.
        beyond: Records loaded into organizations for which ``sizes`` had no room, or whose ids
            seem to be secrets or email addresses.
        with_roles: Memberships created with all the roles of their record.
    """

    tally: Counter[str] = field(default_factory=Counter)
    skipped: int = 0
    loaded_now: int = 0
    unfinished: int = 0
    left_out: int = 0
    failures: Groups = field(default_factory=Groups)
    stats: TransportStats = field(default_factory=TransportStats)
    organizations: OrganizationCounts = field(default_factory=OrganizationCounts)
    sizes: Counter[str] = field(default_factory=Counter)
    beyond: int = 0
    with_roles: int = 0

    @property
    def done(self) -> int:
        """Records committed."""
        return sum(self.tally[result] for result in Result) + self.skipped

    @property
    def failed(self) -> int:
        """Records that failed."""
        return self.tally[Result.FAILED]

    def commit(self, stream: str, records: list[Record], tally: Counter[str]) -> None:
        """Records were committed.

        Args:
            stream: Their stream.
            records: With their errors.
            tally: What became of them; empty for a part counted by an earlier run.
        """
        self.tally.update(tally)
        self.skipped += tally["unchanged"] if tally else len(records)
        for record in records:
            self.loaded_now += bool(record.row or record.errors)
            for error in record.errors:
                self._add_error(stream, record.number, error)
            if record.row and record.row.organization and not record.errors:
                self._add_member(record, record.row, record.row.organization)

    def snapshot(self) -> dict[str, int]:
        """How far it is, as a line of progress.jsonl names it."""
        return {
            "records": self.done,
            "failed": self.failed,
            "users": self.tally[Tally.USERS_CREATED],
            "memberships": self.tally[Tally.MEMBERSHIPS],
            "requests": self.stats.attempts,
            "writes": self.stats.writes,
            "refused": self.stats.refused,
            "retried": self.stats.retried,
        }

    def _add_error(self, stream: str, record_number: int, error: RecordError) -> None:
        """Count an error by status and code: WorkOS's messages may name a person."""
        code = error.workos_code if _CODE.fullmatch(error.workos_code or "") else None
        reason = f"HTTP {error.http_status} {code or ''}".strip() if error.http_status else None
        self.failures.add(
            stream=stream,
            record_number=record_number,
            error_type=str(error.error_type),
            message="",
            pattern=reason or fold(error.message),
            retryable=error.retryable,
            http_status=error.http_status,
            workos_code=code,
        )

    def _add_member(self, record: Record, row: UserRow, organization: OrganizationRef) -> None:
        if row.role_slugs and Tally.MEMBERSHIPS in (record.counts or ()):
            self.with_roles += 1
        name = organization.external_id or organization.id or ""
        if name in self.sizes or (len(self.sizes) < _MOST_ORGANIZATIONS and is_plain(name)):
            self.sizes[name] += 1
        else:
            self.beyond += 1
