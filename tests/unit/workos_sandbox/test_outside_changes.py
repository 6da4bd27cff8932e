"""What people do in WorkOS while an import runs, in-process and through a running server."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from workos_sandbox import Sandbox, SandboxError, read_contents

USERS = "/user_management/users"
THEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class OverHttp:
    def __init__(self, api):
        self.api = api

    def sign_up(self, **fields):
        return self.api.post("/_sandbox/users", fields).body

    def edit_user(self, user_id, **fields):
        return self.api.put(f"/_sandbox/users/{user_id}", fields).body

    def edit_membership(self, membership_id, **fields):
        return self.api.put(f"/_sandbox/memberships/{membership_id}", fields).body


@pytest.fixture(params=["in-process", "over HTTP"])
def outside(request, sandbox, api):
    return sandbox if request.param == "in-process" else OverHttp(api)


def test_somebody_signs_up_and_is_signed_in(outside, api, sandbox):
    user = outside.sign_up(email="Ada@example.com", first_name="Ada", email_verified=True)
    assert (user["email"], user["first_name"]) == ("ada@example.com", "Ada")
    assert user["last_sign_in_at"]
    assert sandbox.counts.total() == 0  # it isn't a request of the API
    assert api.get(f"{USERS}/{user['id']}").body == user
    reply = api.post(USERS, {"email": "ada@example.com"})
    assert reply.error_codes == ["email_not_available"]


def test_an_imported_user_signs_in(outside, api):
    user = api.user()
    assert user["last_sign_in_at"] is None
    edited = outside.edit_user(user["id"], last_sign_in_at="2026-01-02T03:04:05Z")
    assert edited["last_sign_in_at"] == "2026-01-02T03:04:05.000Z"
    assert api.get(f"{USERS}/{user['id']}").body == edited


def test_an_administrator_changes_a_name_and_a_password(outside, api, db, bcrypt):
    user = api.user(first_name="Ada", last_name="King", metadata={"a": "1"})
    outside.edit_user(
        user["id"], last_name="Lovelace", password_hash=bcrypt, password_hash_type="bcrypt"
    )
    (stored,) = read_contents(db).users
    assert (stored["first_name"], stored["last_name"]) == ("Ada", "Lovelace")
    assert (stored["password_hash"], stored["metadata"]) == (bcrypt, {"a": "1"})


def test_a_user_can_have_been_there_for_long(outside, api):
    user = outside.edit_user(api.user()["id"], created_at="2020-01-01T00:00:00+01:00")
    assert user["created_at"] == "2019-12-31T23:00:00.000Z"


def test_a_membership_can_be_pending_or_managed_by_a_directory(outside, api):
    member = api.member(role_slug="admin")
    edited = outside.edit_membership(member["id"], status="pending", directory_managed=True)
    assert edited == member | {"status": "pending", "directory_managed": True}
    found = api.get(f"/user_management/organization_memberships/{member['id']}").body
    assert found == edited


def test_a_sign_up_that_fails_leaves_nothing(sandbox, api, db):
    api.user(email="ada@example.com")
    with pytest.raises(SandboxError, match="Could not create user"):
        sandbox.sign_up(email="ada@example.com")
    with pytest.raises(SandboxError, match="Invalid RFC3339"):
        sandbox.sign_up(email="bob@example.com", last_sign_in_at="now")
    assert len(read_contents(db).users) == 1
    with pytest.raises(SandboxError, match="not found"):
        sandbox.edit_membership("om_0", status="active")


def test_times_are_taken_as_python_has_them(sandbox, api):
    user = sandbox.edit_user(api.user()["id"], last_sign_in_at=THEN)
    assert user["last_sign_in_at"] == "2026-01-02T03:04:05.000Z"


def test_it_works_from_the_loop_that_serves_too(db):
    async def main():
        async with Sandbox(db) as sandbox:
            return sandbox.sign_up(email="ada@example.com")

    assert asyncio.run(main())["email"] == "ada@example.com"
