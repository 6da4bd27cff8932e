"""An errors file read once: its errors in groups, for people or as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from target_workos_users.errors import read_errors
from target_workos_users.explain.advice import advice
from target_workos_users.explain.groups import Groups

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from target_workos_users.explain.groups import Group


def read_groups(path: Path) -> Groups:
    """Group the errors of a file, in flat memory.

    Raises:
        SettingsError: It can't be read, or isn't an errors file.
    """
    groups = Groups()
    for line in read_errors(path):
        groups.add(
            stream=line.stream,
            record_number=line.record_number,
            error_type=line.error_type,
            message=line.error_message,
            pattern=line.pattern,
            retryable=line.retryable,
            http_status=line.http_status,
            workos_code=line.workos_code,
        )
    return groups


def listing_lines(path: Path, groups: Groups) -> Iterator[str]:
    """The groups for people, the largest first."""
    found = groups.by_count()
    if not found:
        yield f"{path}: no errors"
        return
    yield (
        f"{path}: {groups.records:,} records failed; {groups.errors:,} errors in all, "
        f"{groups.retryable:,} of them retryable as they are"
    )
    for group in found:
        yield ""
        shown = group.examples[0].message if group.count == 1 else group.pattern
        yield f"{group.count:,} x {group.error_type}: {shown}"
        for example in group.examples:
            if example.message != shown:
                yield f"    record {example.record_number:,}: {example.message}"
        yield f"    {_where(group)}; {'retryable' if group.retryable else 'not retryable'}"
        yield f"    What to do: {advice(group)}"


def listing_json(groups: Groups) -> dict[str, Any]:
    """The groups for programs, the largest first."""
    return {
        "records": groups.records,
        "errors": groups.errors,
        "retryable": groups.retryable,
        "groups": [
            {
                "error_type": group.error_type,
                "pattern": group.pattern,
                "count": group.count,
                "retryable": group.retryable,
                "http_status": group.http_status,
                "workos_code": group.workos_code,
                "first": {"stream": group.first[0], "record_number": group.first[1]},
                "last": {"stream": group.last[0], "record_number": group.last[1]},
                "examples": group.examples,
                "advice": advice(group),
            }
            for group in groups.by_count()
        ],
    }


def _where(group: Group) -> str:
    (first_stream, first), (last_stream, last) = group.first, group.last
    if group.count == 1:
        return f"record {first:,} of {first_stream}"
    if first_stream == last_stream:
        return f"records {first:,} to {last:,} of {first_stream}"
    return f"record {first:,} of {first_stream} to record {last:,} of {last_stream}"
