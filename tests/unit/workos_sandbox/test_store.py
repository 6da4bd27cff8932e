from __future__ import annotations

import os
import sqlite3
import stat

import pytest

from workos_sandbox import Sandbox, SandboxError, read_world
from workos_sandbox.store import Store, environment_id


@pytest.fixture
def store(db):
    opened = Store(db)
    yield opened
    opened.close()


def test_ids_grow_even_within_a_millisecond(store):
    ids = [store.new_id("user") for _ in range(10_000)]
    assert ids == sorted(set(ids))
    assert {len(value) for value in ids} == {len("user_") + 26}


@pytest.mark.usefixtures("store")
def test_the_file_is_for_its_owner_only(db):
    for path in (db, db.with_name(db.name + "-wal"), db.with_name(db.name + "-lock")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.usefixtures("store")
def test_a_second_sandbox_on_the_file_is_told_who_has_it(db):
    with pytest.raises(SandboxError, match=rf"in use by another sandbox \(process {os.getpid()}\)"):
        Store(db)


def test_a_failed_opening_gives_the_file_back(db):
    db.write_bytes(b"no database" * 100)
    for _ in range(2):
        with pytest.raises(SandboxError, match="file is not a database"):
            Store(db)


def test_another_programs_file_stays_untouched(db):
    other = sqlite3.connect(db)
    other.execute("CREATE TABLE users (name TEXT)")
    other.close()
    with pytest.raises(SandboxError, match="another program's SQLite file"):
        Store(db)
    other = sqlite3.connect(db)
    assert other.execute("SELECT name FROM sqlite_schema").fetchall() == [("users",)]
    other.close()


def test_a_folder_that_is_not_there_is_made(tmp_path):
    Store(tmp_path / "missing" / "sandbox.db").close()
    assert (tmp_path / "missing" / "sandbox.db").exists()


def test_a_folder_that_can_not_be_made_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SandboxError, match="can't be made: "):
        Store(tmp_path / "file" / "sandbox.db")


def test_a_file_that_is_made_anew_is_another_environment(tmp_path):
    first = environment_id(tmp_path / "sandbox.db")
    assert environment_id(tmp_path / "sandbox.db") == first
    (tmp_path / "sandbox.db").unlink()
    assert environment_id(tmp_path / "sandbox.db") != first


def test_a_transaction_is_all_or_nothing(store):
    with pytest.raises(RuntimeError), store.transaction():  # noqa: PT012 - that is the point
        store.add_role("editor")
        raise RuntimeError
    assert store.all("SELECT * FROM roles") == []


async def test_everything_is_there_when_the_file_is_opened_again(db, connect):
    async with Sandbox(db) as sandbox, connect(sandbox) as api:
        member = await api.member(role_slug="admin")
    async with Sandbox(db) as sandbox, connect(sandbox) as api:
        path = f"/user_management/organization_memberships/{member['id']}"
        assert (await api.get(path)).body == member


async def test_the_world_is_read_while_the_sandbox_runs(api, db):
    organization = await api.organization(name="Acme", external_id="acme", metadata={"a": "1"})
    user = await api.user(email="ada@example.com", email_verified=True)
    await api.membership(user_id=user["id"], organization_id=organization["id"])
    world = read_world(db)
    assert world.organizations[0]["metadata"] == {"a": "1"}
    assert world.users[0]["email_verified"] is True
    (membership,) = world.memberships
    assert membership.pop("id")
    assert membership == {
        "user_id": user["id"],
        "email": "ada@example.com",
        "organization_id": organization["id"],
        "organization_external_id": "acme",
        "organization_name": "Acme",
        "status": "active",
        "role_slugs": ["member"],
    }
    assert [role["slug"] for role in world.roles] == ["admin", "member"]


def test_a_world_that_is_not_there_is_not_made(db):
    with pytest.raises(sqlite3.OperationalError):
        read_world(db)
    assert not db.exists()
