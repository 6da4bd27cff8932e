from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_workos_users.exceptions import ErrorType, RecordError
from target_workos_users.records.columns import KNOWN_COLUMNS, SECRET_COLUMNS
from target_workos_users.records.numbers import decimal
from target_workos_users.records.organizations import OrganizationRef
from target_workos_users.records.parse import REMARKS, parse_record
from target_workos_users.records.redaction import redact
from target_workos_users.records.rules import DEFAULT_RULES, RecordRules
from target_workos_users.records.totp import Totp

BCRYPT = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"
TOTP_SECRET = "JBSWY3DPEHPK3PXP"
ADA = {"email": "ada@example.com"}
ACME = OrganizationRef(id=None, external_id="acme", name="Acme")
IN_ACME = RecordRules(default_organization=ACME)

# One user as tap-csv gives it, and as a database tap does.
CSV_RECORD = {
    "email": " Ada@Example.com",
    "first_name": "Ada",
    "last_name": "Lovelace",
    "name": "",
    "email_verified": "true",
    "external_id": "42",
    "password": "",
    "password_hash": BCRYPT,
    "password_hash_type": "bcrypt",
    "metadata": '{"plan": "pro", "seats": 42, "beta": true, "address": {"city": "Malmö"}}',
    "org_id": "",
    "org_external_id": "7",
    "org_name": "Acme",
    "role_slugs": "admin,member",
    "totp_secret": TOTP_SECRET,
    "totp_issuer": "",
    "totp_user": "ada",
    "_sdc_source_lineno": "2",
    "shoe_size": "38",
}
TYPED_RECORD = {
    "email": "ada@example.com",
    "first_name": "Ada",
    "last_name": "Lovelace",
    "name": None,
    "email_verified": True,
    "external_id": 42,
    "password": None,
    "password_hash": BCRYPT,
    "password_hash_type": "bcrypt",
    "metadata": {"plan": "pro", "seats": 42, "beta": True, "address": {"city": "Malmö"}},
    "org_id": None,
    "org_external_id": 7,
    "org_name": "Acme",
    "role_slugs": ["admin", "member"],
    "totp_secret": TOTP_SECRET,
    "totp_user": "ada",
    "shoe_size": 38,
}


def refusal(record, rules: RecordRules = DEFAULT_RULES) -> str:
    with pytest.raises(RecordError) as caught:
        parse_record(record, rules)
    assert caught.value.error_type is ErrorType.INVALID_RECORD
    assert not caught.value.retryable
    return str(caught.value)


@pytest.mark.parametrize("record", [CSV_RECORD, TYPED_RECORD], ids=["csv", "typed"])
def test_a_full_record_becomes_what_workos_is_sent(record):
    row = parse_record(record)
    assert row.email == "ada@example.com"
    assert row.fields == {
        "email": "ada@example.com",
        "first_name": "Ada",
        "last_name": "Lovelace",
        "email_verified": True,
        "external_id": "42",
        "metadata": {
            "plan": "pro",
            "seats": "42",
            "beta": "true",
            "address": '{"city":"Malmö"}',
        },
        "password_hash": BCRYPT,
        "password_hash_type": "bcrypt",
    }
    assert row.organization == OrganizationRef(id=None, external_id="7", name="Acme")
    assert row.role_slugs == ("admin", "member")
    assert row.totp == Totp(TOTP_SECRET, None, "ada")
    assert row.remarks == ()


def test_an_email_alone_is_a_user_without_organization():
    row = parse_record(ADA)
    assert row.fields == ADA
    assert (row.organization, row.role_slugs, row.totp, row.remarks) == (None, (), None, ())


def test_a_false_email_verified_is_sent():
    assert parse_record(ADA | {"email_verified": "no"}).fields["email_verified"] is False


def test_a_row_that_the_tap_could_not_read_is_refused_with_the_taps_text():
    assert refusal(ADA | {"_sdc_error": "line 7: 3 values for 5 columns"}) == (
        "line 7: 3 values for 5 columns"
    )
    assert parse_record(ADA | {"_sdc_error": None}) == parse_record(ADA | {"_sdc_error": ""})


def test_a_taps_text_that_seems_to_hold_a_secret_is_not_passed_on():
    assert refusal({"_sdc_error": f"bad value {BCRYPT}"}).startswith("_sdc_error: the tap couldn't")


# Organizations and roles


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"org_id": "org_01H"}, OrganizationRef("org_01H", None, None)),
        ({"org_id": "org_01H", "org_name": "Acme"}, OrganizationRef("org_01H", None, "Acme")),
        ({"org_external_id": "acme"}, OrganizationRef(None, "acme", None)),
        ({"org_external_id": " acme ", "org_name": "Acme"}, ACME),
        ({"org_id": " ", "org_external_id": "", "org_name": None}, None),
    ],
)
def test_a_record_names_its_organization(columns, expected):
    assert parse_record(ADA | columns).organization == expected


def test_two_ids_of_an_organization_are_refused():
    message = refusal(ADA | {"org_id": "org_01H", "org_external_id": "acme"})
    assert message.startswith("org_id: filled in together with org_external_id")


def test_the_name_of_an_organization_alone_is_refused():
    message = refusal(ADA | {"org_name": "Acme"})
    assert message.startswith("org_name: a name alone")
    assert "org_external_id" in message


@pytest.mark.parametrize("wrong", ["é", "a" * 129, ".."])
def test_an_organizations_external_id_keeps_the_limits_of_workos(wrong):
    assert refusal(ADA | {"org_external_id": wrong}).startswith("org_external_id: ")


@pytest.mark.parametrize(
    "columns",
    [
        {"org_id": "org_01H"},
        {"org_external_id": "other"},
        {"org_name": "Other"},
        {"org_id": "org_01H", "org_external_id": "acme"},
    ],
)
def test_the_settings_win_over_other_columns_with_a_remark(columns):
    row = parse_record(ADA | columns | {"role_slugs": "admin"}, IN_ACME)
    assert row.organization == ACME
    assert row.role_slugs == ("admin",)
    assert row.remarks == ("organization_overridden",)


@pytest.mark.parametrize("columns", [{}, {"org_external_id": "acme"}, {"org_name": "Acme"}])
def test_columns_that_agree_with_the_settings_are_no_remark(columns):
    row = parse_record(ADA | columns, IN_ACME)
    assert row.organization == ACME
    assert row.remarks == ()


def test_roles_without_an_organization_are_refused_rather_than_lost():
    message = refusal(ADA | {"role_slugs": "admin"})
    assert message.startswith("role_slugs: roles belong to a membership")
    assert parse_record(ADA | {"role_slugs": " , "}).role_slugs == ()


# Passwords


def test_a_plain_password_is_sent_as_it_is_and_remarked():
    row = parse_record(ADA | {"password": " correct horse "})
    assert row.fields["password"] == " correct horse "
    assert row.remarks == ("plain_password",)


def test_the_hash_wins_over_the_password():
    row = parse_record(ADA | {"password": "hunter2", "password_hash": BCRYPT})
    assert "password" not in row.fields
    assert row.fields["password_hash"] == BCRYPT
    assert row.fields["password_hash_type"] == "bcrypt"
    assert row.remarks == ("password_ignored",)


@pytest.mark.parametrize("column", ["password_hash_type", "password_salt_position"])
def test_a_constant_type_column_on_users_without_a_password_is_no_error(column):
    row = parse_record(ADA | {column: "suffix", "password_hash": ""})
    assert row.fields == ADA
    assert row.remarks == ("password_hash_missing",)
    plain = parse_record(ADA | {column: "suffix", "password": "hunter2"})
    assert plain.remarks == ("plain_password",)


def test_the_salt_position_is_sent_with_its_hash():
    ssha256 = "{SSHA256}czO44OTV17PcF1cRxWrLZLy9xHd7CWyVYplr1rOhuMlx/7IK"
    row = parse_record(ADA | {"password_hash": ssha256, "password_salt_position": "prefix"})
    assert row.fields["password_salt_position"] == "prefix"


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"password": True}, "password: a boolean"),
        ({"password": ["hunter2"]}, "password: a list"),
        ({"password": "hunter2\0"}, "password: has a NUL"),
        ({"password": "hunter2" * 200}, "password: 1,400 characters"),
        ({"password_hash": "hunter2" * 1500}, "password_hash: 10,500 characters"),
        ({"password_hash": "hunter2"}, "password_hash: a text in no form"),
        ({"password_hash": "hunter2", "password_hash_type": "md5"}, "'md5' by its type"),
        ({"password_hash": {"value": "hunter2"}}, "password_hash: an object"),
    ],
)
def test_a_wrong_password_is_refused_and_never_quoted(columns, said):
    message = refusal(ADA | columns)
    assert said in message
    assert "hunter2" not in message


# All of it


def test_ten_thousand_columns_and_five_megabytes_are_one_row_or_one_error():
    wide = CSV_RECORD | {f"column_{n}": "x" for n in range(10_000)}
    assert parse_record(wide) == parse_record(CSV_RECORD)
    for column in sorted(KNOWN_COLUMNS - {"password"}):
        message = refusal(CSV_RECORD | {"password_hash": "", column: "a@b" * 1_700_000})
        assert len(message) < 400


# JSON as the message readers give it: no lone surrogates in names, no NaN.
json_scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.decimals()
    | st.text() | st.sampled_from(list(CSV_RECORD.values()))
)  # fmt: skip
json_values = st.recursive(
    json_scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
records = st.builds(
    lambda base, changes: base | changes,
    st.sampled_from([{}, ADA, CSV_RECORD, TYPED_RECORD]),
    st.dictionaries(st.sampled_from(sorted(KNOWN_COLUMNS)) | st.text(), json_values, max_size=6),
)


def outcome(record, rules: RecordRules = DEFAULT_RULES):
    """The row, or the error."""
    try:
        return parse_record(record, rules)
    except RecordError as error:
        return error


@given(records, st.sampled_from([DEFAULT_RULES, IN_ACME]))
def test_any_record_gives_a_sendable_row_or_a_record_error(record, rules):
    row = outcome(record, rules)
    if isinstance(row, RecordError):
        assert row.error_type is ErrorType.INVALID_RECORD
        return
    assert row.fields["email"] == row.email
    assert msgspec.json.decode(msgspec.json.encode(row.fields)) == row.fields
    assert not {"password", "password_hash"} <= row.fields.keys()
    assert set(row.remarks) <= REMARKS.keys()
    assert not row.role_slugs or row.organization
    # What the parser made is what the parser takes: parsing it again changes nothing.
    assert parse_record(row.fields | {"org_external_id": "x"}).fields == row.fields


PLANTED = "S3CRET-f00d"
planted_texts = st.builds("{}{}{}".format, st.text(max_size=5), st.just(PLANTED), st.text()) | (
    st.sampled_from(["$2b$10$", "$argon2id$v=19$m=65536,t=3,p=4$", "{SSHA}", "[", "$scrypt$v=1$n="])
).map(lambda prefix: prefix + PLANTED)
planted = planted_texts | st.lists(planted_texts, max_size=2) | planted_texts.map(json.dumps)


@given(records, st.dictionaries(st.sampled_from(sorted(SECRET_COLUMNS)), planted, min_size=1))
def test_a_planted_secret_is_in_no_message_and_no_redacted_record(record, secrets):
    hidden = record | secrets
    assert PLANTED not in str(redact(hidden))
    result = outcome(hidden)
    if isinstance(result, RecordError):
        assert PLANTED not in str(result)


metadata_scalars = (
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"), max_size=9)
)
typed_records = st.fixed_dictionaries(
    {"email": st.just("ada@example.com"), "org_external_id": st.integers(0, 10**9)},
    optional={
        "first_name": st.text("abcé ", min_size=1),
        "email_verified": st.booleans(),
        "external_id": st.integers(),
        "metadata": st.dictionaries(
            st.text("abc", max_size=9),
            metadata_scalars | st.lists(metadata_scalars, max_size=3),
            max_size=4,
        ),
        "role_slugs": st.lists(st.text("abc-_", min_size=1, max_size=48), max_size=3),
        "password_hash": st.just(BCRYPT),
    },
)


def as_csv(record) -> dict[str, str]:
    """The record as a CSV file would hold it."""

    def cell(value) -> str:
        return value if isinstance(value, str) else json.dumps(value)

    return {column: cell(value) for column, value in record.items()}


@given(typed_records)
def test_a_typed_record_and_its_csv_form_are_the_same_row(record):
    assert str(outcome(as_csv(record))) == str(outcome(record))


def test_every_column_is_in_the_table_of_the_docs():
    page = (Path(__file__).parents[3] / "docs/records.md").read_text(encoding="utf-8")
    table = page.partition("## Columns")[2].partition("## Typed values")[0]
    first_cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert set(re.findall(r"`(\w+)`", "".join(first_cells))) == KNOWN_COLUMNS


def test_the_record_shown_in_the_docs_loads():
    page = (Path(__file__).parents[3] / "docs/records.md").read_text(encoding="utf-8")
    example = page.partition("```csv\n")[2].partition("```")[0]
    (record,) = csv.DictReader(io.StringIO(example))
    row = parse_record(record)
    assert row.role_slugs == ("admin", "billing")
    assert row.fields["metadata"] == {"plan": "pro"}


def test_the_status_is_of_the_membership():
    in_acme = {**ADA, "org_external_id": "acme"}
    assert parse_record({**in_acme, "status": "inactive"}).status == "inactive"
    assert parse_record(in_acme).status is None
    assert parse_record({**ADA, "status": "active"}).status == "active"
    message = refusal({**ADA, "status": "inactive"})
    assert message.startswith("status: inactive belongs to a membership")


def test_where_a_user_signed_up_from_is_passed_on():
    fields = parse_record({**ADA, "ip_address": "203.0.113.7", "user_agent": "Mozilla/5.0"}).fields
    assert (fields["ip_address"], fields["user_agent"]) == ("203.0.113.7", "Mozilla/5.0")


@pytest.mark.parametrize(
    "record",
    [
        {"first_name": "Ren\ufffd"},
        {"metadata": {"city": "Malm\ufffd"}},
        {"metadata": {"\ufffd": "x"}},
        {"org_external_id": "acme", "org_name": "Acm\ufffd"},
    ],
)
def test_lost_characters_are_remarked_on(record):
    assert parse_record(ADA | record).remarks == ("characters_lost",)


@pytest.mark.parametrize(
    "column",
    ["first_name", "last_name", "name", "external_id", "org_id", "org_external_id", "org_name"],
)
@pytest.mark.parametrize("secret", [BCRYPT, "sk_test_a1b2c3d4e5f6g7", "{SSHA}c2FsdGhhc2hzYWx0"])
def test_a_hash_or_a_key_in_another_column_is_refused_and_not_sent(column, secret):
    named = {"org_external_id": "acme"} if column == "org_name" else {}
    message = refusal({**ADA, **named, column: secret})
    assert message.startswith(f"{column}: has the form of a password hash or a secret key")


def test_an_id_that_only_begins_like_a_hash_is_one():
    for fine in ("1$2$3", "sk_customer_of_slovakia_17", "{3F2504E0-4F89-11D3-9A0C-0305E82C3301}"):
        assert parse_record({**ADA, "external_id": fine}).fields["external_id"] == fine


def test_numbers_keep_their_text():
    text = b'{"email":"a@example.com","external_id":12345678901234567890,"first_name":1.0}'
    record = msgspec.json.Decoder(float_hook=decimal).decode(text)
    fields = parse_record(record).fields
    assert (fields["external_id"], fields["first_name"]) == ("12345678901234567890", "1.0")
