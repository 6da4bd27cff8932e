"""The parts of the summary, from what was counted. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_workos_users.loading.outcome import Result, Tally
from target_workos_users.progress.summary import (
    Factors,
    Failure,
    Kind,
    Memberships,
    Organizations,
    Records,
    Requests,
    Roles,
    Summary,
    Users,
)

if TYPE_CHECKING:
    from datetime import datetime

    from target_workos_users.api.statistics import TransportStats
    from target_workos_users.explain.groups import Groups
    from target_workos_users.progress.counts import Counts
    from target_workos_users.settings.settings import Settings

_MOST_FAILURES = 50
_LARGEST = 50


def summarize(counts: Counts, settings: Settings, started: datetime, ended: datetime) -> Summary:
    """The summary of a run that is complete.

    Args:
        counts: What was counted.
        settings: Of the run.
        started: When it began, with its time zone.
        ended: When it ended.
    """
    tally = counts.tally
    return Summary(
        mode=settings.mode,
        reason="complete",
        started=started.isoformat(timespec="seconds"),
        ended=ended.isoformat(timespec="seconds"),
        seconds=round((ended - started).total_seconds(), 3),
        errors_path=settings.errors_path,
        sandbox_path=settings.sandbox_path,
        records=_records(counts),
        users=Users(
            tally[Tally.USERS_CREATED],
            tally[Result.EXISTING],
            tally[Tally.USERS_UPDATED],
            tally[Result.MERGED],
            tally[Tally.USERS_DELETED],
        ),
        memberships=Memberships(
            tally[Tally.MEMBERSHIPS],
            tally[Tally.MEMBERSHIPS_EXISTING],
            tally[Tally.MEMBERSHIPS_REACTIVATED],
        ),
        organizations=_organizations(counts),
        roles=Roles(counts.with_roles, tally[Tally.ROLES_ADDED]),
        factors=Factors(tally[Tally.FACTORS], tally[Tally.FACTORS_EXISTING]),
        failures=_failures(counts.failures),
        requests=_requests(counts.stats, settings.rate_limit),
    )


def _records(counts: Counts) -> Records:
    loaded = sum(counts.tally[result] for result in Result if result is not Result.FAILED)
    return Records(
        read=loaded + counts.skipped + counts.failed,
        loaded=loaded,
        unchanged=counts.skipped,
        failed=counts.failed,
        unfinished=counts.unfinished,
        left_out=counts.left_out,
    )


def _organizations(counts: Counts) -> Organizations:
    return Organizations(
        created=counts.organizations.created,
        found=counts.organizations.found,
        cache_hits=counts.organizations.hits,
        largest=counts.sizes.most_common(_LARGEST),
        others=counts.beyond,
    )


def _failures(groups: Groups) -> list[Failure]:
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
        for group in groups.by_count()[:_MOST_FAILURES]
    ]


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
