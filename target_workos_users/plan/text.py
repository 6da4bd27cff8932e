"""The plan in words. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_workos_users.progress.summary_text import reconciled, typed
from target_workos_users.progress.wording import duration
from target_workos_users.records.kinds import Kind
from target_workos_users.records.parse import REMARKS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from target_workos_users.explain import Groups
    from target_workos_users.plan.plan import Plan
    from target_workos_users.plan.reading import Reading
    from target_workos_users.progress.summary import Records
    from target_workos_users.settings.settings import Settings

_SHOWN_REASONS = 20
_SHOWN_ROLES = 20


def plan_lines(plan: Plan, settings: Settings, scope: str, records: Records) -> Iterator[str]:
    """What a first import would do, and what would fail."""
    users, memberships, factors = map(len, (plan.users, plan.memberships, plan.factors))
    by = {how: len(values) for how, values in plan.organizations.items()}
    by["external id"] -= by["name"]
    roles, permissions = (len(plan.entities[kind]) for kind in (Kind.ROLES, Kind.PERMISSIONS))
    organizations = sum(by.values())
    yield f"Plan for {scope}: {plan.numbers.total():,} records, {plan.failed:,} would fail"
    if records.deleted or records.left_out or records.dropped:
        yield "  records: " + reconciled(records, "to be loaded")
    if len(plan.numbers) > 1:
        yield "  streams: " + _counted(plan.numbers)
    yield f"  users: {users:,}"
    yield f"  memberships: {memberships:,}"
    yield f"  organizations: {organizations:,}" + _modes(by)
    if roles or permissions:
        yield f"  role definitions: {roles:,}, with permissions: {permissions:,}"
    if plan.roles:
        yield f"  roles: {_counted(dict(plan.roles.most_common(_SHOWN_ROLES)))}"
    if factors:
        yield f"  TOTP factors: {factors:,}"
    yield from (f"  for example: {example}" for example in plan.examples)
    yield from reasons(plan, plan.failures, "would fail")
    yield from reasons(plan, plan.skipped_hashes, "hash skipped")
    if settings.plan_errors_path:
        path = settings.plan_errors_path
        yield f"  would fail: listed in {path}: `{typed('errors', path)}`"
    requests = {
        "POST /user_management/users": users,
        "POST /user_management/organization_memberships": memberships,
        "POST /user_management/users/{id}/auth_factors": factors,
        "GET /organizations/external_id/{id}": by["name"] + by["external id"],
        "POST /organizations": by["name"],
        "GET /organizations/{id}": by["id"],
        "POST /authorization/permissions": permissions,
        "POST /authorization/roles": roles,
        "PUT /authorization/roles/{slug}/permissions": roles,
    }
    sent = sum(requests.values())
    # All requests have twice the budget of writes (docs: reference/rate-limits).
    seconds = max(users + memberships + factors, sent / 2) / settings.rate_limit
    yield (
        f"  {users:,} users, {organizations:,} organizations: {sent:,} requests, "
        f"{duration(seconds)} at {settings.rate_limit:g} writes/s"
    )
    for kind, number in requests.items():
        if number:
            yield f"    {kind}: {number:,}"
    yield from _warnings(plan)
    if plan.answers:
        yield from (f"  WorkOS: {answer}" for answer in plan.answers)
        yield (
            "  Nothing was written. What exists already costs fewer requests; `diff: true` "
            "compares it."
        )
        return
    yield (
        "  Nothing was sent. Only WorkOS knows which roles exist, and which of the organizations "
        "that an import doesn't create. What exists already costs fewer requests."
    )


def _modes(by: dict[str, int]) -> str:
    shown = {
        "named by id": by["id"],
        "found by external id, or created": by["name"],
        "found by external id, never created": by["external id"],
    }
    text = "; ".join(f"{number:,} {how}" for how, number in shown.items() if number)
    return f" ({text})" if text else ""


def reasons(reading: Reading, found: Groups, what: str) -> Iterator[str]:
    """Why records would fail, say: the most frequent reasons, each with its first records."""
    groups = found.by_count()
    for group in groups[:_SHOWN_REASONS]:
        first = ", ".join(
            f"{each.record_number:,}" + (f" of {each.stream}" if len(reading.numbers) > 1 else "")
            for each in group.examples
        )
        noun = "record" if group.count == 1 else "records"
        yield f"  {what}: {group.count:,} x {group.pattern} (first: {noun} {first})"
    if more := groups[_SHOWN_REASONS:]:
        number = sum(group.count for group in more)
        yield f"  {what}: {number:,} for {len(more):,} other reasons"


def _warnings(plan: Plan) -> Iterator[str]:
    for kind, number in plan.remarks.most_common():
        yield f"  Note: {REMARKS[kind]} ({number:,} records)"
    if plan.beyond_docs:
        yield (
            f"  Note: {plan.beyond_docs:,} records have more than 10 keys of metadata, metadata "
            "outside ASCII, or an external id of more than 64 characters: WorkOS's specification "
            "allows that, its published docs don't; try one such record first"
        )
    if plan.with_several_roles:
        yield (
            f"  Note: {plan.with_several_roles:,} records have several roles; unless multiple "
            "roles are switched on in the WorkOS environment, only the first is assigned"
        )
    if plan.without_organization:
        every = not any(map(len, plan.organizations.values()))
        who = "no record has" if every else f"{plan.without_organization:,} records don't have"
        yield f"  Note: {who} an organization; such users get no membership"


def _counted(numbers: dict[str, int]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in numbers.items())
