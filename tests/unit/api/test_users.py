from __future__ import annotations

import re

from target_workos_users.exceptions import Reason
from tests.support.scripted_api import KEY, USER, USERS, failure, page


async def test_a_user_is_created_with_the_fields_as_given(workos, api):
    fields = {"email": "a@b.c", "name": "Zoë", "metadata": {"k": "v"}, "email_verified": True}
    workos.says(f"POST {USERS}", 201, USER, sent=fields)
    assert await api.create_user(fields) == USER
    (request,) = workos.received
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert request.headers["Content-Type"] == "application/json"


async def test_the_user_of_another_email_is_not_the_one_that_was_created(workos, api):
    workos.says(f"POST {USERS}", 201, USER)
    error = await failure(api.create_user({"email": "z@b.c"}))
    assert (error.reason, error.ambiguous) == (Reason.GAVE_UP, True)


async def test_a_user_is_updated_read_and_deleted(workos, api):
    workos.says(f"PUT {USERS}/user_1", 200, USER, sent={"name": "Z"})
    workos.says(f"GET {USERS}/user_1", 200, USER)
    workos.says(f"DELETE {USERS}/user_1", 200, b"")
    workos.says(f"GET {USERS}/user_1", 404, {"message": "Not Found"})
    assert await api.update_user("user_1", {"name": "Z"}) == USER
    assert await api.get_user("user_1") == USER
    await api.delete_user("user_1")
    assert await api.get_user("user_1") is None


async def test_a_user_that_may_not_be_deleted_is_refused(workos, api):
    workos.says(
        f"DELETE {USERS}/user_1", 409, {"code": "user_deletion_not_allowed", "message": "No."}
    )
    error = await failure(api.delete_user("user_1"))
    assert (error.reason, str(error)) == (
        Reason.REFUSED,
        "No. (HTTP 409, user_deletion_not_allowed)",
    )


async def test_a_user_is_found_by_email_in_lower_case(workos, api):
    workos.says(f"GET {USERS}", 200, page({"id": "user_1", "email": "A+1@b.c"}))
    workos.says(f"GET {USERS}", 200, page())
    assert (await api.find_user_by_email(" A+1@B.c "))["id"] == "user_1"
    assert await api.find_user_by_email("a@b.c") is None
    assert workos.requests[0] == f"GET {USERS}?email=a%2B1%40b.c"


async def test_another_users_record_is_never_taken_for_the_one_looked_for(workos, api):
    workos.says(f"GET {USERS}", 200, page({"id": "user_2", "email": "z@b.c"}))
    workos.says(f"GET {USERS}/external_id/y", 200, USER)
    assert await api.find_user_by_email("a@b.c") is None
    error = await failure(api.find_user_by_external_id("y"))
    assert "another external_id than y" in error.message


async def test_a_user_is_found_by_external_id_whatever_it_holds(workos, httpserver_ipv4, api):
    anywhere = httpserver_ipv4.expect_ordered_request(re.compile(".*/external_id/.*"))
    anywhere.respond_with_json({"id": "user_1"})
    assert await api.find_user_by_external_id("a/b?c#d%2F e+f") == {"id": "user_1"}
    assert workos.requests == [f"GET {USERS}/external_id/a%2Fb%3Fc%23d%252F%20e%2Bf"]


async def test_all_users_are_listed_page_by_page(workos, api):
    workos.says(f"GET {USERS}?limit=100&order=desc", 200, page(USER, after="user_1"))
    workos.says(f"GET {USERS}?limit=100&after=user_1&order=asc", 200, page({"id": "user_0"}))
    assert await api.list_users() == ([USER], "user_1")
    assert await api.list_users(after="user_1", order="asc") == ([{"id": "user_0"}], None)
