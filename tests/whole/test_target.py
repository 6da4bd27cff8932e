"""Behaviors of the whole target that need more than a golden file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.whole_target import (
    COMMAND,
    FAST,
    call,
    records,
    run_process,
    run_target,
    schema,
    write_messages,
)
from workos_sandbox import Faults, read_contents

BCRYPT = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"
TAP = str(Path(sys.executable).with_name("tap-csv"))


@pytest.fixture
def load(sandbox, tmp_path):
    """Loads records, after the state that an SDK tap hands back first."""

    def run(rows, *, state=None, last_state=True, **config):
        columns = list(dict.fromkeys(column for row in rows for column in row))
        messages = [schema(columns=columns), *records(rows)]
        if state:
            messages.insert(0, {"type": "STATE", "value": state})
        if last_state:
            messages.append({"type": "STATE", "value": {"bookmarks": {"users": {}}}})
        sandbox.requests.clear()
        errors = tmp_path / "errors.jsonl"
        settings = {
            **FAST,
            "base_url": sandbox.base_url,
            "api_key": sandbox.api_key,
            "errors_path": str(errors),
            **config,
        }
        return run_target(settings, write_messages(tmp_path / "messages", messages), errors)

    return run


def row(email, organization=None, **columns):
    if organization:
        columns |= {"org_external_id": organization.lower(), "org_name": organization}
    return {"email": email, **columns}


# Several organizations per user


def test_a_second_run_over_the_same_rows_sends_no_request(load, sandbox):
    rows = [
        row(f"user{i % 7}@example.com", f"Org{i % 5}", first_name="x", role_slugs="admin")
        for i in range(70)
    ]
    first = load(rows, batch_size_rows=20)
    second = load(rows, batch_size_rows=20, state=first.states[-1])
    assert not sandbox.requests
    assert second.exit_code == 0
    assert len(read_contents(sandbox.path).memberships) == 35


def test_a_row_put_in_before_another_of_its_membership_takes_no_role_away(load, sandbox):
    old = row("ann@example.com", "Acme", role_slugs="admin")
    new = row("ann@example.com", "Acme", role_slugs="member", first_name="Ann")
    first = load([old, row("bob@example.com")], batch_size_rows=1)
    sandbox.faults = Faults(latency_ms=50)  # the new row is in flight when the old one is read
    load([new, old], batch_size_rows=1, state=first.states[-1])
    (membership,) = read_contents(sandbox.path).memberships
    assert set(membership["role_slugs"]) == {"admin", "member"}


@pytest.mark.parametrize(
    ("last", "roles"),
    [
        pytest.param({"role_slugs": "admin", "first_name": "Ann"}, {"admin", "member"}, id="stays"),
        pytest.param(None, {"member"}, id="goes"),
    ],
)
def test_whether_a_row_is_another_one_changed_is_known_when_all_were_read(
    load, sandbox, last, roles
):
    old = row("ann@example.com", "Acme", role_slugs="admin", first_name="Ann")
    first = load([row("bob@example.com"), old], batch_size_rows=1, existing_users="update")
    new = row("ann@example.com", "Acme", role_slugs="member", first_name="Bea")
    rows = [new, row("ann@example.com", "Acme", **last) if last else row("cid@example.com")]
    second = load(rows, batch_size_rows=1, state=first.states[-1], existing_users="update")
    world = read_contents(sandbox.path)
    assert set(world.memberships[0]["role_slugs"]) == roles
    assert {user["first_name"] for user in world.users} == {None, "Ann" if last else "Bea"}
    assert not second.errors
    load(rows, batch_size_rows=1, state=second.states[-1], existing_users="update")
    assert not sandbox.requests


def test_after_a_reset_every_membership_of_a_user_is_looked_for(load, sandbox):
    acme, bolt = (row("ann@example.com", name, role_slugs="member") for name in ("Acme", "Bolt"))
    rows = [acme, bolt | {"status": "active"}, bolt | {"status": "inactive", "role_slugs": "admin"}]
    first = load(rows, batch_size_rows=2)
    second = load(rows, batch_size_rows=2, state=first.states[-1])
    rows[0] = acme | {"first_name": "Ann"}
    load(rows, batch_size_rows=2, state=first.states[-1])  # set back: the last row is skipped
    assert second.exit_code == 0
    in_bolt = read_contents(sandbox.path).memberships[1]
    assert set(in_bolt["role_slugs"]) == {"admin", "member"}


def test_what_failed_after_a_reset_fails_again_while_its_membership_is_not_there(load, sandbox):
    rows = [row("bob@example.com"), row("ann@example.com", "Acme")]
    config = {"batch_size_rows": 1, "abort_error_rate": 1.0}
    first = load(rows, **config)
    (membership,) = read_contents(sandbox.path).memberships
    path = f"/_sandbox/memberships/{membership['id']}"
    call(sandbox, "PUT", path, {"status": "pending"})
    set_back = load(rows, state=first.states[0], **config)
    again = load(rows, state=set_back.states[-1], **config)
    assert [len(run.errors) for run in (set_back, again)] == [1, 1]
    call(sandbox, "PUT", path, {"status": "active"})
    assert not load(rows, state=again.states[-1], **config).errors


def test_what_changed_is_updated_after_the_state_was_cleared_too(load, sandbox):
    ann = row("ann@example.com", "Acme", role_slugs="admin", first_name="Ann", password_hash=BCRYPT)
    load([ann], existing_users="update")
    other = BCRYPT[:-1] + "C"
    bea = ann | {"first_name": "Bea", "password_hash": other, "role_slugs": "member"}
    second = load([bea | {"status": "inactive"}], existing_users="update")
    world = read_contents(sandbox.path)
    (user,), (membership,) = world.users, world.memberships
    assert (user["first_name"], user["password_hash"]) == ("Bea", BCRYPT)
    assert (set(membership["role_slugs"]), membership["status"]) == (
        {"admin", "member"},
        "inactive",
    )
    assert not second.said("Rows of one email differ")
    assert not second.said("this import didn't make are active")
    assert second.tally["passwords_left"] == 1


def test_a_second_job_with_the_same_ledger_takes_nothing_from_the_first(load, sandbox):
    ann = row("ann@example.com", "Acme", role_slugs="admin", password_hash=BCRYPT)
    first = load([ann], existing_users="update")
    other = row("ann@example.com", "Acme", role_slugs="member", password_hash=BCRYPT[:-1] + "C")
    second = load([other], existing_users="update")
    third = load([ann], existing_users="update", state=first.states[-1])
    assert not sandbox.requests
    load([other], existing_users="update", state=second.states[-1])
    assert not sandbox.requests
    world = read_contents(sandbox.path)
    (user,), (membership,) = world.users, world.memberships
    assert user["password_hash"] == BCRYPT
    assert set(membership["role_slugs"]) == {"admin", "member"}
    assert third.exit_code == 0


def test_an_older_copy_of_the_ledger_takes_no_role_away(load, sandbox, tmp_path):
    ledger = tmp_path / "errors.jsonl.ledger"
    ann, bob = row("ann@example.com", "Acme", role_slugs="admin"), row("bob@example.com")
    first = load([bob, bob, ann], batch_size_rows=1)
    copy = ledger.read_bytes()
    second = load([ann, bob, bob], batch_size_rows=1, state=first.states[-1])
    ledger.write_bytes(copy)  # where ann's row is the third
    new = row("ann@example.com", "Acme", role_slugs="member")
    load([ann, bob, new], batch_size_rows=1, state=second.states[-1])
    (membership,) = read_contents(sandbox.path).memberships
    assert set(membership["role_slugs"]) == {"admin", "member"}


def test_roles_that_are_gone_are_given_again_when_the_state_is_set_back(load, sandbox):
    rows = [row("ann@example.com", "Acme", role_slugs=slug) for slug in ("member", "admin")]
    first = load([row("bob@example.com"), *rows], batch_size_rows=1)
    (membership,) = read_contents(sandbox.path).memberships
    path = f"/user_management/organization_memberships/{membership['id']}"
    call(sandbox, "PUT", path, {"role_slug": "member"})
    load([row("bob@example.com"), *rows], batch_size_rows=1, state=first.states[0])
    (membership,) = read_contents(sandbox.path).memberships
    assert set(membership["role_slugs"]) == {"admin", "member"}


def test_a_row_added_in_a_later_run_adds_its_membership_to_the_user_of_the_first(load, sandbox):
    rows = [row("ann@example.com", "Acme"), row("bob@example.com", "Acme")]
    first = load(rows)
    load([*rows, row("ANN@example.com", "Globex")], state=first.states[-1])
    world = read_contents(sandbox.path)
    assert len(world.users) == 2
    assert {(m["email"], m["organization_name"]) for m in world.memberships} == {
        ("ann@example.com", "Acme"),
        ("bob@example.com", "Acme"),
        ("ann@example.com", "Globex"),
    }


# Existing users


def test_users_of_an_earlier_complete_run_are_updated(load, sandbox):
    first = load([row("ann@example.com", first_name="Ann")])
    again = load(
        [row("ann@example.com", first_name="Anna")],
        state=first.states[-1],
        existing_users="update",
    )
    assert again.tally == {"updated": 1, "users_updated": 1}
    assert read_contents(sandbox.path).users[0]["first_name"] == "Anna"


def test_users_of_an_interrupted_run_keep_the_fields_of_their_first_row_under_update(load, sandbox):
    first = load([row("ann@example.com", first_name="Ann")], last_state=False)
    interrupted = first.states[-2]  # of the chunk, before the input's end
    rows = [row("ann@example.com", first_name="Ann"), row("ann@example.com", first_name="Anna")]
    again = load(rows, state=interrupted, existing_users="update")
    assert again.tally["conflicts"] == 1
    assert read_contents(sandbox.path).users[0]["first_name"] == "Ann"


def test_where_most_users_exist_they_are_looked_up_before_they_are_created(load, sandbox):
    rows = [row(f"user{i}@example.com", "Acme") for i in range(60)]
    load(rows, concurrency=1, ledger_path="none")
    finished = load(rows, concurrency=1, ledger_path="none")
    refused = [each.path for each in sandbox.requests if each.method == "POST"]
    assert finished.tally["existing"] == finished.tally["memberships_existing"] == 60
    assert refused.count("/user_management/users") == 20  # the first ones


# Bad records


def test_an_errors_file_that_is_gone_is_told_and_its_records_tried_again(load, tmp_path):
    rows = [row("a@example.com"), row("none"), row("nobody")]
    finished = load(rows)
    for _ in range(2):  # each pass begins a file of its own, so that the ledger has noted one
        finished = load(rows, state=finished.states[-1])
    (tmp_path / "errors.jsonl").unlink()
    finished = load(rows, state=finished.states[-1])
    assert finished.said("isn't the file that the checkpoint knows") == 1
    assert [error["record_number"] for error in finished.errors] == [2, 3]


def test_the_summary_says_why_hashes_were_skipped(load, tmp_path):
    phpass = "$P$BaB3dE6gH9jK2lM5nO8pQ1rS4tU7v"
    hashes = (phpass, "5f4dcc3b5aa765d61d8327deb882cf99", phpass)
    rows = [row(f"u{n}@example.com", password_hash=each) for n, each in enumerate(hashes)]
    finished = load(rows, unusable_hashes="skip")
    assert finished.said("hash skipped: 2 x phpass ($P$, $H$)") == 1
    summary = json.loads((tmp_path / "workos-users-summary.json").read_text())
    assert summary["users"]["hashes_skipped"] == 3
    assert [(each["count"], each["first_record"]) for each in summary["skipped_hashes"]] == [
        (2, 1),
        (1, 2),
    ]


def test_a_summary_is_written_over_an_earlier_one_and_nothing_else(load, sandbox, tmp_path):
    users = tmp_path / "users.csv"
    users.write_text("email\na@example.com\n")
    finished = load([row("a@example.com")], summary_path=str(users))
    assert finished.exit_code == 1
    assert finished.said("users.csv is there already, and is no summary: it stays as it is") == 1
    assert users.read_text() == "email\na@example.com\n"
    assert not sandbox.requests
    for _ in range(2):
        assert load([row("a@example.com")], summary_path=str(tmp_path / "s")).exit_code == 0


def test_a_field_of_five_megabytes_is_one_short_error_line(load, sandbox):
    rows = [
        row("ann@example.com", first_name="x" * 5_000_000),
        row("bob@example.com"),
        row("cy@example.com", notes="x" * 5_000_000),
    ]
    finished = load(rows)
    (error,) = finished.errors
    assert error["record_number"] == 1
    assert error["error_message"].startswith("first_name: 5,000,000 characters; expected 1,000")
    assert len(json.dumps(error)) < 2_000
    assert {user["email"] for user in read_contents(sandbox.path).users} == {
        "bob@example.com",
        "cy@example.com",
    }


def test_ten_thousand_columns_are_one_warning_and_one_short_error_line(load):
    wide = {f"column{i}": "x" for i in range(10_000)}
    finished = load([{**wide, "email": "broken"}, {**wide, "email": "ann@example.com"}])
    (error,) = finished.errors
    assert error["email"] == "broken"
    assert error["record"]["_sdc_left_out"] == "9,900 more columns"
    assert len(json.dumps(error)) < 5_000
    assert finished.said("columns that aren't known", "WARNING") == 1
    assert finished.tally["created"] == 1


def test_columns_of_the_schema_that_come_late_are_named_in_the_one_warning(load):
    finished = load([row("ann@example.com"), row("bob@example.com", plan="pro", seats=1)])
    assert finished.said("aren't known and are ignored: plan, seats.") == 1
    assert finished.said("aren't known") == 1


@pytest.mark.parametrize(
    "nested",
    ["[" * 99_999 + "]" * 99_999, '{"a":' * 99_999 + "1" + "}" * 99_999],
    ids=["lists", "objects"],
)
def test_a_record_nested_too_deep_fails_with_its_line_number(sandbox, tmp_path, nested):
    file = tmp_path / "messages"
    record = (
        f'{{"type":"RECORD","stream":"users","record":{{"email":"a@b.co","metadata":{nested}}}}}'
    )
    file.write_text(json.dumps(schema()) + "\n" + record + "\n")
    config = {"base_url": sandbox.base_url, "api_key": sandbox.api_key}
    config["errors_path"] = str(tmp_path / "errors.jsonl")
    finished = run_target(config, file, tmp_path / "errors.jsonl")
    (error,) = finished.errors
    assert "line 2 of the input: nested more than 100 levels deep" in error["error_message"]


# As a process


def configured(sandbox, folder, **config):
    file = folder / "config.json"
    settings = {**FAST, "base_url": sandbox.base_url, "api_key": sandbox.api_key, **config}
    file.write_text(json.dumps(settings))
    return file


def lines(messages):
    return b"".join(json.dumps(message).encode() + b"\n" for message in messages)


def test_a_malformed_line_ends_the_process_with_its_number_and_none_of_its_text(sandbox, tmp_path):
    good = lines([schema(), *records([{"email": f"user{i}@example.com"} for i in range(30)])])
    broken = b'{"record":{"password":"hunter2",}}\n'
    finished, stderr = run_process(
        configured(sandbox, tmp_path, batch_size_rows=10),
        good + broken + good,
        tmp_path / "errors.jsonl",
        cwd=tmp_path,
    )
    assert finished.exit_code == 1
    assert "Line 32 of the input isn't a Singer message" in stderr
    assert "hunter2" not in stderr
    entry = finished.states[-1]["bookmarks"]["target-workos-users"]
    assert entry["streams"]["users"]["records"] == 30
    assert len(read_contents(sandbox.path).users) == 30


def test_a_config_file_may_have_fractions(sandbox, tmp_path):
    fractions = {"rate_limit": 512.5, "request_timeout": 30.0, "abort_error_rate": 0.5}
    finished, _ = run_process(
        configured(sandbox, tmp_path, **fractions, concurrency=7.0),
        lines([schema(), *records([{"email": "a@b.co"}])]),
        tmp_path / "errors.jsonl",
        cwd=tmp_path,
    )
    assert (finished.exit_code, finished.tally["created"]) == (0, 1)


def test_stdout_carries_state_only_and_no_secret_is_written_anywhere(sandbox, tmp_path):
    secrets = {
        "password": "correct horse battery",
        "password_hash": BCRYPT,
        "totp_secret": "JBSWY3DPEHPK3PXP",
    }
    refused = {"password": "short", "email": "weak@example.com"}
    rows = [
        {"email": "ann@example.com", "password": secrets["password"]},
        {"email": "bob@example.com", "password_hash": BCRYPT, "totp_secret": "JBSWY3DPEHPK3PXP"},
        {"email": "broken", **secrets},
        {"email": "cut@example.com", "password_hash": BCRYPT[:-5]},
        {"email": BCRYPT, "first_name": "JBSWY3DPEHPK3PXP"[:4]},
        {"email": "map@example.com", "metadata": {"api_key": "sk_live_abcdefgh" * 50}},
        refused,
    ]
    columns = ["email", "first_name", "metadata", *secrets]
    finished, stderr = run_process(
        configured(sandbox, tmp_path, batch_size_rows=2, abort_error_rate=1),
        lines([schema(columns=columns), *records(rows)]),
        tmp_path / "errors.jsonl",
        cwd=tmp_path,
    )
    assert finished.exit_code == 0
    assert [error["record_number"] for error in finished.errors] == [3, 4, 5, 6, 7]
    assert all("bookmarks" in state for state in finished.states)
    written = stderr + json.dumps(finished.states)
    for path in tmp_path.glob("errors.jsonl*"):
        written += path.read_bytes().decode("utf-8", "replace")
    for secret in (*secrets.values(), BCRYPT[:-5], "sk_live_", sandbox.api_key, '"short"'):
        assert secret not in written


# The original tool's CSV files

ORIGINAL = f"""\
email,first_name,last_name,email_verified,external_id,password_hash,password_hash_type,metadata,\
org_id,org_external_id,org_name,role_slugs
ann@example.com,Ann,Lee,true,user_1,{BCRYPT},bcrypt,"{{""department"":""Engineering"",""seats"":5}}",\
,acme,Acme Inc,"admin,member"
bob@example.com,Bob,"O'Neil, Jr.",TRUE,user_2,,,,<org>,,,member
Ann@Example.com,,,,,,,,,globex,Globex,"[""member""]"
cy@example.com,Çelik,,false,,,,,,,,
"""


def test_csv_files_of_the_original_tool_load_unchanged_through_tap_csv(sandbox, tmp_path):
    initech = call(sandbox, "POST", "/organizations", {"name": "Initech"})
    (tmp_path / "users.csv").write_text(ORIGINAL.replace("<org>", initech["id"]), encoding="utf-8")
    files = {"files": [{"entity": "users", "path": "users.csv", "keys": []}]}
    (tmp_path / "tap.json").write_text(json.dumps(files))
    tap = subprocess.Popen([TAP, "--config", "tap.json"], cwd=tmp_path, stdout=subprocess.PIPE)
    with tap, tap.stdout as pipe:
        loaded = subprocess.run(
            [COMMAND, "--config", configured(sandbox, tmp_path)],
            stdin=pipe,
            capture_output=True,
            cwd=tmp_path,
            check=True,
        )
    assert loaded.stdout.count(b"\n") >= 2
    assert not (tmp_path / "errors.jsonl").read_text()
    world = read_contents(sandbox.path)
    users = {user["email"]: user for user in world.users}
    ann, bob, cy = (users[f"{name}@example.com"] for name in ("ann", "bob", "cy"))
    assert len(users) == 3
    assert (ann["external_id"], ann["password_hash"], ann["password_hash_type"]) == (
        "user_1",
        BCRYPT,
        "bcrypt",
    )
    assert ann["metadata"] == {"department": "Engineering", "seats": "5"}
    assert (bob["last_name"], bob["email_verified"]) == ("O'Neil, Jr.", True)
    assert (cy["first_name"], cy["last_name"], cy["email_verified"]) == ("Çelik", None, False)
    assert {(m["email"], m["organization_name"]): m["role_slugs"] for m in world.memberships} == {
        ("ann@example.com", "Acme Inc"): ["admin", "member"],
        ("bob@example.com", "Initech"): ["member"],
        ("ann@example.com", "Globex"): ["member"],
    }


@pytest.mark.parametrize("variable", ["WORKOS_API_KEY", "WORKOS_SECRET_KEY"])
def test_the_key_may_come_from_the_environment_of_workos_own_tools(sandbox, tmp_path, variable):
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"base_url": sandbox.base_url}))
    loaded = subprocess.run(
        [COMMAND, "--config", file],
        input=lines([schema(), *records([{"email": "ann@example.com"}])]),
        env={**os.environ, variable: sandbox.api_key},
        capture_output=True,
        cwd=tmp_path,
        check=True,
    )
    assert loaded.stdout
    assert len(read_contents(sandbox.path).users) == 1


def added_since(rows, state=None, *, at):
    """What a tap sends of a table of memberships with a primary key, from its bookmark on."""
    keyed = schema("users", ["id", "email", "org_external_id", "org_name", "role_slugs"])
    bookmarks = {**(state or {}).get("bookmarks", {}), "users": {"replication_key_value": at}}
    return [
        *([{"type": "STATE", "value": state}] if state else []),
        {**keyed, "key_properties": ["id"]},
        *records({"org_external_id": "acme", "org_name": "Acme", **row} for row in rows),
        {"type": "STATE", "value": {"bookmarks": bookmarks}},
    ]


@pytest.mark.parametrize(
    ("row", "roles"),
    [
        ({"id": 2, "email": "ada@example.com", "role_slugs": "admin"}, ["admin", "member"]),
        ({"id": 1, "email": "ada@example.com", "role_slugs": "admin"}, ["admin"]),
    ],
    ids=["another row", "the same row"],
)
def test_of_a_bookmark_the_key_says_whether_a_row_is_another_one(sandbox, tmp_path, row, roles):
    def load(messages):
        file = write_messages(tmp_path / "messages", messages)
        config = {**FAST, "api_key": sandbox.api_key, "base_url": sandbox.base_url}
        config["errors_path"] = str(tmp_path / "errors.jsonl")
        done = run_target(config, file, tmp_path / "errors.jsonl")
        assert (done.exit_code, done.errors) == (0, [])
        return done.states[-1]

    first = {"id": 1, "email": "ada@example.com", "role_slugs": "member"}
    state = load(added_since([first], at=1))
    load(added_since([row], state, at=2))
    [membership] = read_contents(sandbox.path).memberships
    assert sorted(membership["role_slugs"]) == roles
