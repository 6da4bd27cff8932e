"""The summary for people: rows of a table, or lines of a log."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from target_workos_users.progress.wording import duration
from target_workos_users.texts import neutralize

if TYPE_CHECKING:
    from collections.abc import Iterator

    from target_workos_users.progress.summary import Failure, Records, Requests, Summary

_SHOWN_REASONS = 10
_ALWAYS_SHOWN = 3


def summary_lines(summary: Summary) -> Iterator[str]:
    """The summary as lines of a log: nothing personal is in them."""
    yield _title(summary)
    for label, text in _rows(summary):
        yield f"  {label}: {text}"


def reconciled(records: Records, loaded: str = "loaded") -> str:
    """What became of the records that were read, as a sum.

    Args:
        records: The counts.
        loaded: What those are that have nothing against them.
    """
    parts = {
        loaded: records.loaded,
        "unchanged": records.unchanged,
        "failed": records.failed,
        "deleted at the source": records.deleted,
        "left out": records.left_out,
    }
    shown = [
        f"{number:,} {name}"
        for place, (name, number) in enumerate(parts.items())
        if number or place < _ALWAYS_SHOWN
    ]
    text = f"{records.read:,} read = {' + '.join(shown)}"
    if records.dropped:
        text += f"; {records.dropped:,} others left out by stream maps"
    if records.unfinished:
        text += (
            f"; {records.unfinished:,} more were read, but not finished: the next run loads them"
        )
    return text


def print_table(summary: Summary) -> None:
    """The summary as a table on stderr."""
    from rich.console import Console  # noqa: PLC0415 - rich takes 50 ms
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(title=_title(summary), title_justify="left", show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for label, text in _rows(summary):
        table.add_row(Text(neutralize(label)), Text(neutralize(text)))
    Console(stderr=True).print(table)


def _title(summary: Summary) -> str:
    return f"Summary: {summary.reason} after {duration(summary.seconds)}"


def _rows(summary: Summary) -> Iterator[tuple[str, str]]:
    users, memberships = summary.users, summary.memberships
    yield "records", reconciled(summary.records)
    always = {"created": users.created, "existing": users.existing, "updated": users.updated}
    rarely = {
        "more records of these users": users.merged,
        "deleted again": users.deleted,
        "passwords left as they are": users.passwords_left,
        "hashes skipped": users.hashes_skipped,
    }
    yield "users", _listed(always, rarely)
    always = {"created": memberships.created, "existing": memberships.existing}
    rarely = {"reactivated": memberships.reactivated, "deactivated": memberships.deactivated}
    yield "memberships", _listed(always, rarely)
    organizations = summary.organizations
    always = {"created": organizations.created, "found": organizations.found}
    rarely = {"updated": organizations.updated, "cache hits": organizations.cache_hits}
    yield "organizations", _listed(always, rarely)
    for label, made in (("roles", summary.roles), ("permissions", summary.permissions)):
        if text := _listed({}, {"created": made.created, "existing": made.existing}):
            yield label, text
    if text := _listed({}, {"assigned": summary.roles.assigned, "added": summary.roles.added}):
        yield "memberships' roles", text
    factors = {"enrolled": summary.factors.enrolled, "existing": summary.factors.existing}
    if text := _listed({}, factors):
        yield "TOTP factors", text
    yield from _request_rows(summary.requests)
    yield from _reasons("hash skipped", summary.skipped_hashes)
    yield from _reasons("failed", summary.failures)
    to_load = ". To load into WorkOS: unset sandbox_path and set WORKOS_API_KEY"
    if summary.destination.endswith("(Meltano environment sandbox)"):  # this project's, a recipe's
        to_load = (
            ". To load into WorkOS: set WORKOS_API_KEY, then `meltano --environment=prod run …`"
        )
    yield "loaded into", summary.destination + (to_load if summary.sandbox_path else "")
    if summary.failures:
        yield "errors", f"in {summary.errors_path}: `{typed('errors', summary.errors_path)}`"
    yield "more", f"`{typed('report', summary.errors_path)}`"


def typed(command: str, path: str) -> str:
    """What to type next: Meltano puts a program that it installed on no PATH but the plugin's."""
    program = "workos-users"
    if ".meltano" in Path(sys.prefix).parts:
        program = shlex.quote(os.path.relpath(Path(sys.prefix, "bin", program)))
    return f"{program} {command} {shlex.quote(path)}"


def _reasons(what: str, reasons: list[Failure]) -> Iterator[tuple[str, str]]:
    for each in reasons[:_SHOWN_REASONS]:
        label = f"failed, {each.error_type}" if what == "failed" else what
        retry = "; may be retried" if each.retryable else ""
        yield label, f"{each.count:,} x {each.reason} (first: record {each.first_record:,}{retry})"
    if more := reasons[_SHOWN_REASONS:]:
        yield what, f"{len(more):,} other reasons"


def _request_rows(requests: Requests) -> Iterator[tuple[str, str]]:
    outcomes = {"refused": requests.refused, "retried": requests.retried, "lost": requests.lost}
    yield "requests", f"{requests.sent:,}" + (f" ({_listed(outcomes)})" if requests.sent else "")
    for name, kind in requests.by_kind.items():
        yield f"  {name}", f"{kind.sent:,}, {kind.mean_seconds * 1000:,.0f} ms on average"
    if requests.writes_per_second is not None:
        share = requests.writes_per_second / requests.rate_limit
        yield (
            "writes",
            (
                f"{requests.writes_per_second:,.1f}/s, {share:.0%} of the limit of "
                f"{requests.rate_limit:,g}/s"
            ),
        )


def _listed(always: dict[str, int], if_any: dict[str, int] | None = None) -> str:
    shown = always | {name: number for name, number in (if_any or {}).items() if number}
    return ", ".join(f"{number:,} {name}" for name, number in shown.items())
