"""Each form that is converted: a known password, hashed as its system does, must fit after."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from functools import cache

import bcrypt
import pytest
from argon2.low_level import Type, hash_secret, hash_secret_raw

from target_workos_users.records.hashes import recognize
from target_workos_users.records.parse import parse_record
from tests.support.workos_hashes import firebase, fits

PASSWORD = "correct horse Ω"
SALT = b"sixteen bytes!!!"
TEXT_SALT = "qCa3oRvFYjFOtFPiaJzT72"
KEY, SEPARATOR = bytes(range(64)), b"\7"
SIZES = {"sha256": 600_000, "sha512": 210_000}


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def unpadded(raw: bytes) -> str:
    return b64(raw).rstrip("=")


def ab64(raw: bytes) -> str:
    return unpadded(raw).replace("+", ".")


@cache
def pbkdf2(digest: str, salt: bytes = SALT, size: int | None = None) -> bytes:
    return hashlib.pbkdf2_hmac(digest, PASSWORD.encode(), salt, SIZES[digest], size)


@cache
def scrypt(salt: bytes = SALT, n: int = 1024, r: int = 8, p: int = 1, size: int = 64) -> bytes:
    return hashlib.scrypt(PASSWORD.encode(), salt=salt, n=n, r=r, p=p, dklen=size, maxmem=2**27)


def argon2(variant: Type = Type.ID, passes: int = 1) -> str:
    return hash_secret(PASSWORD.encode(), SALT, passes, 4_096, 1, 32, variant).decode()


def argon2_raw(salt: bytes = SALT, memory: int = 4_096, passes: int = 1) -> bytes:
    return hash_secret_raw(PASSWORD.encode(), salt, passes, memory, 1, 32, Type.ID)


def bcrypt_hash(revision: str = "2b") -> str:
    made = bcrypt.hashpw(PASSWORD.encode(), b"$2b$04$abcdefghijklmnopqrstuu").decode()
    return f"${revision}{made[3:]}"


def firebase_hash() -> bytes:
    return firebase(PASSWORD.encode(), SALT + SEPARATOR, KEY, 8, 10)


def keycloak(data, value: bytes) -> dict[str, object]:
    return {
        "type": "password",
        "secretData": {"value": b64(value), "salt": b64(SALT), "additionalParameters": {}},
        "credentialData": data,
    }


def aspnet(digest: str, number: int) -> str:
    header = struct.pack(">BIII", 1, number, SIZES[digest], len(SALT))
    return b64(header + SALT + pbkdf2(digest, size=32))


KEYCLOAK_PBKDF2 = {"hashIterations": 210_000, "algorithm": "pbkdf2-sha512"}
KEYCLOAK_ARGON2 = {
    "hashIterations": 1,
    "algorithm": "argon2",
    "additionalParameters": {
        "hashLength": ["32"],
        "memory": ["4096"],
        "type": ["id"],
        "version": ["1.3"],
        "parallelism": ["1"],
    },
}
AUTH0_SCRYPT = {"keylen": 64, "cost": 1024, "blockSize": 8, "parallelization": 1}
FIREBASE = {
    "hash": firebase_hash(),
    "salt": SALT,
    "sk": KEY,
    "ss": SEPARATOR,
}

SOURCES = {
    # what WorkOS documents
    "bcrypt": bcrypt_hash,
    "argon2id": argon2,
    "argon2i": lambda: argon2(Type.I, 3),
    "argon2d": lambda: argon2(Type.D),
    "scrypt": lambda: f"$scrypt$v=1$n=1024,r=8,p=1,kl=64${unpadded(SALT)}${unpadded(scrypt())}",
    "pbkdf2": lambda: f"$pbkdf2$i=600000,d=sha256${unpadded(SALT)}${unpadded(pbkdf2('sha256'))}",
    "firebase": lambda: (
        f"$firebase-scrypt$v=1$r=8,m=10,ss={unpadded(SEPARATOR)},sk={unpadded(KEY)}"
        f"${unpadded(SALT)}${unpadded(firebase_hash())}"
    ),
    "ssha": lambda: "{SSHA}" + b64(hashlib.sha1(PASSWORD.encode() + SALT).digest() + SALT),
    "ssha256": lambda: "{SSHA256}" + b64(hashlib.sha256(PASSWORD.encode() + SALT).digest() + SALT),
    # bcrypt by other names
    "php": lambda: bcrypt_hash("2y"),
    "a cost of one digit": lambda: bcrypt_hash().replace("$04$", "$4$"),
    "spring bcrypt": lambda: "{bcrypt}" + bcrypt_hash("2a"),
    "dovecot crypt": lambda: "{CRYPT}" + bcrypt_hash("2y"),
    "dovecot blf-crypt": lambda: "{BLF-CRYPT}" + bcrypt_hash("2y"),
    "django bcrypt": lambda: "bcrypt$" + bcrypt_hash(),
    "nextcloud": lambda: "1|" + bcrypt_hash("2y"),
    "okta": lambda: json.dumps(
        {
            "algorithm": "BCRYPT",
            "workFactor": 4,
            "salt": (made := bcrypt_hash("2a"))[7:29],
            "value": made[29:],
        }
    ),
    # argon2 by other names
    "django argon2": lambda: "argon2" + argon2(),
    "spring argon2": lambda: "{argon2@SpringSecurity_v5_8}" + argon2(),
    "dovecot argon2": lambda: "{ARGON2ID}" + argon2(),
    "libsodium": lambda: argon2() + "\0" * 29,
    "magento": lambda: (
        f"{argon2_raw(TEXT_SALT.encode()[:16], 65_536, 2).hex()}:{TEXT_SALT}:3_32_2_67108864"
    ),
    "magento 2": lambda: f"{argon2_raw(b'short' * 3 + b's', 65_536, 2).hex()}:short:2",
    "keycloak argon2": lambda: keycloak(KEYCLOAK_ARGON2, argon2_raw()),
    # pbkdf2
    "django pbkdf2": lambda: (
        f"pbkdf2_sha256$600000${TEXT_SALT}${b64(pbkdf2('sha256', TEXT_SALT.encode()))}"
    ),
    "django pbkdf2_sha512": lambda: (
        f"pbkdf2_sha512$210000${TEXT_SALT}${b64(pbkdf2('sha512', TEXT_SALT.encode()))}"
    ),
    "clerk pbkdf2": lambda: f"pbkdf2_sha256$600000${b64(SALT)}${b64(pbkdf2('sha256'))}",
    "werkzeug pbkdf2": lambda: (
        f"pbkdf2:sha256:600000${TEXT_SALT}${pbkdf2('sha256', TEXT_SALT.encode()).hex()}"
    ),
    "passlib pbkdf2": lambda: f"$pbkdf2-sha256$600000${ab64(SALT)}${ab64(pbkdf2('sha256'))}",
    "passlib pbkdf2 sha512": lambda: f"$pbkdf2-sha512$210000${ab64(SALT)}${ab64(pbkdf2('sha512'))}",
    "rustcrypto, auth0, kratos": lambda: (
        f"$pbkdf2-sha512$i=210000,l=64${unpadded(SALT)}${unpadded(pbkdf2('sha512'))}"
    ),
    "a shorter key that says so": lambda: (
        f"$pbkdf2-sha512$i=210000,l=32${unpadded(SALT)}${unpadded(pbkdf2('sha512', size=32))}"
    ),
    "another name of the digest": lambda: (
        f"$pbkdf2$d=SHA-256,i=600000${b64(SALT)}${b64(pbkdf2('sha256'))}"
    ),
    "openldap pbkdf2": lambda: "{PBKDF2-SHA256}600000$" + f"{ab64(SALT)}${ab64(pbkdf2('sha256'))}",
    "mediawiki": lambda: f":pbkdf2:sha512:210000:64:{b64(SALT)}:{b64(pbkdf2('sha512'))}",
    "grub": lambda: f"grub.pbkdf2.sha512.210000.{SALT.hex().upper()}.{pbkdf2('sha512').hex()}",
    "aspnet sha256": lambda: aspnet("sha256", 1),
    "aspnet sha512": lambda: aspnet("sha512", 2),
    "keycloak": lambda: keycloak(KEYCLOAK_PBKDF2, pbkdf2("sha512")),
    "keycloak, 64 bytes of sha256": lambda: keycloak(
        {"hashIterations": 600_000, "algorithm": "pbkdf2-sha256"}, pbkdf2("sha256", size=64)
    ),
    "keycloak, inner JSON as text": lambda: {
        name: json.dumps(value) if isinstance(value, dict) else value
        for name, value in keycloak(KEYCLOAK_PBKDF2, pbkdf2("sha512")).items()
    },
    "keycloak, old layout": lambda: {
        "type": "password",
        "hashedSaltedValue": b64(pbkdf2("sha512")),
        "salt": b64(SALT),
        **KEYCLOAK_PBKDF2,
    },
    "keycloak, all credentials": lambda: [
        {"type": "otp", "secretData": "{}", "credentialData": "{}"},
        keycloak(KEYCLOAK_PBKDF2, pbkdf2("sha512")),
    ],
    # scrypt
    "passlib scrypt": lambda: f"$scrypt$ln=10,r=8,p=1${unpadded(SALT)}${unpadded(scrypt())}",
    "kratos scrypt": lambda: f"$scrypt$ln=1024,r=8,p=1${b64(SALT)}${b64(scrypt())}",
    "django scrypt": lambda: (
        f"scrypt$1024${TEXT_SALT}$8$5${b64(scrypt(TEXT_SALT.encode(), p=5))}"
    ),
    "werkzeug scrypt": lambda: f"scrypt:1024:8:1${TEXT_SALT}${scrypt(TEXT_SALT.encode()).hex()}",
    "spring scrypt": lambda: "{scrypt}$a0801$" + f"{b64(SALT)}${b64(scrypt(size=32))}",
    "spring scrypt without its name": lambda: f"$a0801${b64(SALT)}${b64(scrypt(size=32))}",
    "java scrypt": lambda: f"$s0$a0801${b64(SALT)}${b64(scrypt(size=32))}",
    "ruby scrypt": lambda: (
        f"400$8$1$0000{SALT.hex()}${scrypt(size=32).hex()}"  # leading null bytes are dropped
    ),
    "better auth, lucia": lambda: (
        f"{SALT.hex()}:{scrypt(SALT.hex().encode(), 16_384, 16).hex()}"
    ),
    "lucia 2": lambda: f"s2:{TEXT_SALT[:16]}:{scrypt(TEXT_SALT[:16].encode(), 16_384, 16).hex()}",
    "auth0 scrypt": lambda: {
        "algorithm": "scrypt",
        "hash": {"value": scrypt().hex(), "encoding": "hex"},
        "salt": {"value": b64(SALT), "encoding": "base64"},
        **AUTH0_SCRYPT,
    },
    # Firebase
    "workos's migration tools": lambda: (
        "$firebase-scrypt$"
        + "$".join(f"{name}={b64(raw)}" for name, raw in FIREBASE.items())
        + "$r=8$m=10"
    ),
    "supabase": lambda: (
        f"$fbscrypt$v=1,n=10,r=8,p=1,ss={b64(SEPARATOR)},sk={b64(KEY)}"
        f"${b64(SALT)}${b64(firebase_hash())}"
    ),
    "kratos": lambda: (
        f"$firescrypt$ln=10,r=8,p=1${b64(SALT)}${b64(firebase_hash())}"
        f"${b64(SEPARATOR)}${b64(KEY)}"
    ),
    "clerk": lambda: (
        f"{b64(firebase_hash())}${b64(SALT)}${b64(KEY)}${b64(SEPARATOR)}$8$10"
    ),
    # LDAP, Auth0
    "ldap in hex": lambda: (
        "{SSHA256.HEX}" + (hashlib.sha256(PASSWORD.encode() + SALT).digest() + SALT).hex()
    ),
    "an old salt of 4 bytes": lambda: (
        "{ssha}" + b64(hashlib.sha1(PASSWORD.encode() + b"salt").digest() + b"salt")
    ),
    "auth0 salted sha256": lambda: {
        "algorithm": "sha256",
        "hash": {
            "value": hashlib.sha256(SALT + PASSWORD.encode()).hexdigest(),
            "encoding": "hex",
        },
        "salt": {"value": SALT.decode(), "encoding": "utf8", "position": "prefix"},
    },
    "auth0 ldap": lambda: {
        "algorithm": "ldap",
        "hash": {
            "value": "{SSHA}" + b64(hashlib.sha1(PASSWORD.encode() + SALT).digest() + SALT),
            "encoding": "utf8",
        },
    },
    "zitadel": lambda: {"hash": bcrypt_hash("2a")},
}  # fmt: skip


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_the_password_still_fits_after_the_conversion(source):
    row = parse_record({"email": "ada@example.com", "password_hash": source()})
    assert fits(row.fields, PASSWORD)


@pytest.mark.parametrize("source", ["bcrypt", "argon2id", "scrypt", "pbkdf2", "firebase", "ssha"])
def test_another_password_does_not_fit(source):
    row = parse_record({"email": "ada@example.com", "password_hash": SOURCES[source]()})
    assert not fits(row.fields, PASSWORD + "!")


# What the systems themselves make of the password, with their least cost that WorkOS takes.
MADE_BY = {
    "Django 5.2, PBKDF2": "pbkdf2_sha256$600000$qCa3oRvFYjFOtFPiaJzT72"
    "$9s25qUTz7eXWM5V2VyiawVv8A8webeW4rmb2gGLi9Lk=",
    "Django 5.2, argon2": "argon2$argon2id$v=19$m=4096,t=1,p=1$U01ZTW1sM2R2ZUtGWXF0TEpYSHdyNw"
    "$zGyvJdE1p1L7p+rBKg/g4VFi8oA/OXqLkohnRipuMYA",
    "Django 5.2, bcrypt": "bcrypt$$2b$04$ZH7q9CyHom0kh3CG27gvbeOLLRChoAQZIDBdK4Brw7drE0BAFdOXi",
    "Django 5.2, scrypt": "scrypt$1024$4dEEXMSXl61hyDQAoqVIGl$8$5"
    "$GxyhjAUsRQ+chuUZXZ/9sFQ2OlOawnOSEPw6/PebcV2pKLIgahw5wQuGPTb4J1S9Iau8O1aJMNbEUtI6WWfpyw==",
    "Werkzeug 3.1, PBKDF2": "pbkdf2:sha256:600000$oO4kMzDxF1vo2Php"
    "$5bba4715921668984b04e877dede52d93fb69ca077dd06fb966bbcea98f0cbda",
    "Werkzeug 3.1, scrypt": "scrypt:1024:8:1$IxVIMn5zySbHqG9m$99e6d155e98b9ed27116f297e2752e728de"
    "653f1af34a43c3e534ac0d5209115f7c5a13e49b267f52239d1699347599004c900a8ffe0ae6f62c87e98f4e7c602",
    "passlib 1.7, PBKDF2": "$pbkdf2-sha512$210000$.B9jDAHAWMuZE8KYszYmZA$uHPQZ3fBW8kc9v9KHDCpRH0dp"
    "/o2UXMpleOZzxEjZO0dFXll6eUl47WfSz7SIRJuLDOjxPIkpE/EK5m0hWdmoA",
    "passlib 1.7, scrypt": "$scrypt$ln=10,r=8,p=1$8D7nnFPKuVcqxfhfyznnHA"
    "$zlYTJMMnrX/yq1C9qsuk+ARQUt1oBRgviZ9WJ/8HUn0",
    "passlib 1.7, LDAP PBKDF2": "{PBKDF2-SHA256}600000$L2WsFUIoxVir1RrjnFOqdQ"
    "$RuvbQ8k1Fs5U5d6fC0pJIUMPpWH80DIAeTItLyquZFU",
    "passlib 1.7, SSHA": "{SSHA}ungGKRY1u2jQ1zNFneGNv3pOvsPgfM/5",
    "passlib 1.7, SSHA256": "{SSHA256}z8IfkLuOC0OK+raEBKiUQlUCcHcwn1HPbvshPDOk/Wc6R+gd47yXUg==",
}


@pytest.mark.parametrize("made", MADE_BY.values(), ids=MADE_BY)
def test_what_the_systems_themselves_made_fits(made):
    row = parse_record({"email": "ada@example.com", "password_hash": made})
    assert fits(row.fields, PASSWORD)


def test_the_same_hash_in_the_column_password_fits_too():
    for source in SOURCES.values():
        if isinstance(made := source(), str):
            row = parse_record({"email": "ada@example.com", "password": made.rstrip("\0")})
            assert row.fields == parse_record(
                {"email": "ada@example.com", "password_hash": made}
            ).fields | {"password_hash": row.fields["password_hash"]}
            assert "hash_in_password" in row.remarks


def test_what_is_converted_is_passed_on_as_it_is():
    for source in SOURCES.values():
        once = recognize(made.rstrip("\0") if isinstance(made := source(), str) else made)
        if once.remark != "short_key":  # its text doesn't say that it is meant to be so short
            assert recognize(once.text).text == once.text
