from __future__ import annotations

import hashlib

import pytest

from target_workos_users.exceptions import ErrorType, RecordError
from target_workos_users.records.parse import REMARKS, UserRow, parse_record
from target_workos_users.records.rules import RecordRules

BCRYPT = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"
LARAVEL = BCRYPT.replace("$2b$", "$2y$")
ARGON2 = (  # argon2-cffi's documentation
    "$argon2id$v=19$m=65536,t=3,p=4$MIIRqgvgQbgj220jfp0MPA$YfwJSVjtjSU0zzV/P3S9nnQ/USre2wvJMjfCIjrTQbg"
)
SSHA = "{SSHA}8zp23iXEEQsuAhNlG86eIiYFnltzYWx0"
SSHA256 = "{SSHA256}czO44OTV17PcF1cRxWrLZLy9xHd7CWyVYplr1rOhuMlx/7IK"
BETTER_AUTH = f"{'30' * 16}:{hashlib.sha512(b'key').hexdigest()}"
DJANGO_260K = "pbkdf2_sha256$260000$Sm8lAvX9TzQ2Wd0aKp3r1B$NJfSntcLv9J12JuplBL497DGCti/tgeYwsQNlIFm"
MD5 = "5f4dcc3b5aa765d61d8327deb882cf99"
UNUSABLE = "!3wHpuf0NlCY93nGMW6B029ADEAGhSLIoGW0To1RK"
SKIP = RecordRules(unusable_hashes="skip")
WAY_OUT = "leave it empty, the user resets the password; or set unusable_hashes to skip"


def row(rules: RecordRules = RecordRules(), **columns) -> UserRow:  # noqa: B008 - immutable
    parsed = parse_record({"email": "ada@example.com", **columns}, rules)
    assert set(parsed.remarks) <= REMARKS.keys()
    return parsed


def password_of(parsed: UserRow) -> dict[str, str]:
    return {name: text for name, text in parsed.fields.items() if name != "email"}


def refusal(rules: RecordRules = RecordRules(), **columns) -> str:  # noqa: B008 - immutable
    with pytest.raises(RecordError) as caught:
        row(rules, **columns)
    assert caught.value.error_type is ErrorType.INVALID_RECORD
    return str(caught.value)


# A hash in password_hash


@pytest.mark.parametrize(
    ("written", "password_hash"),
    [
        ("BCrypt", BCRYPT),
        ("blf-crypt", BCRYPT),
        ("ARGON2ID", ARGON2),
        ("argon2", ARGON2),
        ("ssha", SSHA),
        ("ldap_ssha", SSHA),
        ("SSHA256", SSHA256),
    ],
)
def test_the_type_is_taken_by_the_names_that_systems_have_for_it(written, password_hash):
    typed = row(password_hash=password_hash, password_hash_type=written)
    assert typed == row(password_hash=password_hash)


def test_a_type_that_contradicts_the_hash_is_refused_with_both():
    assert refusal(password_hash=ARGON2, password_hash_type="bcrypt") == (
        "password_hash_type: says bcrypt, but the hash is argon2 by its form; "
        "correct it or leave it empty"
    )


@pytest.mark.parametrize("unknown", ["okta-bcrypt", "md5", "sha256", "bcrypt_peppered"])
def test_a_type_that_workos_does_not_have_is_named_with_the_seven(unknown):
    message = refusal(password_hash=BCRYPT, password_hash_type=unknown)
    assert message.startswith(f"password_hash: '{unknown}' by its type, which isn't one of bcrypt")
    assert message.endswith(WAY_OUT)


def test_a_type_that_names_no_algorithm_may_be_a_shifted_secret_and_is_not_quoted():
    for rules in (RecordRules(), SKIP):
        message = refusal(rules, password_hash=BCRYPT, password_hash_type="hunter2")
        assert message.startswith("password_hash_type: the value isn't one of bcrypt")
        assert "hunter2" not in message


def test_a_text_that_is_no_hash_is_refused_with_what_was_expected():
    assert refusal(password_hash="hunter2").startswith(
        "password_hash: a text in no form that is known; expected a hash of one of bcrypt"
    )
    assert refusal(password_hash="hunter2", password_hash_type="pbkdf2").startswith(
        "password_hash: in no form of pbkdf2; expected $pbkdf2$i=600000,d=sha256$<salt>$<hash>"
    )
    assert refusal(password_hash={"a": "hunter2"}).startswith("password_hash: an object in no form")


@pytest.mark.parametrize("text", ["NULL", "None", "nan", "undefined"])
def test_a_text_for_no_value_is_told_with_the_setting_for_it(text):
    message = refusal(password_hash=text)
    assert f"the text {text}" in message
    assert "null_values" in message


def test_a_hash_out_of_range_is_refused_with_what_to_do():
    assert refusal(password_hash=DJANGO_260K) == (
        "password_hash: Django PBKDF2 with 260,000 iterations of SHA-256; WorkOS takes 600,000 to "
        f"1,000,000: {WAY_OUT}"
    )


@pytest.mark.parametrize("position", ["prefix", "SUFFIX"])
def test_the_salt_position_goes_with_ssha256(position):
    fields = row(password_hash=SSHA256, password_salt_position=position).fields
    assert fields["password_salt_position"] == position.lower()


def test_the_salt_position_goes_with_nothing_else():
    assert refusal(password_hash=SSHA, password_salt_position="prefix") == (
        "password_salt_position: goes with ssha256 only, not with ssha"
    )
    wrong = refusal(password_hash=SSHA256, password_salt_position="middle")
    assert "prefix or suffix" in wrong


def test_better_auths_parameters_are_taken_for_granted_with_a_remark():
    parsed = row(password_hash=BETTER_AUTH)
    assert parsed.fields["password_hash"].startswith("$scrypt$v=1$n=16384,r=16,p=1,kl=64$")
    assert parsed.remarks == ("better_auth_assumed",)
    assert row(password_hash=BETTER_AUTH, password_hash_type="better-auth") == parsed
    message = refusal(password_hash=BETTER_AUTH, password_hash_type="scrypt")
    assert "without its parameters" in message


@pytest.mark.parametrize("marker", [UNUSABLE, "!", "!Hn3fYyYxg1C7qEP2lKjJd8cTq0sW", "*"])
def test_a_mark_for_no_password_loads_the_user_without_one(marker):
    parsed = row(password_hash=marker)
    assert password_of(parsed) == {}
    assert parsed.remarks == ("no_password_marker",)


@pytest.mark.parametrize("empty", ["", " ", None, {}, [], "\0\0"])
def test_an_empty_hash_is_no_password(empty):
    assert row(password_hash=empty) == row()


# A hash in password


def test_a_hash_in_the_column_password_is_loaded_as_one():
    parsed = row(password=LARAVEL)
    assert password_of(parsed) == {"password_hash": BCRYPT, "password_hash_type": "bcrypt"}
    assert parsed.remarks == ("hash_in_password",)
    assert row(password=LARAVEL, password_hash="", password_hash_type="bcrypt") == parsed


def test_a_hash_in_the_column_password_gives_way_to_password_hash():
    parsed = row(password=LARAVEL, password_hash=ARGON2)
    assert parsed.fields["password_hash"] == ARGON2
    assert parsed.remarks == ("password_ignored",)


def test_djangos_mark_in_the_column_password_is_no_password():
    parsed = row(password=UNUSABLE)
    assert password_of(parsed) == {}
    assert parsed.remarks == ("no_password_marker",)


@pytest.mark.parametrize("text", [MD5, DJANGO_260K, BCRYPT[:-4], "**********"])
def test_a_hash_of_no_use_in_the_column_password_signs_nobody_in(text):
    message = refusal(password=text)
    assert message.startswith("password: ")
    assert message.endswith("if it is a password, set password_hash_type to plain")
    assert text not in message
    assert password_of(row(SKIP, password=text)) == {}


@pytest.mark.parametrize("text", [MD5, LARAVEL, UNUSABLE, BETTER_AUTH, "**********"])
def test_a_password_that_looks_like_a_hash_can_be_said_to_be_plain(text):
    parsed = row(password=text, password_hash_type="Plain")
    assert password_of(parsed) == {"password": text}
    assert parsed.remarks == ("plain_password",)


def test_a_constant_type_column_leaves_plain_passwords_as_they_are():
    parsed = row(password=" correct horse ", password_hash_type="bcrypt")
    assert password_of(parsed) == {"password": " correct horse "}


# Hashes that are skipped


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"password_hash": DJANGO_260K}, "Django PBKDF2 with 260,000 iterations of SHA-256"),
        ({"password_hash": MD5, "password_hash_type": "md5"}, "a bare digest in hex of 32"),
        ({"password_hash": BCRYPT, "password_hash_type": "okta-bcrypt"}, "'okta-bcrypt' by its"),
        ({"password_hash": BCRYPT[:-1]}, "bcrypt with 59 characters"),
        ({"password_hash": "hunter2"}, "a text in no form"),
        ({"password_hash": "NULL"}, "the text NULL"),
        ({"password": MD5}, "a bare digest in hex of 32"),
    ],
)
def test_skipped_hashes_leave_the_user_without_a_password_and_say_why(columns, reason):
    parsed = row(SKIP, **columns)
    assert password_of(parsed) == {}
    assert parsed.skipped_hash.startswith(reason)
    assert parsed.remarks == ("hash_skipped",)


def test_what_is_usable_is_not_skipped():
    for columns in ({"password_hash": BCRYPT}, {"password": LARAVEL}, {"password": "hunter2"}):
        parsed = row(SKIP, **columns)
        assert parsed == row(**columns)
        assert parsed.skipped_hash is None


def test_columns_that_contradict_each_other_are_an_error_all_the_same():
    assert refusal(SKIP, password_hash=ARGON2, password_hash_type="bcrypt")
    assert refusal(SKIP, password_hash=SSHA, password_salt_position="prefix")
