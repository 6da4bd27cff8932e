"""A diff in words. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_workos_users.plan.text import reasons
from target_workos_users.records.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from target_workos_users.plan.diff import Diff
    from target_workos_users.settings.settings import Settings

_SHOWN_FIELDS = 20


def diff_lines(diff: Diff, settings: Settings) -> Iterator[str]:
    """What an import would change, and what it wouldn't."""
    counts = diff.counts
    verdict = "differs" if diff.has_found else "no difference"
    yield f"Diff of {diff.numbers.total():,} records with WorkOS: {verdict}"
    if diff.deleted:
        yield f"  deleted at the source, not compared: {diff.deleted:,} records"
    for kind in (Kind.PERMISSIONS, Kind.ROLES, Kind.ORGANIZATIONS):
        if kind in counts:
            one = kind.removesuffix("s")
            differing = {f"{one}_missing": "to create", f"{one}_differs": "to complete or update"}
            yield from _compared(diff, f"records of {kind}", kind, differing)
    fields = ", ".join(f"{name} {n:,}" for name, n in diff.fields.most_common(_SHOWN_FIELDS))
    update = (
        f"to update ({fields})"
        if settings.existing_users == "update"
        else (f"that differ ({fields}; existing_users is {settings.existing_users})")
    )
    differing = {"user_missing": "to create", "user_differs": update}
    yield from _compared(diff, "users", "users", differing)
    differing = {
        "membership_missing": "to create",
        "status_differs": "with another status",
        "roles_missing": "that lack roles",
    }
    yield from _compared(diff, "memberships", "memberships", differing)
    if settings.diff_factors:
        differing = {"factor_missing": "without a factor in WorkOS"}
        yield from _compared(diff, "users with a TOTP secret", "factors", differing)
    if counts["organization_missing"] and Kind.ORGANIZATIONS not in counts:
        yield f"  organizations: {counts['organization_missing']:,} to create"
    if unknown := counts["organization_unknown"]:
        yield f"  organizations: {unknown:,} that WorkOS doesn't have, and that can't be created"
    if unknown := counts["user_unknown"]:
        yield f"  users: {unknown:,} that neither WorkOS nor a record of a user has"
    yield from reasons(diff, diff.failures, "would fail")
    if diff.listed_all:
        yield f"  in WorkOS, but not in the source: {counts['only_in_workos']:,} users"
    else:
        yield "  in WorkOS, but not in the source: not counted, since not all users were listed"
    yield "  passwords: not compared, WorkOS doesn't show them"
    yield f"  {diff.requests:,} requests; nothing was written to WorkOS"
    if diff.has_found:
        yield f"  differences: one a line in {settings.differences_path}"


def _compared(diff: Diff, what: str, compared: str, differing: dict[str, str]) -> Iterator[str]:
    number = diff.counts[compared]
    texts = [
        f"{diff.counts[name]:,} {text}" for name, text in differing.items() if diff.counts[name]
    ]
    yield f"  {what}: {number:,}" + (
        f" ({', '.join(texts)})" if texts else ", all as in the source"
    )
