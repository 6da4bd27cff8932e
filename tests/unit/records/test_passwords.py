from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from target_workos_users.exceptions import ErrorType, RecordError
from target_workos_users.records.passwords import HASH_TYPES, hashed_password

PASSWORD, SALT = b"correct horse", b"sixteen bytes!!!"


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode().rstrip("=")


BCRYPT = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"  # jBCrypt's test vector
SSHA = "{SSHA}" + base64.b64encode(hashlib.sha1(PASSWORD + SALT).digest() + SALT).decode()
SSHA256 = "{SSHA256}" + base64.b64encode(hashlib.sha256(PASSWORD + SALT).digest() + SALT).decode()
SCRYPT_DIGEST = b64(hashlib.scrypt(PASSWORD, salt=SALT, n=1024, r=8, p=1, dklen=64))
SCRYPT = f"$scrypt$v=1$n=1024,r=8,p=1,kl=64${b64(SALT)}${SCRYPT_DIGEST}"
PBKDF2 = f"$pbkdf2$i=210000,d=sha512${b64(SALT)}${b64(hashlib.sha512(SALT).digest())}"
ARGON2 = (  # argon2-cffi's documentation
    "$argon2id$v=19$m=65536,t=3,p=4$MIIRqgvgQbgj220jfp0MPA$YfwJSVjtjSU0zzV/P3S9nnQ/USre2wvJMjfCIjrTQbg"
)
# Firebase's public test vector, as @phc/format 1.0.0 writes it and as WorkOS's tools do.
FIREBASE_SALT = "42xEC+ixf3L2lw"
FIREBASE_DIGEST = (
    "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ"
)
FIREBASE_KEY = (
    "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA"
)
FIREBASE = (
    f"$firebase-scrypt$v=1$r=8,m=14,ss=Bw,sk={FIREBASE_KEY}${FIREBASE_SALT}${FIREBASE_DIGEST}"
)
FIREBASE_RAW = (
    f"$firebase-scrypt$hash={FIREBASE_DIGEST}==$salt={FIREBASE_SALT}=="
    f"$sk={FIREBASE_KEY}==$ss=Bw==$r=8$m=14"
)

GOOD = {
    "bcrypt": BCRYPT,
    "firebase-scrypt": FIREBASE,
    "ssha": SSHA,
    "ssha256": SSHA256,
    "scrypt": SCRYPT,
    "pbkdf2": PBKDF2,
    "argon2": ARGON2,
}


def normalized(password_hash: str, hash_type: str | None = None) -> str:
    return hashed_password(password_hash, hash_type)["password_hash"]


def refusal(password_hash: str, *args: str | None) -> str:
    with pytest.raises(RecordError) as caught:
        hashed_password(password_hash, *args)
    assert caught.value.error_type is ErrorType.INVALID_RECORD
    return str(caught.value)


def test_the_cases_here_cover_all_seven_types():
    assert tuple(GOOD) == HASH_TYPES


@pytest.mark.parametrize(("hash_type", "password_hash"), GOOD.items())
def test_a_hash_of_each_type_passes_unchanged(hash_type, password_hash):
    assert hashed_password(password_hash, hash_type) == {
        "password_hash": password_hash,
        "password_hash_type": hash_type,
    }


@pytest.mark.parametrize(("hash_type", "password_hash"), GOOD.items())
def test_a_type_left_out_is_told_from_the_prefix(hash_type, password_hash):
    assert hashed_password(password_hash)["password_hash_type"] == hash_type


@pytest.mark.parametrize(
    ("written", "hash_type", "password_hash"),
    [
        ("BCrypt", "bcrypt", BCRYPT),
        ("Argon2ID", "argon2", ARGON2),
        ("firebase_scrypt", "firebase-scrypt", FIREBASE),
        ("SSHA", "ssha", SSHA),
    ],
)
def test_the_name_of_a_type_is_taken_in_other_spellings(written, hash_type, password_hash):
    assert hashed_password(password_hash, written)["password_hash_type"] == hash_type


def test_php_bcrypt_is_relabeled_as_the_same_algorithm():
    assert normalized(BCRYPT.replace("$2a$", "$2y$")) == BCRYPT.replace("$2a$", "$2b$")
    assert normalized(BCRYPT.replace("$2a$", "$2b$")) == BCRYPT.replace("$2a$", "$2b$")


def test_the_fields_that_workos_migration_tools_write_for_firebase_become_phc():
    assert normalized(FIREBASE_RAW, "firebase-scrypt") == FIREBASE
    url_safe = FIREBASE_RAW.replace("+", "-").replace("/", "_")
    assert normalized(url_safe) == FIREBASE


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (ARGON2 + "=", ARGON2),
        (ARGON2.replace("m=65536,t=3,p=4", "t=3,p=4,m=65536"), ARGON2),
        (SCRYPT + "==", SCRYPT),
        (SCRYPT.replace("/", "_").replace("+", "-"), SCRYPT),
        (SCRYPT.replace("$v=1", ""), SCRYPT),
        (SCRYPT.replace(",kl=64", ""), SCRYPT),
        (SCRYPT.replace("v=1$n=1024", "ln=10"), SCRYPT),
        (PBKDF2.replace("i=210000,d=sha512", "d=sha512,i=210000"), PBKDF2),
        (FIREBASE.replace("ss=Bw", "ss=Bw=="), FIREBASE),
        (SSHA.rstrip("="), SSHA),
        (SSHA.replace("{SSHA}", "{ssha}"), SSHA),
        (SSHA256.replace("{SSHA256}", "{ssha256}"), SSHA256),
    ],
)
def test_what_exporters_write_otherwise_is_put_right(written, expected):
    assert normalized(written) == expected


@pytest.mark.parametrize("position", ["prefix", "SUFFIX"])
def test_the_salt_position_goes_with_ssha256(position):
    fields = hashed_password(SSHA256, None, position)
    assert fields["password_salt_position"] == position.lower()


def test_the_salt_position_goes_with_nothing_else():
    assert refusal(SSHA, "ssha", "prefix") == (
        "password_salt_position: goes with ssha256 only, not with ssha"
    )
    assert "prefix or suffix" in refusal(SSHA256, "ssha256", "middle")


@pytest.mark.parametrize("unknown", ["md5", "okta-bcrypt", "sha256", "bcrypt2"])
def test_an_unknown_type_is_named_with_the_seven(unknown):
    message = refusal(BCRYPT, unknown)
    assert message.startswith(f"password_hash_type: '{unknown}' isn't one of bcrypt, ")
    assert all(hash_type in message for hash_type in HASH_TYPES)


def test_a_type_that_names_no_algorithm_may_be_a_shifted_secret_and_is_not_quoted():
    message = refusal(BCRYPT, "hunter2")
    assert message.startswith("password_hash_type: the value isn't one of ")
    assert "hunter2" not in message


@pytest.mark.parametrize("bare", ["5f4dcc3b5aa765d61d8327deb882cf99", "$1$abc$def", "{MD5}x", "$"])
def test_a_type_that_no_prefix_tells_must_be_given(bare):
    message = refusal(bare)
    assert message.startswith("password_hash_type: empty, and the hash has no prefix")
    assert bare not in message.replace("$", "", 1) or bare == "$"


def test_a_type_that_contradicts_the_prefix_is_refused():
    message = refusal(BCRYPT, "scrypt")
    assert message.startswith("password_hash: scrypt by its type, but with the prefix of bcrypt; ")
    assert "without a prefix of that type" in refusal("5f4dcc3b5aa765d61d8327deb882cf99", "bcrypt")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (BCRYPT[:-1], "bcrypt with 59 characters, not 60"),
        (BCRYPT[:-1] + "!", "outside its alphabet"),
        (BCRYPT.replace("$10$", "$03$"), "bcrypt with cost 3, outside 4 to 31"),
        (BCRYPT.replace("$10$", "$32$"), "bcrypt with cost 32"),
        (BCRYPT.replace("$2a$", "$2x$"), "revision 2x"),
        (ARGON2.replace("m=65536", "m=512"), "argon2 with m=512 KiB, outside 4,096 to 262,144 KiB"),
        (ARGON2.replace("m=65536", "m=262145"), "m=262,145 KiB"),
        (ARGON2.replace("t=3", "t=6"), "t=6, outside 1 to 5"),
        (ARGON2.replace("argon2id", "argon2i").replace("t=3", "t=2"), "t=2, outside 3 to 5"),
        (ARGON2.replace("p=4", "p=9"), "p=9, outside 1 to 8"),
        (ARGON2.replace("v=19", "v=16"), "another v, where v=19 belongs"),
        (ARGON2.replace("$v=19", ""), "without v, where v=19 belongs"),
        (ARGON2.replace(",p=4", ""), "without p"),
        (ARGON2.replace("p=4", "p=4,keyid=x"), "parameters besides m, t, p"),
        (ARGON2.replace("t=3", "m=4096"), "each once"),
        (ARGON2.replace("t=3", "t=three"), "t that isn't a whole number"),
        (ARGON2.replace("t=3", "t=" + "9" * 5_000), "t that isn't a whole number"),
        (ARGON2.rpartition("$")[0], "with 2 parts after its name and version, not 3"),
        (ARGON2.rpartition("$")[0] + "$", "whose hash isn't Base64"),
        (ARGON2 + "é", "whose hash isn't Base64"),
        (SCRYPT.replace("n=1024", "n=1000"), "n=1,000, which isn't a power of two"),
        (SCRYPT.replace("n=1024,", ""), "without n"),
        (SCRYPT[:-8], "kl=64 and a hash of 58 bytes; was it cut short?"),
        (SCRYPT.replace("v=1", "v=2"), "another v, where v=1 belongs"),
        (PBKDF2.replace("i=210000", "i=100000"), "i=100,000 (d=sha512), outside 210,000 to 1,000"),
        (PBKDF2.replace("sha512", "sha256"), "outside 600,000 to 1,000,000"),
        (PBKDF2.replace("sha512", "sha1"), "d that is neither sha256 nor sha512"),
        (PBKDF2.replace("$i", "$v=1$i"), "another v, where none belongs"),
        (FIREBASE.replace("r=8", "r=9"), "r=9, outside 1 to 8"),
        (FIREBASE.replace("m=14", "m=15"), "m=15, outside 1 to 14"),
        (FIREBASE.replace("ss=Bw,", ""), "without ss"),
        (FIREBASE.replace("$v=1", ""), "without v"),
        (FIREBASE_RAW.replace("$r=8", ""), "in raw form without just hash, m, r, salt, sk, ss"),
        (SSHA[:20], "ssha of 10 bytes, where 20 are digest"),
        (SSHA[:-8] + "$$$$$$$$", "isn't Base64"),
        ("{SSHA}", "isn't Base64"),
        ("{ssha256}06$aJckFGJAB30LTe10$ohUsB7LBPlgclE3hJg9x042DLJvQyxVCX.nZZLEz", "isn't Base64"),
    ],
    ids=lambda value: value[:30],
)
def test_a_hash_out_of_form_or_range_is_refused_with_what_is_wrong_and_the_way_out(wrong, said):
    message = refusal(wrong)
    assert message.startswith("password_hash: ")
    assert said in message
    assert "expected" in message
    assert "leave password_hash empty" in message
    secrets = [part for part in wrong.replace("$", " ").replace("=", " ").split() if len(part) > 15]
    assert not any(part in message for part in secrets)


@given(
    st.sampled_from(list(GOOD.values())).flatmap(
        lambda good: st.tuples(
            st.just(good), st.integers(0, len(good)), st.integers(0, 9), st.text(max_size=9)
        )
    ),
    st.sampled_from([None, *HASH_TYPES]),
)
@example((ARGON2, 0, 9, "$argon2id$"), None)
def test_a_damaged_hash_is_taken_in_a_form_that_stays_or_refused_without_a_quote(edit, hash_type):
    good, start, length, inserted = edit
    damaged = good[:start] + inserted + good[start + length :]
    try:
        fields = hashed_password(damaged, hash_type)
    except RecordError as error:
        message = str(error)
    else:
        message = ""
        again = hashed_password(fields["password_hash"], fields["password_hash_type"])
        assert again == fields
    assert not any(part in message for part in damaged.split("$") if len(part) > 30)
