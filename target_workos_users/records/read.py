"""A record of any kind in, its row out, or a RecordError. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from target_workos_users.exceptions import RecordError
from target_workos_users.records import entities, memberships, parse
from target_workos_users.records.columns import KNOWN_COLUMNS
from target_workos_users.records.kinds import OF_PEOPLE, OTHER_COLUMNS, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from target_workos_users.records.rules import RecordRules

Row = parse.UserRow | entities.EntityRow

_READERS: dict[Kind, Callable[[Mapping[str, Any], RecordRules], Row]] = {
    Kind.PERMISSIONS: entities.permission_row,
    Kind.ROLES: entities.role_row,
    Kind.ORGANIZATIONS: entities.organization_row,
    Kind.USERS: parse.parse_record,
    Kind.MEMBERSHIPS: memberships.membership_row,
    Kind.TOTP_FACTORS: memberships.factor_row,
}


def columns_of(kind: Kind) -> frozenset[str]:
    """The columns that are read of a kind's records."""
    return OTHER_COLUMNS.get(kind) or frozenset(KNOWN_COLUMNS)


def read_record(kind: Kind, record: Mapping[str, Any], rules: RecordRules) -> Row:
    """Read and check one record.

    Raises:
        RecordError: ``invalid_record``, with the first thing that is wrong. The message quotes no
            value of the record.
    """
    return _READERS[kind](record, rules)


def identity(
    kind: Kind, record: Mapping[str, Any], rules: RecordRules
) -> tuple[object, ...] | None:
    """What the ledger remembers a record by, even an invalid one; None if that can't be told."""
    try:
        if kind in OF_PEOPLE:
            return memberships.person_identity(kind, record, rules)
        # Of a line in errors.jsonl, metadata shows nothing that can be read.
        return read_record(kind, {**record, "metadata": None}, rules).identity
    except RecordError:
        return None
