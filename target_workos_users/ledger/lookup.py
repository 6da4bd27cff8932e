"""What the ledger answers to a person: the map of ids, and one person's fate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from target_workos_users.ledger.memory import INACTIVE, Made
from target_workos_users.ledger.prints import Fingerprinter
from target_workos_users.ledger.store import open_for_reading

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_WORDS = {Made.YES: "made", Made.ATTEMPTED: "made or found", Made.NO: "found"}

# Of the rows that say the same of one membership in one stream, the newest. A failure without a
# membership is left out if the import was begun anew since, and came to a record of the person.
_IDS = """
WITH newest AS (
    SELECT r.person, s.name, max(s.id) AS stream FROM records r JOIN streams s ON s.id = r.stream
    WHERE r.person IN (SELECT person FROM records WHERE NOT done AND membership IS NULL)
    GROUP BY r.person, s.name
)
SELECT s.name, p.external_id, p.email, p.user_id, p.made, o.external_id, o.workos_id,
    r.membership, r.made, r.done, r.error, max(r.turn)
FROM records r JOIN people p ON p.key = r.person JOIN streams s ON s.id = r.stream
    LEFT JOIN organizations o ON o.id = r.organization
    LEFT JOIN newest n ON n.person = r.person AND n.name = s.name
WHERE r.done OR r.membership IS NOT NULL OR r.stream = n.stream
GROUP BY s.name, p.key, r.organization
ORDER BY r.stream, r.number
"""

_ROWS = """
WITH newest AS (
    SELECT s.name, max(r.stream) AS stream FROM records r JOIN streams s ON s.id = r.stream
    WHERE r.person = :person GROUP BY s.name
)
SELECT s.name, r.number, r.chunk, r.done, r.error, o.external_id, o.workos_id, r.membership,
    r.made, r.roles, r.inactive, runs.at
FROM records r JOIN streams s ON s.id = r.stream LEFT JOIN runs ON runs.id = r.turn >> 32
    LEFT JOIN organizations o ON o.id = r.organization JOIN newest n ON n.name = s.name
WHERE r.person = :person AND (r.done OR r.membership IS NOT NULL OR r.stream = n.stream)
ORDER BY r.turn
"""

_COUNTS = """
SELECT
    (SELECT count(*) FROM people WHERE user_id IS NOT NULL AND made),
    (SELECT count(*) FROM people WHERE user_id IS NOT NULL AND NOT made),
    (SELECT count(DISTINCT membership) FROM records),
    (SELECT count(*) FROM organizations WHERE workos_id IS NOT NULL)
"""


class Counts(msgspec.Struct):
    """How much a ledger knows to be in WorkOS, whichever run loaded it.

    Attributes:
        made: Users made by this import, or maybe made, where an answer was lost.
        found: Users that were there.
        memberships: Of both.
        organizations: Made or found.
    """

    made: int
    found: int
    memberships: int
    organizations: int


class Ids(msgspec.Struct):
    """One membership of one person, or a person without any.

    Attributes:
        stream: Of the records.
        external_id: Of the user, in the source.
        email: Of the user.
        user_id: WorkOS's id of the user; None if there is none.
        user: ``made`` by this import, ``found``, or ``made or found`` if its answer was lost.
        org_external_id: Of the organization, in the source.
        organization_id: WorkOS's id of the organization.
        membership_id: WorkOS's id of the membership.
        membership: ``made`` or ``found``; None if there is none.
        failed: The error types, if the record failed.
    """

    stream: str
    external_id: str | None
    email: str
    user_id: str | None
    user: str | None
    org_external_id: str | None
    organization_id: str | None
    membership_id: str | None
    membership: str | None
    failed: str | None


class Row(msgspec.Struct):
    """What became of one record of a person.

    Attributes:
        stream: Of the record.
        record_number: Counts from 1 in the tap's order.
        chunk: Counts from 1.
        outcome: ``loaded``, or the error types.
        org_external_id: Of the organization, in the source.
        organization_id: WorkOS's id of the organization.
        membership_id: WorkOS's id of the membership.
        membership: ``made`` or ``found``; None if there is none.
        role_slugs: Roles that the membership has on the record's account.
        inactive: The membership was deactivated.
        looked_at: When the run began that looked at the record last, UTC, ISO 8601.
    """

    stream: str
    record_number: int
    chunk: int
    outcome: str
    org_external_id: str | None
    organization_id: str | None
    membership_id: str | None
    membership: str | None
    role_slugs: list[str]
    inactive: bool
    looked_at: str | None


class Fate(msgspec.Struct):
    """What became of one person.

    Attributes:
        email: Canonical.
        external_id: In the source.
        user_id: WorkOS's id; None if there is none.
        user: As in :class:`Ids`.
        rows: Its records, oldest look first.
    """

    email: str
    external_id: str | None
    user_id: str | None
    user: str | None
    rows: list[Row]


def read_counts(path: Path) -> Counts:
    """How much the ledger knows.

    Raises:
        SettingsError: It can't be read, or isn't a ledger.
    """
    with open_for_reading(path) as database:
        return Counts(*database.execute(_COUNTS).fetchone())


def read_ids(path: Path) -> Iterator[Ids]:
    """The map of ids, in the order of the source.

    Raises:
        SettingsError: It can't be read, or isn't a ledger.
    """
    with open_for_reading(path) as database:
        for stream, external_id, email, user_id, made, *rest in database.execute(_IDS):
            org, org_id, membership, ours, done, error, _ = rest
            yield Ids(
                stream=stream,
                external_id=external_id,
                email=email,
                user_id=user_id,
                user=_WORDS[Made(made)] if user_id else None,
                org_external_id=org,
                organization_id=org_id,
                membership_id=membership,
                membership=_membership(membership, ours),
                failed=None if done else error,
            )


def read_fate(path: Path, email: str) -> Fate | None:
    """What became of a person; None if the ledger knows nothing.

    Args:
        path: The ledger.
        email: In any spelling.

    Raises:
        SettingsError: It can't be read, or isn't a ledger.
    """
    email = email.strip().lower()
    with open_for_reading(path) as database:
        (secret,) = database.execute("SELECT value FROM meta WHERE name = 'key'").fetchone()
        key = Fingerprinter(secret).number(email)
        person = database.execute(
            "SELECT external_id, user_id, made FROM people WHERE key = ?", (key,)
        ).fetchone()
        rows = [_row(*row) for row in database.execute(_ROWS, {"person": key})]
    if person is None and not rows:
        return None
    external_id, user_id, made = person or (None, None, Made.NO)
    return Fate(email, external_id, user_id, _WORDS[Made(made)] if user_id else None, rows)


def _row(stream: str, number: int, chunk: int, done: int, error: str | None, *rest: Any) -> Row:
    org, org_id, membership, ours, roles, inactive, at = rest
    return Row(
        stream=stream,
        record_number=number,
        chunk=chunk,
        outcome="loaded" if done else str(error),
        org_external_id=org,
        organization_id=org_id,
        membership_id=membership,
        membership=_membership(membership, ours),
        role_slugs=(roles or "").split(),
        inactive=bool(inactive & INACTIVE),
        looked_at=at,
    )


def _membership(membership_id: str | None, made: int) -> str | None:
    return ("made" if made else "found") if membership_id else None
