from __future__ import annotations

import json
import logging
import signal
import subprocess
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_workos_users.plan.distinct import Distinct
from target_workos_users.plan.plan import Plan
from target_workos_users.plan.text import reasons
from target_workos_users.progress.progress import Progress
from target_workos_users.records.kinds import Kind
from tests.support.model import make_settings
from tests.support.whole_target import COMMAND, call, records, run_target, schema, write_messages


@given(st.lists(st.text() | st.tuples(st.text(), st.text())))
def test_distinct_counts_as_a_set_does(values):
    distinct = Distinct()
    for value in values:
        distinct.add(value)
    assert len(distinct) == len(set(values))


def test_values_that_come_again_and_again_take_no_room():
    distinct = Distinct()
    for number in range(300_000):
        distinct.add(number % 100)
    assert len(distinct) == 100
    assert sum(len(part._numbers) for part in distinct._parts) < 256 * 1_000


def plan(rows, **config):
    planned = Plan(
        make_settings(dry_run=True, **config),
        Progress(make_settings(), logging.root),
        defaultdict(lambda: Kind.USERS),
        run=lambda _: None,
    )
    for row in rows:
        planned.add("users", row)
    return planned


def test_users_memberships_and_organizations_are_counted_once():
    row = {"email": "a@example.com", "org_external_id": "acme", "org_name": "Acme"}
    planned = plan([row, {**row, "email": " A@EXAMPLE.com"}, {**row, "org_external_id": "b"}])
    assert (len(planned.users), len(planned.memberships)) == (1, 2)
    assert len(planned.organizations["name"]) == 2


def test_an_organization_that_may_not_be_created_is_only_looked_for():
    row = {"email": "a@example.com", "org_external_id": "acme", "org_name": "Acme"}
    planned = plan([row], create_missing_orgs=False)
    assert {how: len(values) for how, values in planned.organizations.items()} == {
        "id": 0,
        "name": 0,
        "external id": 1,
    }


@pytest.mark.parametrize(
    ("columns", "beyond"),
    [
        ({"metadata": {f"k{n}": "v" for n in range(10)}, "external_id": "x" * 64}, 0),
        ({"metadata": {f"k{n}": "v" for n in range(11)}}, 1),
        ({"metadata": {"clé": "v"}}, 1),
        ({"metadata": {"k": "名前"}, "external_id": "x" * 65}, 1),
        ({"org_external_id": "x" * 65}, 1),
    ],
)
def test_records_that_only_the_specification_allows_are_counted(columns, beyond):
    assert plan([{"email": "a@example.com", **columns}]).beyond_docs == beyond


def test_of_many_reasons_the_rest_is_counted_and_of_several_streams_each_is_named():
    rows = [{"email": "a@example.com", "metadata": {f"k{n}": "x" * 601}} for n in range(22)]
    planned = plan(rows)
    planned.add("others", rows[0])
    first, *_, last = reasons(planned, planned.failures, "would fail")
    assert first.startswith("  would fail: 2 x metadata, key 'k0'")
    assert first.endswith("(first: records 1 of users, 1 of others)")
    assert last == "  would fail: 2 for 2 other reasons"


def dry_run(tmp_path, rows, **config):
    source = write_messages(tmp_path / "in.singer", [schema(), *records(rows)])
    done = run_target({"dry_run": True, **config}, source, tmp_path / "errors.jsonl")
    return done, "\n".join(text for _, text in done.log)


def test_the_plan_has_requests_by_kind_and_the_time_at_the_limit(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [
        {"email": f"u{n}@example.com", "org_external_id": f"o{n % 10}", "org_name": "O"}
        for n in range(1_000)
    ]
    done, text = dry_run(tmp_path, rows)
    assert done.exit_code == 0
    assert "1,000 users, 10 organizations: 2,020 requests, 40s at 50 writes/s" in text
    assert "POST /user_management/users: 1,000" in text
    assert "POST /organizations: 10" in text


def test_it_sends_nothing_prints_no_state_and_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done, _ = dry_run(tmp_path, [{"email": "a@example.com"}], summary_path="summary.json")
    assert done.states == []
    assert [path.name for path in tmp_path.iterdir()] == ["in.singer"]


def test_what_would_fail_is_folded_with_the_first_record(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [
        {"email": "a@example.com"},
        {"email": "secret-name"},
        {"email": "b@example.com", "external_id": 200 * "x"},
        {"email": "c@example.com", "external_id": 300 * "x"},
    ]
    _, text = dry_run(tmp_path, rows)
    assert "4 records, 3 would fail" in text
    assert "2 x external_id: … characters; expected 128 at most (first: records 3, 4)" in text
    assert "(first: record 2)" in text
    assert "secret-name" not in text


def test_hashes_that_would_be_skipped_are_counted_with_why(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    old = "pbkdf2_sha256$260000$Sm8lAvX9TzQ2Wd0aKp3r1B$NJfSntcLv9J12JuplBL497DGCti/tgeYwsQNlIFmB+Q="
    rows = [{"email": f"{n}@example.com", "password_hash": old} for n in range(3)]
    _, text = dry_run(tmp_path, rows, unusable_hashes="skip")
    assert "3 records, 0 would fail" in text
    assert "hash skipped: 3 x Django PBKDF2 with 260,000 iterations of SHA-256; WorkOS " in text
    assert "loaded without a password (3 records)" in text
    _, text = dry_run(tmp_path, rows)
    assert "3 records, 3 would fail" in text


def test_warnings_that_matter_are_counted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    row = {"email": "a@example.com", "org_external_id": "a", "role_slugs": "admin,member"}
    rows = [row, {"email": "b@example.com", "password": "a plain one"}]
    _, text = dry_run(tmp_path, rows)
    assert "1 records have several roles" in text
    assert "plain passwords" in text
    assert "1 records don't have an organization" in text
    assert "roles: admin 1, member 1" in text
    _, text = dry_run(tmp_path, [{"email": "a@example.com"}])
    assert "no record has an organization" in text


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_gives_the_plan_of_what_was_read_so_far(tmp_path, number, code):
    (tmp_path / "c.json").write_text('{"dry_run": true}')
    target = subprocess.Popen(
        [COMMAND, "--config", "c.json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
    )
    rows = [{"email": "a@example.com"}, {"email": "b@example.com", "odd": 1}]
    for message in [schema(), *records(rows)]:  # the warning of the second follows the first
        target.stdin.write(json.dumps(message).encode() + b"\n")
    target.stdin.flush()
    seen = b""
    while b"columns that aren't known" not in seen:
        seen = target.stderr.readline()
    target.send_signal(number)
    _, rest = target.communicate(timeout=30)
    assert target.returncode == code
    assert b"Plan for what was read so far: " in rest
    assert rest.count(b"Plan for") == 1


def test_the_first_rows_are_shown_as_they_would_be_sent_naming_nobody(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    row = {
        "email": "hidden@example.com",
        "first_name": "Hidden",
        "email_verified": "yes",
        "metadata": {"plan": "Hidden"},
        "org_external_id": "acme",
        "role_slugs": "admin,member",
        "password": "Hidden hidden",
        "totp_secret": "HIDDENHIDDENHIDDENHIDDEN",
    }
    _, text = dry_run(tmp_path, [row] * 5)
    assert (
        "for example: record 1 of users: email h…@example.com, first_name H…, email_verified true, "
        "metadata with 1 keys, password [redacted], organization acme, roles admin and member, "
        "TOTP secret [redacted]"
    ) in text
    assert text.count("for example: ") == 3
    assert "hidden" not in text.lower()


def test_a_plan_in_which_everything_fails_is_red(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done, text = dry_run(tmp_path, [{"email": "a"}, {"email": "b"}])
    assert done.exit_code == 1
    assert "2 would fail" in text
    assert done.said("Every record would fail: the plan above says why.", "ERROR") == 1
    rows = [{"email": "a"}, {"email": "b@example.com"}]
    assert dry_run(tmp_path, rows)[0].exit_code == 0
    assert dry_run(tmp_path, rows, fail_on_errors=True)[0].exit_code == 1


def test_what_would_fail_is_listed_in_a_file_when_asked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [{"email": "a@example.com"}, {"email": "nobody"}, {"email": "b@b@b", "password": "p"}]
    _, text = dry_run(tmp_path, rows, plan_errors_path="would-fail.jsonl", batch_size_rows=2)
    lines = [json.loads(line) for line in (tmp_path / "would-fail.jsonl").read_text().splitlines()]
    assert [(line["record_number"], line["chunk"]) for line in lines] == [(2, 1), (3, 2)]
    assert lines[1]["record"]["password"] == "[redacted]"
    assert "would fail: listed in would-fail.jsonl: `workos-users errors would-fail.jsonl`" in text
    assert not (tmp_path / "errors.jsonl").exists()


def test_with_a_key_it_asks_which_roles_and_organizations_are_there(sandbox, tmp_path):
    call(sandbox, "POST", "/organizations", {"name": "Acme", "external_id": "acme"})
    sandbox.counts.reset()
    rows = [
        {"email": "a@example.com", "org_external_id": "acme", "role_slugs": "admin"},
        {"email": "b@example.com", "org_external_id": "new", "org_name": "New"},
        {"email": "c@example.com", "org_external_id": "gone", "role_slugs": "boss"},
    ]
    config = {"base_url": sandbox.base_url, "api_key": sandbox.api_key}
    done, text = dry_run(tmp_path, rows, **config)
    assert done.exit_code == 0
    assert "WorkOS: roles that it doesn't have (1): boss" in text
    assert "WorkOS: organizations: 1 of 3 are there; 1 are not, and can't be created" in text
    assert all(request.startswith("GET ") for request in sandbox.counts.requests)
    assert sandbox.counts.requests.keys() == {
        "GET /authorization/roles",
        "GET /organizations/external_id/{external_id}",
    }


def test_where_workos_cannot_be_asked_there_is_a_plan_all_the_same(tmp_path):
    config = {"base_url": "http://127.0.0.1:9", "api_key": "sk_test_x"}
    done, text = dry_run(tmp_path, [{"email": "a@example.com"}], **config)
    assert done.exit_code == 0
    assert "users: 1" in text
    assert "WorkOS couldn't be asked: " in text
