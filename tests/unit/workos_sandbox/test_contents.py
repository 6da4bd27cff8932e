from __future__ import annotations

import sqlite3

import pytest

from workos_sandbox import read_contents


def test_the_contents_are_read_while_the_sandbox_runs(api, db):
    domain = {"domain": "acme.com", "state": "pending"}
    organization = api.organization(
        name="Acme", external_id="acme", metadata={"a": "1"}, domain_data=[domain]
    )
    user = api.user(email="ada@example.com", email_verified=True)
    api.membership(user_id=user["id"], organization_id=organization["id"])
    api.post("/authorization/permissions", {"slug": "read", "name": "Read"})
    api.put("/authorization/roles/member/permissions", {"permissions": ["read"]})
    contents = read_contents(db)
    (stored,) = contents.organizations
    assert (stored["metadata"], stored["domains"]) == ({"a": "1"}, [domain])
    assert contents.users[0]["email_verified"] is True
    (membership,) = contents.memberships
    assert membership.pop("id")
    assert membership == {
        "user_id": user["id"],
        "email": "ada@example.com",
        "organization_id": organization["id"],
        "organization_external_id": "acme",
        "organization_name": "Acme",
        "status": "active",
        "directory_managed": False,
        "role_slugs": ["member"],
    }
    roles = {role["slug"]: role["permissions"] for role in contents.roles}
    assert roles == {"admin": [], "member": ["read"]}
    assert [permission["slug"] for permission in contents.permissions] == ["read"]


def test_a_file_that_is_not_there_is_not_made(db):
    with pytest.raises(sqlite3.OperationalError):
        read_contents(db)
    assert not db.exists()
