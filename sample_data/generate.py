"""Writes users.csv: made-up users, the same bytes each time."""  # noqa: INP001 - a script

from __future__ import annotations

import base64
import csv
import io
import json
import random
import sys
from pathlib import Path
from typing import NamedTuple

RECORDS = 2_000
COLUMNS = (
    "email",
    "first_name",
    "last_name",
    "name",
    "email_verified",
    "password",
    "password_hash",
    "password_hash_type",
    "external_id",
    "metadata",
    "org_id",
    "org_external_id",
    "org_name",
    "role_slugs",
    "totp_secret",
    "totp_issuer",
    "totp_user",
)

Record = dict[str, str]


class BadRow(NamedTuple):
    """What is wrong with a record, and the columns that make it so."""

    what: str
    columns: Record


ONE_FIELD_TOO_MANY = BadRow("one field more than the header has", {})
BAD_ROWS = {
    37: BadRow("`email` without an @", {"email": "no-at-sign.example.com"}),
    119: BadRow("`email` is empty", {"email": ""}),
    254: BadRow("`email_verified` is neither true nor false", {"email_verified": "perhaps"}),
    311: BadRow("`metadata` is no JSON", {"metadata": "{plan: pro"}),
    402: BadRow("`metadata` has a key of 41 characters", {"metadata": json.dumps({"k" * 41: "v"})}),
    555: BadRow(
        "`password_hash_type` is one that WorkOS doesn't take",
        {"password_hash": "5f4dcc3b5aa765d61d8327deb882cf99", "password_hash_type": "md5"},
    ),
    640: BadRow(
        "`password_hash` is an argon2 hash, `password_hash_type` says bcrypt",
        {
            "password_hash": "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0c2FsdA$"
            "aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g",
            "password_hash_type": "bcrypt",
        },
    ),
    777: BadRow(
        "`org_external_id` of an organization that doesn't exist, and no `org_name`",
        {"org_external_id": "never-founded", "org_name": ""},
    ),
    863: BadRow(
        "`org_id` together with `org_external_id`", {"org_id": "org_01EXAMPLE0000000000000000"}
    ),
    1004: BadRow("`org_name` alone", {"org_external_id": "", "org_name": "No Id Ltd"}),
    1188: BadRow("`external_id` of 129 characters", {"external_id": "x" * 129}),
    1350: ONE_FIELD_TOO_MANY,
    1571: BadRow("a byte that isn't UTF-8, in `last_name`", {"last_name": "Andr\udce9"}),
    1733: BadRow("a role that doesn't exist in `role_slugs`", {"role_slugs": "owner"}),
}

# As they are written, and as they stand in an email address.
FIRST_NAMES = (
    ("Ana", "ana"),
    ("Jürgen", "juergen"),
    ("Łukasz", "lukasz"),
    ("Zoë", "zoe"),
    ("Øystein", "oystein"),
    ("İpek", "ipek"),
    ("Mary Jane", "mary.jane"),
    ("伟", "wei"),
    ("さくら", "sakura"),
    ("Дмитрий", "dmitriy"),
    ("ليلى", "layla"),
    ("Noah", "noah"),
    ("Priya", "priya"),
    ("Thị Minh", "minh"),
    ("Kwame", "kwame"),
    ("Chloé", "chloe"),
)
LAST_NAMES = (
    ("García", "garcia"),
    ("Müller", "mueller"),
    ("O'Brien", "obrien"),
    ("Smith, Jr.", "smith"),
    ("van der Berg", "vanderberg"),
    ("王", "wang"),
    ("田中", "tanaka"),
    ("Иванова", "ivanova"),
    ("حداد", "haddad"),
    ("Çelik", "celik"),
    ("Nguyễn", "nguyen"),
    ("Mensah", "mensah"),
    ("Kowalska-Nowak", "kowalska-nowak"),
    ("Sørensen", "sorensen"),
    ("Dupont", "dupont"),
)
DOMAINS = ("example.com", "example.org", "example.net")
ORGANIZATIONS = tuple(
    (f"{place}-{trade}".lower(), f"{place} {trade}")
    for place in ("Amber", "Birch", "Cobalt", "Delta", "Ember", "Fjord", "Granite", "Harbor")
    for trade in ("Bikes", "Foods", "Labs", "Robotics", "Textiles")
)
HASH_TYPES = ("bcrypt", "argon2", "scrypt", "pbkdf2", "firebase-scrypt", "ssha", "ssha256")
BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
BCRYPT_BASE64 = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def password_hash(hash_type: str, rng: random.Random) -> str:
    """Random bytes in the form that WorkOS takes; no password has this hash.

    The forms: docs, migrate/other-services, and for bcrypt the WorkOS OpenAPI spec. That of
    ssha256 is written down nowhere, it follows ssha.
    """

    def padded(size: int) -> str:
        return base64.b64encode(rng.randbytes(size)).decode()

    def b64(size: int) -> str:
        return padded(size).rstrip("=")

    bcrypt = (b64(16) + b64(23)).translate(str.maketrans(BASE64, BCRYPT_BASE64))
    digest, iterations, size = rng.choice((("sha256", 600_000, 32), ("sha512", 210_000, 64)))
    return {
        "bcrypt": f"$2{rng.choice('ab')}$10${bcrypt}",
        "argon2": f"$argon2{rng.choice(('id', 'i', 'd'))}$v=19$m=65536,t=3,p=4${b64(16)}${b64(32)}",
        "scrypt": f"$scrypt$v=1$n=16384,r=8,p=1,kl=64${b64(16)}${b64(64)}",
        "pbkdf2": f"$pbkdf2$i={iterations},d={digest}${b64(16)}${b64(size)}",
        "firebase-scrypt": f"$firebase-scrypt$v=1$r=8,m=14,ss=Bw,sk={b64(64)}${b64(8)}${b64(64)}",
        "ssha": "{SSHA}" + padded(20 + 8),
        "ssha256": "{SSHA256}" + padded(32 + 8),
    }[hash_type]


def credentials(number: int, rng: random.Random) -> Record:
    """How a user signs in: mostly with a hash, some with a password, with both, or with none."""
    hash_type = HASH_TYPES[number % len(HASH_TYPES)]
    hashed = {"password_hash": password_hash(hash_type, rng), "password_hash_type": hash_type}
    plain = {"password": base64.b32encode(rng.randbytes(15)).decode().lower()}
    kind = number % 20
    return {17: plain, 18: hashed | plain, 19: {}}.get(kind, hashed)


def metadata(number: int, rng: random.Random) -> str:
    """A JSON object as an export would hold it; pretty-printed now and then."""
    if number % 10 == 0:
        return ""
    values: dict[str, object] = {
        "plan": rng.choice(("free", "team", "business")),
        "legacy_id": number,
    }
    if number % 4 == 0:
        values["newsletter"] = rng.choice((True, False))
    if number % 9 == 0:
        values["tags"] = ["beta", f"wave-{number % 3}"]
    return json.dumps(values, indent=2 if number % 250 == 1 else None)


def membership(organization: tuple[str, str], rng: random.Random) -> Record:
    """A role in an organization. It is a JSON list at times, or left out."""
    external_id, name = organization
    roles = rng.choices(("member", "admin", '["admin"]', ""), weights=(70, 20, 5, 5))[0]
    return {"org_external_id": external_id, "org_name": name, "role_slugs": roles}


def user(number: int, rng: random.Random) -> Record:
    """The user who first appears in this record."""
    (first, first_ascii), (last, last_ascii) = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
    record = {
        "email": f"{first_ascii}.{last_ascii}.{number}@{rng.choice(DOMAINS)}",
        "first_name": first,
        "last_name": last,
        "name": f"{first} {last}" if number % 3 == 0 else "",
        "email_verified": rng.choices(("true", "false", "yes", "0", ""), (75, 10, 5, 5, 5))[0],
        "external_id": f"legacy-{number:05}" if number % 25 else "",
        "metadata": metadata(number, rng),
    }
    record |= credentials(number, rng)
    if number % 30 or number in BAD_ROWS:
        record |= membership(rng.choice(ORGANIZATIONS), rng)
    if number % 200 == 7:  # noqa: PLR2004 - a few
        secret = base64.b32encode(rng.randbytes(20)).decode()
        record |= {
            "totp_secret": secret,
            "totp_issuer": "Example App",
            "totp_user": record["email"],
        }
    return record


def again(record: Record, number: int, step: int, rng: random.Random) -> Record:
    """The same user in another organization; the email isn't always written the same way."""
    own = ORGANIZATIONS.index((record["org_external_id"], record["org_name"]))
    other = ORGANIZATIONS[(own + step) % len(ORGANIZATIONS)]
    email = record["email"]
    written = (email, email.title(), f" {email}", f"{email.upper()}  ")[number % 4]
    return record | membership(other, rng) | {"email": written}


def records() -> dict[int, Record]:
    """All records by their number; the bad ones stand where :data:`BAD_ROWS` puts them."""
    rng = random.Random("users.csv")  # noqa: S311 - nothing secret
    result: dict[int, Record] = {}
    for number in range(1, RECORDS + 1):
        if number in result:
            continue
        record = user(number, rng)
        if number in BAD_ROWS:
            record |= BAD_ROWS[number].columns
        result[number] = record
        if number in BAD_ROWS or "org_external_id" not in record:
            continue
        # A chunk has 1,000 records: some users come again in the same one, some in the next.
        for step, distance in ((17, 3), (23, 40), (31, 1_000)):
            later = number + distance
            if number % step == 0 and later <= RECORDS and later not in result | BAD_ROWS:
                result[later] = again(record, later, step, rng)
    return result


def content() -> bytes:
    """The file: UTF-8 but for one byte."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for number, record in sorted(records().items()):
        extra = ["one too many"] if BAD_ROWS.get(number) == ONE_FIELD_TOO_MANY else []
        writer.writerow([record.get(column, "") for column in COLUMNS] + extra)
    return text.getvalue().encode(errors="surrogateescape")


if __name__ == "__main__":
    Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_name("users.csv")).write_bytes(
        content()
    )
