from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_workos_users.exceptions import ErrorType, RecordError
from target_workos_users.records import values


def short(value) -> str:
    return ascii(value)[:30]


def refusal(read, record, *args) -> str:
    with pytest.raises(RecordError) as caught:
        read(record, *args)
    assert caught.value.error_type is ErrorType.INVALID_RECORD
    assert not caught.value.retryable
    return str(caught.value)


@pytest.mark.parametrize(
    ("given_email", "expected"),
    [
        ("ada@example.com", "ada@example.com"),
        ("  Ada.Lovelace@EXAMPLE.com\r\n", "ada.lovelace@example.com"),
        ("\u00a0ada@example.com\u00a0", "ada@example.com"),
        ("ada+tag@sub.example.co.uk", "ada+tag@sub.example.co.uk"),
        ("o'brien@example.com", "o'brien@example.com"),
        ("root@localhost", "root@localhost"),
        ("ÄDA@exämple.com", "äda@exämple.com"),
        ("a" * 242 + "@example.com", "a" * 242 + "@example.com"),
    ],
)
def test_an_email_is_trimmed_and_lower_cased(given_email, expected):
    assert values.email({"email": given_email}) == expected


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (None, "missing"),
        ("", "missing"),
        ("  ", "blank"),
        ("ada.example.com", "no '@'"),
        ("ada@b@example.com", "2 '@'"),
        ("ada lovelace@example.com", "space"),
        ("ada\0@example.com", "control"),
        ("ada\u200b@example.com", "invisible"),
        ("ada\udc80@example.com", "invisible"),
        ("Ada <ada@example.com>", "space"),
        ("<ada@example.com>", "not an address"),
        ("a@example.com,b.example.com", "not an address"),
        ("@example.com", "not an address"),
        ("ada@", "not an address"),
        ("ada@example..com", "not an address"),
        ("ada@example.com.", "not an address"),
        ("a" * 243 + "@example.com", "255 characters"),
        ("a@" * 2_500_000, "5,000,000 characters"),
        (42, "a number; expected an email address"),
        (True, "a boolean"),
        (["ada@example.com"], "a list"),
        ({"value": "ada@example.com"}, "an object"),
    ],
    ids=short,
)
def test_a_broken_email_is_refused_with_what_is_wrong_and_never_quoted(broken, said):
    message = refusal(values.email, {"email": broken})
    assert message.startswith("email: ")
    assert said in message
    assert "ada" not in message


def test_a_record_without_an_email_column_is_told_the_way_out():
    assert "rename it with a stream map" in refusal(values.email, {"mail": "ada@example.com"})


@given(st.text(st.characters(codec="utf-8"), min_size=1), st.sampled_from(["x.com", "É.COM", "ß"]))
def test_normalizing_an_email_twice_changes_nothing(local, domain):
    try:
        once = values.email({"email": f" {local}@{domain}"})
    except RecordError:
        return
    assert values.email({"email": once}) == once


@pytest.mark.parametrize("word", [True, "true", "TRUE", " True ", "t", "yes", "Y", "1", 1, 1.0])
def test_words_and_numbers_for_true(word):
    assert values.boolean({"email_verified": word}, "email_verified") is True


@pytest.mark.parametrize("word", [False, "false", "F", "no", "N", "0", 0, Decimal("0.0")])
def test_words_and_numbers_for_false(word):
    assert values.boolean({"email_verified": word}, "email_verified") is False


@pytest.mark.parametrize("record", [{}, {"email_verified": None}, {"email_verified": " "}])
def test_an_empty_truth_value_is_left_out(record):
    assert values.boolean(record, "email_verified") is None


@pytest.mark.parametrize("word", ["maybe", "2", 2, -1, "truetrue", [True], {}, "x" * 900])
def test_any_other_truth_value_is_refused(word):
    message = refusal(values.boolean, {"email_verified": word}, "email_verified")
    assert message.startswith("email_verified: ")
    assert "maybe" not in message


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("Ada ", "Ada"),
        (42, "42"),
        (2**70, "1180591620717411303424"),
        (Decimal("42.0"), "42.0"),
        (Decimal("1.10"), "1.10"),
        (42.0, "42.0"),
        (date(2026, 11, 24), "2026-11-24"),
        (datetime(2026, 11, 24, 8, tzinfo=UTC), "2026-11-24T08:00:00+00:00"),
        (None, None),
        ("\t", None),
    ],
)
def test_a_scalar_is_its_text(typed, text):
    assert values.text({"external_id": typed}, "external_id") == text


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (True, "a boolean"),
        ({"first": "Ada"}, "an object"),
        (["Ada"], "a list"),
        (float("nan"), "NaN"),
        ("Ada\0", "NUL"),
        ("Ada\udc80", "surrogate"),
        ("é" * 1_001, "1,001 characters; expected 1,000 at most"),
        ("A" * 5_000_000, "5,000,000 characters"),
    ],
    ids=short,
)
def test_what_is_no_sendable_text_is_refused(wrong, said):
    message = refusal(values.text, {"first_name": wrong}, "first_name")
    assert message.startswith("first_name: ")
    assert said in message
    assert "Ada" not in message


def test_a_number_too_long_for_python_is_refused():
    message = refusal(values.text, {"external_id": 10**5_000}, "external_id")
    assert message == "external_id: a number of thousands of digits; expected text"


@pytest.mark.parametrize("fine", ["42", 42, "a" * 128, "auth0|5f7c8ec7c33c6c004bbafe82", "..."])
def test_an_external_id_of_ascii_characters(fine):
    assert values.external_id({"external_id": fine}, "external_id") == str(fine)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("a" * 129, "129 characters; expected 128"),
        ("éa", "ASCII"),
        (".", "looked up"),
        ("..", "up"),
    ],
)
def test_an_external_id_over_the_limits_of_workos_is_refused(wrong, said):
    assert said in refusal(values.external_id, {"external_id": wrong}, "external_id")


@pytest.mark.parametrize(
    ("given_roles", "slugs"),
    [
        (None, ()),
        ("", ()),
        ([], ()),
        ("[]", ()),
        (" , ", ()),
        ("admin", ("admin",)),
        ("member, admin,member,", ("member", "admin")),
        ('["admin", "org-billing_2"]', ("admin", "org-billing_2")),
        (["member", None, " admin ", ""], ("member", "admin")),
        (("admin",), ("admin",)),
        ([7], ("7",)),
        ("a" * 48, ("a" * 48,)),
    ],
)
def test_roles_come_as_list_json_text_or_comma_separated(given_roles, slugs):
    assert values.role_slugs({"role_slugs": given_roles}) == slugs


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("Admin", "item 1 isn't a role slug"),
        ("member,org admin", "item 2 isn't a role slug"),
        ("a" * 49, "item 1"),
        (["member", {"slug": "admin"}], "an object"),
        ([True], "a boolean"),
        ('["admin"', "isn't a JSON list"),
        ("[" * 5_000, "isn't a JSON list"),
        ("[\udc80", "isn't a JSON list"),
        ({"slug": "admin"}, "an object; expected a list"),
        (0, "a number; expected a list"),
        (False, "a boolean; expected a list"),
        (",".join(f"role{n}" for n in range(101)), "101 roles; expected 100 at most"),
    ],
    ids=short,
)
def test_what_is_no_role_slug_is_refused_by_its_place(wrong, said):
    message = refusal(values.role_slugs, {"role_slugs": wrong})
    assert message.startswith("role_slugs: ")
    assert said in message


@pytest.mark.parametrize(
    ("record", "slugs"),
    [
        ({"role_slug": "admin"}, ("admin",)),
        ({"role_slug": "admin", "role_slugs": ""}, ("admin",)),
        ({"role_slug": "b", "role_slugs": "a,b"}, ("a", "b")),
        ({"role_slug": "c", "role_slugs": ["a", "b"]}, ("a", "b", "c")),
        ({"role_slug": None, "role_slugs": "a"}, ("a",)),
    ],
)
def test_a_single_role_is_added_to_the_others(record, slugs):
    assert values.role_slugs(record) == slugs


def test_a_single_role_that_is_no_slug_is_refused_under_its_own_name():
    assert refusal(values.role_slugs, {"role_slug": "Org Admin"}).startswith("role_slug: item 1")


@pytest.mark.parametrize(
    ("word", "status"),
    [("active", "active"), (" Inactive", "inactive"), ("INACTIVE", "inactive"), ("", None)],
)
def test_a_status_in_any_case(word, status):
    assert values.status({"status": word}) == status


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("pending", "only an invitation makes such a membership"),
        ("deactivated", "neither active nor inactive"),
        (True, "a boolean"),
    ],
)
def test_any_other_status_is_refused(wrong, said):
    assert said in refusal(values.status, {"status": wrong})


@pytest.mark.parametrize("address", ["203.0.113.7", "2001:db8::1", " 203.0.113.7 "])
def test_an_address_in_the_internet(address):
    assert values.ip_address({"ip_address": address}) == address.strip()


@pytest.mark.parametrize("wrong", ["203.0.113.700", "203.0.113.7, 10.0.0.1", "host", "10.0.0.0/8"])
def test_what_is_no_address_in_the_internet_is_refused(wrong):
    assert "one IPv4 or IPv6 address" in refusal(values.ip_address, {"ip_address": wrong})


@pytest.mark.parametrize("column", ["external_id", "org_external_id"])
@pytest.mark.parametrize(
    ("damaged", "said"),
    [
        ("9.91214E+15", "as spreadsheets write long numbers"),
        ("#REF!", "a formula of a spreadsheet"),
        ("#NAME?", "a formula of a spreadsheet"),
        ("#N/A", "a formula of a spreadsheet"),
        ("########", "a formula of a spreadsheet"),
        ("9,91214E+15", "as spreadsheets write long numbers"),
        ("1.0E+05", "as spreadsheets write long numbers"),
        ("1e+20", "as spreadsheets write long numbers"),
        (Decimal("1.0E+5"), "as spreadsheets write long numbers"),
        ('="00123"', "a formula of a spreadsheet"),
        ("=A1", "a formula of a spreadsheet"),
    ],
)
def test_an_id_that_a_spreadsheet_damaged_is_refused(column, damaged, said):
    message = refusal(values.external_id, {column: damaged}, column)
    assert message.startswith(f"{column}: ")
    assert said in message


@pytest.mark.parametrize("fine", ["1e5", "12E4", "9e107d9d372bb6826bd81d3542a419d6", "a=b", "1E-5"])
def test_an_id_that_only_resembles_such_a_number_is_one(fine):
    assert values.external_id({"external_id": fine}, "external_id") == fine
