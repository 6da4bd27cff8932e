from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from target_workos_users.cli import main
from target_workos_users.errors import ErrorsFile, error_line
from target_workos_users.exceptions import ErrorType, RecordError, SettingsError
from target_workos_users.retry import Listed, read_listed, retry_settings
from tests.support.model import make_settings
from tests.support.whole_target import (
    FAST,
    call,
    records,
    run_target,
    running_sandbox,
    schema,
    write_messages,
)
from workos_sandbox import read_contents

ROWS = [
    {
        "email": f"u{n}@example.com" if n % 5 else f"u{n}.example.com",
        "password": f"correct horse {n}",
        "org_external_id": "nowhere" if n == 7 else "acme",
        "org_name": "" if n == 7 else "Acme",
        "age": n / 3,
        "_sdc_extracted_at": "first",
    }
    for n in range(1, 31)
]
FAILED = [5, 7, 10, 15, 20, 25, 30]


def messages(path, rows=ROWS):
    columns = ["email", "password", "org_external_id", "org_name", "age"]
    return write_messages(path, [schema(columns=columns), *records(rows)])


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A complete import with seven failed records, and how to run once more."""
    monkeypatch.chdir(tmp_path)
    with running_sandbox(tmp_path / "sandbox.db") as sandbox:
        config = {
            **FAST,
            "base_url": sandbox.base_url,
            "api_key": sandbox.api_key,
            "batch_size_rows": 10,
            "summary_path": "summary.json",
        }

        def run(rows=ROWS, **more):
            source = messages(tmp_path / "messages.singer", rows)
            return run_target({**config, **more}, source, tmp_path / "errors.jsonl")

        first = run()
        assert [error["record_number"] for error in first.errors] == FAILED
        yield sandbox, run, tmp_path


def retried(folder):
    """The one errors file that a retry has made."""
    (path,) = folder.glob("errors-retry-*.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("text", ["", None], ids=["empty", "nothing retryable"])
def test_of_a_file_that_lists_nothing_nothing_is_loaded(world, text):
    sandbox, run, folder = world
    if text is not None:
        (folder / "errors.jsonl").write_text(text)
    before = read_contents(sandbox.path)
    changed = [row | {"email": f"new{n}@example.com"} for n, row in enumerate(ROWS)]
    done = run(changed, only_errors_from="errors.jsonl", retryable_only=True)
    assert (done.exit_code, done.states) == (0, [])
    assert done.said("Loading only the 0 records")
    assert read_contents(sandbox.path) == before


def test_only_what_failed_is_loaded_and_what_fails_again_is_in_a_new_file(world):
    sandbox, run, folder = world
    call(sandbox, "POST", "/organizations", {"name": "Nowhere", "external_id": "nowhere"})
    before = {path: (folder / path).read_bytes() for path in ("errors.jsonl", "summary.json")}
    done = run(only_errors_from="errors.jsonl")
    assert done.exit_code == 0
    assert done.states == []
    assert done.said("30 read = 1 loaded + 0 unchanged + 6 failed + 23 left out")
    assert [error["record_number"] for error in retried(folder)] == [5, 10, 15, 20, 25, 30]
    assert before == {path: (folder / path).read_bytes() for path in before}
    assert ("u7@example.com", "nowhere") in {
        (each["email"], each["organization_external_id"])
        for each in read_contents(folder / "sandbox.db").memberships
    }
    (summary,) = folder.glob("summary-retry-*.json")
    assert json.loads(summary.read_text())["mode"] == "retry"


def test_show_tells_no_error_of_a_record_that_was_loaded_since(world):
    sandbox, run, _ = world

    def show():
        return CliRunner().invoke(main, ["show", "errors.jsonl.ledger", "u7@example.com"]).output

    assert "org_resolution: " in show()
    call(sandbox, "POST", "/organizations", {"name": "Nowhere", "external_id": "nowhere"})
    run(only_errors_from="errors.jsonl")
    assert "    loaded\n" in show()
    assert "org_resolution" not in show()


def test_retryable_only_takes_those_that_are_marked_so(world):
    sandbox, run, folder = world
    call(sandbox, "POST", "/organizations", {"name": "Nowhere", "external_id": "nowhere"})
    lines = [json.loads(line) for line in (folder / "errors.jsonl").read_text().splitlines()]
    for line in lines:
        line["retryable"] = line["record_number"] == 7
    (folder / "marked.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = run(only_errors_from="marked.jsonl", retryable_only=True)
    assert done.said("Loading only the 1 records that marked.jsonl lists.")
    assert done.said("30 read = 1 loaded + 0 unchanged + 0 failed + 29 left out")
    assert retried(folder) == []


@pytest.mark.parametrize("change", ["other_value", "row_gone", "row_added"])
def test_a_changed_source_is_noticed_and_named(world, change):
    _, run, _ = world
    rows = [dict(row) for row in ROWS]
    if change == "other_value":
        rows[6]["org_name"] = "Somewhere"
    elif change == "row_gone":
        del rows[0]
    else:
        rows.insert(0, {**rows[0], "email": "new@example.com"})
    done = run(rows, only_errors_from="errors.jsonl")
    assert done.exit_code == 1
    number = 7 if change == "other_value" else 5
    assert done.said(f"Record {number} of stream 'users' isn't the one that errors.jsonl lists")
    assert done.states == []
    assert "u7@example.com" not in str(done.log)


def test_a_source_that_ends_too_early_is_noticed_after_the_rest_is_loaded(world):
    _, run, _ = world
    done = run(ROWS[:12], only_errors_from="errors.jsonl")
    assert done.exit_code == 1
    assert done.said("lists record 15 of stream 'users', but only 12 records of it came")
    assert done.said("12 read = 0 loaded + 0 unchanged + 3 failed + 9 left out")


def test_columns_of_the_tap_and_another_secret_make_no_other_record(world):
    _, run, folder = world
    rows = [{**row, "_sdc_extracted_at": "later", "password": "another one"} for row in ROWS]
    assert run(rows, only_errors_from="errors.jsonl").exit_code == 0
    assert len(retried(folder)) == 7


def test_a_record_that_failed_again_can_be_retried_from_the_new_file(world):
    sandbox, run, folder = world
    run(only_errors_from="errors.jsonl")
    (path,) = folder.glob("errors-retry-*.jsonl")
    call(sandbox, "POST", "/organizations", {"name": "Nowhere", "external_id": "nowhere"})
    kept = path.rename(folder / "again.jsonl")
    assert run(only_errors_from=str(kept)).exit_code == 0
    assert len(retried(folder)) == 6


def test_existing_users_fail_would_make_every_retry_fail_and_so_is_keep(world):
    sandbox, run, _ = world
    call(sandbox, "POST", "/organizations", {"name": "Nowhere", "external_id": "nowhere"})
    done = run(only_errors_from="errors.jsonl", existing_users="fail")
    assert done.said("1 loaded + 0 unchanged + 6 failed")


def test_a_dry_run_plans_the_retry(world):
    _, run, folder = world
    done = run(only_errors_from="errors.jsonl", dry_run=True)
    assert done.said("7 records, 6 would fail")
    assert done.said("(first: records 5, 10, 15)")
    assert not list(folder.glob("errors-retry-*"))


def test_the_state_that_the_tap_hands_on_is_not_printed(world):
    _, _, folder = world
    path = folder / "messages.singer"
    messages(path)
    state = {"type": "STATE", "value": {"bookmarks": {"users": {"at": 3}}}}
    lines = path.read_text().splitlines()
    path.write_text("\n".join([json.dumps(state), *lines, json.dumps(state)]) + "\n")
    config = {"sandbox_path": "other.db", "only_errors_from": "errors.jsonl"}
    assert run_target(config, path, folder / "errors.jsonl").states == []


@pytest.mark.parametrize("content", [None, "not an errors file\n"])
def test_a_file_that_cannot_be_read_stops_the_run_before_anything_is_loaded(world, content):
    _, run, folder = world
    if content:
        (folder / "other.jsonl").write_text(content)
    done = run(only_errors_from="other.jsonl")
    assert done.exit_code == 1
    assert done.said("other.jsonl")
    assert not list(folder.glob("errors-retry-*"))


def test_retryable_only_needs_a_file():
    with pytest.raises(SettingsError, match="retryable_only is set without only_errors_from"):
        make_settings(retryable_only=True)


def test_the_files_of_a_retry_have_its_time_in_their_names():
    settings = make_settings(errors_path="out/e.jsonl", summary_path="out/s.json")
    ours = retry_settings(settings, datetime(2026, 11, 24, 14, 2, 3, tzinfo=UTC))
    assert ours.errors_path == "out/e-retry-20261124T140203Z.jsonl"
    assert ours.summary_path == "out/s-retry-20261124T140203Z.json"


def test_files_put_together_by_hand_need_no_order(tmp_path):
    path = tmp_path / "errors.jsonl"
    file = ErrorsFile(str(path))
    file.open(0, "")
    error = RecordError(ErrorType.USER_CREATE, "x")
    file.append(
        error_line(
            stream="users",
            kind="users",
            record_number=n,
            chunk=1,
            record={"email": str(n)},
            error=error,
        )
        for n in (9, 3, 9, 9, 1)
    )
    file.close()
    (listed,) = read_listed(make_settings(only_errors_from=str(path))).values()
    assert list(listed.numbers) == [1, 3, 9]
    assert len(set(listed.checks)) == 3


def test_a_listed_record_takes_sixteen_bytes():
    listed = Listed()
    for number in range(1_000):
        listed.add(number, number)
    assert listed.numbers.itemsize + listed.checks.itemsize == 16
    assert len(listed.numbers) == 1_000
