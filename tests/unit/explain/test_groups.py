from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_workos_users.exceptions import ErrorType
from target_workos_users.explain import Groups, advice
from target_workos_users.texts import fold


@pytest.mark.parametrize(
    ("message", "pattern"),
    [
        (
            "a user with the email ada.l+x@example.com exists",
            "a user with the email <email> exists",
        ),
        ("User not found: 'user_01HXYZABCDEFGHJKMNPQRSTVWX'.", "User not found: <quoted>."),
        ("in org_01HXYZABCDEFGHJKMNPQRSTVWX is pending", "in <id> is pending"),
        ("request 0123456789abcdef0", "request <id>"),
        ("request f0e1d2c3b4a5968778", "request <id>"),
        ("request 0f8fad5b-d9cb-469f-a165-70867728950e", "request <id>"),
        ("12,345 characters; expected 128 at most", "<n> characters; expected <n> at most"),
        ("HTTP 422 after 3 attempts", "HTTP 422 after <n> attempts"),
        ("ssha256 and utf-8 and org_external_id", "ssha256 and utf-8 and org_external_id"),
        ("it isn't one, and doesn't matter", "it isn't one, and doesn't matter"),
        ('existing_users is "fail"', "existing_users is <quoted>"),
        ("email: no '@'", "email: no '@'"),
    ],
)
def test_what_differs_from_record_to_record_is_folded(message, pattern):
    assert fold(message) == pattern


@given(st.text())
def test_folding_takes_any_text_and_folds_it_once(message):
    assert fold(fold(message)) == fold(message)


def add(groups, number, message="x", *, error_type="user_create", retryable=False, **more):
    groups.add(
        stream="users",
        record_number=number,
        error_type=error_type,
        message=message,
        pattern=fold(message),
        retryable=retryable,
        **more,
    )


def test_errors_of_one_pattern_are_one_group_with_its_first_and_last_record():
    groups = Groups()
    for number in (3, 5, 9):
        add(groups, number, f"user_01HXYZ{number:020d} failed", retryable=True)
    add(groups, 4, "another")
    first, second = groups.by_count()
    assert (first.count, first.first, first.last) == (3, ("users", 3), ("users", 9))
    assert [each.record_number for each in first.examples] == [3, 5, 9]
    assert first.examples[0].message == "user_01HXYZ00000000000000000003 failed"
    assert second.count == 1
    assert (groups.errors, groups.retryable) == (4, 3)


def test_status_code_and_retryable_keep_groups_apart():
    groups = Groups()
    add(groups, 1, http_status=500, retryable=True)
    add(groups, 2, http_status=503, retryable=True)
    add(groups, 3, http_status=400, workos_code="a")
    add(groups, 4, http_status=400, workos_code="b")
    assert len(groups.by_count()) == 4


def test_the_number_of_groups_is_bounded_and_no_error_is_lost():
    groups = Groups(most=5)
    for number in range(100):
        add(groups, number, "".join(chr(97 + int(digit)) for digit in str(number)))
    assert len(groups.by_count()) == 6
    assert sum(group.count for group in groups.by_count()) == 100


def group_of(error_type, **more):
    groups = Groups()
    add(groups, 1, error_type=error_type, **more)
    return groups.by_count()[0]


def test_every_error_type_has_advice_of_its_own():
    texts = {advice(group_of(str(error_type))) for error_type in ErrorType}
    assert len(texts) == len(ErrorType)


def test_what_may_be_retried_is_to_be_retried_whatever_its_type():
    texts = {advice(group_of(str(error_type), retryable=True)) for error_type in ErrorType}
    assert len(texts) == 1
    assert "run the import again" in texts.pop()


def test_a_known_code_has_better_advice_than_its_type():
    known = group_of("membership_create", http_status=422, workos_code="invalid_role")
    assert "Create the role" in advice(known)
    taken = "external_id … belongs to … in WorkOS: give one of them another external_id"
    known = group_of("user_create", message=taken, workos_code="user_creation_error")
    assert "change it in WorkOS" in advice(known)
    denied = group_of("user_create", http_status=403)
    assert "permission" in advice(denied)
    by_radar = group_of("user_create", http_status=403, workos_code="policy_denied")
    assert "Radar" in advice(by_radar)
