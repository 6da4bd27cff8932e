"""``workos-users undo``, over real HTTP: the world is as it was before the import."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import subprocess
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner

from target_workos_users.api import pacing
from target_workos_users.cli import main
from tests.stress.kill.conftest import until
from tests.support.kinds import STREAMS, messages_of
from tests.support.whole_target import (
    COMMAND,
    FAST,
    call,
    records,
    run_target,
    running_sandbox,
    schema,
    write_messages,
)
from workos_sandbox import Action, Faults, ScriptedFault, read_contents

UNDO = str(Path(COMMAND).with_name("workos-users"))
MEMBERSHIPS = "/user_management/organization_memberships"


@pytest.fixture(autouse=True)
def _organizations_go_at_once(monkeypatch):
    """Not 50 in a minute: the sandbox keeps no budget. What runs in a process of its own waits."""
    monkeypatch.setattr(pacing, "_ORGANIZATION_DELETES", 1_000)


@pytest.fixture
def folder(tmp_path, sandbox):
    (tmp_path / "job").mkdir()
    config = {**FAST, "base_url": sandbox.base_url, "api_key": sandbox.api_key}
    config |= {"errors_path": str(tmp_path / "job" / "errors.jsonl")}
    (tmp_path / "job" / "config.json").write_text(json.dumps(config))
    return tmp_path / "job"


def load(folder, rows, state=None, **changes):
    before = [{"type": "STATE", "value": state}] if state else []
    messages = write_messages(folder / "messages", [*before, schema(), *records(rows)])
    config = json.loads((folder / "config.json").read_text())
    return run_target(config | changes, messages, folder / "errors.jsonl")


def arguments(folder, *options):
    return ["undo", str(folder / "errors.jsonl"), "--config", str(folder / "config.json"), *options]


def undo(folder, *options, **environment):
    handlers = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        return CliRunner().invoke(main, arguments(folder, *options), env=environment)
    finally:
        for each, handler in handlers.items():
            signal.signal(each, handler)


def rows_of(number, organizations=3):
    return [
        {
            "email": f"user{n}@example.com",
            "first_name": "Ann",
            "org_external_id": f"org-{n % organizations}",
            "org_name": f"Organization {n % organizations}",
        }
        for n in range(number)
    ]


def populate(sandbox):
    """A world in which some are there: users, one organization, one membership."""
    users = [
        call(sandbox, "POST", "/user_management/users", {"email": f"user{n}@example.com"})["id"]
        for n in (3, 4, 40, 900)
    ]
    body = {"name": "Before", "external_id": "org-0"}
    organization = call(sandbox, "POST", "/organizations", body)["id"]
    ids = {"user_id": users[0], "organization_id": organization}
    call(sandbox, "POST", MEMBERSHIPS, ids)


def world(sandbox):
    """All that is there, without stamps, which a refused write may move."""
    found = read_contents(sandbox.path)
    return {
        "users": {(user["id"], user["email"], user["first_name"]) for user in found.users},
        "organizations": {each["id"] for each in found.organizations},
        "memberships": {(each["id"], each["status"]) for each in found.memberships},
    }


def test_it_says_what_it_would_do_and_does_it_when_told(sandbox, folder):
    populate(sandbox)
    before = world(sandbox)
    load(folder, rows_of(50))
    loaded = world(sandbox)
    said = undo(folder)
    assert said.exit_code == 0, said.output
    plan, way_on = said.stdout.splitlines()
    assert plan.startswith("47 users, 2 memberships of users that were there before, 2 organiz")
    assert way_on == "Nothing was deleted. Add --yes to delete."
    assert world(sandbox) == loaded
    done = undo(folder, "--yes")
    assert done.exit_code == 0, done.output
    assert world(sandbox) == before
    again = undo(folder, "--yes")
    assert again.stdout.startswith("0 users, 0 memberships")


def test_the_next_import_begins_anew_whatever_state_is_stored(sandbox, folder):
    state = load(folder, rows_of(50)).states[-1]
    loaded = {user["email"] for user in read_contents(sandbox.path).users}
    assert undo(folder, "--yes").exit_code == 0
    finished = load(folder, rows_of(50), state)
    assert finished.said("What the stored checkpoint covers was undone: starting with the first")
    assert {user["email"] for user in read_contents(sandbox.path).users} == loaded
    assert len(read_contents(sandbox.path).memberships) == 50
    sandbox.counts.reset()
    load(folder, rows_of(50), finished.states[-1])
    assert sandbox.counts.requests == {}


def test_what_it_made_is_known_also_after_the_state_was_set_back(sandbox, folder):
    populate(sandbox)
    before = world(sandbox)
    finished = load(folder, rows_of(50), batch_size_rows=10)
    load(folder, rows_of(50), finished.states[0], batch_size_rows=10)
    assert undo(folder, "--yes").exit_code == 0
    assert world(sandbox) == before


def test_users_who_have_signed_in_are_kept_unless_told(sandbox, folder):
    load(folder, rows_of(10))
    users = {user["email"]: user["id"] for user in read_contents(sandbox.path).users}
    sign_in(sandbox, users["user7@example.com"])
    said = undo(folder, "--yes")
    assert "Kept: 1 users who have signed in since" in said.stdout
    assert "Kept: 1 organizations that have other members" in said.stdout
    (left,) = read_contents(sandbox.path).users
    assert left["email"] == "user7@example.com"
    assert undo(folder, "--yes", "--also-active").exit_code == 0
    assert world(sandbox) == {"users": set(), "organizations": set(), "memberships": set()}


def sign_in(sandbox, user_id):
    with closing(sqlite3.connect(sandbox.path)) as database, database:
        statement = "UPDATE users SET last_sign_in_at = ? WHERE id = ?"
        database.execute(statement, ("2026-01-01T00:00:00.000Z", user_id))


def test_an_organization_that_somebody_joined_is_kept(sandbox, folder):
    load(folder, rows_of(4, organizations=2))
    ids = {each["external_id"]: each["id"] for each in read_contents(sandbox.path).organizations}
    stranger = call(sandbox, "POST", "/user_management/users", {"email": "new@example.com"})["id"]
    call(sandbox, "POST", MEMBERSHIPS, {"user_id": stranger, "organization_id": ids["org-1"]})
    undo(folder, "--yes")
    assert world(sandbox)["organizations"] == {ids["org-1"]}


def test_another_environment_is_refused(sandbox, folder, tmp_path):
    load(folder, rows_of(5))
    with running_sandbox(tmp_path / "other.db") as other:
        said = undo(folder, "--yes", TARGET_WORKOS_USERS_BASE_URL=other.base_url)
    assert said.exit_code == 1
    assert "belongs to another WorkOS environment" in said.stderr
    assert len(read_contents(sandbox.path).users) == 5
    missing = subprocess.run([UNDO, "undo", "nothing"], capture_output=True, check=False, text=True)
    assert missing.returncode == 1
    assert "There is no ledger nothing" in missing.stderr


def test_what_cannot_be_deleted_is_told_and_tried_again(sandbox, folder):
    load(folder, rows_of(5))
    refused = Action("answer", status=409, body='{"message": "No."}')
    sandbox.faults = Faults(script=[ScriptedFault("/users/", refused, "DELETE", count=None)])
    said = undo(folder, "--yes")
    assert said.exit_code == 1
    assert "Not deleted: user user_" in said.stdout
    sandbox.faults = Faults()
    assert undo(folder, "--yes").exit_code == 0
    assert world(sandbox)["users"] == set()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_goes_on_after_any_stop(sandbox, folder, number):
    populate(sandbox)
    before = world(sandbox)
    load(folder, rows_of(200))
    left = len(read_contents(sandbox.path).users)
    sandbox.faults = Faults(latency_ms=20)
    for _ in range(2):
        deleted = random.randint(0, 60)
        sandbox.counts.reset()
        process = subprocess.Popen(
            [UNDO, *arguments(folder, "--yes")], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        until(partial(has_deleted, sandbox, deleted))
        process.send_signal(number)
        process.send_signal(number)  # a further one changes nothing
        _, said = process.communicate(timeout=30)
        assert process.returncode in {-number, 128 + number}
        assert b"Traceback" not in said
        if process.returncode == 128 + number:
            summary = json.loads((folder / "workos-users-summary.undo.json").read_text())
            assert summary["reason"] == f"stopped by {signal.Signals(number).name}"
            assert summary["requests"] > 0
            left -= summary["counts"]["users"]
            assert left == len(read_contents(sandbox.path).users)
    sandbox.faults = Faults()
    said = undo(folder, "--yes")
    assert said.exit_code == 0
    assert number == signal.SIGKILL or "gone already" not in said.stdout
    assert world(sandbox) == before


def has_deleted(sandbox, number):
    """Whether it has begun, and so much is deleted."""
    return sandbox.counts.total() and sandbox.counts.total("DELETE") >= number


def test_a_dry_run_deletes_nothing(sandbox, folder):
    load(folder, rows_of(3))
    said = undo(folder, "--yes", TARGET_WORKOS_USERS_DRY_RUN="true")
    assert said.exit_code == 1
    assert "dry_run or diff is set" in said.stderr
    assert len(read_contents(sandbox.path).users) == 3


def test_every_kind_of_record_is_undone_but_definitions(sandbox, folder):
    messages = write_messages(folder / "messages", messages_of(STREAMS))
    config = json.loads((folder / "config.json").read_text())
    assert run_target(config, messages, folder / "errors.jsonl").exit_code == 0
    assert undo(folder, "--yes").exit_code == 0
    assert world(sandbox) == {"users": set(), "organizations": set(), "memberships": set()}
    assert {"editor", "viewer"} <= {role["slug"] for role in read_contents(sandbox.path).roles}
