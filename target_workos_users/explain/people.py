"""What became of people, as the ledger knows it: for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_workos_users.errors import read_errors
from target_workos_users.records.columns import by_column

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from target_workos_users.errors import ErrorLine
    from target_workos_users.ledger.lookup import Fate, Row

_LOADED = "loaded"


def errors_of(email: str, errors: Path, fate: Fate | None) -> list[ErrorLine]:
    """The lines of an errors file about a person; none if there is no such file.

    Args:
        email: Canonical.
        errors: The errors file.
        fate: What the ledger knows: a record may have been loaded since, by ``only_errors_from``.

    Raises:
        SettingsError: It can't be read, or isn't an errors file.
    """
    if not errors.is_file():
        return []
    outcomes = {_place(row): row.outcome for row in fate.rows} if fate else {}
    lines = read_errors(errors)
    return [
        line for line in lines if _email(line) == email and outcomes.get(_place(line)) != _LOADED
    ]


def _email(line: ErrorLine) -> str:
    return str(by_column(line.record).get("email")).strip().lower()


def fate_lines(fate: Fate, errors: Sequence[ErrorLine]) -> Iterator[str]:
    """One person's fate: what the ledger knows, and the errors file."""
    named = f", external id {fate.external_id}" if fate.external_id else ""
    yield f"{fate.email}{named}"
    yield f"  user: {fate.user_id}, {fate.user}" if fate.user_id else "  user: none in WorkOS"
    for row in fate.rows:
        looked = f", looked at by the run of {row.looked_at}" if row.looked_at else ""
        yield f"  record {row.record_number:,} of {row.stream}, chunk {row.chunk:,}{looked}"
        yield from (f"    {text}" for text in _facts(row))
        here = [line for line in errors if _place(line) == _place(row)]
        yield from (f"    {line.error_type}: {line.error_message}" for line in here)
    known = set(map(_place, fate.rows))
    for line in errors:
        if _place(line) not in known:
            yield f"  record {line.record_number:,} of {line.stream}"
            yield f"    {line.error_type}: {line.error_message}"


def _place(of: Row | ErrorLine) -> tuple[str, int]:
    return of.stream, of.record_number


def _facts(row: Row) -> Iterator[str]:
    yield row.outcome if row.outcome == _LOADED else f"failed: {row.outcome}"
    if row.org_external_id or row.organization_id:
        ids = filter(None, (row.org_external_id, row.organization_id))
        yield f"organization: {', '.join(ids)}"
    if row.membership_id:
        state = ", deactivated" if row.inactive else ""
        yield f"membership: {row.membership_id}, {row.membership}{state}"
    if row.role_slugs:
        yield f"roles: {', '.join(row.role_slugs)}"
