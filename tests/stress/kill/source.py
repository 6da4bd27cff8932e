"""A source of users, and what WorkOS and errors.jsonl must hold once it is loaded.

The expectation is worked out from the records alone, with none of the target's code.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

API_KEY = "sk_test_sandbox"
ROWS = 120
_USERS = 40
_HASH = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"
_TOTP = "JBSWY3DPEHPK3PXP"
_PASSWORD = "correct horse battery staple"
SECRETS = (API_KEY, _HASH, _TOTP, _PASSWORD, "abc123")
_ROLES = ("", "admin", "editor", "admin,editor")
_FAILURES = {
    3: "user_create",
    7: "invalid_record",
    19: "org_resolution",
    31: "role_assignment",
}


def failure_of(number: int) -> str | None:
    """The error_type that the record of this number gets, if it fails."""
    return _FAILURES.get(number % 40)


def make_records(rows: int = ROWS) -> list[dict[str, Any]]:
    """Three organizations a user, the rows of a user far apart; one record in ten fails."""
    pairs = [(user, organization) for user in range(_USERS) for organization in range(3)]
    Random(5).shuffle(pairs)
    return [_record(n, *pairs[(n - 1) % len(pairs)]) for n in range(1, rows + 1)]


def _record(number: int, user: int, organization: int) -> dict[str, Any]:
    organization = (user + organization) % 7
    record: dict[str, Any] = {
        "email": f"user{user}@example.com",
        "first_name": f"First{number}",
        "metadata": {"row": str(number)},
        "org_external_id": f"org-{organization}",
        "org_name": f"Organization {organization}",
        "role_slugs": _ROLES[number % 4],
    }
    if user % 3 == 0:
        record |= {"password_hash": _HASH, "password_hash_type": "bcrypt"}
    elif user % 3 == 1:
        record["password"] = _PASSWORD
    if user % 10 == 0:
        record["totp_secret"] = _TOTP
    failure = failure_of(number)
    if failure:
        record["email"] = f"failing{number}@example.com"
    match failure:
        case "user_create":
            record.pop("password_hash", None)
            record.pop("password_hash_type", None)
            record["password"] = "abc123"  # too weak
        case "invalid_record":
            record["email_verified"] = "perhaps"
        case "org_resolution":
            record["org_external_id"] = f"nowhere-{number}"
            del record["org_name"]
        case "role_assignment":
            record["role_slugs"] = "astronaut"
    return record


def expected_users(records: list[dict[str, Any]]) -> dict[str, tuple[str, str]]:
    """By email, first name and row of the record that made the user."""
    users: dict[str, tuple[str, str]] = {}
    for number, record in enumerate(records, 1):
        if failure_of(number) not in {"user_create", "invalid_record"}:
            users.setdefault(record["email"], (record["first_name"], record["metadata"]["row"]))
    return users


def expected_memberships(records: list[dict[str, Any]]) -> Counter[tuple[str, str, str]]:
    """(email, external id of the organization, roles), each once."""
    memberships: Counter[tuple[str, str, str]] = Counter()
    for number, record in enumerate(records, 1):
        if failure_of(number) is None:
            roles = record["role_slugs"] or "member"
            memberships[record["email"], record["org_external_id"], roles] += 1
    return memberships


def expected_factors(records: list[dict[str, Any]]) -> Counter[str]:
    """Emails of the users with a TOTP factor, each once."""
    users = expected_users(records)
    return Counter(
        {record["email"]: 1 for record in records if "totp_secret" in record}.keys() & users.keys()
    )


def expected_errors(records: list[dict[str, Any]]) -> Counter[tuple[int, str]]:
    """(record_number, error_type), each once."""
    numbers = range(1, len(records) + 1)
    return Counter((n, failure) for n in numbers if (failure := failure_of(n)))


def messages(
    records: list[dict[str, Any]], state: dict[str, Any] | None, **schema: Any
) -> list[dict[str, Any]]:
    """What an SDK tap with a full-table stream sends.

    Args:
        records: The source.
        state: What the tap is started with: it comes back in front of the first record.
        schema: More of the SCHEMA message.
    """
    bookmarks = {**(state or {}).get("bookmarks", {}), "users": {}}
    return [
        *([{"type": "STATE", "value": state}] if state else []),
        {
            "type": "SCHEMA",
            "stream": "users",
            "schema": {"properties": {"email": {"type": "string"}}},
            "key_properties": [],
            **schema,
        },
        *({"type": "RECORD", "stream": "users", "record": record} for record in records),
        {"type": "STATE", "value": {**(state or {}), "bookmarks": bookmarks}},
    ]
