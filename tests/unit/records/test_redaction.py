from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_workos_users.records.columns import SECRET_COLUMNS
from target_workos_users.records.redaction import redact, redact_text

SECRET = "S3CRET-f00dfeed"


def shown(record) -> str:
    return msgspec.json.encode(redact(record), enc_hook=str).decode()


@pytest.mark.parametrize(
    "name",
    [
        *sorted(SECRET_COLUMNS),
        "Password",
        "passwordHash",
        "user_passwd",
        "pwd",
        "pass",
        "SALT",
        "api key",
        "apiKey",
        "private-key",
        "otp_seed",
        "refresh_token",
        "client_secret",
        "base64_signer_key",
        "backup_codes",
    ],
)
def test_a_value_under_the_name_of_a_secret_is_redacted_wherever_it_stands(name):
    record = {
        "email": "ada@example.com",
        name: SECRET,
        "metadata": {"deep": [{name: [SECRET]}], "plan": "pro"},
        "text": json.dumps({"deep": {name: SECRET}, "plan": "pro"}),
        "text_in_text": json.dumps({"inner": json.dumps({name: SECRET})}),
        "cut": json.dumps({name: SECRET, "plan": "pro"})[:-2],
        "long": json.dumps({name: SECRET, "plan": "pro" * 2_000}),
    }
    assert SECRET not in shown(record)
    redacted = redact(record)
    assert redacted[name] == "[redacted]"
    assert redacted["email"] == "ada@example.com"
    assert redacted["metadata"]["plan"] == "pro"
    assert json.loads(redacted["text"]) == {"deep": {name: "[redacted]"}, "plan": "pro"}


@pytest.mark.parametrize("value", [42, True, ["a"], {"hash": "x"}])
def test_a_secret_is_redacted_whatever_its_type(value):
    assert redact({"password": value}) == {"password": "[redacted]"}


def test_an_absent_secret_is_shown_as_absent():
    record = {"password": None, "password_hash": "", "totp_secret": None}
    assert redact(record) == record


def test_what_is_no_secret_stays_as_it_was():
    record = {
        "email": "ada@example.com",
        "password_hash_type": "okta-bcrypt",
        "password_salt_position": "prefix",
        "totp_issuer": "Acme",
        "totp_user": "ada",
        "org_name": "Acme",
        "role_slugs": ["admin"],
        "email_verified": True,
        "seats": 42,
        "price": Decimal("42.0"),
        "nothing": None,
        "bio": "[not JSON",
    }
    assert redact(record) == record


@pytest.mark.parametrize(
    "value",
    [
        "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
        "$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA",
        "$firebase-scrypt$hash=abc$salt=def",
        "pbkdf2_sha256$600000$salt$hash",
        "{SSHA}c2FsdGhhc2g=",
        "sk_test_a1b2c3d4e5",
        "password=hunter2",
        "otpauth://totp/Acme:ada?secret=JBSWY3DPEHPK3PXP",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE",
    ],
)
def test_a_secret_that_a_ragged_row_moved_elsewhere_is_known_by_its_form(value):
    moved = {"first_name": value, "metadata": {"a": [value]}}
    assert redact(moved) == {
        "first_name": "[redacted]",
        "metadata": {"a": ["[redacted]"]},
    }
    assert list(redact({value: "x"})) == ["[redacted]"]


def test_a_hash_type_is_shown_only_if_it_names_an_algorithm():
    assert redact({"password_hash_type": "md5"}) == {"password_hash_type": "md5"}
    assert redact({"password_hash_type": "Bcrypt_SHA256_Django"})["password_hash_type"][0] == "B"
    for secret in ("hunter2", "natasha1985", "2b$10$", "crypt0n1te"):
        assert redact({"password_hash_type": secret}) == {"password_hash_type": "[redacted]"}


def test_a_repeated_name_in_json_text_hides_nothing():
    text = f'{{"password": "{SECRET}", "password": null}}'
    assert redact({"metadata": text}) == {"metadata": '{"password":null}'}


def test_long_values_are_shortened_with_a_note():
    redacted = redact({"bio": "x" * 5_000_000, "list": ["y" * 100] * 1_000, "k" * 5_000: "z"})
    assert redacted["bio"] == "x" * 256 + "... [5,000,000 characters]"
    assert redacted["list"].startswith('["yyyy')
    assert redacted["list"].endswith("... [103,001 characters]")
    assert len(shown({"k" * 5_000: "z"})) < 400


def test_anything_can_be_written_as_json_afterwards():
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    record = {
        "surrogate\udc80": "a\udc80",
        "deep": deep,
        "deep_text": "[" * 100_000,
        "date": datetime(2026, 11, 24, tzinfo=UTC),
        "big": 2**80,
    }
    assert json.loads(shown(record)) == {
        "surrogate\\udc80": "a\\udc80",
        "deep": json.loads("[" * 32 + '"[nested too deep]"' + "]" * 32),
        "deep_text": "[" * 256 + "... [100,000 characters]",
        "date": "2026-11-24 00:00:00+00:00",
        "big": 2**80,
    }
    while deep:  # freed link by link: the interpreter's own recursion would end the process
        deep = deep[0]


def test_a_text_of_the_tap_is_shown_unless_it_seems_to_hold_a_secret():
    assert redact_text("3 values for 5 columns") == "3 values for 5 columns"
    assert redact_text("bad row: password=hunter2") == "[redacted]"


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
plain = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
secret_names = st.sampled_from([*sorted(SECRET_COLUMNS), "apiKey", "x_token", "Salt", "mfa_otp"])
hidden = st.recursive(
    st.dictionaries(secret_names, st.just(SECRET), min_size=1),
    lambda inner: (
        st.dictionaries(st.text(), inner, min_size=1, max_size=2)
        | st.lists(inner, min_size=1, max_size=2)
        | inner.map(json.dumps)
    ),
    max_leaves=4,
)


@given(st.dictionaries(st.text(), plain | hidden))
def test_no_planted_secret_is_ever_shown_and_nothing_raises(record):
    assert SECRET not in shown(record)
