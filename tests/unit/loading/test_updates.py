from __future__ import annotations

import pytest

from target_workos_users.loading.updates import differences

USER = {
    "id": "user_1",
    "email": "ann@example.com",
    "first_name": "Ann",
    "last_name": None,
    "email_verified": True,
    "external_id": "7",
    "metadata": {"plan": "pro", "seats": "3"},
}


@pytest.mark.parametrize(
    ("fields", "changes"),
    [
        ({"first_name": "Ann", "external_id": "7", "email_verified": True}, {}),
        ({"first_name": "Anna"}, {"first_name": "Anna"}),
        ({"last_name": "Lee"}, {"last_name": "Lee"}),
        ({"email": "other@example.com"}, {}),
        ({"email_verified": False}, {}),
        ({"metadata": {"plan": "pro"}}, {}),
        (
            {"metadata": {"plan": "free", "seats": "3", "team": "a"}},
            {"metadata": {"plan": "free", "team": "a"}},
        ),
        ({"password": "correct horse"}, {"password": "correct horse"}),
        (
            {"password_hash": "$2b$10$x", "password_hash_type": "bcrypt"},
            {"password_hash": "$2b$10$x", "password_hash_type": "bcrypt"},
        ),
    ],
)
def test_only_what_differs_is_sent(fields, changes):
    assert differences(USER, fields) == changes


def test_an_answer_without_metadata_gets_all_of_it():
    assert differences({"id": "user_1"}, {"metadata": {"a": "1"}}) == {"metadata": {"a": "1"}}


def test_an_unverified_email_is_verified():
    assert differences({"email_verified": False}, {"email_verified": True}) == {
        "email_verified": True
    }
