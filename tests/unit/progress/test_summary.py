from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.inspect import is_struct_type
from msgspec.structs import fields

from target_workos_users.exceptions import SettingsError
from target_workos_users.progress.history import progress_files
from target_workos_users.progress.summary import (
    Failure,
    Kind,
    Summary,
    read_summary,
    write_summary,
)
from target_workos_users.progress.summary_text import typed
from target_workos_users.progress.timeline import ChunkLine, Timeline, read_timeline
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

ROWS = [
    {
        "email": f"u{n}@example.com" if n % 10 else "broken",
        "org_external_id": f"o{n % 3}",
        "org_name": "O",
        "role_slugs": "member" if n % 2 else "no-such-role",
    }
    for n in range(1, 61)
]


@pytest.fixture
def import_(tmp_path, monkeypatch):
    """Run an import of ROWS; the summary and the timeline that it leaves."""
    monkeypatch.chdir(tmp_path)
    with running_sandbox(tmp_path / "s.db") as sandbox:

        def run(rows=ROWS, state=None, **more):
            config = {
                **FAST,
                "base_url": sandbox.base_url,
                "api_key": sandbox.api_key,
                "batch_size_rows": 20,
                "summary_path": "out/summary.json",
                "abort_error_rate": 1.0,
            }
            head = [{"type": "STATE", "value": state}] if state else []
            messages = [*head, schema(), *records(rows)]
            source = write_messages(tmp_path / "in", messages)
            done = run_target({**config, **more}, source, tmp_path / "errors.jsonl")
            return done, read_summary(Path("out/summary.json"))

        yield run, sandbox


def lines():
    return [line for path in progress_files(Path("errors.runs")) for line in read_timeline(path)]


def test_the_numbers_reconcile_with_workos_the_errors_file_and_each_other(import_, tmp_path):
    run, _ = import_
    done, summary = run()
    world = read_contents(tmp_path / "s.db")
    found = summary.records
    assert found.read == 60 == found.loaded + found.unchanged + found.failed
    assert found.failed == len({error["record_number"] for error in done.errors})
    assert summary.users.created == len(world.users) == 54
    assert summary.memberships.created == len(world.memberships)
    assert summary.organizations.created == 3
    assert summary.roles.assigned == 30
    assert sum(failure.count for failure in summary.failures) == len(done.errors)
    assert sum(size for _, size in summary.organizations.largest) == found.loaded
    kinds = summary.requests.by_kind
    assert sum(kind.sent for kind in kinds.values()) == summary.requests.sent
    assert sum(sum(k.answers.values()) + k.lost for k in kinds.values()) == summary.requests.sent
    assert kinds["POST /user_management/users"].answers == {"201": 54}


def test_the_lines_of_progress_add_up_to_the_summary(import_):
    run, _ = import_
    _, summary = run()
    told = lines()
    assert [line.chunk for line in told] == [1, 2, 3]
    assert sum(line.records for line in told) == summary.records.read
    assert sum(line.failed for line in told) == summary.records.failed
    assert sum(line.users for line in told) == summary.users.created
    assert sum(line.memberships for line in told) == summary.memberships.created
    assert sum(line.requests for line in told) == summary.requests.sent
    assert sum(line.writes for line in told) == summary.requests.writes


def test_refused_retried_and_lost_requests_are_counted(import_):
    run, sandbox = import_
    sandbox.faults = Faults(
        script=[
            ScriptedFault("/users$", Action("answer", status=429)),
            ScriptedFault("/users$", Action("answer", status=500), count=2),
            # Five faults in all: one request may meet them all, and has as many retries.
            ScriptedFault("/users$", Action("drop_before"), count=2),
        ]
    )
    _, summary = run()
    requests = summary.requests
    assert (requests.refused, requests.lost, requests.retried) == (1, 2, 5)
    assert requests.by_kind["POST /user_management/users"].answers == {
        "201": 54,
        "429": 1,
        "500": 2,
    }
    assert requests.writes_per_second > 0


def test_each_run_has_files_of_its_own(import_):
    run, _ = import_
    rows = [{"email": f"u{n}@example.com"} for n in range(60)]
    done, _ = run(rows)
    again, summary = run(rows, state=done.states[-1])
    assert again.exit_code == 0
    assert (summary.records.unchanged, summary.requests.sent) == (60, 0)
    assert [line.unchanged for line in lines()] == [False] * 3 + [True] * 3
    run(rows)
    assert len(lines()) == 9
    assert len(list(progress_files(Path("errors.runs")))) == 3


def test_a_second_run_tries_what_failed_again_and_counts_it_again(import_):
    run, _ = import_
    done, first = run()
    again, summary = run(state=done.states[-1])
    assert summary.records.read == 60 == summary.records.unchanged + summary.records.failed
    assert summary.records.failed == first.records.failed > 0
    assert len(again.errors) == len(done.errors)
    assert summary.users.created == 0
    assert sum(line.unchanged for line in lines()) == 0


def test_an_error_that_stops_the_run_is_in_the_summary(import_):
    run, _ = import_
    done, summary = run(abort_error_rate=0.01)
    assert done.exit_code == summary.exit_code == 1
    assert summary.reason == "stopped by an error"
    assert "abort_error_rate" in summary.error
    assert summary.records.read == 0
    assert summary.records.unfinished == 40


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_leaves_a_summary_that_reconciles(tmp_path, number, code):
    with running_sandbox(tmp_path / "s.db", faults=Faults(latency_ms=50)) as sandbox:
        config = {
            "base_url": sandbox.base_url,
            "api_key": sandbox.api_key,
            "batch_size_rows": 20,
            "concurrency": 5,
            "summary_path": "summary.json",
            **FAST,
        }
        (tmp_path / "c.json").write_text(json.dumps(config))
        target = subprocess.Popen(
            [COMMAND, "--config", "c.json"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
        )
        rows = [{"email": f"u{n}@example.com"} for n in range(400)]
        for message in [schema(), *records(rows)]:
            target.stdin.write(json.dumps(message).encode() + b"\n")
        target.stdin.flush()
        target.stdout.readline()
        target.stdout.readline()  # after the first chunk
        target.send_signal(number)
        target.communicate(timeout=30)
        stored = call(sandbox, "GET", "/user_management/users", limit="100")["data"]
    summary = read_summary(tmp_path / "summary.json")
    assert target.returncode == summary.exit_code == code
    assert summary.reason == f"stopped by {number.name}"
    assert 20 <= summary.records.read == summary.records.loaded < 400
    assert summary.records.unfinished > 0
    assert len(stored) >= min(summary.users.created, 100)
    told = list(read_timeline(tmp_path / summary.progress_path))
    assert sum(line.records for line in told) == summary.records.read


def test_the_files_are_private(import_, tmp_path):
    import_[0]()
    files = [tmp_path / "out" / "summary.json", *(tmp_path / "errors.runs").iterdir()]
    assert [file.stat().st_mode & 0o777 for file in files] == [0o600] * 3


def test_what_to_type_next_can_be_typed_where_meltano_installed_the_target(monkeypatch, tmp_path):
    assert typed("errors", "my errors.jsonl") == "workos-users errors 'my errors.jsonl'"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".meltano/loaders/target-workos-users/venv"))
    program = ".meltano/loaders/target-workos-users/venv/bin/workos-users"
    assert typed("report", "errors.jsonl") == f"{program} report errors.jsonl"


@pytest.mark.parametrize(
    ("environment", "text"),
    [
        ("sandbox", "set WORKOS_API_KEY, then `meltano --environment=prod run …`"),
        ("dev", "unset sandbox_path and set WORKOS_API_KEY"),
    ],
)
def test_the_way_from_the_sandbox_to_workos_is_told(tmp_path, monkeypatch, environment, text):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MELTANO_ENVIRONMENT", environment)
    source = write_messages(tmp_path / "in", [schema(), *records(ROWS[:1])])
    done = run_target({**FAST, "sandbox_path": "s.db"}, source, tmp_path / "errors.jsonl")
    assert done.said(f"(Meltano environment {environment}). To load into WorkOS: {text}")


def test_a_place_that_cannot_be_written_stops_the_run_before_anything_is_loaded(import_, tmp_path):
    run, _ = import_
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError):
        run(summary_path="file/summary.json")
    assert read_contents(tmp_path / "s.db").users == []
    assert (tmp_path / "file").read_text() == ""


def test_a_summary_is_replaced_whole_or_not_at_all(import_, tmp_path):
    _, summary = import_[0]()
    path = tmp_path / "out" / "summary.json"
    before = path.read_bytes()
    path.with_name("summary.json.new").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_summary(summary, path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"[]", b'{"reason": 1}', b"\xff"])
def test_a_file_that_is_no_summary_is_refused(tmp_path, content):
    path = tmp_path / "other.json"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match="isn't a summary"):
        read_summary(path)


def test_a_line_torn_by_a_crash_is_left_out(tmp_path):
    path = tmp_path / "r.progress.jsonl"
    timeline = Timeline(path)
    line = ChunkLine("a", "r", "b", "import", 1, False, 10, 0, 10, 10, 1.5, 20, 20, 0, 0)
    timeline.append(line)
    timeline.close()
    with path.open("ab") as file:
        file.write(b'{"at": "2026')
    assert list(read_timeline(path)) == [line]


def test_docs_name_every_key_of_the_summary():
    text = (Path(__file__).parents[3] / "docs" / "operations.md").read_text()
    parts = (each.type for each in fields(Summary) if is_struct_type(each.type))
    for described in (Summary, ChunkLine, Failure, Kind, *parts):
        for name in described.__struct_fields__:
            assert f"`{name}`" in text, name


def test_what_a_stopped_run_did_in_workos_is_counted_and_why_it_stopped(import_, tmp_path):
    """Whatever is committed: the counts are those of the sandbox, run by run."""
    run, _ = import_
    rows = [
        {"email": f"u{n}@example.com", "org_external_id": "acme" if n % 2 else "nope"}
        | ({"org_name": "Acme"} if n % 2 else {})
        for n in range(100)
    ]
    done, stopped = run(rows, abort_error_rate=0.4)
    first = read_contents(tmp_path / "s.db")
    assert stopped.reason == "stopped by an error"
    assert stopped.records.read == 0
    assert stopped.users.created == len(first.users) > 0
    assert stopped.memberships.created == len(first.memberships) > 0
    assert stopped.organizations.created == len(first.organizations) == 1
    (failure,) = stopped.failures
    assert failure.count == 10
    assert failure.reason.startswith("org_external_id '…' isn't an organization")
    assert done.said("10 x org_external_id '…' isn't an organization")
    assert done.said("workos-users errors errors.jsonl")
    _, resumed = run(rows, state=done.states[-1])
    second = read_contents(tmp_path / "s.db")
    assert len(second.users) == 100
    assert resumed.users.created == 100 - len(first.users)
    assert resumed.memberships.created == len(second.memberships) - len(first.memberships)
    creates = resumed.requests.by_kind["POST /user_management/users"]
    assert creates.answers == {"201": resumed.users.created}
    records = resumed.records
    assert records.read == 100 == records.loaded + records.unchanged + records.failed
