from __future__ import annotations

import pytest

from target_workos_users.loading.recent_users import LatestUsers, RecentUsers
from target_workos_users.records.parse import Totp, UserRow


def row(email="ann@example.com", secret=None, **fields):
    return UserRow(
        email=email,
        fields={"email": email, **fields},
        organization=None,
        role_slugs=(),
        totp=secret and Totp(secret, None, None),
        remarks=(),
    )


@pytest.mark.parametrize(
    ("first", "later", "conflicts"),
    [
        ({"first_name": "Ann"}, {"first_name": "Ann"}, []),
        ({"first_name": "Ann"}, {}, []),
        ({"first_name": "Ann"}, {"first_name": "Bob"}, ["first_name"]),
        ({}, {"external_id": "7"}, ["external_id"]),
        ({"email_verified": True}, {"email_verified": False}, ["email_verified"]),
        ({"metadata": {"a": "1", "b": "2"}}, {"metadata": {"b": "2", "a": "1"}}, []),
        (
            {"metadata": {"a": "1"}, "password_hash": "x"},
            {"metadata": {"a": "2"}, "password_hash": "y"},
            ["metadata", "password_hash"],
        ),
        ({"secret": "JBSWY3DPEHPK3PXP"}, {"secret": "GEZDGNBVGY3TQOJQ"}, ["totp_secret"]),
        ({}, {"secret": "JBSWY3DPEHPK3PXP"}, []),  # it is enrolled
    ],
)
def test_a_further_row_gets_the_id_and_what_it_says_otherwise(first, later, conflicts):
    recent = RecentUsers()
    recent.remember(row(**first), "user_1")
    assert recent.recall(row(**later)) == ("user_1", conflicts)


def test_only_the_latest_users_are_remembered():
    recent = RecentUsers(capacity=2)
    recent.remember(row("a@example.com"), "user_a")
    recent.remember(row("b@example.com"), "user_b")
    recent.recall(row("a@example.com"))
    recent.remember(row("c@example.com"), "user_c")
    assert recent.recall(row("b@example.com")) is None
    assert recent.recall(row("a@example.com")) == ("user_a", [])


def test_a_forgotten_user_is_unknown():
    recent = RecentUsers()
    recent.remember(row(), "user_1")
    recent.forget("ann@example.com")
    recent.forget("ann@example.com")
    assert recent.recall(row()) is None


def test_the_latest_users_say_nothing_before_there_are_enough_of_them():
    latest = LatestUsers(size=10, least=4)
    for _ in range(3):
        latest.add(existed=True)
    assert not latest.mostly_existed
    latest.add(existed=True)
    assert latest.mostly_existed


def test_only_the_latest_users_count():
    latest = LatestUsers(size=10, least=4)
    for _ in range(10):
        latest.add(existed=True)
    for _ in range(4):
        latest.add(existed=False)
    assert latest.mostly_existed
    latest.add(existed=False)
    assert not latest.mostly_existed
