from __future__ import annotations

import re
import runpy
from collections import Counter
from pathlib import Path

import pytest
from tap_csv.reader import CSVFile

SAMPLE_DATA = Path(__file__).parents[3] / "sample_data"


@pytest.fixture(scope="module")
def generator():
    return runpy.run_path(str(SAMPLE_DATA / "generate.py"))


@pytest.fixture(scope="module")
def records():
    """The records of users.csv as the tap reads them, by their number."""
    rows = CSVFile(SAMPLE_DATA / "users.csv").rows()
    return dict(enumerate((row.record for row in rows), start=1))


@pytest.fixture(scope="module")
def good(generator, records):
    return [record for number, record in records.items() if number not in generator["BAD_ROWS"]]


def test_the_generator_writes_the_same_bytes_each_time(generator):
    assert generator["content"]() == generator["content"]()
    assert generator["content"]() == (SAMPLE_DATA / "users.csv").read_bytes()


def test_the_readme_lists_each_bad_record(generator):
    text = (SAMPLE_DATA / "README.md").read_text()
    table = re.findall(r"^\| (\d+) \| (.+) \|$", text, re.MULTILINE)
    assert {int(number): what for number, what in table} == {
        number: bad.what for number, bad in generator["BAD_ROWS"].items()
    }


def test_the_tap_finds_a_flaw_in_two_of_the_bad_records(records):
    flawed = {number for number, record in records.items() if "_sdc_error" in record}
    assert flawed == {1350, 1571}
    assert len(records) == 2_000


def test_users_are_in_one_to_four_of_forty_organizations(good):
    assert len({record["org_external_id"] for record in good} - {""}) == 40
    memberships = Counter(
        (record["email"].strip().lower(), record["org_external_id"]) for record in good
    )
    assert set(memberships.values()) == {1}
    organizations = Counter(email for email, _ in memberships)
    assert {1, 2, 3} <= set(organizations.values()) <= {1, 2, 3, 4}


def test_an_external_id_belongs_to_one_user(good):
    pairs = {(record["external_id"], record["email"].strip().lower()) for record in good}
    owners = Counter(external_id for external_id, _ in pairs if external_id)
    assert set(owners.values()) == {1}


def test_every_hash_type_that_workos_takes_is_there_in_its_form(good):
    forms = {
        "bcrypt": r"\$2[ab]\$10\$[./A-Za-z0-9]{53}",
        "argon2": r"\$argon2(id|i|d)\$v=19\$m=65536,t=3,p=4\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}",
        "scrypt": r"\$scrypt\$v=1\$n=16384,r=8,p=1,kl=64\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{86}",
        "pbkdf2": r"\$pbkdf2\$i=(600000,d=sha256|210000,d=sha512)(\$[A-Za-z0-9+/]+){2}",
        "firebase-scrypt": r"\$firebase-scrypt\$v=1\$r=8,m=14,ss=Bw,sk=[^$=]{86}(\$[^$=]+){2}",
        "ssha": r"\{SSHA\}[A-Za-z0-9+/]+=*",
        "ssha256": r"\{SSHA256\}[A-Za-z0-9+/]+=*",
    }
    hashed = [record for record in good if record["password_hash"]]
    assert {record["password_hash_type"] for record in hashed} == set(forms)
    for record in hashed:
        assert re.fullmatch(forms[record["password_hash_type"]], record["password_hash"])


def test_all_addresses_are_in_the_example_domains(records):
    addresses = [record["email"].strip().lower() for record in records.values()]
    assert {address.rpartition("@")[2] for address in addresses if "@" in address} == {
        "example.com",
        "example.org",
        "example.net",
    }


def test_a_few_users_bring_a_totp_secret(good):
    secrets = [record["totp_secret"] for record in good if record["totp_secret"]]
    assert 5 <= len(secrets) <= 20
    assert all(re.fullmatch("[A-Z2-7]{32}", secret) for secret in secrets)
