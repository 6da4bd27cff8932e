from __future__ import annotations

import asyncio
import socket
import sqlite3
import uuid
from contextlib import AsyncExitStack

import pytest
from workos import AsyncWorkOSClient
from workos.organization_membership import RoleSingle
from workos.user_management import PasswordHashed

from workos_sandbox import Faults, Sandbox, SandboxError


@pytest.mark.parametrize("key", [None, "Bearer sk_test_other", "sk_test_sandbox", "Bearer "])
async def test_without_the_key_it_is_a_401_without_a_code(api, key):
    headers = {} if key is None else {"Authorization": key}
    if key is None:
        api.session.headers.clear()
    reply = await api.call("GET", "/user_management/users", headers=headers)
    assert (reply.status, reply.body) == (401, {"message": "Unauthorized"})


async def test_another_key_can_be_asked_for(db, connect):
    async with Sandbox(db, api_key="sk_test_mine") as sandbox, connect(sandbox) as api:
        assert (await api.get("/organizations")).status == 200
        other = {"Authorization": "Bearer sk_test_sandbox"}
        assert (await api.call("GET", "/organizations", headers=other)).status == 401


@pytest.mark.parametrize("path", ["/organizations", "/organizations/org_0", "/nowhere"])
async def test_every_answer_has_a_request_id_of_its_own(api, path):
    replies = [await api.get(path), await api.get(path)]
    ids = {uuid.UUID(reply.headers["X-Request-Id"]) for reply in replies}
    assert len(ids) == 2
    assert replies[0].headers["Content-Type"] == "application/json; charset=utf-8"
    assert not [name for name in replies[0].headers if name.startswith("X-RateLimit")]


@pytest.mark.parametrize("body", [b"{", b"[]", b'"text"', b"\xff", b'{"email":}'])
async def test_a_body_that_is_no_json_object_is_a_400(api, body):
    reply = await api.call("POST", "/user_management/users", data=body)
    assert reply.error == (400, "invalid_request_body")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("PATCH", "/user_management/users/user_0"),
        ("POST", "/user_management/invitations"),
        ("GET", "/user_management/users/"),
        ("GET", "/user_management/users/external_id/"),
    ],
)
async def test_what_the_sandbox_does_not_have_is_a_bare_404(api, method, path):
    reply = await api.call(method, path)
    assert (reply.status, reply.body) == (404, {"message": "Not Found"})


async def test_the_official_sdk_understands_every_answer(sandbox):
    client = AsyncWorkOSClient(api_key=sandbox.api_key, base_url=sandbox.base_url, max_retries=0)
    async with client:
        organization = await client.organizations.create_organization(
            name="Acme", external_id="acme", domain_data=[]
        )
        assert (
            await client.organizations.get_organization_by_external_id("acme")
        ).id == organization.id
        user = await client.user_management.create_user(
            email="ada@example.com",
            metadata={"plan": "pro"},
            password=PasswordHashed("$2b$10$" + "a" * 53, "bcrypt"),
        )
        updated = await client.user_management.update_user(user.id, first_name="Ada")
        assert (updated.first_name, updated.metadata) == ("Ada", {"plan": "pro"})
        memberships = client.organization_membership
        membership = await memberships.create_organization_membership(
            user_id=user.id, organization_id=organization.id, role=RoleSingle("admin")
        )
        await memberships.deactivate_organization_membership(membership.id)
        listed = await memberships.list_organization_memberships(
            user_id=user.id, statuses=["active", "inactive"]
        )
        assert [(item.id, item.status.value) for item in listed.data] == [
            (membership.id, "inactive")
        ]
        factors = client.multi_factor_auth
        enrolled = await factors.create_user_auth_factor(
            user.id, type="totp", totp_secret="JBSWY3DPEHPK3PXP"
        )
        assert enrolled.authentication_factor.totp.secret == "JBSWY3DPEHPK3PXP"
        (factor,) = (await factors.list_user_auth_factors(user.id)).data
        await factors.delete_factor(factor.id)
        roles = await client.authorization.list_environment_roles()
        assert [role.slug for role in roles.data] == ["admin", "member"]
        await client.user_management.delete_user(user.id)
        assert (await client.user_management.list_users()).data == []


async def test_a_file_that_cannot_be_written_is_a_500_and_not_a_crash(sandbox, api, db, caplog):
    sandbox.store._db.execute("PRAGMA busy_timeout = 1")
    other = sqlite3.connect(db)
    other.execute("BEGIN IMMEDIATE")
    reply = await api.post("/organizations", {"name": "Acme"})
    other.close()
    assert (reply.status, reply.body) == (500, {"message": "Internal Server Error"})
    assert "database is locked" in caplog.text
    assert (await api.post("/organizations", {"name": "Acme"})).status == 201


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.1", "example.com", ""])
def test_it_listens_on_loopback_only(db, host):
    with pytest.raises(SandboxError, match="loopback only"):
        Sandbox(db, host=host)


async def test_ipv6_loopback_is_loopback(db, connect):
    async with Sandbox(db, host="::1") as sandbox, connect(sandbox) as api:
        assert sandbox.base_url.startswith("http://[::1]:")
        assert (await api.get("/organizations")).status == 200


async def test_a_port_that_is_taken_is_a_clear_message_and_frees_the_file(db):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(SandboxError, match=f"port {port}.*Give another port"):
            async with Sandbox(db, port=port):
                pytest.fail("it listens")
    async with Sandbox(db):
        pass


async def test_closing_finishes_what_is_in_flight(db, connect, until):
    async with AsyncExitStack() as stack:
        async with Sandbox(db, faults=Faults(latency_ms=200)) as sandbox:
            api = await stack.enter_async_context(connect(sandbox))
            request = asyncio.create_task(api.user(email="ada@example.com"))
            await until(lambda: sandbox.stats.writes)
        assert (await request)["email"] == "ada@example.com"


async def test_requests_are_kept_with_their_bodies_and_outcomes_if_that_is_asked_for(db, connect):
    async with Sandbox(db, record_requests=True) as sandbox, connect(sandbox) as api:
        user = await api.user(email="ann@example.com", password="correct horse battery")
        await api.get("/user_management/users", email="a b@example.com")
        await api.call("GET", "/user_management/users/none", headers={"Authorization": "Bearer x"})
    created, listed, refused = sandbox.requests
    assert (created.method, created.outcome) == ("POST", "201")
    assert created.json == {"email": user["email"], "password": "correct horse battery"}
    assert (listed.path, listed.json) == (
        "/user_management/users?email=a+b@example.com",
        None,
    )
    assert refused.outcome == "401"


async def test_requests_are_not_kept_otherwise(sandbox, api):
    await api.user()
    assert not sandbox.requests
