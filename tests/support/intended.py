"""Random records, and what they ask for: a model that knows nothing of how the target reads them.

Each :class:`Row` is first an intention (these fields, that organization, these roles) and then
spelled out as a record in one of many ways; the expected end state follows from the intentions.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from random import Random

ROLES = ("admin", "member", "billing", "support")
HASHES = {
    "bcrypt": "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
    "ssha": "{SSHA}AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw==",
    "pbkdf2": "$pbkdf2$i=600000,d=sha256$AAcOFRwjKjE4P0ZNVFtiaQ$"
    "AAcOFRwjKjE4P0ZNVFtiaXB3foWMk5qhqK+2vcTL0tk",
}
SECRETS = ("JBSWY3DPEHPK3PXP", "GEZDGNBVGY3TQOJQ")
FAULTS: tuple[dict[str, Any], ...] = (
    {"email_verified": "maybe"},
    {"metadata": "{"},
    {"metadata": {"k" * 41: "x"}},
    {"password_hash": "$2b$10$short", "password_hash_type": "bcrypt"},
    {"external_id": "x" * 129},
    {"role_slugs": "Not A Slug"},
    {"org_id": "org_1", "org_external_id": "2"},
    {"first_name": "a\0b"},
    {"totp_secret": "01"},
    {"email": "nobody"},
)


@dataclass
class Row:
    """What one record asks for.

    Attributes:
        email: As WorkOS keeps it.
        fields: The user's fields as WorkOS keeps them.
        organization: External id; None: no organization.
        roles: That exist, in order.
        totp_secret: To enroll.
        invalid: The record is broken: nothing of it is done.
        lacks: What keeps a part of it from being done: ``organization``, ``role`` or neither.
    """

    email: str
    fields: dict[str, Any] = field(default_factory=dict)
    organization: str | None = None
    roles: list[str] = field(default_factory=list)
    totp_secret: str | None = None
    invalid: bool = False
    lacks: str = ""


@dataclass
class EndState:
    """What should be in WorkOS at the end, and which records should be in errors.jsonl.

    Attributes:
        users: Fields by email.
        memberships: Roles by email and external id of the organization.
        factors: TOTP secret by email.
        failed: Record numbers, from 1.
    """

    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    memberships: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    factors: dict[str, str] = field(default_factory=dict)
    failed: set[int] = field(default_factory=set)


def expected(rows: Iterable[Row], start: EndState) -> EndState:
    """The end state under ``keep``: who comes first wins, from ``start`` on; roles add up."""
    end = EndState(dict(start.users), dict(start.memberships), dict(start.factors))
    for number, row in enumerate(rows, start=1):
        if row.invalid or row.lacks:
            end.failed.add(number)
        if row.invalid:
            continue
        end.users.setdefault(row.email, row.fields)
        if row.organization and not row.lacks:  # an unknown role makes no membership
            held = end.memberships.get((row.email, row.organization))
            end.memberships[row.email, row.organization] = (
                row.roles or ["member"] if held is None else list(dict.fromkeys(held + row.roles))
            )
        if row.totp_secret:
            end.factors.setdefault(row.email, row.totp_secret)
    return end


def roles_of_failed(rows: Iterable[Row]) -> dict[tuple[str, str], set[str]]:
    """Roles that a membership may have besides: those of records that also name an unknown one.

    Such a record makes no membership, but gives one that is there by then what is known.
    """
    besides: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in rows:
        if row.lacks == "role" and not row.invalid and row.organization:
            besides[row.email, row.organization].update(row.roles)
    return besides


def random_rows(random: Random, *, rows: int, users: int, organizations: int) -> list[Row]:
    """Rows in random order: every user has some, most with organizations of their own."""
    people = [_person(random, number) for number in range(users)]
    chosen = [*people, *random.choices(people, k=rows - users)]
    random.shuffle(chosen)
    return [_row(random, *person, organizations) for person in chosen]


def _person(random: Random, number: int) -> tuple[str, dict[str, Any], str | None]:
    fields: dict[str, Any] = {}
    if random.random() < 0.8:
        fields["first_name"] = random.choice(["Ann", "Çelik", "李", "O'Neil"])
    if random.random() < 0.5:
        fields["external_id"] = str(10_000 + number)
    if random.random() < 0.5:
        fields["email_verified"] = random.random() < 0.5
    if random.random() < 0.4:
        fields["metadata"] = {"plan": random.choice(["pro", "free"]), "seats": str(number % 9)}
    if random.random() < 0.3:
        fields["password_hash_type"] = random.choice(list(HASHES))
        fields["password_hash"] = HASHES[fields["password_hash_type"]]
    secret = random.choice(SECRETS) if random.random() < 0.1 else None
    return f"user{number}@example.com", fields, secret


def _row(
    random: Random, email: str, fields: dict[str, Any], secret: str | None, organizations: int
) -> Row:
    row = Row(email, dict(fields), totp_secret=secret)
    if "first_name" in fields and random.random() < 0.05:
        row.fields["first_name"] = "Other"  # conflicts with the other rows
    if random.random() < 0.9:
        row.organization = f"org-{random.randrange(organizations)}"
        row.roles = random.sample(ROLES, random.choice([0, 0, 1, 1, 2, 3]))
        chance = random.random()
        if chance < 0.02:
            row.organization, row.lacks = "nowhere", "organization"
        elif chance < 0.04:
            row.lacks = "role"
    row.invalid = random.random() < 0.03
    return row


def spell(random: Random, row: Row, ids: dict[str, str]) -> dict[str, Any]:
    """A row as a record, in one of the ways in which taps and exports write it.

    Args:
        random: Chooses the way.
        row: The row.
        ids: WorkOS ids of organizations that were there before, by external id.
    """
    record: dict[str, Any] = {"email": _spell_email(random, row.email)}
    for name, value in row.fields.items():
        record[name] = _SPELLINGS.get(name, _as_it_is)(random, value)
    if "password_hash" in row.fields and random.random() < 0.5:
        del record["password_hash_type"]  # the prefix tells
    if row.totp_secret:
        record["totp_secret"] = random.choice([row.totp_secret, row.totp_secret.lower()])
    if row.organization:
        _spell_organization(random, row, ids, record)
    if row.invalid:
        record |= random.choice(FAULTS)
    record["_sdc_sequence"] = random.randrange(10**6)
    return record


def _spell_organization(
    random: Random, row: Row, ids: dict[str, str], record: dict[str, Any]
) -> None:
    assert row.organization
    if row.organization in ids and random.random() < 0.5:
        record["org_id"] = ids[row.organization]
    else:
        record["org_external_id"] = row.organization
        if row.lacks != "organization":
            record["org_name"] = row.organization.title()
    roles = [*row.roles, "no-such-role"] if row.lacks == "role" else row.roles
    if roles:
        written = [list(roles), ",".join(roles), " , ".join(roles), json.dumps(roles)]
        record["role_slugs"] = random.choice(written)
    elif random.random() < 0.5:
        record["role_slugs"] = random.choice([None, "", [], "[]"])


def _as_it_is(_: Random, value: Any) -> Any:
    return value


def _spell_email(random: Random, email: str) -> str:
    return random.choice([email, email, email.upper(), email.title(), f" {email} "])


def _spell_boolean(random: Random, value: bool) -> Any:
    words = ["true", "TRUE", "yes", "1", 1, "t"] if value else ["false", "False", "no", "0", 0]
    return random.choice([value, *words])


def _spell_metadata(random: Random, value: dict[str, str]) -> Any:
    typed = {**value, "seats": int(value["seats"]), "old": None}
    return random.choice([value, typed, json.dumps(value), json.dumps(typed)])


def _spell_number(random: Random, value: str) -> Any:
    return random.choice([value, int(value), f" {value}"])


_SPELLINGS = {
    "email_verified": _spell_boolean,
    "metadata": _spell_metadata,
    "external_id": _spell_number,
}
