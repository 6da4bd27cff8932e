from __future__ import annotations

import asyncio
import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_workos_users.api import attempt
from target_workos_users.api.attempt import NoAnswer, Redirected
from target_workos_users.api.transport import Stopped, Transport, full_jitter, retry_after_seconds
from tests.support.scripted_server import Cut, Drop, Hang, Reply, ScriptedServer

CREATE_USER = "POST", "/user_management/users"
UPDATE_USER = "PUT", "/user_management/users/user_1"
FIND_USER = "GET", "/user_management/users?email=a%40b.c"
ENROLL_TOTP = "POST", "/user_management/users/user_1/auth_factors"
OK = Reply(200, {"id": "user_1"})
RETRIED = [408, 429, 500, 501, 502, 503, 504, 520, 530]


class Sender:
    """A transport and the server it talks to."""

    def __init__(self, server, **changes):
        given = {"rate_limit": 1e6, "max_retries": 2, "concurrency": 20, "backoff": lambda _: 0.0}
        self.transport = Transport(**given | changes)
        self.stats = self.transport.stats
        self.url = server.url

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.transport.close()

    async def send(self, method, path, *, seconds=30.0):
        content = None if method == "GET" else b"{}"
        headers = {"Authorization": "Bearer sk_test"}
        return await self.transport.request(
            method, self.url + path, headers=headers, content=content, timeout=seconds
        )


async def until(condition):
    while not condition():  # noqa: ASYNC110 - what is waited for has no event
        await asyncio.sleep(0.01)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize("status", RETRIED)
async def test_overload_and_server_errors_are_retried(status):
    async with ScriptedServer(Reply(status)) as server, Sender(server) as client:
        answer = await client.send(*CREATE_USER)
    assert answer.status_code == 200
    assert answer.json() == {"id": "user_1"}
    assert server.requests == ["POST /user_management/users"] * 2
    kind = "POST /user_management/users"
    assert client.stats.answers == {(kind, status): 1, (kind, 200): 1}
    assert (client.stats.attempts, client.stats.retried) == (2, 1)
    assert client.stats.refused == (status == 429)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
async def test_other_refusals_are_never_retried(status):
    refusal = Reply(status, {"message": "No."})
    async with ScriptedServer(refusal) as server, Sender(server) as client:
        answer = await client.send(*CREATE_USER)
    assert (answer.status_code, answer.ambiguous) == (status, False)
    assert client.stats.attempts == 1


HTML = b"<html>We'll be right back</html>"


@pytest.mark.parametrize("reply", [Reply(404, HTML), Reply(200, HTML), Reply(200, b""), Reply(204)])
async def test_a_page_of_something_on_the_way_is_no_answer(reply):
    async with ScriptedServer(reply) as server, Sender(server) as client:
        answer = await client.send(*FIND_USER)
    assert answer.json() == {"id": "user_1"}
    assert (answer.attempt, client.stats.retried) == (2, 1)


@pytest.mark.parametrize("body", [HTML, b"", b"[]", b"null", b"[" * 100_000, b'{"a":"\xff"}'])
async def test_a_write_whose_success_is_no_json_object_may_have_taken_effect(body):
    async with ScriptedServer(default=Reply(201, body)) as server, Sender(server) as client:
        with pytest.raises(NoAnswer, match=r"HTTP 201 without WorkOS's JSON, at attempt 3") as lost:
            await client.send(*CREATE_USER)
    assert lost.value.ambiguous


async def test_a_deletion_needs_no_body():
    async with ScriptedServer(Reply(200, b"")) as server, Sender(server) as client:
        answer = await client.send("DELETE", "/user_management/users/user_1")
    assert (answer.status_code, answer.attempt) == (200, 1)


async def test_the_last_answer_comes_back_when_the_retries_are_used_up():
    async with ScriptedServer(default=Reply(503)) as server, Sender(server) as client:
        answer = await client.send(*FIND_USER)
    assert answer.status_code == 503
    assert client.stats.attempts == 3


@pytest.mark.parametrize("fault", [Drop(), Cut(), Hang()])
@pytest.mark.parametrize("request_", [CREATE_USER, UPDATE_USER, FIND_USER])
async def test_a_lost_answer_is_retried_and_makes_a_write_ambiguous(fault, request_):
    async with ScriptedServer(fault, Reply(400)) as server, Sender(server) as client:
        answer = await client.send(*request_, seconds=1 if isinstance(fault, Hang) else 30)
    assert answer.status_code == 400
    assert answer.ambiguous == (request_ is not FIND_USER)
    assert client.stats.lost.total() == client.stats.retried == 1


@pytest.mark.parametrize(("request_", "ambiguous"), [(CREATE_USER, True), (FIND_USER, False)])
async def test_a_server_error_makes_a_write_ambiguous(request_, ambiguous):
    async with ScriptedServer(Reply(500), Reply(400)) as server, Sender(server) as client:
        answer = await client.send(*request_)
    assert answer.ambiguous is ambiguous


async def test_a_refused_connection_is_not_ambiguous():
    async with ScriptedServer() as server, Sender(server) as client:
        client.url = f"http://127.0.0.1:{free_port()}"
        with pytest.raises(NoAnswer, match=r"can't connect to 127.*at attempt 3 of POST") as caught:
            await client.send(*CREATE_USER)
    assert not caught.value.ambiguous
    assert client.stats.lost.total() == 3


async def test_a_message_about_a_lost_request_never_shows_its_url():
    async with ScriptedServer(default=Drop()) as server, Sender(server) as client:
        with pytest.raises(NoAnswer) as caught:
            await client.send(*FIND_USER)
    assert "email" not in str(caught.value)


@pytest.mark.parametrize("fault", [Drop(), Cut(), Reply(500)])
async def test_an_enrollment_that_may_have_taken_effect_is_not_sent_again(fault):
    async with ScriptedServer(fault) as server, Sender(server) as client:
        try:
            ambiguous = (await client.send(*ENROLL_TOTP)).ambiguous
        except NoAnswer as loss:
            ambiguous = loss.ambiguous
    assert ambiguous
    assert client.stats.attempts == 1


@pytest.mark.parametrize("status", [408, 429])
async def test_an_enrollment_that_had_no_effect_is_sent_again(status):
    async with ScriptedServer(Reply(status)) as server, Sender(server) as client:
        assert (await client.send(*ENROLL_TOTP)).status_code == 200


@pytest.mark.parametrize("request_", [FIND_USER, UPDATE_USER, CREATE_USER], ids=lambda r: r[0])
async def test_a_reused_connection_that_is_lost_costs_one_counted_retry(request_):
    async with ScriptedServer(OK, Drop()) as server, Sender(server) as client:
        for _ in range(2):
            assert (await client.send(*request_)).status_code == 200
    assert server.connections == 2
    assert len(server.received) == client.stats.attempts == 3
    assert client.stats.retried == 1


async def test_after_a_429_everything_pauses_even_if_retry_after_is_zero():
    refusal = Reply(429, headers=(("Retry-After", "0"),))
    async with ScriptedServer(refusal) as server, Sender(server) as client:
        first = asyncio.create_task(client.send(*CREATE_USER))
        await until(lambda: client.stats.refused)
        await asyncio.gather(first, client.send(*FIND_USER), client.send("GET", "/organizations/o"))
    refused, *others = server.received
    assert all(other.at - refused.at >= 1 for other in others)


async def test_a_503_with_retry_after_pauses_everything():
    busy = Reply(503, headers=(("Retry-After", "1"),))
    async with ScriptedServer(busy) as server, Sender(server) as client:
        await client.send(*CREATE_USER)
    assert server.received[1].at - server.received[0].at >= 0.99


@pytest.mark.parametrize("request_", [FIND_USER, ("DELETE", "/user_management/users/user_1")])
async def test_an_answer_that_is_none_is_a_lost_one(request_):
    switching = Reply(101, b"", (("Connection", "upgrade"), ("Upgrade", "x")))
    async with ScriptedServer(switching) as server, Sender(server) as client:
        assert (await client.send(*request_)).status_code == 200
    assert (client.stats.lost.total(), client.stats.retried) == (1, 1)


async def test_a_redirect_is_an_error_and_not_followed():
    async with ScriptedServer() as other, ScriptedServer() as server, Sender(server) as client:
        server.script.append(Reply(307, headers=(("Location", f"{other.url}/x?key=1"),)))
        with pytest.raises(Redirected, match=rf"HTTP 307, a redirect to 127.0.0.1:{other.port}$"):
            await client.send(*CREATE_USER)
    assert other.received == []


async def test_paced_requests_share_a_connection_and_send_no_cookies():
    cookie = Reply(200, {"id": "user_1"}, (("Set-Cookie", "session=1"),))
    async with ScriptedServer(default=cookie) as server, Sender(server, rate_limit=100) as client:
        for _ in range(20):
            await client.send(*CREATE_USER)
    assert server.connections == 1
    assert not any("cookie" in request.headers for request in server.received)
    # 0.19 s, but for what the first connection took.
    assert server.received[19].at - server.received[0].at >= 0.1
    assert client.stats.last_write_at - client.stats.first_write_at >= 0.18


async def test_no_more_requests_are_in_flight_than_allowed():
    async with ScriptedServer(default=Hang()) as server, Sender(server, concurrency=3) as client:
        sending = [asyncio.create_task(client.send(*FIND_USER)) for _ in range(10)]
        await asyncio.sleep(0.3)
        assert len(server.received) == 3
        for task in sending:
            task.cancel()
        await asyncio.gather(*sending, return_exceptions=True)


async def test_stopping_ends_a_retry_that_waits_at_once():
    async with (
        ScriptedServer(Reply(500)) as server,
        Sender(server, backoff=lambda _: 3600.0) as client,
    ):
        sending = asyncio.create_task(client.send(*CREATE_USER))
        await until(lambda: client.stats.attempts)
        await asyncio.sleep(0.05)
        client.transport.stop_retrying()
        with pytest.raises(Stopped):
            await asyncio.wait_for(sending, 10)


async def test_stopping_again_while_a_deadline_passes_is_fine():
    loop = asyncio.get_running_loop()
    async with (
        ScriptedServer(default=Reply(503)) as server,
        Sender(server, backoff=lambda _: 60.0) as client,
    ):
        waiting = asyncio.create_task(client.send(*FIND_USER))
        await until(lambda: client.stats.attempts)
        await asyncio.sleep(0.05)
        loop.call_soon(client.transport.stop_retrying)
        await asyncio.sleep(0)
        client.transport.stop_retrying()
        with pytest.raises(Stopped):
            await waiting


async def test_after_stopping_first_attempts_go_on_and_retries_do_not():
    async with ScriptedServer(OK, Reply(500)) as server, Sender(server) as client:
        client.transport.stop_retrying()
        assert (await client.send(*CREATE_USER)).status_code == 200
        with pytest.raises(Stopped):
            await client.send(*CREATE_USER)
    assert client.stats.attempts == 2


@pytest.fixture
def environment(monkeypatch):
    """Sets variables that name proxies; they are read once a process."""
    attempt._proxy_for.cache_clear()
    yield monkeypatch.setenv
    attempt._proxy_for.cache_clear()


@pytest.mark.parametrize("prefix", ["http://", "http://user:word@", ""])
async def test_a_proxy_named_by_the_environment_is_used_and_never_sees_the_key(environment, prefix):
    async with ScriptedServer(default=Reply(502)) as proxy, Sender(proxy) as client:
        environment("https_proxy", f"{prefix}127.0.0.1:{proxy.port}")
        environment("no_proxy", "localhost")
        client.url = "https://workos.test"
        with pytest.raises(NoAnswer, match=r"can't connect to workos.test .*tunnel") as caught:
            await client.send(*CREATE_USER)
    assert not caught.value.ambiguous
    assert proxy.requests == ["CONNECT workos.test:443"] * 3
    assert ("proxy-authorization" in proxy.received[0].headers) == ("@" in prefix)
    assert "authorization" not in proxy.received[0].headers


@pytest.mark.parametrize(
    ("proxy", "text"),
    [
        ("socks5://user:word@127.0.0.1:1", "https_proxy in the environment is no URL of an HTTP"),
        ("http://", "https_proxy in the environment is no URL of an HTTP"),
        ("http://[word", "https_proxy in the environment is no URL of an HTTP"),
        ("http://user:word@127.0.0.1:1", "can't connect to the proxy that https_proxy names"),
    ],
)
async def test_a_proxy_that_cannot_be_used_is_told_of_by_its_variable(environment, proxy, text):
    async with ScriptedServer() as server, Sender(server, max_retries=0) as client:
        environment("https_proxy", proxy)
        client.url = "https://workos.test"
        with pytest.raises(NoAnswer) as caught:
            await client.send(*CREATE_USER)
    assert not caught.value.ambiguous
    assert str(caught.value).startswith(text)
    assert "word" not in str(caught.value)


async def test_plain_http_and_hosts_in_no_proxy_are_asked_for_directly(environment):
    async with ScriptedServer() as proxy, ScriptedServer() as server, Sender(server) as client:
        for name in ("http_proxy", "https_proxy"):
            environment(name, f"http://127.0.0.1:{proxy.port}")
        environment("no_proxy", "workos.invalid")
        await client.send(*CREATE_USER)
        client.url = "https://workos.invalid"
        with pytest.raises(NoAnswer, match=r"can't connect to workos\.invalid"):
            await client.send(*CREATE_USER)
    assert (len(server.requests), proxy.requests) == (1, [])


@given(st.integers(0, 5_000))
def test_backoff_never_exceeds_half_a_minute(attempt):
    assert 0 <= full_jitter(attempt) <= min(2.0 ** min(attempt, 9), 30)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("0", 0), ("7", 7), ("2.5", 2.5), ("-3", 0), ("86400", 60), ("nan", 0), ("inf", 0), ("x", 0)],
)
def test_retry_after_is_read_and_bounded(value, seconds):
    assert retry_after_seconds({"Retry-After": value}) == seconds
    assert retry_after_seconds({}) == 0


def test_retry_after_may_be_a_date():
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)
    assert 30 <= retry_after_seconds({"Retry-After": date}) <= 40


@given(st.text())
def test_whatever_retry_after_says_is_survived(value):
    assert 0 <= retry_after_seconds({"Retry-After": value}) <= 60
