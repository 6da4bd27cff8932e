from __future__ import annotations

import asyncio
import traceback

import pytest

from target_workos_users.api.transport import Stopped, Transport
from target_workos_users.api.workos_api import WorkOS
from target_workos_users.exceptions import AccessDenied, ApiError, Reason, Unreachable
from tests.scripted_server import Drop, Reply, ScriptedServer

KEY = "sk_test_0123456789abcdef"
USER = {"id": "user_1", "email": "a@b.c", "external_id": "x"}
NEW = {"email": "a@b.c"}
USER_EXISTS = {
    "code": "user_creation_error",
    "message": "Could not create user.",
    "errors": [{"code": "email_not_available", "message": "This email is not available."}],
}


class Api(WorkOS):
    """The calls, on a server with a script."""

    def __init__(self, *script, default=None):
        self.server = ScriptedServer(*script, default=default)

    async def __aenter__(self):
        await self.server.__aenter__()
        transport = Transport(rate_limit=1e6, max_retries=2, concurrency=5, backoff=lambda _: 0.0)
        super().__init__(
            api_key=KEY, base_url=self.server.url, transport=transport, request_timeout=30.0
        )
        return self

    async def __aexit__(self, *_):
        await self.close()
        await self.server.__aexit__()

    @property
    def sent(self):
        return self.server.received[-1]


def ok(body):
    return Reply(200, body)


def page(*items, after=None):
    return ok({"object": "list", "data": list(items), "list_metadata": {"after": after}})


async def failure(call):
    with pytest.raises(ApiError) as caught:
        await call
    return caught.value


async def test_a_user_is_created_with_the_fields_as_given():
    fields = {"email": "a@b.c", "name": "Zoë", "metadata": {"k": "v"}, "email_verified": True}
    async with Api(Reply(201, USER)) as api:
        assert await api.create_user(fields) == USER
    assert api.server.requests == ["POST /user_management/users"]
    assert api.sent.json == fields
    assert api.sent.headers["authorization"] == f"bearer {KEY}"
    assert api.sent.headers["content-type"] == "application/json"


async def test_a_user_is_updated_and_deleted():
    async with Api(ok(USER), Reply(200, b"")) as api:
        assert await api.update_user("user_1", {"name": "Z"}) == USER
        assert api.sent.json == {"name": "Z"}
        await api.delete_user("user_1")
    assert api.server.requests == [
        "PUT /user_management/users/user_1",
        "DELETE /user_management/users/user_1",
    ]


async def test_deleting_a_user_that_is_gone_is_fine():
    async with Api(Reply(404, {"message": "User not found: 'user_1'."})) as api:
        await api.delete_user("user_1")


async def test_a_user_that_may_not_be_deleted_is_refused():
    async with Api(Reply(409, {"code": "user_deletion_not_allowed", "message": "No."})) as api:
        error = await failure(api.delete_user("user_1"))
    assert (error.reason, str(error)) == (
        Reason.REFUSED,
        "No. (HTTP 409, user_deletion_not_allowed)",
    )


async def test_a_user_is_found_by_email_in_lower_case():
    async with Api(page({"id": "user_1", "email": "A+1@b.c"}), page()) as api:
        assert (await api.find_user_by_email(" A+1@B.c "))["id"] == "user_1"
        assert await api.find_user_by_email("a@b.c") is None
    assert api.server.requests[0] == "GET /user_management/users?email=a%2B1%40b.c"


async def test_another_users_record_is_never_taken_for_the_one_looked_for():
    async with Api(page({"id": "user_2", "email": "z@b.c"}), ok(USER)) as api:
        assert await api.find_user_by_email("a@b.c") is None
        error = await failure(api.find_user_by_external_id("y"))
    assert "another external_id than y" in error.message


async def test_things_are_found_by_external_id_whatever_it_holds():
    async with Api(ok({"id": "user_1"}), ok({"id": "org_1"}), Reply(404, {})) as api:
        assert await api.find_user_by_external_id("a/b?c#d%2F e+f") == {"id": "user_1"}
        assert await api.get_organization_by_external_id("../x") == {"id": "org_1"}
        assert await api.get_organization("org_9") is None
    assert api.server.requests == [
        "GET /user_management/users/external_id/a%2Fb%3Fc%23d%252F%20e%2Bf",
        "GET /organizations/external_id/..%2Fx",
        "GET /organizations/org_9",
    ]


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


async def test_an_organization_is_created_or_taken():
    taken = Reply(400, {"code": "external_id_already_used", "message": "No."})
    async with Api(Reply(201, {"id": "org_1", "name": "A", "external_id": "x"}), taken) as api:
        assert (await api.create_organization(name="A", external_id="x"))["id"] == "org_1"
        assert api.sent.json == {"name": "A", "external_id": "x"}
        error = await failure(api.create_organization(name="A", external_id="x"))
    assert (error.reason, error.ambiguous) == (Reason.EXTERNAL_ID_EXISTS, False)


@pytest.mark.parametrize(
    ("slugs", "sent"),
    [([], {}), (["admin"], {"role_slug": "admin"}), (["a", "b"], {"role_slugs": ["a", "b"]})],
)
async def test_one_role_goes_in_the_singular(slugs, sent):
    ids = {"user_id": "user_1", "organization_id": "org_1"}
    membership = {"id": "om_1", **ids}
    async with Api(Reply(201, membership), ok(membership)) as api:
        assert await api.create_membership(**ids, role_slugs=slugs) == membership
        assert api.sent.json == ids | sent
        await api.update_membership("om_1", role_slugs=slugs)
        assert api.sent.json == sent
    assert api.server.requests[1] == "PUT /user_management/organization_memberships/om_1"


async def test_all_pages_of_memberships_are_read_and_strangers_left_out():
    async with Api(
        page({"id": "om_1", "user_id": "user_1"}, {"id": "om_2"}, after="om_2"),
        page({"id": "om_3", "user_id": "user_2"}, {"id": "om_4"}, after="om_2"),
        page({"id": "om_1", "organization_id": "org_1"}, {"id": "om_2", "organization_id": "o"}),
    ) as api:
        found = await api.list_memberships(user_id="user_1")
        one = await api.list_memberships(user_id="user_1", organization_id="org_1")
    assert [membership["id"] for membership in found] == ["om_1", "om_2", "om_4"]
    assert [membership["id"] for membership in one] == ["om_1"]
    query = "?user_id=user_1&statuses=active%2Cinactive%2Cpending&limit=100"
    assert [request.partition("memberships")[2] for request in api.server.requests] == [
        query,
        f"{query}&after=om_2",
        f"{query}&organization_id=org_1",
    ]


@pytest.mark.parametrize("wrapped", [True, False])
async def test_a_totp_factor_is_enrolled(wrapped):
    factor = {"id": "auth_factor_1", "user_id": "user_1"}
    answer = {"authentication_factor": factor, "authentication_challenge": {}}
    async with Api(Reply(201, answer if wrapped else factor), page(factor)) as api:
        assert await api.enroll_totp("user_1", secret="S", issuer=None, user="a") == factor
        assert api.sent.json == {"type": "totp", "totp_secret": "S", "totp_user": "a"}
        assert await api.list_auth_factors("user_1") == [factor]
    assert {request.split()[1] for request in api.server.requests} == {
        "/user_management/users/user_1/auth_factors"
    }


async def test_an_enrollment_whose_answer_was_lost_is_ambiguous_and_sent_once():
    async with Api(Drop()) as api:
        error = await failure(api.enroll_totp("user_1", secret="S", issuer=None, user=None))
    assert (error.reason, error.ambiguous) == (Reason.GAVE_UP, True)
    assert len(api.server.received) == 1


@pytest.mark.parametrize(("first", "ambiguous"), [(Drop(), True), (Reply(502, b"<html>"), True)])
async def test_existing_after_a_lost_answer_may_be_our_own_work(first, ambiguous):
    async with Api(first, Reply(400, USER_EXISTS)) as api:
        error = await failure(api.create_user(NEW))
    assert (error.reason, error.ambiguous) == (Reason.EMAIL_EXISTS, ambiguous)


async def test_existing_at_the_first_attempt_is_not_our_work():
    async with Api(Reply(400, USER_EXISTS)) as api:
        error = await failure(api.create_user(NEW))
    assert (error.reason, error.ambiguous) == (Reason.EMAIL_EXISTS, False)


@pytest.mark.parametrize("body", [b"", b"<html>OK</html>", b"[]", b"{}", b'{"id": "user_2"}'])
async def test_a_success_that_makes_no_sense_is_ambiguous(body):
    async with Api(*[Reply(200, body)] * 3) as api:
        error = await failure(api.update_user("user_1", {"name": "Z"}))
    assert (error.reason, error.ambiguous) == (Reason.GAVE_UP, True)


async def test_the_user_of_another_email_is_not_the_one_that_was_created():
    async with Api(Reply(201, USER)) as api:
        error = await failure(api.create_user({"email": "z@b.c"}))
    assert (error.reason, error.ambiguous) == (Reason.GAVE_UP, True)


async def test_the_factors_of_another_user_are_no_answer():
    async with Api(page({"id": "auth_factor_1", "user_id": "user_2"})) as api:
        assert (await failure(api.list_auth_factors("user_1"))).reason is Reason.GAVE_UP


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


@pytest.mark.parametrize("reply", [Reply(503), Reply(429), Reply(404, b"<html>"), Drop()])
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
        api._transport.stop_retrying()
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
