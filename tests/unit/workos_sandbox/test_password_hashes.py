from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workos_sandbox.password_hashes import HASH_TYPES, is_well_formed

# Firebase's public test vector, serialized with @phc/format.
FIREBASE = (
    "$firebase-scrypt$v=1$r=8,m=14,ss=Bw,sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjL"
    "NmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA$42xEC+ixf3L2lw$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh"
    "1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ"
)
SALT, DIGEST = "c29tZXNhbHQ", "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXowMTIzNDU"  # 8 and 32 bytes


def ssha(algorithm: str) -> str:
    return base64.b64encode(
        hashlib.new(algorithm, b"password" + b"salt").digest() + b"salt"
    ).decode()


GOOD = {
    "bcrypt": ["$2a$10$" + "a" * 53, "$2b$12$" + "./" * 26 + "Z", "$2y$04$" + "0" * 53],
    "scrypt": [f"$scrypt$v=1$n=16384,r=8,p=1,kl=32${SALT}${DIGEST}"],
    "pbkdf2": [
        f"$pbkdf2$i=600000,d=sha256${SALT}${DIGEST}",
        f"$pbkdf2$i=210000,d=sha512${SALT}${DIGEST}",
    ],
    "argon2": [
        f"$argon2id$v=19$m=65536,t=3,p=4${SALT}${DIGEST}",
        f"$argon2i$v=19$m=4096,t=3,p=1${SALT}${DIGEST}",
        f"$argon2d$v=19$m=262144,t=1,p=8${SALT}${DIGEST}",
    ],
    "firebase-scrypt": [FIREBASE],
    "ssha": ["{SSHA}" + ssha("sha1")],
    "ssha256": ["{SSHA256}" + ssha("sha256")],
}
BAD = {
    "bcrypt": ["$2a$10$" + "a" * 52, "$2c$10$" + "a" * 53, "$2a$03$" + "a" * 53, "password"],
    "scrypt": [
        f"$scrypt$v=1$n=16383,r=8,p=1,kl=32${SALT}${DIGEST}",
        f"$scrypt$v=1$n=16384,r=8,p=1,kl=64${SALT}${DIGEST}",
        f"$scrypt$v=1$ln=14,r=8,p=1,kl=32${SALT}${DIGEST}",
        f"$scrypt$n=16384,r=8,p=1,kl=32${SALT}${DIGEST}",
        f"$scrypt$v=1$n=16384,r=8,p=1,kl=32${SALT}=${DIGEST}",
    ],
    "pbkdf2": [
        f"$pbkdf2$i=599999,d=sha256${SALT}${DIGEST}",
        f"$pbkdf2$i=1000001,d=sha512${SALT}${DIGEST}",
        f"$pbkdf2$i=600000,d=sha1${SALT}${DIGEST}",
    ],
    "argon2": [
        f"$argon2id$v=16$m=65536,t=3,p=4${SALT}${DIGEST}",
        f"$argon2id$v=19$m=4095,t=3,p=4${SALT}${DIGEST}",
        f"$argon2i$v=19$m=65536,t=2,p=4${SALT}${DIGEST}",
        f"$argon2id$v=19$m=65536,t=3,p=9${SALT}${DIGEST}",
    ],
    "firebase-scrypt": [
        FIREBASE.replace("ss=Bw,", ""),
        FIREBASE.replace("v=1", "v=2"),
        "$firebase-scrypt$hash=eA==$salt=eA==$sk=eA==$ss=Bw==$r=8$m=14",
    ],
    "ssha": ["{SSHA}" + base64.b64encode(bytes(20)).decode(), ssha("sha1"), "{SSHA}not base64"],
    "ssha256": ["{SSHA256}" + ssha("sha1"), "{SSHA}" + ssha("sha256")],
}


def test_every_type_has_cases():
    assert GOOD.keys() == BAD.keys() == HASH_TYPES


@pytest.mark.parametrize(
    ("kind", "text"), [(k, text) for k, texts in GOOD.items() for text in texts]
)
def test_a_documented_hash_is_taken(kind, text):
    assert is_well_formed(kind, text)


@pytest.mark.parametrize(
    ("kind", "text"), [(k, text) for k, texts in BAD.items() for text in texts]
)
def test_a_hash_of_another_format_is_not(kind, text):
    assert not is_well_formed(kind, text)


@given(st.sampled_from(sorted(HASH_TYPES)), st.text())
def test_arbitrary_text_is_no_hash_and_no_error(kind, text):
    assert not is_well_formed(kind, text)


@given(st.data())
def test_a_damaged_hash_is_an_answer_and_no_error(data):
    kind = data.draw(st.sampled_from(sorted(HASH_TYPES)))
    text = data.draw(st.sampled_from(GOOD[kind]))
    place = data.draw(st.integers(0, len(text) - 1))
    damaged = text[:place] + data.draw(st.characters()) + text[place + 1 :]
    assert is_well_formed(kind, damaged) in (True, False)
