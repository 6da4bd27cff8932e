"""A small source of all kinds of streams, whose records need each other; and what comes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support.whole_target import records, schema
from workos_sandbox import read_contents

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    Rows = list[dict[str, Any]]

HASH = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"
SECRET = "JBSWY3DPEHPK3PXP"

PERMISSIONS = [{"slug": "posts:read", "name": "Read"}, {"slug": "posts:write", "name": "Write"}]
ROLES = [
    {"slug": "editor", "name": "Editor", "permissions": "posts:read,posts:write"},
    {"slug": "viewer", "name": "Viewer", "permissions": '["posts:read"]'},
    {"slug": "org-lead", "role_type": "organization", "org_external_id": "o1"},
]
ORGANIZATIONS = [
    {
        "external_id": f"o{n}",
        "name": f"Organization {n}",
        "domains": f"o{n}.example, www.o{n}.example",
        "metadata": f'{{"number": "{n}"}}',
    }
    for n in range(1, 4)
]
# One names an organization with a name, as a source does that has no table of them. Where a user
# and a membership are about one pair, both give a role: without one, WorkOS would give its default
# one to whichever came first.
USERS = [
    {"email": f"user{n}@example.com", "external_id": f"u{n}", "first_name": f"First {n}"}
    | {"password_hash": HASH}
    | ({"org_external_id": "o2", "org_name": "Second", "role_slugs": "viewer"} if n == 2 else {})
    | ({"org_external_id": "o3", "role_slugs": "viewer"} if n == 3 else {})
    for n in range(1, 6)
]
MEMBERSHIPS = [
    {"email": "user1@example.com", "org_external_id": "o1", "role_slugs": "editor"},
    {"email": "user1@example.com", "org_external_id": "o1", "role_slugs": "org-lead"},
    {"user_external_id": "u1", "org_external_id": "o2"},
    {"email": "User2@Example.com", "org_external_id": "o2", "role_slugs": "editor"},
    {"email": "user4@example.com", "org_external_id": "o3", "status": "inactive"},
    {"user_external_id": "u5", "org_external_id": "o3", "role_slugs": "viewer,editor"},
]
FACTORS = [{"email": f"user{n}@example.com", "totp_secret": SECRET} for n in (1, 4)]
STREAMS: dict[str, Rows] = {
    "permissions": PERMISSIONS,
    "roles": ROLES,
    "organizations": ORGANIZATIONS,
    "users": USERS,
    "memberships": MEMBERSHIPS,
    "totp_factors": FACTORS,
}
"""In the right order: nothing needs what comes later."""

RECORDS = sum(map(len, STREAMS.values()))


def messages_of(
    streams: Mapping[str, Rows], state: dict[str, Any] | None = None
) -> list[dict[str, Any]]:
    """What a full-table tap sends of some streams, one after the other."""
    messages = [{"type": "STATE", "value": state}] if state else []
    for name, rows in streams.items():
        columns = sorted({column for row in rows for column in row})
        messages += [schema(name, columns), *records(rows, name)]
    bookmarks = {**(state or {}).get("bookmarks", {}), **{name: {} for name in streams}}
    return [*messages, {"type": "STATE", "value": {"bookmarks": bookmarks}}]


def in_order(names: Iterable[str]) -> dict[str, Rows]:
    """The streams in another order."""
    return {name: STREAMS[name] for name in names}


def end_state(db: Path) -> dict[str, Any]:
    """All that is in a sandbox, but for ids, stamps and the order of things."""
    world = read_contents(db)
    slugs = {each["id"]: each["external_id"] for each in world.organizations} | {"": ""}
    return {
        "users": {
            each["email"]: (each["external_id"], each["first_name"], each["password_hash"])
            for each in world.users
        },
        "organizations": {
            each["external_id"]: (
                each["name"],
                each["metadata"],
                sorted((one["domain"], one["state"]) for one in each["domains"]),
            )
            for each in world.organizations
        },
        "memberships": sorted(
            (
                each["email"],
                each["organization_external_id"],
                each["status"],
                *sorted(each["role_slugs"]),
            )
            for each in world.memberships
        ),
        "roles": sorted(
            (slugs[each["organization_id"]], each["slug"], each["name"], *each["permissions"])
            for each in world.roles
        ),
        "permissions": sorted((each["slug"], each["name"]) for each in world.permissions),
        "factors": sorted((each["email"], each["secret"]) for each in world.auth_factors),
    }
