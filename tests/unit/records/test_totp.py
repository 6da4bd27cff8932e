from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_workos_users.exceptions import RecordError
from target_workos_users.records.parse import REMARKS, UserRow, parse_record
from target_workos_users.records.rules import RecordRules
from target_workos_users.records.totp import Totp

SECRET = "JBSWY3DPEHPK3PXP"
RAW = RecordRules(totp_secret_format="raw")
URI = f"otpauth://totp/Acme%20Inc:ada%2B1@example.com?secret={SECRET}&issuer=Acme%20Inc"
KEYCLOAK = {
    "type": "otp",
    "secretData": {"value": "dSxeGJ4pYEdGA1b0QKkG"},
    "credentialData": {
        "subType": "totp",
        "digits": 6,
        "counter": 0,
        "period": 30,
        "algorithm": "HmacSHA1",
    },
}


def row(secret: object, rules: RecordRules = RecordRules(), **columns) -> UserRow:  # noqa: B008
    parsed = parse_record({"email": "ada@example.com", "totp_secret": secret, **columns}, rules)
    assert set(parsed.remarks) <= REMARKS.keys()
    return parsed


def refusal(secret: object, rules: RecordRules = RecordRules()) -> str:  # noqa: B008 - immutable
    with pytest.raises(RecordError) as caught:
        row(secret, rules)
    message = str(caught.value)
    assert message.startswith("totp_secret: ")
    assert not isinstance(secret, str) or len(secret) < 6 or secret not in message
    return message


def keycloak(**data: object) -> dict[str, object]:
    return KEYCLOAK | {"credentialData": KEYCLOAK["credentialData"] | data}


def base32(raw: bytes) -> str:
    return base64.b32encode(raw).decode().rstrip("=")


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        SECRET.lower(),
        f" {SECRET}======",
        f'["{SECRET}"]',
        [SECRET],
        "jbsw y3dp ehpk 3pxp",
        "JBSW-Y3DP-EHPK-3PXP",
        "JBSW\u00a0Y3DP\u00a0EHPK\u00a03PXP",
        "jbsw\u2011y3dp\u2011ehpk\u20113pxp",
    ],
)
def test_a_secret_is_taken_as_apps_show_it(written):
    assert row(written, totp_issuer="Acme").totp == Totp(SECRET, "Acme", None)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("JBSWY3DPEHPK3PX0", "isn't Base32, or was cut short: expected letters A to Z and"),
        ("JBSWY3DPEHPK3PXPJ", "isn't Base32"),
        ("====", "isn't Base32"),
        ("JB", "has 2 characters in Base32; expected 16 or more"),
        (234567, "isn't Base32"),
        ("JBSWY3DPEHPK3", "has 13 characters in Base32"),
        ("3132333435363738393031323334353637383930", "is hex"),
        ("MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=", "set totp_secret_format to raw"),
        ("dSxeGJ4pYEdGA1b0QKkG", "set totp_secret_format to raw"),
        ("BAhJIhVhYmNkZWZnaGlqa2xtbm8GOgZFVA==--abcd", "encrypted"),
        ('["JBSWY3DPEHPK3PXP", "JBSWY3DPEHPK3PXQ"]', "JSON without one secret"),
        ('{"secret": "JBSWY3DPEHPK3PXP"}', "JSON without one secret"),
        ("{JBSWY3DPEHPK3PXP", "isn't Base32"),
    ],
)
def test_what_is_no_base32_is_refused_with_what_to_do(wrong, said):
    assert said in refusal(wrong)


# otpauth://


def test_a_uri_is_taken_apart():
    assert row(URI).totp == Totp(SECRET, "Acme Inc", "ada+1@example.com")
    assert row(f"otpauth://totp/ada?secret={SECRET.lower()}").totp == Totp(SECRET, None, "ada")
    assert row(f"otpauth://totp/?secret={SECRET}").totp == Totp(SECRET, None, None)
    said_twice = f"{URI}&algorithm=SHA1&digits=6&period=30"
    assert row(said_twice) == row(URI) == row(URI, RAW)


def test_the_columns_win_over_the_uri_with_a_remark_if_they_differ():
    parsed = row(URI, totp_issuer="Other")
    assert parsed.totp == Totp(SECRET, "Other", "ada+1@example.com")
    assert parsed.remarks == ("totp_uri_overridden",)
    assert row(URI, totp_issuer="Acme Inc").remarks == ()
    assert row(f"otpauth://totp/?secret={SECRET}", totp_user="ada").remarks == ()


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        (f"{URI}&algorithm=SHA256&digits=8&period=60", "algorithm SHA256, digits 8, period 60; "),
        (f"{URI}&digits=8", "totp_secret: digits 8; WorkOS takes SHA1, 6 digits and a period of"),
        (f"{URI}&algorithm=hunter2", "algorithm unknown"),
        (URI.replace("totp", "hotp"), "another kind than otpauth://totp/"),
        ("otpauth-migration://offline?data=CjEKCkhlbGxv", "another kind than otpauth://totp/"),
        ("otpauth://totp/Acme:ada", "without a secret"),
        ("otpauth://totp/x?secret=hunter2-hunter1-hunter", "isn't Base32"),
        ("otpauth://[totp", "isn't a whole otpauth:// URI"),
    ],
)
def test_a_uri_that_workos_cannot_use_is_refused_with_why(uri, said):
    assert said in refusal(uri)


# Raw keys, Keycloak


def test_a_raw_key_is_written_in_base32():
    key = "dSxeGJ4pYEdGA1b0QKkG"
    assert row(key, RAW).totp == Totp(base32(key.encode()), None, None)


@pytest.mark.parametrize(("wrong", "said"), [("short", "8 characters"), ("käse" * 9, "ASCII")])
def test_a_raw_key_too_is_checked(wrong, said):
    assert said in refusal(wrong, RAW)


@given(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=10))
def test_any_raw_key_comes_out_as_it_went_in(key):
    secret = row(key, RAW).totp.secret
    assert base64.b32decode(secret + "=" * (-len(secret) % 8)) == key.encode()


@pytest.mark.parametrize(
    "stored",
    [
        KEYCLOAK,
        json.dumps(KEYCLOAK),
        {name: json.dumps(value) for name, value in KEYCLOAK.items() if name != "type"},
        [{"type": "password", "secretData": "{}"}, KEYCLOAK],
    ],
)
def test_keycloaks_credential_holds_the_key_itself(stored):
    assert row(stored).totp.secret == base32(b"dSxeGJ4pYEdGA1b0QKkG")


def test_keycloaks_credential_may_say_base32():
    stored = keycloak(secretEncoding="BASE32") | {"secretData": {"value": SECRET}}
    assert row(stored).totp.secret == SECRET


def test_keycloaks_secret_alone_does_not_say_what_it_is():
    stored = json.dumps({"value": SECRET})
    assert "credentialData" in refusal(stored)
    assert row(stored, RAW).totp.secret == base32(SECRET.encode())


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        (keycloak(algorithm="HmacSHA512"), "algorithm SHA512; WorkOS takes SHA1"),
        (keycloak(digits=8), "digits 8"),
        (keycloak(subType="hotp"), "HOTP"),
    ],
)
def test_keycloaks_other_codes_are_named(stored, said):
    assert said in refusal(stored)


def test_no_secret_is_no_factor():
    for empty in (None, "", {}, []):
        assert row(empty).totp is None
    assert row("", totp_issuer="Acme").remarks == ("totp_secret_missing",)


@given(
    st.recursive(
        st.none() | st.integers() | st.text() | st.sampled_from([SECRET, URI]),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(
                st.sampled_from(["type", "secretData", "credentialData", "value", "digits"]), inner
            )
        ),
        max_leaves=5,
    ),
    st.sampled_from([RecordRules(), RAW]),
)
def test_anything_is_a_base32_secret_or_an_error(value, rules):
    for stored in (value, json.dumps(value)):
        try:
            factor = row(stored, rules).totp
        except RecordError:
            continue
        if factor:
            base64.b32decode(factor.secret + "=" * (-len(factor.secret) % 8))
