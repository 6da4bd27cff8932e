from __future__ import annotations

import pytest

from target_workos_users.exceptions import Reason
from tests.support.scripted_api import KEY, USER, Api, failure, ok, page
from tests.support.scripted_server import Reply


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
