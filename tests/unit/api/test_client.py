from __future__ import annotations

import asyncio
import traceback

import pytest
from workos import AsyncWorkOSClient

from target_workos_users.api.transport import Stopped
from target_workos_users.exceptions import AccessDenied, Reason, Unreachable
from tests.support.scripted_api import KEY, NEW, USER, USER_EXISTS, Api, failure, ok, page
from tests.support.scripted_server import Drop, Reply


@pytest.mark.parametrize("nothing", ["", ".", ".."])
async def test_an_id_that_no_url_can_hold_is_not_found_without_a_request(nothing):
    async with Api() as api:
        assert await api.get_organization(nothing) is None
        assert await api.find_user_by_external_id(nothing) is None
        assert (await failure(api.update_user(nothing, {}))).reason is Reason.NOT_FOUND
    assert api.server.received == []


async def test_text_that_is_not_unicode_is_refused_without_a_request():
    async with Api() as api:
        for call in (
            api.create_user({"email": "a\ud800@b.c"}),
            api.find_user_by_email("\ud800"),
            api.get_organization("\ud800"),
        ):
            assert (await failure(call)).reason is Reason.REFUSED
    assert api.server.received == []


async def test_all_attempts_of_a_write_bear_one_idempotency_key():
    # Three attempts, two looks of which the second is answered, and two attempts more.
    async with Api(*[Reply(503)] * 4, page(), Reply(503), default=ok(USER)) as api:
        await api.create_user(NEW)
        await api.create_user(NEW)
    keys = {"POST": [], "GET": []}
    for request in api.server.received:
        keys[request.method].append(request.headers.get("idempotency-key"))
    *first, second = keys["POST"]
    assert len(first) == 5
    assert len({*first}) == 1
    assert second not in {None, *first}
    assert {*keys["GET"]} == {None}


def test_the_parts_of_the_sdk_that_are_replaced_for_speed_are_still_there():
    for name in ("_encode_body", "_encode_path"):
        assert hasattr(AsyncWorkOSClient, name)


async def test_an_enrollment_whose_answer_was_lost_is_ambiguous_and_sent_once():
    async with Api(Drop()) as api:
        error = await failure(api.enroll_totp("user_1", secret="S", issuer=None, user=None))
    assert (error.reason, error.ambiguous) == (Reason.GAVE_UP, True)
    assert len(api.server.received) == 1


@pytest.mark.parametrize("first", [Drop(), Reply(502, b"<html>")])
async def test_existing_after_a_lost_answer_may_be_our_own_work(first):
    async with Api(first, Reply(400, USER_EXISTS)) as api:
        error = await failure(api.create_user(NEW))
    assert (error.reason, error.ambiguous) == (Reason.EMAIL_EXISTS, True)


async def test_existing_at_the_first_attempt_is_not_our_work():
    async with Api(Reply(400, USER_EXISTS)) as api:
        error = await failure(api.create_user(NEW))
    assert (error.reason, error.ambiguous) == (Reason.EMAIL_EXISTS, False)


async def test_a_request_that_fails_alone_is_given_up_after_a_look():
    async with Api(*[Reply(503, b"<html>")] * 3, *[ok(USER), *[Reply(503)] * 3]) as api:
        error = await failure(api.get_organization("org_1"))
        assert (error.reason, error.status, error.ambiguous) == (Reason.GAVE_UP, 503, False)
        error = await failure(api.create_user(NEW))
    assert (error.reason, error.ambiguous) == (Reason.GAVE_UP, True)
    requests = [request.split("?")[0] for request in api.server.requests]
    assert requests == [
        *["GET /organizations/org_1"] * 3,
        "GET /organizations",
        *["POST /user_management/users"] * 3,
        "GET /user_management/users",
    ]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(503),
        # Pauses for half a minute; tests/stress/faults/test_stops.py has it in virtual time.
        pytest.param(Reply(429), marks=pytest.mark.slow),
        Reply(404, b"<html>"),
        Drop(),
    ],
)
async def test_an_api_that_answers_nothing_stops_the_run(reply):
    async with Api(default=reply) as api:
        with pytest.raises(Unreachable, match=r"can't be reached: .*; then .* at attempt 3 of GET"):
            await api.create_user(NEW)
    assert len(api.server.received) == 6


async def test_a_request_is_sent_once_more_after_an_outage():
    async with Api(*[Reply(503)] * 5, page(), Reply(400, USER_EXISTS)) as api:
        error = await failure(api.create_user(NEW))
    assert (error.reason, error.ambiguous) == (Reason.EMAIL_EXISTS, True)
    assert [request[:4] for request in api.server.requests] == [
        *["POST"] * 3,
        *["GET "] * 3,
        "POST",
    ]


async def test_requests_that_fail_at_a_time_share_one_look():
    async with Api(default=Reply(503)) as api:
        calls = [api.create_user(NEW) for _ in range(5)]
        results = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(result) for result in results} == {Unreachable}
    assert sum(request.startswith("GET") for request in api.server.requests) == 3


async def test_a_401_stops_the_run_and_names_the_setting():
    async with Api(Reply(401, {"message": "Unauthorized"})) as api:
        with pytest.raises(AccessDenied, match=r"Unauthorized \(HTTP 401\).*api_key"):
            await api.create_user(NEW)


async def test_the_fifth_403_without_a_success_between_stops_the_run():
    forbidden = Reply(403, {"message": "Forbidden"})
    async with Api(*[forbidden] * 4, ok(USER), default=forbidden) as api:
        for _ in range(4):
            assert (await failure(api.create_user(NEW))).reason is Reason.REFUSED
        await api.create_user(NEW)
        for _ in range(4):
            assert (await failure(api.create_user(NEW))).reason is Reason.REFUSED
        with pytest.raises(AccessDenied, match="5 requests in a row"):
            await api.create_user(NEW)


async def test_a_dead_server_stops_the_run():
    async with Api(ok(USER)) as api:
        await api.create_user(NEW)
        await api.server.__aexit__()
        with pytest.raises(Unreachable, match="can't be reached: can't connect to 127"):
            await api.create_user(NEW)


async def test_a_redirect_is_an_error_that_points_to_base_url():
    async with Api(Reply(301, b"", (("Location", "https://workos.com/"),))) as api:
        error = await failure(api.create_user({}))
    assert error.reason is Reason.REFUSED
    assert "a redirect to workos.com, which isn't followed: check base_url" in error.message


async def test_being_stopped_passes_through_the_sdk():
    async with Api(Reply(500)) as api:
        api.transport.stop_retrying()
        with pytest.raises(Stopped):
            await api.create_user({})


async def test_no_secret_is_in_an_error_or_its_traceback():
    secrets = {
        "password": "hunter2!",
        "password_hash": "$2a$10$abcdefghijkl",
        "totp_secret": "JBSW",
    }
    echo = " ".join([*secrets.values(), KEY])
    async with Api(Reply(400, {"message": echo, "errors": [echo, {"value": echo}]})) as api:
        error = await failure(api.create_user({"email": "a@b.c", **secrets}))
    shown = "".join(traceback.format_exception(error)) + repr(error)
    assert "[redacted]" in shown
    assert not any(secret in shown for secret in (*secrets.values(), KEY))


async def test_a_secret_quoted_at_a_401_does_not_reach_the_message():
    async with Api(Reply(401, {"message": f"Bad key {KEY}"})) as api:
        with pytest.raises(AccessDenied) as caught:
            await api.list_memberships(user_id="user_1")
    assert KEY not in str(caught.value)
