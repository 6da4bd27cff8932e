"""Columns by other spellings of their names."""

from __future__ import annotations

import pytest

from target_workos_users.records.columns import KNOWN_COLUMNS, by_column, renames
from target_workos_users.records.kinds import Kind
from target_workos_users.records.parse import parse_record
from target_workos_users.records.read import identity
from target_workos_users.records.rules import RecordRules


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("Email", "email"),
        ("E-Mail", "email"),
        ("EMAIL", "email"),
        ("Email Address", "email"),
        ("emailAddress", "email"),
        ("First Name", "first_name"),
        ("firstName", "first_name"),
        (" last-name ", "last_name"),
        ("EMAIL_VERIFIED", "email_verified"),
        ("Role Slugs", "role_slugs"),
        ("Password Hash", "password_hash"),
    ],
)
def test_case_spaces_hyphens_and_underscores_make_no_other_column(name, column):
    assert renames([name, "other"]) == {name: column}
    assert by_column({name: "x", "other": 1}) == {column: "x", "other": 1}


@pytest.mark.parametrize(
    "name", ["mail", "e mail 2", "given name", "\u212aemail", "ema\u0131l", "roles"]
)
def test_a_synonym_is_another_column(name):
    assert renames([name]) == {}


def test_a_column_that_is_there_under_its_own_name_is_that_one():
    record = {"email": "", "Email": "ann@example.com"}
    assert by_column(record) is record


def test_of_two_spellings_neither_is_taken():
    assert renames(["Email", "E-Mail", "First Name"]) == {"First Name": "first_name"}


def test_known_names_cost_nothing():
    record = dict.fromkeys(KNOWN_COLUMNS, "x")
    assert by_column(record) is record


def test_such_a_record_is_the_row_that_it_would_be_under_the_known_names():
    spelled = {"E-Mail": "ann@example.com", "First Name": "Ann", "Org External ID": "acme"}
    known = {"email": "ann@example.com", "first_name": "Ann", "org_external_id": "acme"}
    assert parse_record(spelled) == parse_record(known)
    rules = RecordRules()
    assert identity(Kind.USERS, spelled, rules) == identity(Kind.USERS, known, rules) is not None


def test_a_row_shows_no_secret():
    record = {"email": "a@example.com", "password": "hunter22", "totp_secret": "JBSWY3DPEHPK3PXP"}
    assert "hunter22" not in repr(parse_record(record))
    assert "JBSWY3DP" not in repr(parse_record(record))
