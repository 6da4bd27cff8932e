"""Fifteen records in three chunks; each chunk needs every kind of request that the target sends.

What they come to is written down here, by role, and worked out with none of the target's code.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.support.whole_target import call, records, running_sandbox, schema
from workos_sandbox import Action, ScriptedFault, read_contents

if TYPE_CHECKING:
    from pathlib import Path

    from workos_sandbox import Contents

CHUNKS = 3
ROLES = ("new", "existing", "conflict", "refused", "totp")
SECRET = "JBSWY3DPEHPK3PXP"
OWN_ERRORS = {"conflict": ["user_create"], "refused": ["membership_create"]}
"""The error lines of the two roles that fail whatever happens, by role."""

REFUSAL = ScriptedFault(
    path="/organization_memberships$",
    method="POST",
    text="unwanted",
    count=None,
    action=Action(
        "answer",
        status=422,
        body='{"message":"The organization takes no such member.","code":"member_not_allowed"}',
    ),
)
"""What makes the role "refused" be refused."""


@dataclass(frozen=True)
class Template:
    """A sandbox file that each case starts from a copy of.

    Attributes:
        path: Where it is.
        world: What it holds.
    """

    path: Path
    world: Contents = field(repr=False)

    def homes(self) -> list[str]:
        """The WorkOS ids of the organizations that are named by id, one a chunk."""
        return [o["id"] for o in self.world.organizations if o["name"].startswith("Home")]

    def messages(self, state: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """What an SDK tap sends that was started with ``state``."""
        rows = [_record(role, c, home) for c, home in enumerate(self.homes()) for role in ROLES]
        start = [{"type": "STATE", "value": state}] if state else []
        bookmarks = {**(state or {}).get("bookmarks", {}), "users": {}}
        end = {"type": "STATE", "value": {**(state or {}), "bookmarks": bookmarks}}
        return [*start, schema(), *records(rows), end]


def make_template(path: Path) -> Template:
    """Users and organizations that were there before the import, long ago."""
    with running_sandbox(path) as sandbox:
        call(sandbox, "POST", "/authorization/roles", {"slug": "unwanted", "name": "Unwanted"})
        users = "/user_management/users"
        for chunk in range(CHUNKS):
            home = call(sandbox, "POST", "/organizations", {"name": f"Home {chunk}"})
            holder = {"email": f"holder-{chunk}@example.com", "external_id": f"taken-{chunk}"}
            call(sandbox, "POST", users, holder)
            user = call(sandbox, "POST", users, {"email": email("existing", chunk)})
            ids = {"user_id": user["id"], "organization_id": home["id"]}
            call(sandbox, "POST", "/user_management/organization_memberships", ids)
        other = {"email": "other@example.com", "external_id": "other"}
        other_id = call(sandbox, "POST", users, other)["id"]
        call(sandbox, "POST", "/organizations", {"name": "Other", "external_id": "other"})
        factor = {"type": "totp", "totp_secret": SECRET}
        call(sandbox, "POST", f"{users}/{other_id}/auth_factors", factor)
        for user in read_contents(path).users:
            sandbox.edit_user(user["id"], created_at="2020-01-01T00:00:00Z")
    return Template(path, read_contents(path))


def email(role: str, chunk: int) -> str:
    return f"{role}-{chunk}@example.com"


def number(role: str, chunk: int) -> int:
    """The record number."""
    return chunk * len(ROLES) + ROLES.index(role) + 1


def _record(role: str, chunk: int, home: str) -> dict[str, Any]:
    record: dict[str, Any] = {"email": email(role, chunk), "first_name": f"Given {chunk}"}
    match role:
        case "new":
            record |= {"org_external_id": f"new-{chunk}", "org_name": f"New {chunk}"}
        case "existing":
            record |= {"org_id": home, "role_slugs": "admin", "totp_secret": SECRET}
        case "conflict":
            record |= {"external_id": f"taken-{chunk}"}
        case "refused":
            record |= {"org_id": home, "role_slugs": "unwanted"}
        case "totp":
            record |= {"totp_secret": SECRET}
    return record


def is_complete(world: Contents, role: str, chunk: int) -> bool:
    """Whether all that the record asks for is in WorkOS."""
    address = email(role, chunk)
    user = next((user for user in world.users if user["email"] == address), None)
    member = {
        (m["organization_external_id"] or m["organization_name"]): m["role_slugs"]
        for m in world.memberships
        if m["email"] == address
    }
    home = f"Home {chunk}"
    wanted = {"new": {f"new-{chunk}": ["member"]}, "existing": {home: ["admin"]}}
    wanted["refused"] = {home: ["unwanted"]}  # where an answer took its refusal's place
    factors = sum(factor["email"] == address for factor in world.auth_factors)
    return (
        user is not None
        and user["first_name"] == f"Given {chunk}"
        and {name: sorted({*slugs} - {"member"} or {"member"}) for name, slugs in member.items()}
        == wanted.get(role, {})
        and factors == (role in {"existing", "totp"})
    )


def check_nothing_is_there_twice(world: Contents) -> None:
    """One user an email, one membership a pair, one organization a name, one factor a user."""
    for keys in (
        [user["email"] for user in world.users],
        [(m["email"], m["organization_id"]) for m in world.memberships],
        [organization["name"] for organization in world.organizations],
        [factor["email"] for factor in world.auth_factors],
    ):
        assert set(Counter(keys).values()) <= {1}


def check_nothing_is_foreign(world: Contents, template: Template) -> None:
    """Nobody but the records' users was touched, and nobody got what is another's."""
    own = {email(role, chunk) for role in ROLES for chunk in range(CHUNKS)}
    before = template.world
    for now, then in (
        (world.users, before.users),
        (world.memberships, before.memberships),
        (world.auth_factors, before.auth_factors),
    ):
        assert [each for each in now if each["email"] not in own] == [
            each for each in then if each["email"] not in own
        ]
    homes = {f"Home {chunk}" for chunk in range(CHUNKS)} | {"Other"}
    assert {o["name"] for o in world.organizations} <= homes | {f"New {c}" for c in range(CHUNKS)}
