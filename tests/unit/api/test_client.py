from __future__ import annotations

import asyncio
import traceback

import pytest
from workos import AsyncWorkOSClient

from target_workos_users.api.transport import Stopped
from target_workos_users.exceptions import AccessDenied, Reason, Unreachable
from tests.support.scripted_api import (
    KEY,
    MEMBERSHIPS,
    NEW,
    NOBODY,
    USER,
    USERS,
    Api,
    failure,
)
from tests.support.scripted_server import Drop, Hang, ScriptedServer, reply

CREATE_USER = f"POST {USERS}"
CREATE_MEMBERSHIP = f"POST {MEMBERSHIPS}"
USER_EXISTS = {
    "code": "user_creation_error",
    "message": "Could not create user.",
    "errors": [{"code": "email_not_available", "message": "This email is not available."}],
}
INVALID = {"message": "Validation failed", "code": "invalid_request_parameters"}
FORBIDDEN = {"message": "Forbidden"}


# What isn't sent


@pytest.mark.parametrize("nothing", ["", ".", ".."])
async def test_an_id_that_no_url_can_hold_is_not_found_without_a_request(workos, api, nothing):
    assert await api.get_organization(nothing) is None
    assert await api.find_user_by_external_id(nothing) is None
    assert (await failure(api.update_user(nothing, {}))).reason is Reason.NOT_FOUND
    assert workos.received == []


async def test_text_that_is_not_unicode_is_refused_without_a_request(workos, api):
    for call in (
        api.create_user({"email": "a\ud800@b.c"}),
        api.find_user_by_email("\ud800"),
        api.get_organization("\ud800"),
    ):
        error = await failure(call)
        assert error.reason is Reason.REFUSED
        assert str(error).startswith("its values can't be put into a request")
    assert workos.received == []


def test_the_parts_of_the_sdk_that_are_replaced_for_speed_are_still_there():
    for name in ("_encode_body", "_encode_path"):
        assert hasattr(AsyncWorkOSClient, name)


# What is ambiguous


@pytest.mark.parametrize("first", [Drop(), reply(502, b"<html>")])
async def test_existing_after_a_lost_answer_may_be_our_own_work(first):
    async with ScriptedServer(first, reply(400, USER_EXISTS)) as server, Api(server.url) as api:
        error = await failure(api.create_user(NEW))
    assert (error.reason, error.ambiguous) == (Reason.EMAIL_EXISTS, True)


async def test_existing_at_the_first_attempt_is_not_our_work(workos, api):
    workos.says(CREATE_USER, 400, USER_EXISTS)
    error = await failure(api.create_user(NEW))
    assert (error.reason, error.ambiguous) == (Reason.EMAIL_EXISTS, False)


# Outages


async def test_a_request_that_fails_alone_is_given_up_after_a_look_at_its_endpoint(workos, api):
    workos.says("GET /organizations/org_1", 503, b"<html>", times=3)
    workos.says(f"GET /organizations/{NOBODY}?limit=1", 404, {"message": "Not Found"})
    workos.says(CREATE_USER, 503, times=3, sent=NEW)
    workos.says(CREATE_USER, 422, INVALID, sent={})
    error = await failure(api.get_organization("org_1"))
    assert (error.reason, error.status, error.ambiguous) == (Reason.GAVE_UP, 503, False)
    error = await failure(api.create_user(NEW))
    assert (error.reason, error.ambiguous) == (Reason.GAVE_UP, True)


@pytest.mark.parametrize(
    ("call", "look"),
    [
        (lambda api: api.create_user(NEW), f"POST {USERS}"),
        (lambda api: api.update_user("user_1", NEW), f"PUT {USERS}/{NOBODY}"),
        (lambda api: api.delete_user("user_1"), f"DELETE {USERS}/{NOBODY}"),
        (lambda api: api.find_user_by_email("a@b.c"), f"GET {USERS}?limit=1"),
        (
            lambda api: api.create_membership(
                user_id="user_1", organization_id="org_1", role_slugs=[]
            ),
            f"POST {MEMBERSHIPS}",
        ),
        (
            lambda api: api.create_organization(name="A", external_id="x"),
            "POST /organizations",
        ),
        (
            lambda api: api.update_role("admin", {}, organization_id="org_1"),
            f"PATCH /authorization/organizations/{NOBODY}/roles/{NOBODY}",
        ),
    ],
)
@pytest.mark.parametrize("response", [reply(503), reply(404, b"<html>"), Drop()])
async def test_an_endpoint_that_answers_nothing_stops_the_run(call, look, response):
    name = look.split("?")[0].replace(NOBODY, "{id}")
    async with ScriptedServer(default=response) as server, Api(server.url) as api:
        with pytest.raises(Unreachable) as caught:
            await call(api)
    assert server.requests[3:] == [look] * 3
    assert str(caught.value).startswith("WorkOS can't be reached: ")
    assert f", at attempt 3 of {name}. Check its status page" in str(caught.value)


async def test_a_request_is_sent_once_more_after_an_outage(workos, api):
    workos.says(CREATE_USER, 503, sent=NEW, times=3)
    workos.says(CREATE_USER, 503, sent={}, times=2)
    workos.says(CREATE_USER, 422, INVALID, sent={})
    workos.says(CREATE_USER, 400, USER_EXISTS, sent=NEW)
    error = await failure(api.create_user(NEW))
    assert (error.reason, error.ambiguous) == (Reason.EMAIL_EXISTS, True)


async def test_all_attempts_of_a_write_bear_one_idempotency_key(workos, api):
    workos.says(CREATE_USER, 503, sent=NEW, times=3)
    workos.says(CREATE_USER, 503, sent={})
    workos.says(CREATE_USER, 422, INVALID, sent={})
    workos.says(CREATE_USER, 201, USER, times=2)
    await api.create_user(NEW)
    await api.create_user(NEW)
    sent = [(r.json, r.headers.get("Idempotency-Key")) for r in workos.received]
    first, second = [key for body, key in sent if body][3:]
    assert [key for body, key in sent if body == NEW] == [first] * 4 + [second]
    assert None not in {first, second}
    assert first != second


async def test_requests_that_fail_at_a_time_share_one_look():
    script = [reply(201, USER)] * 5
    async with ScriptedServer(*script, default=reply(503)) as server, Api(server.url) as api:
        await asyncio.gather(*(api.create_user(NEW) for _ in script))  # opens the connections
        calls = [api.create_user(NEW) for _ in script]
        results = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(result) for result in results} == {Unreachable}
    assert len(server.received) == 5 + 5 * 3 + 3


async def test_where_others_are_answered_meanwhile_no_look_is_needed():
    script = [reply(503), reply(503), Hang(), reply(201, USER)]
    async with (
        ScriptedServer(*script, default=reply(500)) as server,
        Api(server.url, request_timeout=0.5) as api,
    ):
        bad = asyncio.create_task(failure(api.create_user(NEW)))
        while len(server.received) < 3:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.001)
        await api.create_user(NEW)
        assert (await bad).reason is Reason.GAVE_UP
    assert len(server.received) == 4


async def test_a_dead_server_stops_the_run():
    async with ScriptedServer() as server, Api(server.url) as api:
        await api.create_user(NEW)
        await server.__aexit__()
        with pytest.raises(Unreachable, match="can't be reached: can't connect to 127"):
            await api.create_user(NEW)


async def test_being_stopped_passes_through_the_sdk(workos, api):
    workos.says(CREATE_USER, 500)
    api.transport.stop_retrying()
    with pytest.raises(Stopped):
        await api.create_user(NEW)


# The key


async def test_a_401_stops_the_run_and_names_the_setting(workos, api):
    workos.says(CREATE_USER, 401, {"message": "Unauthorized"})
    with pytest.raises(AccessDenied, match=r"Unauthorized \(HTTP 401\).*api_key"):
        await api.create_user(NEW)


@pytest.mark.parametrize("code", ["policy_denied", "action_denied", "ip_address_required"])
async def test_users_whom_radar_denies_are_errors_of_their_own_however_many(workos, api, code):
    workos.says(CREATE_USER, 403, {"code": code, "message": "Denied."}, times=7)
    for _ in range(7):
        error = await failure(api.create_user(NEW))
        assert (error.reason, str(error)) == (Reason.REFUSED, f"Denied. (HTTP 403, {code})")


async def test_a_403_of_another_kind_is_the_requests_own_if_the_key_may_do_such_things(workos, api):
    for _ in range(7):
        workos.says(CREATE_MEMBERSHIP, 403, FORBIDDEN)
        workos.says(CREATE_MEMBERSHIP, 422, INVALID, sent={})
    for _ in range(7):
        call = api.create_membership(user_id="user_1", organization_id="org_1", role_slugs=[])
        assert (await failure(call)).reason is Reason.REFUSED


@pytest.mark.parametrize("look", [(503, {}), (403, {"code": "action_denied"})])
async def test_a_look_that_says_nothing_of_the_key_leaves_the_403_to_the_request(workos, api, look):
    workos.says(CREATE_USER, 403, FORBIDDEN, sent=NEW)
    workos.says(CREATE_USER, *look, sent={}, times=3 if look[0] == 503 else 1)
    assert (await failure(api.create_user(NEW))).reason is Reason.REFUSED


@pytest.mark.parametrize("status", [401, 403])
async def test_a_key_that_may_not_do_such_things_stops_the_run_at_the_first_403(
    workos, api, status
):
    workos.says(CREATE_USER, 403, {"message": "Forbidden for a@b.c"}, sent=NEW)
    workos.says(CREATE_USER, status, FORBIDDEN, sent={})
    with pytest.raises(AccessDenied) as caught:
        await api.create_user(NEW)
    assert "HTTP 40" in str(caught.value)
    assert "a@b.c" not in str(caught.value)


# What is shown


async def test_a_redirect_is_an_error_that_points_to_base_url(workos, api):
    workos.says(CREATE_USER, 301, b"", headers={"Location": "https://workos.com/"})
    error = await failure(api.create_user(NEW))
    assert error.reason is Reason.REFUSED
    assert "a redirect to workos.com, which isn't followed: check base_url" in error.message


async def test_no_secret_is_in_an_error_or_its_traceback(workos, api):
    secrets = {
        "password": "hunter2!",
        "password_hash": "$2a$10$abcdefghijkl",
        "totp_secret": "JBSW",
    }
    echo = " ".join([*secrets.values(), KEY])
    workos.says(CREATE_USER, 400, {"message": echo, "errors": [echo, {"value": echo}]})
    error = await failure(api.create_user({"email": "a@b.c", **secrets}))
    shown = "".join(traceback.format_exception(error)) + repr(error)
    assert "[redacted]" in shown
    assert not any(secret in shown for secret in (*secrets.values(), KEY))


async def test_a_secret_quoted_at_a_401_does_not_reach_the_message(workos, api):
    workos.says(f"GET {MEMBERSHIPS}", 401, {"message": f"Bad key {KEY}"})
    with pytest.raises(AccessDenied) as caught:
        await api.list_memberships(user_id="user_1")
    assert KEY not in "".join(traceback.format_exception(caught.value))
