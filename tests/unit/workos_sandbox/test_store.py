from __future__ import annotations

import os
import sqlite3
import stat

import pytest

from workos_sandbox import SandboxError, environment_id, read_contents

USERS = "/user_management/users"


def test_ids_grow_even_within_a_millisecond(api):
    path = f"{USERS}/{api.user()['id']}/auth_factors"
    replies = [api.post(path, {"type": "totp"}).body for _ in range(50)]
    ids = [reply["authentication_factor"]["id"] for reply in replies]
    assert ids == sorted(set(ids))
    assert {len(value) for value in ids} == {len("auth_factor_") + 26}


@pytest.mark.usefixtures("sandbox")
def test_the_file_is_for_its_owner_only(db):
    for path in (db, db.with_name(db.name + "-wal"), db.with_name(db.name + "-lock")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.usefixtures("sandbox")
def test_a_second_sandbox_on_the_file_is_told_who_has_it(db):
    with pytest.raises(SandboxError, match=rf"in use by another sandbox \(process {os.getpid()}\)"):
        environment_id(db)


def test_a_failed_opening_gives_the_file_back(db):
    db.write_bytes(b"no database" * 100)
    for _ in range(2):
        with pytest.raises(SandboxError, match="file is not a database"):
            environment_id(db)


@pytest.mark.parametrize(
    ("application_id", "message"),
    [(0, "another program's SQLite file"), (0x574F5301, "made by another version of the sandbox")],
)
def test_another_programs_file_stays_untouched(db, application_id, message):
    other = sqlite3.connect(db)
    other.executescript(f"CREATE TABLE users (a); PRAGMA application_id = {application_id};")
    other.close()
    before = db.read_bytes()
    with pytest.raises(SandboxError, match=message):
        environment_id(db)
    assert db.read_bytes() == before


def test_a_folder_that_is_not_there_is_made(tmp_path):
    environment_id(tmp_path / "missing" / "sandbox.db")
    assert (tmp_path / "missing" / "sandbox.db").exists()


def test_a_folder_that_can_not_be_made_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SandboxError, match="can't be made: "):
        environment_id(tmp_path / "file" / "sandbox.db")


def test_a_file_that_is_made_anew_is_another_environment(tmp_path):
    first = environment_id(tmp_path / "sandbox.db")
    assert environment_id(tmp_path / "sandbox.db") == first
    (tmp_path / "sandbox.db").unlink()
    assert environment_id(tmp_path / "sandbox.db") != first


def test_everything_is_there_when_the_file_is_opened_again(db, run):
    with run(db) as (_, api):
        member = api.member(role_slug="admin")
    with run(db) as (_, api):
        path = f"/user_management/organization_memberships/{member['id']}"
        assert api.get(path).body == member


def test_what_fails_half_way_leaves_nothing(api, db):
    api.organization(domains=["example.com"])
    reply = api.post("/organizations", {"name": "Other", "domains": ["a.com", "example.com"]})
    assert reply.status == 409
    assert len(read_contents(db).organizations) == 1
    api.organization(domains=["a.com"])
