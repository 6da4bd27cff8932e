from __future__ import annotations

import pytest

from target_workos_users.exceptions import ApiError, ErrorType, Reason


def test_an_error_of_workos_is_shown_with_its_details():
    error = ApiError(
        Reason.REFUSED,
        "Could not create user.",
        status=400,
        code="user_creation_error",
        details=["Email is invalid."],
    )
    assert str(error) == (
        "Could not create user: Email is invalid. (HTTP 400, user_creation_error)"
    )


def test_a_detail_that_repeats_the_message_is_said_once():
    error = ApiError(Reason.REFUSED, "Taken.", details=["Taken."])
    assert str(error) == "Taken."


@pytest.mark.parametrize("error_type", list(ErrorType))
def test_a_record_error_says_what_failed_why_and_what_to_do(error_type):
    message = ApiError(Reason.REFUSED, "No.", status=403).as_record_error(error_type).message
    what, _, rest = message.partition(": ")
    assert what
    assert rest == "No. (HTTP 403); clear up what WorkOS says, then run the import again"


def test_a_retryable_error_needs_nothing_but_another_run():
    error = ApiError(Reason.GAVE_UP, "Service Unavailable", status=503)
    record_error = error.as_record_error(ErrorType.MEMBERSHIP_CREATE)
    assert record_error.retryable
    assert record_error.message == (
        "the membership could not be created: Service Unavailable (HTTP 503); run the import again"
    )
