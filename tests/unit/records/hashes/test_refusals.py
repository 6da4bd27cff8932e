from __future__ import annotations

import base64
import hashlib
import json

import pytest

from target_workos_users.records.hashes import HASH_TYPES, UnusableHash, recognize

SALT, RAW = "c2l4dGVlbiBieXRlcyEhIQ", b"\xfb\x7f" * 32
B64, HEX = base64.b64encode(RAW).decode().rstrip("="), RAW.hex()
BCRYPT = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"  # jBCrypt's test vector
ARGON2 = f"$argon2id$v=19$m=65536,t=3,p=4${SALT}${B64}"
SCRYPT = f"$scrypt$v=1$n=1024,r=8,p=1,kl=64${SALT}${B64}"
PBKDF2 = f"$pbkdf2$i=210000,d=sha512${SALT}${B64}"
FIREBASE = f"$firebase-scrypt$v=1$r=8,m=14,ss=Bw,sk={B64}${SALT}${B64}"
FIREBASE_RAW = f"$firebase-scrypt$hash={B64}$salt={SALT}$sk={B64}$ss=Bw==$r=8$m=14"
SSHA = "{SSHA}" + base64.b64encode(hashlib.sha1(b"pw" + b"salt").digest() + b"salt").decode()
KEYCLOAK = {
    "secretData": {"value": B64, "salt": SALT},
    "credentialData": {"hashIterations": 210_000, "algorithm": "pbkdf2-sha512"},
}


def refusal(stored: object) -> str:
    with pytest.raises(UnusableHash) as caught:
        recognize(stored)
    return str(caught.value)


def keycloak(**data: object) -> dict[str, object]:
    return KEYCLOAK | {"credentialData": KEYCLOAK["credentialData"] | data}


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        (BCRYPT.replace("$10$", "$03$"), "bcrypt with cost 3; WorkOS takes 4 to 31"),
        (BCRYPT.replace("$10$", "$32$"), "bcrypt with cost 32; WorkOS takes 4 to 31"),
        (ARGON2.replace("65536", "1024"), "argon2 with m=1,024 KiB; WorkOS takes 4,096 to 262,144"),
        (ARGON2.replace("65536", "262145"), "m=262,145 KiB; WorkOS takes 4,096 to 262,144"),
        (ARGON2.replace("t=3", "t=10"), "argon2 with t=10; WorkOS takes 1 to 5"),
        (ARGON2.replace("id", "i").replace("t=3", "t=2"), "with t=2; WorkOS takes 3 to 5"),
        (ARGON2.replace("p=4", "p=9"), "argon2 with p=9; WorkOS takes 1 to 8"),
        (ARGON2.replace("v=19", "v=16"), "argon2 of another version; WorkOS takes v=19"),
        (ARGON2.replace("$v=19", ""), "argon2 without v, so version 16; WorkOS takes v=19"),
        (ARGON2.replace("p=4", "p=4,keyid=a,data=b"), "argon2 with keyid and data, made with"),
        (
            "pbkdf2_sha256$260000$Sm8lAvX9TzQ2Wd0aKp3r1B$" + B64[:43],
            "Django PBKDF2 with 260,000 iterations of SHA-256; WorkOS takes 600,000 to 1,000,000",
        ),
        (
            "pbkdf2_sha256$1200000$Sm8lAvX9TzQ2Wd0aKp3r1B$" + B64[:43],
            "Django PBKDF2 with 1,200,000 iterations of SHA-256",
        ),
        (PBKDF2.replace("210000", "209999"), "pbkdf2 with 209,999 iterations of SHA-512"),
        (PBKDF2.replace("sha512", "sha1"), "pbkdf2 of SHA-1; WorkOS takes SHA-256 and SHA-512"),
        (PBKDF2.replace("sha512", "sha3"), "pbkdf2 of another digest"),
        (f"$pbkdf2$131000${SALT}${B64}", "pbkdf2 of SHA-1"),  # passlib's
        ("{PBKDF2}131000$EIIwhjAGIGRsTend$USZQfonFboZvnRD07ezOomVWpHc", "LDAP PBKDF2 of SHA-1"),
        (f"pbkdf2:sha256:150000$salt${HEX[:64]}", "Werkzeug PBKDF2 with 150,000 iterations"),
        (f"pbkdf2:sha256$salt${HEX[:64]}", "Werkzeug PBKDF2, without its number of iterations"),
        (
            "AQAAAAEAACcQAAAAEDAxMjM0NTY3ODlhYmNkZWZVnPUmx/UMDFrqaDxm8vjSPq61J/vUmoDiW3D4uwHtag==",
            "ASP.NET Identity v3 with 10,000 iterations of SHA-256; WorkOS takes 600,000 to 1,000,",
        ),
        (
            "AQAAAAIAAYagAAAAEDAxMjM0NTY3ODlhYmNkZWZsza95aMKtouI/V4nRWaGUZaXSRdm9y4fEluQcB/R0gQ==",
            "ASP.NET Identity v3 with 100,000 iterations of SHA-512; WorkOS takes 210,000 to 1,000",
        ),
        (keycloak(hashIterations=27_500), "Keycloak's credential with 27,500 iterations of SHA"),
        (keycloak(algorithm="pbkdf2"), "Keycloak's credential of SHA-1"),
        (SCRYPT.replace("n=1024", "n=2147483648"), "with n=2,147,483,648 and r=8, which takes 2,0"),
        (FIREBASE.replace("r=8", "r=9"), "firebase-scrypt with r=9; WorkOS takes 1 to 8"),
        (FIREBASE.replace("m=14", "m=15"), "firebase-scrypt with m=15; WorkOS takes 1 to 14"),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_a_parameter_out_of_range_is_named_with_its_scheme_value_and_range(stored, said):
    assert said in refusal(stored)


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        (BCRYPT[:-1], "bcrypt with 59 characters, not 60"),
        (BCRYPT[:-1] + "!", "outside its alphabet"),
        (BCRYPT.upper(), "bcrypt whose letters are all capitals"),
        (ARGON2.replace(",p=4", ""), "argon2 without p"),
        (ARGON2.replace("p=4", "p=4,q=1"), "argon2 with parameters besides m, t, p"),
        (ARGON2.replace("t=3", "m=4096"), "each once"),
        (ARGON2.replace("t=3", "t=three"), "with t that isn't a whole number"),
        (ARGON2.replace("t=3", "t=" + "9" * 5_000), "with t that isn't a whole number"),
        (ARGON2.rpartition("$")[0], "with 2 parts after its name and version, not 3"),
        (ARGON2.rpartition("$")[0] + "$", "whose hash is empty"),
        (ARGON2.replace(B64, "3ZCJ"), "argon2 with a hash of 3 bytes, as if it was cut short"),
        (ARGON2.replace(SALT, "c2FsdA"), "with a salt of 4 bytes; real ones have 8 or more"),
        (ARGON2.replace(B64, HEX), "argon2 whose hash is hex, where Base64 belongs"),
        (ARGON2.replace(SALT, "None"), "argon2 whose salt is the text None"),
        (SCRYPT.replace("1024", "1000"), "scrypt with n=1,000, which isn't a power of two"),
        (SCRYPT.replace("r=8", "r=0"), "scrypt with r=0 and p=1"),
        (SCRYPT.replace("n=1024,", ""), "scrypt without n"),
        (SCRYPT[:-8], "scrypt with kl=64 and a hash of 58 bytes, as if it was cut short"),
        (SCRYPT.replace("v=1", "v=2"), "scrypt with another v"),
        (PBKDF2[:-1], "isn't Base64"),
        (PBKDF2[:-4], "pbkdf2 with a hash of 61 bytes, where SHA-512 gives 64"),
        (PBKDF2.replace("$i", "$v=1$i"), "pbkdf2 with 6 parts, not 5"),
        (f"$pbkdf2-sha512$i=210000,l=64${SALT}${B64[:60]}", "with l=64 and a hash of 45 bytes"),
        (f"pbkdf2:sha256:600000$somesalt${B64}", "Werkzeug PBKDF2 whose hash isn't hex"),
        (FIREBASE.replace("ss=Bw,", ""), "firebase-scrypt without ss"),
        (FIREBASE.replace("$v=1", ""), "firebase-scrypt without v=1"),
        (FIREBASE_RAW.replace("$r=8", ""), "firebase-scrypt without r"),
        (FIREBASE_RAW.replace("Bw==", ""), "firebase-scrypt whose ss is empty"),
        (FIREBASE_RAW.replace(SALT, ""), "firebase-scrypt whose salt is empty"),
        (FIREBASE_RAW.replace(f"={B64}$salt", "=None$salt"), "whose hash is the text None"),
        (FIREBASE_RAW.replace(f"hash={B64}", "hash=" + B64[:64]), "a signer key of 64"),
        (SSHA[:20], "ssha of 10 bytes, where 20 are digest"),
        ("{SSHA}", "ssha whose text after the prefix is empty"),
        ("{SSHA}" + "0f" * 24, "is hex, where Base64 belongs"),
        ("{ssha256}06$aJckFGJAB30LTe10$ohUsB7LBPlgclE3hJg9x042DLJvQyxVCX", "isn't Base64"),
        ({"value": B64, "salt": SALT, "additionalParameters": {}}, "Keycloak's credential with"),
        (keycloak(hashIterations=None), "with hashIterations that isn't a whole"),
        (keycloak(algorithm="md5"), "credential of an algorithm other than"),
        ({"bcrypt": BCRYPT}, "Meteor's hash"),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_a_damaged_hash_is_refused_with_what_is_wrong(stored, said):
    message = refusal(stored)
    assert said in message
    assert not any(secret in message for secret in (B64[:20], HEX[:20], SALT, BCRYPT[7:]))


@pytest.mark.parametrize(
    "written",
    ["UkVEQUNURUQ=", "UkVEQUNURUQ", FIREBASE_RAW.replace(f"hash={B64}", "hash=UkVEQUNURUQ=")],
)
def test_what_firebase_gives_without_the_permission_is_told_with_its_name(written):
    assert "firebaseauth.configs.getHashConfig" in refusal(written)


# Made by passlib 1.7, Werkzeug 3.1 and Django 5.2, or as the systems' own sources describe.
NOT_VERIFIED = {
    "$P$H.4xoKt08gfqDTn5hs/zfCig122oBG/": "phpass",
    "$H$9V1cX/WqUhsSWM0ipyB7HwFQqTQKxP1": "phpass",
    "$wp$2y$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy": "WordPress",
    "$S$DaB3dE6gH9jK2lM5nO8pQ1rS4tU7vaB3dE6gH9jK2lM5nO8pQ1rS4": "Drupal",
    "U$S$DaB3dE6gH9jK2lM5nO8pQ1rS4tU7vaB3dE6gH9jK2lM5nO8pQ1rS4": "Drupal",
    "$6$rounds=656000$92hqdAA/0brcmU34$V3TwxQ9XUSqnV78sVdxTTNDaiBWQsMiiuOeXJCVQxndOCag": "SHA-512",
    "{CRYPT}$6$rounds=656000$PBQhk1p64fTbOfX5$Ggp5I6I6oSJKs9VoFyR8iyuDeR5ZlMdK4dtnb3h0I": "SHA-512",
    "$5$rounds=535000$kP0S6WRHjLDe52FP$1g6xnFLye6lzJrAx5E/8bGNcOAoHyF4t2.ShBV6HqxA": "SHA-256",
    "$1$B0tIGiya$0hxokh2pnuL6buAt2UiOt.": "MD5-crypt",
    "$apr1$XL1reQ5z$oOH2eAnmnZLxuj3rVE7/E0": "MD5-crypt",
    "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7": "yescrypt",
    "$2x$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy": "revision 2x",
    "bcrypt_sha256$$2b$04$tkjoXOoEvsYXchfClnhigOB8ZM2XONVf5cuAYbtQSwpezBbh9CKfq": "bcrypt_sha256",
    "$bcrypt-sha256$v=2,t=2b,r=4$k/HCLDXEaHlgJ.epQr8eGO$XOhFsaDleWA9WC1dAjwxF9hf0Sq": "bcrypt_sha",
    "{SSHA512}g4FLBU9tsKXE3teszqyWq9wrT/YA5MCTMziZLBJF99evWprGgxoyWBR+GIAIadb164wzi": "{SSHA512}",
    "{SMD5}WyrNtsbmX2/q6ELm+ZH6n4Iwxhg=": "{SMD5}",
    "{SHA}X7pG/HHe3C3I43bmDR6I25ZWRPs=": "{SHA}",
    "{MD5}cub6/F95Wmt4EF0OFGP7Qg==": "{MD5}",
    "{PKCS5S2}eK/1/v+/l7L2fi/lXAvhfP4ISK8M9lyhs9U37YqV0K48zfd4mSWqvypSTmFatjQ7": "PBKDF2 of SHA-1",
    "$p5k2$1ffb8$szIpYSfsxEUdTvi6$Ihw/e.ue4otS//5Syt.hSdKiK3v69VrA": "PBKDF2 of SHA-1",
    "{pbkdf2}5c8d1a1a0f8a3e6b9b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f708192a3b4c5d6e7": "Spring",
    "sha1$5X2c4D1wK6ei$eb5fe52d513465e16bf7ac64a438f184b20af546": "Django",
    "md5$$5f4dcc3b5aa765d61d8327deb882cf99": "Django",
    "$sha1$480000$laMMFsUQ$fK3Ka0t9nUqfMm.Niq64951oM3df": "digest",
    "$md5,rounds=34000$qABqXotw$$VSe.VyRMNeANV9QL27Giq0": "digest",
    "$scram$100000$6D0n5Pzfm3PO.Z9T$sha-1=HoCwYPkhygO2MKV9zjl3TjbmJc0": "digest",
    "SCRAM-SHA-256$4096:c2FsdHNhbHRzYWx0$c3RvcmVk:c2VydmVy": "SCRAM",
    "*6C7D976459E3E7973E375C344D64F6792872D5A4": "MySQL",
    "0x0200" + "4086ceb6" + "5c8d" * 32: "SQL Server",
    "md5a6343a68d964ca596d9752250d54bb8a": "PostgreSQL",
    "$bcrypt$v=98$r=10$Jtxi46WJ26OQ0khsYLLlnw$knXGfuRFsSjXdj88JydPOnUIglvm1S8": "AdonisJS",
    f"pbkdf2${RAW[:16].hex()}$100000${RAW.hex()}": "names its algorithm",
    f"pbkdf2$sha512$100000${B64}": "names its algorithm",
    f"scrypt:{RAW[:16].hex()}:{RAW.hex()}": "names its algorithm",
    "5f4dcc3b5aa765d61d8327deb882cf99": "MD5",
    "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8": "SHA-1",
    hashlib.sha256(b"pw").hexdigest(): "SHA-256",
    hashlib.sha512(b"pw").hexdigest(): "SHA-512",
    "5f4dcc3b5aa765d61d8327deb882cf99:aB3dE6gH9jK2lM5nO8pQ1rS4tU7vaB3d": "Joomla",
    f"{hashlib.sha256(b'pw').hexdigest()}:aB3dE6gH9jK2lM5nO8pQ1rS4tU7vaB3d:1": "Magento",
    f"{RAW[:16].hex()}:{RAW[:32].hex()}": "whose parameters aren't in the text",
    f"{RAW[:16].hex()}:{RAW.hex()}".upper(): "whose parameters aren't in the text",
    f"{RAW.hex()}.{RAW[:8].hex()}": "whose parameters aren't in the text",
    "AHPvyhXcFmqzaE2rSBBAb8RtTLTuuhvM6yKyXpbo9mQ7wYhbkZZ1v1ONNh2QwqJH7gK+oDt==": "no form",
    base64.b64encode(b"\0" + RAW[:48]).decode(): "ASP.NET Identity v2",
    f"$f_scrypt${B64}==${SALT}$m=14$r=8$s=Bw==": "SuperTokens",
    "{noop}hunter2": "in clear",
    "{CLEARTEXT}hunter2": "in clear",
    "**********": "placeholder",
    "[REDACTED]": "placeholder",
    "{CRYPT}ab0123456789z": "crypt(3)",
    "{PLAIN-MD5}5f4dcc3b5aa765d61d8327deb882cf99": "{PLAIN-MD5}",
    "5c8d" * 20: "bare digest in hex of 80 characters",  # Spring's PBKDF2 without its name
    "5f4dcc3b5aa765d61d8327deb882cf99$somesalt": "Joomla",
    f"{base64.b64encode(RAW[:16]).decode()}:{base64.b64encode(RAW).decode()}": "whose parameters",
    f"pbkdf2_sha1$27500$somesalt${RAW[:20].hex()}": "Django PBKDF2 of SHA-1",
}  # fmt: skip


@pytest.mark.parametrize(("stored", "named"), NOT_VERIFIED.items(), ids=lambda value: value[:40])
def test_a_hash_that_workos_cannot_verify_is_named(stored, named):
    if named == "no form":
        assert recognize(stored) is None
        return
    message = refusal(stored)
    assert named in message
    assert stored not in message
    assert "hunter2" not in message


@pytest.mark.parametrize(
    "wrapped",
    [
        f'"{BCRYPT}"',
        f"'{BCRYPT}'",
        f"b'{BCRYPT}'",
        f" {BCRYPT}\r\n",
        f"\ufeff{BCRYPT}\0\0",
        BCRYPT.replace("/", "\\/").replace("$", "\\$"),
        BCRYPT.replace("$", "%24"),
        base64.b64encode(BCRYPT.encode()).decode(),
        base64.b64encode(f"{BCRYPT}\n".encode()).decode(),
        f"\\x{BCRYPT.encode().hex()}",
        f"\\\\x{BCRYPT.encode().hex().upper()}",
        f"0x{BCRYPT.encode().hex()}",
        BCRYPT.encode().hex(),
        f'"\\x{BCRYPT.encode().hex()}"',
        base64.b64encode(f"{{bcrypt}}{BCRYPT}".encode()).decode(),
        json.dumps({"hash": BCRYPT}),
        json.dumps([f"{{CRYPT}}{BCRYPT}"]),
        json.dumps({"custom_password_hash": {"algorithm": "bcrypt", "hash": {"value": BCRYPT}}}),
    ],
)
def test_what_an_export_puts_around_a_hash_is_taken_off(wrapped):
    assert recognize(wrapped).text == BCRYPT


def test_the_seven_types_are_those_of_workos():
    assert HASH_TYPES == (
        "bcrypt", "firebase-scrypt", "ssha", "ssha256", "scrypt", "pbkdf2", "argon2"
    )  # fmt: skip
