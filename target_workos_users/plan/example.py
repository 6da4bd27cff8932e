"""A row as it would be sent, in words that name nobody: is each column mapped rightly? Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from target_workos_users.records.columns import SECRET_COLUMNS
from target_workos_users.records.parse import UserRow
from target_workos_users.records.redaction import REDACTED, is_plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from target_workos_users.records.entities import EntityRow


def example_of(row: UserRow | EntityRow) -> str:
    """Its fields: of a text no more than the first letter, of a secret nothing."""
    shown = (f"{name} {value}" for name, value in _fields(row))
    return ", ".join(shown)


def _fields(row: UserRow | EntityRow) -> Iterator[tuple[str, str]]:
    for name, value in row.fields.items():
        yield name, REDACTED if name in SECRET_COLUMNS else _masked(value)
    if organization := row.organization:
        named = organization.id or organization.external_id or ""
        yield "organization", named if is_plain(named) else REDACTED
    if isinstance(row, UserRow):
        if row.role_slugs:
            yield "roles", " and ".join(row.role_slugs)
        if row.totp:
            yield "TOTP secret", REDACTED


def _masked(value: Any) -> str:
    """A value that tells its kind, and not whose it is."""
    if isinstance(value, str):
        name, at, domain = value.partition("@")
        return f"{name[:1]}…{at}{domain}"
    if isinstance(value, Mapping):
        return f"with {len(value)} keys"
    return str(value).lower() if isinstance(value, bool) else "…"
