from __future__ import annotations

import pytest
from workos import WorkOSError

from target_workos_users.api.answers import entities, entity, lost_error, unsendable_error
from target_workos_users.api.attempt import NoAnswer, Redirected
from target_workos_users.exceptions import ApiError, Reason


def sdk_error(cause):
    error = WorkOSError("Network error")
    error.__cause__ = cause
    return error


def test_nothing_but_an_id_is_needed():
    assert entity({"id": "user_1"}, "create_user", writes=True, external_id="x") == {"id": "user_1"}


@pytest.mark.parametrize("answer", [None, [], "x", {}, {"id": None}, {"id": ""}, {"id": 7}])
@pytest.mark.parametrize("writes", [True, False])
def test_a_success_without_an_id_is_ambiguous_if_it_was_a_write(answer, writes):
    with pytest.raises(
        ApiError, match="create_user: WorkOS reported success, but not as it should be"
    ) as caught:
        entity(answer, "create_user", writes=writes)
    assert (caught.value.reason, caught.value.ambiguous) == (Reason.GAVE_UP, writes)


@pytest.mark.parametrize("other", ["user_2", ["user_1"], {}])
def test_an_answer_about_something_else_is_no_success(other):
    with pytest.raises(ApiError, match=r"another user_id than user_1|user_id`"):
        entity({"id": "om_1", "user_id": other}, "create_membership", writes=True, user_id="user_1")


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
    with pytest.raises(ApiError, match="create_user: WorkOS reported success, but not as") as lost:
        entity({"id": "user_1", **field}, "create_user", writes=True)
    assert lost.value.ambiguous


@pytest.mark.parametrize(
    "answer", [None, [], {}, {"data": None}, {"data": [{}]}, {"data": [], "list_metadata": 5}]
)
def test_a_list_without_objects_is_no_success(answer):
    with pytest.raises(
        ApiError, match="list_memberships: WorkOS reported success, but not as it should be"
    ):
        entities(answer, "list_memberships")


def test_a_lost_request_is_worth_another_run():
    error = lost_error(sdk_error(NoAnswer("connection lost", ambiguous=True)))
    assert (error.reason, error.ambiguous, error.retryable) == (Reason.GAVE_UP, True, True)


def test_a_redirect_is_refused_and_points_to_base_url():
    error = lost_error(sdk_error(Redirected("HTTP 301, a redirect to workos.com")))
    assert error.reason is Reason.REFUSED
    assert "base_url" in str(error)


@pytest.mark.parametrize("segment", ["", ".", ".."])
def test_an_id_that_no_url_can_hold_is_not_found(segment):
    error = unsendable_error(("organizations", segment), ValueError("invalid"))
    assert (error.reason, error.entity_id) == (Reason.NOT_FOUND, segment)


def test_an_unsendable_value_is_refused_without_quoting_it():
    broken = UnicodeEncodeError("utf-8", "se\ud800cret", 2, 3, "surrogates not allowed")
    error = unsendable_error(("user_management", "users"), broken)
    assert str(error) == "its values can't be put into a request (surrogates not allowed)"
