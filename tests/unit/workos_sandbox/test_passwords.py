from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from workos_sandbox import read_contents

USERS = "/user_management/users"


def test_a_hash_is_kept_as_sent_and_never_shown(api, db, bcrypt):
    user = api.user(password_hash=bcrypt, password_hash_type="bcrypt")
    assert not any("password" in key for key in user)
    (stored,) = read_contents(db).users
    assert (stored["password_hash"], stored["password_hash_type"]) == (bcrypt, "bcrypt")


def test_a_plaintext_password_is_kept_as_a_hash_of_it(api, db):
    api.user(password="correct horse battery")
    (stored,) = read_contents(db).users
    assert stored["password_hash_type"] == "scrypt"
    salt, digest = (
        base64.b64decode(part + "=" * (-len(part) % 4))
        for part in stored["password_hash"].split("$")[-2:]
    )
    again = hashlib.scrypt(b"correct horse battery", salt=salt, n=1024, r=8, p=1, dklen=32)
    assert hmac.compare_digest(again, digest)
    assert b"correct horse" not in db.read_bytes() + (db.parent / f"{db.name}-wal").read_bytes()


def test_an_update_replaces_the_hash_and_another_leaves_it(api, db, bcrypt):
    user = api.user(password="correct horse battery")
    path = f"{USERS}/{user['id']}"
    api.put(path, {"password_hash": bcrypt, "password_hash_type": "bcrypt"})
    api.put(path, {"first_name": "Ada", "password": None})
    (stored,) = read_contents(db).users
    assert (stored["password_hash"], stored["first_name"]) == (bcrypt, "Ada")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"password": "p", "password_hash": "h"}, "password_and_password_hash_provided"),
        (
            {"password": "p", "password_hash_type": "bcrypt"},
            "password_and_password_hash_type_provided",
        ),
        ({"password_salt_position": "prefix"}, "password_salt_position_requires_password_hash"),
        ({"password_hash": "h", "password_hash_type": "bcrypt"}, "invalid_password_hash"),
    ],
)
def test_fields_that_do_not_go_together_are_refused(api, fields, code):
    reply = api.post(USERS, {"email": "ada@example.com"} | fields)
    assert reply.error == (400, code)


def test_a_salt_position_goes_with_ssha256_only(api, bcrypt):
    ssha256 = "{SSHA256}" + base64.b64encode(bytes(40)).decode()
    api.user(password_hash=ssha256, password_hash_type="ssha256", password_salt_position="prefix")
    reply = api.post(
        USERS,
        {
            "email": "ada@example.com",
            "password_hash": bcrypt,
            "password_hash_type": "bcrypt",
            "password_salt_position": "prefix",
        },
    )
    assert reply.error_codes == ["password_salt_position_invalid"]


@pytest.mark.parametrize(
    ("password", "codes"),
    [
        ("Tr0ub4dor", ["password_too_short"]),
        ("aaaaaaaaaaaa", ["password_too_weak"]),
        ("abc", ["password_too_short", "password_too_weak"]),
    ],
)
def test_a_weak_password_is_told_why(api, password, codes):
    reply = api.post(USERS, {"email": "ada@example.com", "password": password})
    assert reply.error == (400, "password_strength_error")
    assert reply.error_codes == codes
    assert password not in reply.text
