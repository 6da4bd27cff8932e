"""The diff, over real HTTP: before an import it is the plan, after one the proof."""

from __future__ import annotations

import json
import os
import random
import signal
import stat
import subprocess
from collections import Counter

import pytest

from tests.support.intended import ROLES, random_rows, spell
from tests.support.kinds import STREAMS, in_order, messages_of
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
from workos_sandbox import Faults, read_contents

PERSONAL = ("user", "membership", "status", "roles")
ACME = {"org_external_id": "acme", "org_name": "Acme"}


@pytest.fixture
def sandbox(tmp_path):
    extra = [role for role in ROLES if role not in ("admin", "member")]
    with running_sandbox(tmp_path / "sandbox.db", roles=extra, record_requests=True) as running:
        yield running


@pytest.fixture
def target(sandbox, tmp_path):
    """Runs the target over rows; returns how it ended, and the differences found."""

    def run(rows, **settings):
        messages = write_messages(tmp_path / "messages", [schema(), *records(rows)])
        path = tmp_path / "differences.jsonl"
        config = {
            **FAST,
            "base_url": sandbox.base_url,
            "api_key": sandbox.api_key,
            "errors_path": str(tmp_path / "errors.jsonl"),
            "differences_path": str(path),
            **settings,
        }
        finished = run_target(config, messages, tmp_path / "errors.jsonl")
        lines = path.read_text().splitlines() if settings.get("diff") else []
        return finished, [json.loads(line) for line in lines]

    return run


def people(number, **columns):
    return [{"email": f"user{n}@example.com", **columns} for n in range(number)]


def kinds(lines):
    return Counter(line["difference"] for line in lines)


def requests_of(sandbox):
    return sum(map(Counter.total, sandbox.counts.requests.values()))


def test_after_an_import_it_finds_nothing_and_then_just_what_somebody_changed(sandbox, target):
    rows = people(250, first_name="Ann", role_slugs="admin", **ACME)
    target(rows)
    finished, lines = target(rows, diff=True)
    assert (finished.exit_code, finished.states, lines) == (0, [], [])
    assert finished.said("users: 250, all as in the source")
    assert finished.said("memberships: 250, all as in the source")

    users = {user["email"]: user for user in read_contents(sandbox.path).users}
    members = {each["email"]: each for each in read_contents(sandbox.path).memberships}
    gone, renamed, demoted, left, away = (f"user{n}@example.com" for n in (3, 50, 99, 120, 200))
    path = "/user_management/organization_memberships/"
    call(sandbox, "DELETE", f"/user_management/users/{users[gone]['id']}")
    call(sandbox, "PUT", f"/user_management/users/{users[renamed]['id']}", {"first_name": "Bea"})
    call(sandbox, "PUT", path + members[demoted]["id"], {"role_slug": "member"})
    call(sandbox, "DELETE", path + members[left]["id"])
    call(sandbox, "PUT", path + members[away]["id"] + "/deactivate")
    call(sandbox, "POST", "/user_management/users", {"email": "new@example.com"})

    finished, lines = target(rows, diff=True)
    assert finished.exit_code == 2
    found = {(line["difference"], line.get("email")) for line in lines}
    assert found == {
        ("user_missing", gone),
        ("user_differs", renamed),
        ("membership_missing", gone),
        ("roles_missing", demoted),
        ("membership_missing", left),
        ("status_differs", away),
        ("only_in_workos", "new@example.com"),
    }
    (line,) = (each for each in lines if each["difference"] == "user_differs")
    assert line["fields"] == {"first_name": {"source": "Ann", "workos": "Bea"}}
    assert (line["stream"], line["record_number"]) == ("users", 51)
    assert finished.said("users: 250 (1 to create, 1 that differ (first_name 1; existing_users is")
    assert finished.said("in WorkOS, but not in the source: 1 users")


@pytest.mark.parametrize("seed", range(3))
def test_an_import_does_what_the_diff_said_and_then_there_is_nothing_left(sandbox, target, seed):
    dice = random.Random(f"{os.environ.get('SEED')} {seed}")
    wanted = random_rows(dice, rows=200, users=80, organizations=5)
    for email in dice.sample(sorted({row.email for row in wanted}), 20):
        call(sandbox, "POST", "/user_management/users", {"email": email, "first_name": "Before"})
    rows = [spell(dice, row, {}) for row in wanted]
    _, before = target(rows, diff=True)
    done, _ = target(rows, existing_users="update")
    finished, after = target(rows, diff=True)
    after = [line for line in after if line["difference"] != "only_in_workos"]
    planned, left = kinds(before), kinds(after)

    assert planned["user_missing"] == done.tally["users_created"]
    assert planned["user_differs"] >= done.tally.get("users_updated", 0)
    assert done.tally["memberships"] + left["membership_missing"] == planned["membership_missing"]
    failed = {wanted[error["record_number"] - 1].email for error in done.errors}
    asked = [line for line in after if line["difference"].partition("_")[0] in PERSONAL]
    assert {line["email"] for line in asked} <= failed
    assert {line["record_number"] for line in after if line not in asked} <= {
        error["record_number"] for error in done.errors
    }
    assert finished.exit_code == 2


def test_a_small_source_is_asked_for_and_a_large_one_listed(sandbox, target):
    target(people(900, **ACME))
    sandbox.counts.reset()
    finished, lines = target(people(3, **ACME), diff=True)
    assert (finished.exit_code, lines) == (0, [])
    assert requests_of(sandbox) == 3 + 1 + 3  # users, organization, memberships
    assert finished.said("not counted, since not all users were listed")
    sandbox.counts.reset()
    finished, lines = target(people(900, **ACME), diff=True)
    assert (finished.exit_code, lines) == (0, [])
    assert requests_of(sandbox) <= 10 + 1 + 10


@pytest.mark.usefixtures("_retries_come_soon")
def test_refusals_and_errors_in_the_middle_change_nothing(sandbox, target):
    rows = people(700, **ACME)
    target(rows[:-5])
    sandbox.faults = Faults(share_500=0.1, share_429=0.05, share_drop_after=0.05, seed=7)
    _, lines = target(rows, diff=True)
    assert kinds(lines) == {"user_missing": 5, "membership_missing": 5}


def test_everybody_may_be_missing(sandbox, target):
    sandbox.counts.reset()
    finished, lines = target(people(300, **ACME), diff=True)
    assert kinds(lines) == {
        "user_missing": 300,
        "membership_missing": 300,
        "organization_missing": 1,
    }
    assert finished.said("organizations: 1 to create")
    assert requests_of(sandbox) == 2 + 1


def test_what_would_fail_is_told_and_no_secret_is(target, tmp_path):
    hashed = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"
    rows = [
        {"email": "nobody"},
        {"email": "a@example.com", "first_name": "Ann", "password_hash": hashed},
        {"email": "b@example.com", "org_external_id": "nowhere", "totp_secret": "JBSWY3DPEHPK3PXP"},
        {"email": "c@example.com", "password_hash": "$P$B55D6LjfHDkINU5wF.v2BuuzO0/XPk/"},
        {"email": "d@example.com", "totp_secret": "GEZDGNBV"},
    ]
    finished, lines = target(rows, diff=True)
    messages = [line["error_message"] for line in lines if line["difference"] == "would_fail"]
    assert [message.split(":")[0] for message in messages] == [
        "email",
        "password_hash",
        "totp_secret",
    ]
    assert kinds(lines) == {
        "would_fail": 3,
        "user_missing": 2,
        "organization_unknown": 1,
        "membership_missing": 1,
    }
    path = tmp_path / "differences.jsonl"
    written = path.read_text() + str(finished.log)
    assert hashed not in written
    assert not any(secret in written for secret in ("JBSWY3DPEHPK3PXP", "B55D6Ljf", "GEZDGNBV"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not (tmp_path / "errors.jsonl").exists()


def test_factors_are_counted_where_asked(target):
    rows = people(6, totp_secret="JBSWY3DPEHPK3PXP")
    target(rows[:4])
    assert target(rows[:4], diff=True)[1] == []
    assert target(rows[:4], diff=True, diff_factors=True)[0].exit_code == 0
    _, lines = target([*rows[:5]], diff=True, diff_factors=True)
    assert kinds(lines) == {"user_missing": 1, "factor_missing": 1}


@pytest.mark.parametrize("said", [("inactive", "active"), ("active", "inactive"), ("inactive", "")])
def test_the_last_of_several_rows_says_whether_a_membership_is_active(target, said):
    rows = [{"email": "ann@example.com", "status": status, **ACME} for status in said]
    assert target(rows)[0].errors == []
    finished, found = target(rows, diff=True)
    assert (finished.exit_code, found) == (0, [])


def test_a_later_row_fills_what_is_blank_and_adds_its_roles(target):
    rows = [
        {"email": "a@example.com", "role_slugs": "admin", **ACME},
        {"email": "A@example.com", "first_name": "Ann", "role_slugs": "member", **ACME},
        {"email": "a@example.com", "first_name": "Other"},
    ]
    target(rows)
    assert target(rows, diff=True)[1] == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_stops_at_once_and_is_simply_run_again(sandbox, tmp_path, number, code):
    sandbox.faults = Faults(latency_ms=20_000)
    config = tmp_path / "config.json"
    settings = {"base_url": sandbox.base_url, "api_key": sandbox.api_key, "diff": True}
    config.write_text(json.dumps(settings))
    messages = write_messages(tmp_path / "messages", [schema(), *records(people(10))])
    with messages.open("rb") as stdin:
        target = subprocess.Popen(
            [COMMAND, "--config", config], cwd=tmp_path, stdin=stdin, stderr=subprocess.PIPE
        )
    for line in target.stderr:
        if b"Comparing 10 records" in line:
            break
    target.send_signal(number)
    _, said = target.communicate(timeout=15)
    assert target.returncode == code
    assert b"run the diff again" in said
    summary = json.loads((tmp_path / "workos-users-summary.diff.json").read_text())
    assert (summary["mode"], summary["exit_code"]) == ("diff", code)
    assert summary["reason"] == f"stopped by {signal.Signals(number).name}"
    assert b"Traceback" not in said, said.decode()


def test_the_differences_are_beside_the_errors_file_unless_they_are_named(sandbox, tmp_path):
    messages = write_messages(tmp_path / "messages", messages_of({"users": STREAMS["users"]}))
    config = {**FAST, "base_url": sandbox.base_url, "api_key": sandbox.api_key, "diff": True}
    errors = tmp_path / "job" / "errors.jsonl"
    done = run_target({**config, "errors_path": str(errors)}, messages, errors)
    assert done.said(f"differences: one a line in {errors.with_name('differences.jsonl')}")
    assert errors.with_name("differences.jsonl").is_file()


@pytest.mark.parametrize("reverse", [False, True])
def test_every_kind_of_record_is_compared(sandbox, tmp_path, reverse):
    order = list(STREAMS)[:: -1 if reverse else 1]
    messages = write_messages(tmp_path / "messages", messages_of(in_order(order)))
    path = tmp_path / "differences.jsonl"
    config = {**FAST, "base_url": sandbox.base_url, "api_key": sandbox.api_key}
    config |= {"errors_path": str(tmp_path / "errors.jsonl"), "differences_path": str(path)}
    diff = {**config, "diff": True, "diff_factors": True}

    def found():
        finished = run_target(diff, messages, tmp_path / "errors.jsonl")
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        return finished, kinds(lines)

    _, before = found()
    assert before == {
        "permission_missing": 2,
        "role_missing": 3,
        "organization_missing": 3,
        "user_missing": 5,
        "membership_missing": 6,
        "factor_missing": 2,
    }
    assert run_target(config, messages, tmp_path / "errors.jsonl").exit_code == 0
    finished, after = found()
    assert (finished.exit_code, after) == (0, {})
    world = read_contents(sandbox.path)
    organization = next(each for each in world.organizations if each["external_id"] == "o1")
    call(sandbox, "PUT", f"/organizations/{organization['id']}", {"name": "Another"})
    call(sandbox, "PUT", "/authorization/roles/editor/permissions", {"permissions": []})
    assert found()[1] == {"organization_differs": 1, "role_differs": 1}
