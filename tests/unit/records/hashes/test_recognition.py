from __future__ import annotations

import base64
import hashlib
import json
import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from target_workos_users.records.hashes import Hash, UnusableHash, is_no_password, recognize
from target_workos_users.records.redaction import redact_text
from tests.support.workos_hashes import decode, parts
from tests.unit.records.hashes.test_conversions import SOURCES
from tests.unit.records.hashes.test_refusals import NOT_VERIFIED

TEXTS = [source().rstrip("\0") for source in SOURCES.values() if isinstance(source(), str)]


def outcome(value: object, *, whole: bool = False) -> Hash | str | None:
    try:
        return recognize(value, whole=whole)
    except UnusableHash as problem:
        return str(problem)


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "P@ssw0rd!2024",
        "$ecret$money$2024",
        "$12345$for-a-year-of-what",
        "$2b$",
        "$2b$10$short",
        "{bcrypt}",
        "{SSHA}hello",
        "{noop",
        "{}",
        "[]",
        '{"value": 1}',
        '"quoted"',
        "!Important2024",
        "!correcthorsebatterystapleforever",
        "0x1234567890",
        "deadbeef",
        "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0",
        "8Jk2lM5nO8pQ1rS4tU7vaB3dE6gH9jK2lM5nO8pQ1rS=",
        "a:b:c",
        "admin:password",
        "scrypt",
        "pbkdf2_sha256",
        "bcrypt:or-not",
        "{CRYPT}ab",
        "md5$salt",
        "1|2|3",
        "é$2b$10$",
    ],
)
def test_a_password_that_only_looks_a_little_like_a_hash_is_none(password):
    assert outcome(password, whole=True) is None
    assert not is_no_password(password, whole=True)


@pytest.mark.parametrize("text", [*TEXTS, *NOT_VERIFIED], ids=lambda text: text[:30])
def test_a_whole_hash_is_known_as_one_among_passwords(text):
    if NOT_VERIFIED.get(text) != "no form":
        assert outcome(text, whole=True) == outcome(text) is not None


@pytest.mark.parametrize("marker", ["!", "!3wHpuf0NlCY93nGMW6B029ADEAGhSLIoGW0To1RK"])
def test_djangos_mark_for_no_password_is_known_among_passwords_too(marker):
    assert is_no_password(marker)
    assert is_no_password(marker, whole=True)


@pytest.mark.parametrize(
    "marker", ["!Hn3fYyYxg1C7qEP2lKjJd8cTq0sW", "*", "!!", "!$6$rounds=5000$a"]
)
def test_a_mark_for_no_password_is_known_where_a_hash_belongs(marker):
    assert is_no_password(marker)


HIDDEN = [
    text
    for text in (*TEXTS, *NOT_VERIFIED)
    # A bare digest may be an id, and a short text anything: known in a column of hashes only.
    if NOT_VERIFIED.get(text, "")[:3]
    not in {"MD5", "SHA", "no ", "Joo", "Mag", "who", "ASP", "pla", "bar"}
    or text[0] in "${"
    if text[:2] != '{"'  # by the names of its members
]


@pytest.mark.parametrize("text", HIDDEN, ids=lambda text: text[:30])
def test_what_is_known_as_a_hash_is_hidden_wherever_a_ragged_row_puts_it(text):
    assert redact_text(text) == "[redacted]"
    assert redact_text(f"Ada {text} Lovelace") == "[redacted]"


def test_an_id_is_no_hash_to_redaction():
    for harmless in (
        hashlib.md5(b"42").hexdigest(),
        "507f1f77bcf86cd799439011",
        "user_2YDryYFVMM1W1plDDKz7Gzf4we6",
        "auth0|65a1b2c3d4e5f60718293a4b",
        "1|2",
    ):
        assert redact_text(harmless) == harmless


# What is in a hash comes out as it went in, whatever it is.

# As digests are: what reads as hex in Base64 is refused, and doesn't come about by chance.
digests = st.binary().map(lambda seed: hashlib.sha512(seed).digest())
salts = st.builds(lambda digest, size: digest[:size], digests, st.integers(8, 64))
ab64 = st.characters(codec="ascii", categories=["L", "N"])
text_salts = st.text(ab64, min_size=8, max_size=22)


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def converted(stored: object) -> dict[str, str]:
    found = recognize(stored)
    return parts({"password_hash_type": found.type, "password_hash": found.text})


@given(salts, digests.map(lambda digest: digest[:32]), st.integers(600_000, 1_000_000))
def test_any_pbkdf2_hash_keeps_its_bytes(salt, digest, iterations):
    passlib = [b64(raw).rstrip("=").replace("+", ".") for raw in (salt, digest)]
    sources = [
        f"$pbkdf2-sha256${iterations}${'$'.join(passlib)}",
        f"$pbkdf2-sha256$i={iterations},l=32${b64(salt)}${b64(digest)}",
        "{PBKDF2-SHA256}" + f"{iterations}${'$'.join(passlib)}",
        f":pbkdf2:sha256:{iterations}:32:{b64(salt)}:{b64(digest)}",
        b64(struct.pack(">BIII", 1, 1, iterations, len(salt)) + salt + digest),
        {
            "secretData": json.dumps({"value": b64(digest), "salt": b64(salt)}),
            "credentialData": {"hashIterations": iterations, "algorithm": "pbkdf2-sha256"},
        },
    ]
    for source in sources:
        found = converted(source)
        assert (decode(found["salt"]), decode(found["hash"])) == (salt, digest)
        assert (found["i"], found["d"]) == (str(iterations), "sha256")


@given(text_salts, digests, st.integers(210_000, 1_000_000))
def test_any_salt_that_is_text_goes_in_as_it_stands(salt, digest, iterations):
    for source in (
        f"pbkdf2_sha512${iterations}${salt}${b64(digest)}",
        f"pbkdf2:sha512:{iterations}${salt}${digest.hex()}",
        f"scrypt:32768:8:1${salt}${digest.hex()}",
        f"scrypt$16384${salt}$8$1${b64(digest)}",
        f"{digest[:16].hex()}:{digest.hex()}",
    ):
        found = converted(source)
        expected = digest[:16].hex() if source[32:33] == ":" else salt
        assert (decode(found["salt"]), decode(found["hash"])) == (expected.encode(), digest)


@given(salts, digests, digests)
def test_any_firebase_hash_keeps_its_bytes(salt, digest, key):
    for source in (
        f"$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk={b64(key)}${b64(salt)}${b64(digest)}",
        f"$firebase-scrypt$hash={b64(digest)}$salt={b64(salt)}$sk={b64(key)}$ss=Bw==$r=8$m=14",
        f"{b64(digest)}${b64(salt)}${b64(key)}$Bw==$8$14",
    ):
        found = converted(source)
        assert [decode(found[name]) for name in ("salt", "hash", "sk", "ss")] == [
            salt,
            digest,
            key,
            b"\7",
        ]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(TEXTS),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                (
                    *("secretData", "credentialData", "value", "salt", "hash", "algorithm"),
                    *("hashIterations", "workFactor", "additionalParameters", "type", "cost"),
                    *("hashedSaltedValue", "encoding"),
                )
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@given(json_values)
@example({"algorithm": [], "hash": {"value": 1}})
@example({"secretData": {"value": "é"}, "credentialData": {"algorithm": "pbkdf2"}})
def test_any_json_is_a_hash_or_refused_or_none(value):
    outcome(value)
    outcome(json.dumps(value))


@given(
    st.sampled_from([*TEXTS, *NOT_VERIFIED]).flatmap(
        lambda good: st.tuples(
            st.just(good), st.integers(0, len(good)), st.integers(0, 9), st.text(max_size=9)
        )
    ),
    st.booleans(),
)
@example(("$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA", 0, 9, "$argon2id$"), False)
@example(("", 0, 0, "\ud800"), True)
@example(("$s0$", 4, 0, "fffff$a$b"), False)
def test_a_damaged_hash_becomes_one_in_the_documented_form_or_is_refused_without_a_quote(
    edit, whole
):
    good, start, length, inserted = edit
    damaged = good[:start] + inserted + good[start + length :]
    found = outcome(damaged, whole=whole)
    if isinstance(found, Hash):
        parts({"password_hash_type": found.type, "password_hash": found.text})
    if isinstance(found, str):
        assert not any(part in found for part in damaged.split("$") if len(part) > 30)
