"""Secrets and personal data that are like nothing else, so that a search finds every one of them.

Each is put where it belongs, and where ragged rows, shifted columns and headerless files put it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

API_KEY = "sk_test_CanaryKeyQ7x2Vb9Lw4Tn8"
PASSWORD = "Canary Horse 4711 Staple"
WEAK = "abc1Weak"  # refused by WorkOS, which quotes it here
TOTP = "CANARYBASE32SECRETQ7X2VB"
PROXY_PASSWORD = "ProxyCanaryZ5k9Rm3"
HASHES = {
    "bcrypt": "$2b$10$CanarySaltBcrypt4711aeCanaryDigestBcrypt4711abcdefg",
    "firebase-scrypt": "$firebase-scrypt$v=1$r=8,m=14,ss=Q2FuYXJ5U2VwYXJhdG9y"
    ",sk=Q2FuYXJ5U2lnbktleTQ3MTFDYW5hcnlTaWduS2V5NDcx"
    "$Q2FuYXJ5U2FsdEZpcmU$Q2FuYXJ5RGlnZXN0RmlyZWJhc2U0NzExQ2FuYXJ5RGln",
    "ssha": "{SSHA}Q2FuYXJ5U1NIQURpZ2VzdDQ3MTFzYWx0U0FMVA==",
    "ssha256": "{SSHA256}Q2FuYXJ5U1NIQTI1NkRpZ2VzdENhbmFyeTQ3MTFzYWx0U0FMVHNhbHQ=",
    "scrypt": "$scrypt$v=1$n=16384,r=8,p=1,kl=32$Q2FuYXJ5U2FsdFNjcnlwdA"
    "$Q2FuYXJ5U2NyeXB0RGlnZXN0Q2FuYXJ5NDcxMTQ3MTE",
    "pbkdf2": "$pbkdf2$i=600000,d=sha256$Q2FuYXJ5U2FsdFBia2RmMg"
    "$Q2FuYXJ5UGJrZGYyRGlnZXN0Q2FuYXJ5NDcxMTQ3MTE",
    "argon2": "$argon2id$v=19$m=65536,t=3,p=4$Q2FuYXJ5U2FsdEFyZ29uMg"
    "$Q2FuYXJ5QXJnb24yRGlnZXN0Q2FuYXJ5NDcxMTQ3MTE",
}
SECRETS = (API_KEY, PASSWORD, WEAK, TOTP, PROXY_PASSWORD, *HASHES.values())
PERSONAL = ("canary.person", "Canariaperson", "Canariusfamily", "canary-external")

_WINDOW = 10  # characters in a row that give a secret away
_FORM = ("$firebase-scrypt$v=1$r=8,m=14,ss=", "$scrypt$v=1$n=16384,r=8,p=1,kl=32$", "{SSHA256}")
_FORM += ("$pbkdf2$i=600000,d=sha256$", "$argon2id$v=19$m=65536,t=3,p=4$", "{SSHA}", "$2b$10$")
_FORM += ("sk_test_",)


def _pieces(secret: str) -> set[str]:
    """What of a secret must not be seen: no ten characters in a row of what is its own."""
    for form in _FORM:
        secret = secret.removeprefix(form)
    width = min(_WINDOW, len(secret))
    return {secret[start : start + width] for start in range(len(secret) - width + 1)}


_PIECES = {secret: _pieces(secret) for secret in SECRETS}


def secrets_in(text: str) -> list[str]:
    """The secrets of which a part is in a text, with what stands around it."""
    found = []
    for secret, pieces in _PIECES.items():
        if piece := next((piece for piece in pieces if piece in text), None):
            at = text.index(piece)
            found.append(f"{secret} in …{text[max(0, at - 200) : at + 100]}…")
    return found


def personal_in(text: str) -> list[str]:
    """The personal data in a text."""
    return [word for word in PERSONAL if word.lower() in text.lower()]


def rows() -> list[dict[str, Any]]:
    """Records that load, and records that fail in every way."""
    hashed = [
        _person(number, password_hash=value, password_hash_type=kind)
        for number, (kind, value) in enumerate(HASHES.items())
    ]
    return [
        *hashed,
        _person(10, password=PASSWORD, totp_secret=TOTP, email_verified=True),
        _person(11, password=WEAK),
        _person(12, password=PASSWORD, role_slugs="no-such-role"),
        _person(13, org_external_id="nowhere", org_name=None, password=PASSWORD),
        {**_person(14, password=PASSWORD), "email": "Canariaperson without an address"},
        _person(15, password=PASSWORD, email_verified="perhaps"),
        _person(16, password_hash=HASHES["bcrypt"][:-7], password_hash_type="bcrypt"),
        _person(17, password_hash=HASHES["argon2"], password_hash_type=PASSWORD),
        _person(18, totp_secret=f"{TOTP}1!", password=PASSWORD),
        _person(19, password=[PASSWORD], metadata={"plan": "pro"}),
        _person(20, _sdc_error=f"row 20: password={PASSWORD}"),
        *_misplaced(),
    ]


def _misplaced() -> Iterable[dict[str, Any]]:
    """A hash or a key in another column than its own, in a name of a column, within JSON."""
    columns = ("email", "first_name", "external_id", "org_id", "org_external_id", "org_name")
    columns += ("role_slugs", "email_verified", "password_hash_type", "totp_issuer", "locale")
    for number, column in enumerate((*columns, "unheard_of"), start=30):
        for secret in (HASHES["bcrypt"], HASHES["ssha"], API_KEY):
            yield _person(number, password=PASSWORD) | {column: secret}
            # And where the record fails, and is shown.
            yield _person(number, password=PASSWORD) | {"role_slugs": "no role"} | {column: secret}
    yield _person(50, metadata={"token": PASSWORD, "note": HASHES["scrypt"], "x" * 41: "y"})
    yield _person(51, metadata=f'{{"password": "{PASSWORD}", "{HASHES["pbkdf2"]}": 1, "x": [')
    for column in ("notes", "comment", "legacy_pw", "2fa", "_sdc_extra"):
        for value in (HASHES["argon2"], TOTP, PASSWORD, [PASSWORD], {"x": PASSWORD}):
            yield _person(54, email_verified="perhaps") | {column: value}
    yield _person(55, email_verified="perhaps", metadata={"pw": PASSWORD, "mfa": TOTP})
    yield {**_person(52, email_verified="perhaps"), HASHES["bcrypt"]: "x", API_KEY: "y"}
    yield {**_person(53, email_verified="perhaps"), "login": {"secret": {"deep": [PASSWORD]}}}


def _person(number: int, **columns: Any) -> dict[str, Any]:
    return {
        "email": f"canary.person{number}@example.com",
        "first_name": "Canariaperson",
        "last_name": "Canariusfamily",
        "external_id": f"canary-external-{number}",
        "org_external_id": "acme",
        "org_name": "Acme",
        **columns,
    }
