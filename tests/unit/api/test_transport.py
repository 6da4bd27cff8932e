from __future__ import annotations

import asyncio
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_workos_users.api.pacing import Pacer
from target_workos_users.api.response import ErrorResponse, NoResponse, Redirected
from target_workos_users.api.transport import Stopped, Transport, longest_backoff
from tests.support.scripted_server import OK, Cut, Drop, Hang, ScriptedServer, reply

CREATE_USER = "POST /user_management/users"
UPDATE_USER = "PUT /user_management/users/user_1"
FIND_USER = "GET /user_management/users"
ENROLL_TOTP = "POST /user_management/users/user_1/auth_factors"
HTML = b"<html>We'll be right back</html>"
RETRIED = [408, 425, 429, 500, 501, 502, 503, 504, 520, 530]


class Sender:
    """A transport to a server."""

    def __init__(self, url, *, rate_limit=1e6, in_flight=20, backoff=0.0):
        pacer = Pacer(rate_limit=rate_limit, in_flight=in_flight)
        self.transport = Transport(pacer, max_retries=2, backoff=lambda _: backoff)
        self.stats = self.transport.stats
        self.url = url

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.transport.close()

    async def send(self, request, *, seconds=30.0, **more):
        """The last response, whatever its status."""
        method, path = request.split(" ")
        content = None if method == "GET" else b"{}"
        try:
            return await self.transport.request(
                method, self.url + path, headers={}, content=content, timeout=seconds, **more
            )
        except ErrorResponse as failure:
            return failure.response


@pytest.fixture
async def client(workos):
    async with Sender(workos.url) as opened:
        yield opened


async def until(condition):
    while not condition():  # noqa: ASYNC110 - what is waited for has no event
        await asyncio.sleep(0.01)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize("status", RETRIED)
async def test_overload_and_server_errors_are_retried(workos, client, status):
    workos.says(CREATE_USER, status)
    workos.says(CREATE_USER, 200, {"id": "user_1"})
    response = await client.send(CREATE_USER)
    assert (response.status_code, response.json()) == (200, {"id": "user_1"})
    assert client.stats.answers == {(CREATE_USER, status): 1, (CREATE_USER, 200): 1}
    assert (client.stats.attempts, client.stats.retried) == (2, 1)
    assert client.stats.refused == (status == 429)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
async def test_other_refusals_are_never_retried(workos, client, status):
    workos.says(CREATE_USER, status, {"message": "No."})
    response = await client.send(CREATE_USER)
    assert (response.status_code, response.ambiguous) == (status, False)


@pytest.mark.parametrize(("status", "body"), [(404, HTML), (200, HTML), (200, b""), (204, b"")])
async def test_a_page_of_something_on_the_way_is_no_response(workos, client, status, body):
    workos.says(FIND_USER, status, body)
    workos.says(FIND_USER, 200, {"id": "user_1"})
    response = await client.send(FIND_USER)
    assert response.json() == {"id": "user_1"}
    assert (response.attempt, client.stats.retried) == (2, 1)


@pytest.mark.parametrize("body", [HTML, b"", b"[]", b"null", b"[" * 100_000, b'{"a":"\xff"}'])
async def test_a_write_whose_success_is_no_json_object_may_have_taken_effect(workos, client, body):
    workos.says(CREATE_USER, 201, body, times=3)
    with pytest.raises(NoResponse, match=r"HTTP 201 without WorkOS's JSON, at attempt 3") as lost:
        await client.send(CREATE_USER)
    assert lost.value.ambiguous


async def test_a_deletion_needs_no_body(workos, client):
    workos.says("DELETE /user_management/users/user_1", 200, b"")
    response = await client.send("DELETE /user_management/users/user_1")
    assert (response.status_code, response.attempt) == (200, 1)


async def test_the_last_response_comes_back_when_the_retries_are_used_up(workos, client):
    workos.says(FIND_USER, 503, times=3)
    response = await client.send(FIND_USER)
    assert (response.status_code, response.attempt) == (503, 3)


@pytest.mark.parametrize("fault", [Drop(), Cut(), Hang()])
@pytest.mark.parametrize("request_", [CREATE_USER, UPDATE_USER, FIND_USER])
async def test_a_lost_response_is_retried_and_makes_a_write_ambiguous(fault, request_):
    refusal = reply(400, {"message": "No."})
    async with ScriptedServer(fault, refusal) as server, Sender(server.url) as client:
        response = await client.send(request_, seconds=1 if isinstance(fault, Hang) else 30)
    assert response.status_code == 400
    assert response.ambiguous == (request_ is not FIND_USER)
    assert client.stats.lost.total() == client.stats.retried == 1


@pytest.mark.parametrize(("request_", "ambiguous"), [(CREATE_USER, True), (FIND_USER, False)])
async def test_a_server_error_makes_a_write_ambiguous(workos, client, request_, ambiguous):
    workos.says(request_, 500)
    workos.says(request_, 400, {"message": "No."})
    assert (await client.send(request_)).ambiguous is ambiguous


async def test_a_refused_connection_is_not_ambiguous():
    async with Sender(f"http://127.0.0.1:{free_port()}") as client:
        with pytest.raises(
            NoResponse, match=r"can't connect to 127.*at attempt 3 of POST"
        ) as caught:
            await client.send(CREATE_USER)
    assert not caught.value.ambiguous
    assert client.stats.lost.total() == 3


async def test_a_message_about_a_lost_request_never_shows_its_url():
    async with ScriptedServer(default=Drop()) as server, Sender(server.url) as client:
        with pytest.raises(NoResponse) as caught:
            await client.send(f"{FIND_USER}?email=a%40b.c")
    assert "email" not in str(caught.value)


@pytest.mark.parametrize("fault", [Drop(), Cut(), reply(500)])
async def test_an_enrollment_that_may_have_taken_effect_is_not_sent_again(fault):
    async with ScriptedServer(fault) as server, Sender(server.url) as client:
        try:
            ambiguous = (await client.send(ENROLL_TOTP)).ambiguous
        except NoResponse as loss:
            ambiguous = loss.ambiguous
    assert ambiguous
    assert client.stats.attempts == 1


@pytest.mark.parametrize("fault", [Drop(), reply(500)])
async def test_an_enrollment_that_can_have_no_effect_is_sent_again(fault):
    async with ScriptedServer(fault) as server, Sender(server.url) as client:
        assert (await client.send(ENROLL_TOTP, has_effect=False)).attempt == 2


@pytest.mark.parametrize("status", [408, 425, 429])
async def test_an_enrollment_that_had_no_effect_is_sent_again(workos, client, status):
    workos.says(ENROLL_TOTP, status)
    workos.says(ENROLL_TOTP, 201, {"id": "auth_factor_1"})
    assert (await client.send(ENROLL_TOTP)).status_code == 201


@pytest.mark.parametrize("request_", [FIND_USER, UPDATE_USER, CREATE_USER])
async def test_a_reused_connection_that_is_lost_costs_one_counted_retry(request_):
    async with ScriptedServer(OK, Drop()) as server, Sender(server.url) as client:
        for _ in range(2):
            assert (await client.send(request_)).status_code == 200
    assert server.connections == 2
    assert len(server.received) == client.stats.attempts == 3
    assert client.stats.retried == 1


async def test_two_429s_in_a_row_pause_everything_even_if_retry_after_is_zero():
    refusal = reply(429, {}, "Retry-After: 0")
    async with ScriptedServer(OK, OK, refusal, refusal) as server, Sender(server.url) as client:
        await asyncio.gather(client.send(FIND_USER), client.send(FIND_USER))  # opens connections
        writes = [asyncio.create_task(client.send(CREATE_USER)) for _ in range(2)]
        await until(lambda: client.stats.refused == 2)
        await asyncio.gather(*writes, client.send(FIND_USER), client.send("GET /organizations/o"))
    _, _, *refused, first, second, third, fourth = [request.at for request in server.received]
    assert min(first, second, third, fourth) - max(refused) >= 0.99


async def test_a_429_that_says_when_to_come_back_pauses_everything():
    async with (
        ScriptedServer(reply(429, {"retry_after": 1})) as server,
        Sender(server.url) as client,
    ):
        first = asyncio.create_task(client.send(CREATE_USER))
        await until(lambda: client.stats.refused)
        await asyncio.gather(first, client.send(FIND_USER))
    refused, *others = server.received
    assert all(other.at - refused.at >= 0.99 for other in others)


async def test_a_503_with_retry_after_pauses_everything():
    busy = reply(503, {}, "Retry-After: 1")
    async with ScriptedServer(busy) as server, Sender(server.url) as client:
        await client.send(CREATE_USER)
    assert server.received[1].at - server.received[0].at >= 0.99


@pytest.mark.parametrize("request_", [FIND_USER, "DELETE /user_management/users/user_1"])
async def test_a_response_that_is_none_is_a_lost_one(request_):
    switching = reply(101, b"", "Connection: upgrade", "Upgrade: x")
    async with ScriptedServer(switching) as server, Sender(server.url) as client:
        assert (await client.send(request_)).status_code == 200
    assert (client.stats.lost.total(), client.stats.retried) == (1, 1)


async def test_a_redirect_is_an_error_and_not_followed(workos, client):
    workos.says(CREATE_USER, 307, b"", headers={"Location": "http://other.test/x?key=1"})
    with pytest.raises(Redirected, match=r"HTTP 307, a redirect to other.test$"):
        await client.send(CREATE_USER)


async def test_paced_requests_share_a_connection_and_send_no_cookies():
    cookie = reply(200, {"id": "user_1"}, "Set-Cookie: session=1")
    async with (
        ScriptedServer(default=cookie) as server,
        Sender(server.url, rate_limit=100) as client,
    ):
        for _ in range(20):
            await client.send(CREATE_USER)
    assert server.connections == 1
    assert not any("cookie" in request.headers for request in server.received)
    # 0.19 s, but for what the first connection took.
    assert server.received[19].at - server.received[0].at >= 0.1
    assert client.stats.last_write_at - client.stats.first_write_at >= 0.18


async def test_no_more_requests_are_in_flight_than_allowed():
    async with (
        ScriptedServer(default=Hang()) as server,
        Sender(server.url, in_flight=3) as client,
    ):
        sending = [asyncio.create_task(client.send(FIND_USER)) for _ in range(10)]
        await asyncio.sleep(0.3)
        assert len(server.received) == 3
        for task in sending:
            task.cancel()
        await asyncio.gather(*sending, return_exceptions=True)


async def test_stopping_ends_a_retry_that_waits_at_once(workos):
    workos.says(CREATE_USER, 500)
    async with Sender(workos.url, backoff=1e6) as client:
        sending = asyncio.create_task(client.send(CREATE_USER))
        await until(lambda: client.stats.attempts)
        await asyncio.sleep(0.05)
        client.transport.stop_retrying()
        with pytest.raises(Stopped):
            await asyncio.wait_for(sending, 10)


async def test_stopping_again_while_a_deadline_passes_is_fine(workos):
    workos.says(FIND_USER, 503)
    async with Sender(workos.url, backoff=1e6) as client:
        waiting = asyncio.create_task(client.send(FIND_USER))
        await until(lambda: client.stats.attempts)
        await asyncio.sleep(0.05)
        asyncio.get_running_loop().call_soon(client.transport.stop_retrying)
        await asyncio.sleep(0)
        client.transport.stop_retrying()
        with pytest.raises(Stopped):
            await waiting


async def test_after_stopping_first_attempts_go_on_and_retries_do_not(workos, client):
    workos.says(CREATE_USER, 200, {"id": "user_1"})
    workos.says(CREATE_USER, 500)
    client.transport.stop_retrying()
    assert (await client.send(CREATE_USER)).status_code == 200
    with pytest.raises(Stopped):
        await client.send(CREATE_USER)


async def test_an_endpoint_that_says_no_is_one_that_says_something(workos, client):
    workos.says(CREATE_USER, 422, {"message": "No."})
    workos.says(FIND_USER, 503, times=3)
    for request in (CREATE_USER, FIND_USER):
        await client.send(request)
    assert client.transport.answered_since(CREATE_USER, 0.0)
    assert not client.transport.answered_since(CREATE_USER, float("inf"))
    assert not client.transport.answered_since(FIND_USER, 0.0)


@given(st.integers(0, 5_000))
def test_backoff_never_exceeds_half_a_minute(attempt):
    assert longest_backoff(attempt) == min(2.0 ** min(attempt, 9), 30)


def test_five_retries_after_a_429_outlast_workoss_longest_window():
    assert sum(2 * longest_backoff(attempt) for attempt in range(5)) > 60
