from __future__ import annotations

import socket
import sqlite3
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from workos_sandbox import Faults, Sandbox, SandboxError


@pytest.mark.parametrize("key", [None, "Bearer sk_test_other", "sk_test_sandbox", "Bearer "])
def test_without_the_key_it_is_a_401_without_a_code(api, key):
    headers = {} if key is None else {"Authorization": key}
    if key is None:
        del api.session.headers["Authorization"]
    reply = api.call("GET", "/user_management/users", headers=headers)
    assert (reply.status, reply.body) == (401, {"message": "Unauthorized"})


def test_another_key_can_be_asked_for(db, run):
    with run(db, api_key="sk_test_mine") as (_, api):
        assert api.get("/organizations").status == 200
        other = {"Authorization": "Bearer sk_test_sandbox"}
        assert api.call("GET", "/organizations", headers=other).status == 401


@pytest.mark.parametrize("path", ["/organizations", "/organizations/org_0", "/nowhere"])
def test_every_answer_has_a_request_id_of_its_own(api, path):
    replies = [api.get(path), api.get(path)]
    ids = {uuid.UUID(reply.headers["X-Request-Id"]) for reply in replies}
    assert len(ids) == 2
    assert replies[0].headers["Content-Type"] == "application/json; charset=utf-8"
    assert not [name for name in replies[0].headers if name.startswith("X-RateLimit")]


@pytest.mark.parametrize("body", [b"{", b"[]", b'"text"', b"\xff", b'{"email":}'])
def test_a_body_that_is_no_json_object_is_a_400(api, body):
    reply = api.call("POST", "/user_management/users", data=body)
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
def test_what_the_sandbox_does_not_have_is_a_bare_404(api, method, path):
    reply = api.call(method, path)
    assert (reply.status, reply.body) == (404, {"message": "Not Found"})


def test_a_file_that_cannot_be_used_is_a_500_and_not_a_crash(api, db, caplog):
    with closing(sqlite3.connect(db, isolation_level=None)) as other:
        other.execute("ALTER TABLE organizations RENAME TO gone")
        reply = api.post("/organizations", {"name": "Acme"})
        assert (reply.status, reply.body) == (500, {"message": "Internal Server Error"})
        assert "no such table: organizations" in caplog.text
        other.execute("ALTER TABLE gone RENAME TO organizations")
    api.organization()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.1", "example.com", ""])
def test_it_listens_on_loopback_only(db, host):
    with pytest.raises(SandboxError, match="loopback only"):
        Sandbox(db, host=host)


def test_ipv6_loopback_is_loopback(db, run):
    with run(db, host="::1") as (sandbox, api):
        assert sandbox.base_url.startswith("http://[::1]:")
        assert api.get("/organizations").status == 200


def test_a_port_that_is_taken_is_a_clear_message_and_frees_the_file(db, run):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with (
            pytest.raises(SandboxError, match=f"port {port}.*Give another port"),
            run(db, port=port),
        ):
            pytest.fail("it listens")
    with run(db):
        pass


def test_closing_finishes_what_is_in_flight(db, run, until):
    with ThreadPoolExecutor() as pool:
        with run(db, faults=Faults(latency_ms=200)) as (sandbox, api):
            request = pool.submit(api.user, email="ada@example.com")
            until(lambda: sandbox.counts.writes)
        assert request.result()["email"] == "ada@example.com"


def test_requests_are_kept_with_their_bodies_and_outcomes_if_that_is_asked_for(db, run):
    with run(db, record_requests=True) as (sandbox, api):
        user = api.user(email="ann@example.com", password="correct horse battery")
        api.get("/user_management/users", email="a b@example.com")
        api.call("GET", "/user_management/users/none", headers={"Authorization": "Bearer x"})
    created, listed, refused = sandbox.requests
    assert (created.method, created.outcome) == ("POST", "201")
    assert created.json == {"email": user["email"], "password": "correct horse battery"}
    assert (listed.path, listed.json) == (
        "/user_management/users?email=a+b%40example.com",
        None,
    )
    assert refused.outcome == "401"


def test_requests_are_not_kept_otherwise(sandbox, api):
    api.user()
    assert not sandbox.requests
