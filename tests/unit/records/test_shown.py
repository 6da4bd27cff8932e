"""What errors.jsonl shows of a record."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_workos_users.records.columns import KNOWN_COLUMNS, renames
from target_workos_users.records.shown import show_record

SECRET = "S3CRET-f00dfeed"
BCRYPT = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"


def test_known_columns_are_shown_and_of_others_only_what_kind_they_hold():
    record = {
        "email": "ann@example.com",
        "role_slugs": ["admin"],
        "password": SECRET,
        "legacy_pw": SECRET,
        "pin": 4711,
        "active": True,
        "login": {"at": SECRET},
        "codes": [SECRET],
        "nothing": None,
        "blank": "",
    }
    assert show_record(record) == {
        "email": "ann@example.com",
        "role_slugs": ["admin"],
        "password": "[redacted]",
        "legacy_pw": "[not shown: a text]",
        "pin": "[not shown: a number]",
        "active": "[not shown: a boolean]",
        "login": "[not shown: an object]",
        "codes": "[not shown: a list]",
        "nothing": None,
        "blank": "",
    }


@pytest.mark.parametrize("as_text", [False, True])
def test_of_metadata_the_keys_are_shown(as_text):
    metadata = {"plan": SECRET, "seats": 3, "password": SECRET, "none": None, BCRYPT: "x"}
    record = {"metadata": json.dumps(metadata) if as_text else metadata}
    assert show_record(record)["metadata"] == {
        "plan": "[not shown: a text]",
        "seats": "[not shown: a number]",
        "password": "[redacted]",
        "none": None,
        "[redacted]": "[not shown: a text]",
    }


def test_metadata_that_is_no_object_is_not_shown():
    for broken in ("{'plan': 'S3CRET'}", [SECRET], f'"{SECRET}"', 7):
        assert show_record({"metadata": broken})["metadata"].startswith("[not shown: a")


def test_a_setting_names_columns_whose_values_are_shown_too():
    record = {"id": 17, "metadata": {"plan": "pro"}, "team": {"name": "blue"}, "notes": "x"}
    shown = show_record(record, {"id", "metadata", "team"})
    assert shown == record | {"notes": "[not shown: a text]"}


@pytest.mark.parametrize(
    "secret",
    [
        BCRYPT,
        "5f4dcc3b5aa765d61d8327deb882cf99",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "JBSWY3DPEHPK3PXP",
        "JBSW Y3DP EHPK 3PXP",
        "jbswy3dpehpk3pxp",
        "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
        "sk_live_abcdefgh",
    ],
)
def test_what_has_the_form_of_a_secret_is_hidden_in_such_columns_too(secret):
    for value in (secret, f"was {secret} once", [secret], {"deep": [secret]}, json.dumps([secret])):
        shown = show_record({"comment": value, "metadata": value}, {"comment", "metadata"})
        assert secret not in str(shown)


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-27T10:00:00Z",
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        "Hello, this is what they said last time",
        "https://example.com/users/1234567890",
        "12345678901234567890",
    ],
)
def test_an_id_a_date_or_a_sentence_in_such_a_column_is_shown(value):
    assert show_record({"comment": value}, {"comment"}) == {"comment": value}


def test_a_column_by_another_spelling_is_known_under_the_name_that_it_has():
    shown = show_record({"E-Mail": "ann@example.com", "First Name": "Ann", "passWord": SECRET})
    assert shown == {"E-Mail": "ann@example.com", "First Name": "Ann", "passWord": "[redacted]"}


def test_of_many_unknown_columns_a_hundred_are_named_and_all_known_ones():
    wide = {f"column{i}": "x" for i in range(10_000)}
    shown = show_record({**wide, "email": "ann@example.com", "_sdc_error": "torn"})
    assert (shown["email"], shown["_sdc_error"]) == ("ann@example.com", "torn")
    assert shown["_sdc_left_out"] == "9,900 more columns"
    assert len(shown) == 103


def test_of_a_file_without_a_header_no_name_is_shown():
    row = {"ann@example.com": "bob@example.com", "S3CRET": "hunter2"}
    assert show_record(row) == {"_sdc_left_out": "2 more columns"}


def test_of_a_row_that_the_tap_could_not_read_whole_only_an_address_is_shown():
    """With a field too few or too many, the password is in any column."""
    record = {
        "email": "a@b.co",
        "first_name": SECRET,
        "name": "",
        "other": SECRET,
        "_sdc_extra": [SECRET],
        "_sdc_source_lineno": 7,
        "_sdc_error": "2 of 3 fields",
    }
    assert show_record(record, {"other", "_sdc_extra"}) == {
        "email": "a@b.co",
        "first_name": "[redacted]",
        "other": "[not shown: a text]",
        "_sdc_extra": "[not shown: a list]",
        "_sdc_source_lineno": 7,
        "_sdc_error": "2 of 3 fields",
    }
    assert show_record({**record, "email": "P@ssw0rd"})["email"] == "[redacted]"


def test_a_record_that_the_target_itself_finds_fault_with_is_shown():
    record = {"email": "a@b.co", "first_name": "Ann", "_sdc_error": "first_name: …"}
    assert show_record({**record, "_sdc_intact": True}) == record


def test_nesting_without_end_is_no_fault():
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    shown = show_record({"a": deep, "b": deep, "metadata": {"c": deep}}, {"a"})
    assert shown["b"] == "[not shown: a list]"
    assert msgspec.json.encode(shown)
    while deep:
        deep = deep[0]


hidden = st.recursive(
    st.just(SECRET),
    lambda inner: st.lists(inner, min_size=1) | st.dictionaries(st.text(), inner, min_size=1),
    max_leaves=4,
)


names = st.text().filter(
    lambda name: name not in KNOWN_COLUMNS and not renames([name]) and not name.startswith("_sdc_")
)


@pytest.mark.parametrize(
    ("column", "is_shown"),
    [
        ("_sdc_extracted_at", True),
        ("_sdc_source_lineno", True),
        ("_sdc_born_at", False),
        ("_sdc_source_password", False),
        ("_sdc_extra", False),
    ],
)
def test_only_what_a_tap_says_of_a_row_is_shown_of_its_own_columns(column, is_shown):
    assert (SECRET in str(show_record({column: SECRET}))) == is_shown


@given(st.dictionaries(names, hidden | hidden.map(json.dumps)))
def test_no_value_of_an_unknown_column_is_ever_shown(record):
    assert SECRET not in str(show_record(record))
