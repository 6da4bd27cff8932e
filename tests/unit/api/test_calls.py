"""What a success must be, whatever the call."""

from __future__ import annotations

import pytest

from target_workos_users.api.calls import check_entity, check_page
from target_workos_users.exceptions import ApiError, Reason
from tests.support.scripted_api import MEMBERSHIPS, NEW, USER, USERS, failure, page

PATH = ("user_management", "users")
NONSENSE = r"POST /user_management/users: WorkOS reported success, but not as it should be"


def test_nothing_but_an_id_is_needed():
    assert check_entity({"id": "user_1"}, "POST", PATH, {"external_id": "x"}) == {"id": "user_1"}


@pytest.mark.parametrize("answer", [None, [], "x", {}, {"id": None}, {"id": ""}, {"id": 7}])
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_success_without_an_id_is_ambiguous_if_it_was_a_write(answer, method):
    with pytest.raises(ApiError, match="reported success, but not as it should be") as caught:
        check_entity(answer, method, PATH, {})
    assert (caught.value.reason, caught.value.ambiguous) == (Reason.GAVE_UP, method == "POST")


@pytest.mark.parametrize("other", ["user_2", ["user_1"], {}])
def test_an_answer_about_something_else_is_no_success(other):
    with pytest.raises(ApiError, match=r"another user_id than user_1|user_id`"):
        check_entity({"id": "om_1", "user_id": other}, "POST", PATH, {"user_id": "user_1"})


@pytest.mark.parametrize(
    "field",
    [
        {"id": ""},
        {"email": 5},
        {"metadata": []},
        {"role": "admin"},
        {"roles": 5},
        {"roles": [{"slug": {}}]},
        {"created_at": 1e308},
        {"status": []},
    ],
)
def test_an_answer_whose_fields_have_other_types_is_no_success(field):
    with pytest.raises(ApiError, match=NONSENSE) as lost:
        check_entity({"id": "user_1", **field}, "POST", PATH, {})
    assert lost.value.ambiguous


@pytest.mark.parametrize(
    "answer", [None, [], {}, {"data": None}, {"data": [{}]}, {"data": [], "list_metadata": 5}]
)
def test_a_list_without_objects_is_no_success(answer):
    with pytest.raises(ApiError, match="GET /user_management/users: WorkOS reported success"):
        check_page(answer, PATH, {})


@pytest.mark.parametrize("body", [{"id": 7}, {"id": "user_2"}])
async def test_a_write_whose_success_makes_no_sense_is_ambiguous(workos, api, body):
    workos.says(f"PUT {USERS}/user_1", 200, body)
    error = await failure(api.update_user("user_1", {"name": "Z"}))
    assert (error.reason, error.ambiguous) == (Reason.GAVE_UP, True)


async def test_a_page_too_large_is_read_in_smaller_ones(workos, api):
    large = b'{"data": [' + b" " * (1 << 20) + b"]}"
    workos.says(f"GET {USERS}?limit=100&order=desc", 200, large)
    workos.says(f"GET {USERS}?limit=50&order=desc", 200, large)
    workos.says(f"GET {USERS}?limit=25&order=desc", 200, page(USER, after="user_1"))
    assert await api.list_users() == ([USER], "user_1")


async def test_an_object_too_large_is_not_asked_for_twice(workos, api):
    workos.says(f"GET {USERS}/user_1", 200, b" " * (1 << 20) + b"{}")
    workos.says(f"POST {USERS}", 201, b" " * (1 << 20) + b"{}")
    found, made = await failure(api.get_user("user_1")), await failure(api.create_user(NEW))
    assert {found.reason, made.reason} == {Reason.TOO_LARGE}
    assert (found.ambiguous, made.ambiguous) == (False, True)
    assert "HTTP 200 with more than 1 MiB" in str(found)


async def test_deleting_what_is_gone_is_fine(workos, api):
    workos.says(f"DELETE {USERS}/user_1", 404, {"message": "User not found: 'user_1'."})
    workos.says(f"DELETE {MEMBERSHIPS}/om_1", 200, b"")
    await api.delete_user("user_1")
    await api.delete_membership("om_1")
