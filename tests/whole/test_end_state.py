"""Random imports, whole or killed again and again, against a model of what the records ask for."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections import Counter

import pytest

from tests.support.intended import (
    ROLES,
    EndState,
    Row,
    expected,
    random_rows,
    roles_of_failed,
    spell,
)
from tests.support.whole_target import (
    COMMAND,
    FAST,
    call,
    read_errors,
    records,
    run_target,
    running_sandbox,
    schema,
    write_messages,
)
from workos_sandbox import Faults, read_contents

TAP_STATE = {"type": "STATE", "value": {"bookmarks": {"users": {}}}}
FIELDS = ("first_name", "external_id", "metadata", "password_hash", "password_hash_type")


@pytest.fixture
def dice(request):
    """Random numbers; a failing test prints their seed, and ``SEED=… pytest`` repeats it."""
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(10**9))
    print(f"SEED={seed}")  # noqa: T201 - for whoever repeats it
    return random.Random(f"{seed} {request.node.name}")


@pytest.fixture
def sandbox(tmp_path):
    extra = [role for role in ROLES if role not in ("admin", "member")]
    with running_sandbox(tmp_path / "sandbox.db", roles=extra) as running:
        yield running


@pytest.fixture
def settings(sandbox, tmp_path):
    return {
        **FAST,
        "base_url": sandbox.base_url,
        "api_key": sandbox.api_key,
        "errors_path": str(tmp_path / "errors.jsonl"),
        "batch_size_rows": 100,
    }


def populate(sandbox, dice, rows):
    """Some organizations, users and memberships that were there before the import.

    Returns:
        What is there, and the WorkOS ids of the organizations by external id.
    """
    start, ids, users = EndState(), {}, {}
    for organization in sorted({row.organization for row in rows if row.organization})[::2]:
        if organization != "nowhere":
            body = {"name": f"{organization} before", "external_id": organization}
            ids[organization] = call(sandbox, "POST", "/organizations", body)["id"]
    for email in dice.sample(sorted({row.email for row in rows}), 20):
        body = {"email": email, "first_name": "Before"}
        users[email] = call(sandbox, "POST", "/user_management/users", body)["id"]
        start.users[email] = {"first_name": "Before"}
        organization = dice.choice(list(ids))
        membership = {
            "user_id": users[email],
            "organization_id": ids[organization],
            "role_slug": "support",
        }
        call(sandbox, "POST", "/user_management/organization_memberships", membership)
        start.memberships[email, organization] = ["support"]
    return start, ids


def found(sandbox, errors):
    """The end state, in the model's terms."""
    world = read_contents(sandbox.path)
    users = {}
    for user in world.users:
        fields = {name: user[name] for name in FIELDS if user[name]}
        if user["email_verified"]:
            fields["email_verified"] = True
        users[user["email"]] = fields
    return EndState(
        users=users,
        memberships={
            (each["email"], each["organization_external_id"]): each["role_slugs"]
            for each in world.memberships
            if each["status"] == "active"
        },
        factors={factor["email"]: factor["secret"] for factor in world.auth_factors},
        failed={error["record_number"] for error in errors},
    )


def check(sandbox, errors, rows, start):
    """Everything is as the model says, nothing twice, and each failed record has its lines once."""
    wanted, end = expected(rows, start), found(sandbox, errors)
    for fields in wanted.users.values():
        if not fields.get("email_verified", True):
            del fields["email_verified"]  # false is WorkOS's default
    missing = wanted.memberships.keys() - end.memberships.keys()
    assert not missing, f"{len(missing)} memberships are missing"
    assert sorted(end.failed ^ wanted.failed) == []
    besides = roles_of_failed(rows)
    for key, roles in end.memberships.items():
        asked = wanted.memberships.get(key, [])
        assert set(roles) - set(asked) <= besides.get(key, set())
        if key in besides:
            end.memberships[key] = [role for role in asked if role in roles]
    assert end == wanted
    world = read_contents(sandbox.path)
    names = [each["external_id"] for each in world.organizations]
    assert len(names) == len(set(names))
    assert len(world.auth_factors) == len(wanted.factors)
    lines = Counter((error["record_number"], error["error_type"]) for error in errors)
    assert set(lines.values()) <= {1}


def messages_of(dice, rows, ids):
    return [schema(), *records(spell(dice, row, ids) for row in rows), TAP_STATE]


def test_a_whole_import_does_what_the_records_ask_for(sandbox, settings, dice, tmp_path):
    rows = random_rows(dice, rows=1_000, users=400, organizations=8)
    start, ids = populate(sandbox, dice, rows)
    file = write_messages(tmp_path / "messages", messages_of(dice, rows, ids))
    finished = run_target(settings, file, tmp_path / "errors.jsonl")
    check(sandbox, finished.errors, rows, start)
    results = ("created", "existing", "merged", "updated", "unchanged", "failed")
    assert sum(finished.tally.get(name, 0) for name in results) == len(rows)
    again = write_messages(
        tmp_path / "again",
        [{"type": "STATE", "value": finished.states[-1]}, *messages_of_file(file)],
    )
    sandbox.counts.reset()
    unchanged = run_target(settings, again, tmp_path / "errors.jsonl")
    assert unchanged.exit_code == 0
    check(sandbox, unchanged.errors, rows, start)  # what failed is tried again, and nothing else is
    written = {name for name in sandbox.counts.requests if not name.startswith("GET ")}
    assert written <= {"PUT /user_management/organization_memberships/{id}"}
    assert sum(map(Counter.total, sandbox.counts.requests.values())) < 3 * len(finished.errors)


@pytest.mark.usefixtures("_retries_come_soon")
def test_lost_answers_and_refusals_for_the_rate_change_nothing(sandbox, settings, dice, tmp_path):
    rows = random_rows(dice, rows=200, users=80, organizations=8)
    start, ids = populate(sandbox, dice, rows)
    sandbox.faults = Faults(
        share_500_after_write=0.03, share_drop_after=0.03, share_429=0.03, seed=dice.randrange(99)
    )
    file = write_messages(tmp_path / "messages", messages_of(dice, rows, ids))
    finished = run_target(settings, file, tmp_path / "errors.jsonl")
    check(sandbox, finished.errors, rows, start)


def messages_of_file(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGTERM], ids=["SIGKILL", "SIGTERM"])
def test_an_import_that_is_killed_again_and_again_does_the_same(
    sandbox, settings, dice, tmp_path, kill
):
    rows = random_rows(dice, rows=600, users=250, organizations=8)
    start, ids = populate(sandbox, dice, rows)
    messages = messages_of(dice, rows, ids)
    config = tmp_path / "config.json"
    config.write_text(json.dumps(settings))
    state, kills = None, 0
    while True:
        first = [{"type": "STATE", "value": state}] if state else []
        file = write_messages(tmp_path / "messages", [*first, *messages])
        after = dice.randrange(50, 400) if kills < 2 else None
        code, states = run_until(sandbox, config, file, kill=kill, after=after)
        state = states[-1] if states else state
        if after is None:
            break
        kills += 1
        print(f"killed after {after} writes: exit code {code}, {len(states)} STATE lines")  # noqa: T201 - for whoever repeats it
        assert code in (-kill, 128 + kill, 0)
    assert code == 0
    check(sandbox, read_errors(tmp_path / "errors.jsonl"), rows, start)


def run_until(sandbox, config, file, *, kill, after):
    """Run the target as a process; send it a signal once the sandbox has seen so many writes.

    Returns:
        The exit code, and the values of the STATE lines that it had printed whole.
    """
    output = file.with_name("stdout")
    sandbox.counts.reset()
    with file.open("rb") as stdin, output.open("wb") as stdout:
        target = subprocess.Popen(
            [COMMAND, "--config", config],
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.DEVNULL,
            cwd=file.parent,
        )
        while after and target.poll() is None and sandbox.counts.writes < after:
            time.sleep(0.002)
        if after:
            target.send_signal(kill)
        code = target.wait(timeout=60)
    whole = output.read_text().rpartition("\n")[0]
    return code, [json.loads(line) for line in whole.splitlines()]


@pytest.mark.slow
def test_10_000_rows_of_4_000_users_in_20_organizations_lose_no_membership(
    sandbox, settings, dice, tmp_path
):
    """The measure on which existing importers lost 5,506 memberships."""
    emails = [f"user{number}@example.com" for number in range(4_000)]
    chosen = [*emails, *dice.choices(emails, k=6_000)]
    dice.shuffle(chosen)
    rows = [Row(email, {}, f"org-{dice.randrange(20)}") for email in chosen]
    file = write_messages(tmp_path / "messages", messages_of(dice, rows, {}))
    config = {**settings, "batch_size_rows": 1_000}
    finished = run_target(config, file, tmp_path / "errors.jsonl")
    wanted = expected(rows, EndState())
    missing = wanted.memberships.keys() - found(sandbox, []).memberships.keys()
    print(f"{len(wanted.memberships):,} memberships, {len(missing):,} missing")  # noqa: T201 - for whoever repeats it
    assert not missing
    assert not finished.errors
    assert finished.tally["created"] == 4_000
    assert finished.tally["memberships"] == len(wanted.memberships)
