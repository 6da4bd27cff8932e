"""The commands, on what a real run left; and that nothing of others commands the terminal."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from target_workos_users.cli import main
from tests.support.whole_target import (
    COMMAND,
    FAST,
    records,
    run_target,
    running_sandbox,
    schema,
    write_messages,
)

EVIL = "\x1b[2J\x1b]0;gone\x07\x9b31m\u202egnp\r\nINFO forged"
ADA = {"email": "Ada@example.com", "external_id": "a1"}
ROWS = [
    {**ADA, "org_external_id": "acme", "org_name": "Acme"},
    {"email": "ada@example.com", "org_external_id": "moon", "org_name": "=Moon"},
    {"email": f"eve{EVIL}", "first_name": EVIL, EVIL: "column"},
    {"email": "kim@example.com", "org_external_id": "nope"},
    {"email": "zoe@example.com", "org_external_id": f"no{EVIL}"},
]


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """The folder of a job whose run loaded two rows and failed at three."""
    folder = tmp_path_factory.mktemp("job")
    before = Path.cwd()
    os.chdir(folder)
    try:
        with running_sandbox(folder / "s.db") as sandbox:
            config = {
                **FAST,
                "base_url": sandbox.base_url,
                "api_key": sandbox.api_key,
                "errors_path": "out/errors.jsonl",
                "abort_error_rate": 1.0,
            }
            source = write_messages(folder / "in", [schema(), *records(ROWS)])
            done = run_target(config, source, folder / "out" / "errors.jsonl")
    finally:
        os.chdir(before)
    assert (done.exit_code, len(done.errors)) == (0, 3)
    return folder, done


@pytest.fixture
def run(job, monkeypatch):
    monkeypatch.chdir(job[0])

    def run(*arguments, code=0):
        done = CliRunner().invoke(main, [*map(str, arguments)])
        assert done.exit_code == code, done.output
        return done

    return run


def is_harmless(text):
    return not any(
        (sign < " " and sign != "\n") or "\x7f" <= sign <= "\x9f" or sign == "\u202e"
        for sign in text
    )


def test_without_a_file_the_newest_run_is_taken_and_named(run):
    for command in (["errors"], ["report"], ["ids"], ["show", "ada@example.com"]):
        done = run(*command)
        assert done.stderr.startswith("The newest run: out/errors.runs/2")


def test_the_errors_file_of_a_job_names_its_newest_run(run, job, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    errors = job[0] / "out" / "errors.jsonl"
    for command in (["report", errors], ["ids", errors], ["show", errors, "ada@example.com"]):
        assert f"The newest run: {job[0]}/out/errors.runs/" in run(*command).stderr


def test_a_folder_without_a_run_is_said(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for command in (["errors"], ["report"], ["ids"], ["show", "ada@example.com"]):
        assert (
            f"No run of target-workos-users was found below {tmp_path}"
            in run(*command, code=1).stderr
        )


def test_ids_are_a_row_for_each_membership(run):
    rows = list(csv.DictReader(io.StringIO(run("ids", "out/errors.jsonl.ledger").stdout)))
    assert [(row["email"], row["external_id"], row["org_external_id"]) for row in rows[:2]] == [
        ("ada@example.com", "a1", "acme"),
        ("ada@example.com", "a1", "moon"),
    ]
    for row in rows[:2]:
        assert row["user_id"].startswith("user_")
        assert row["organization_id"].startswith("org_")
        assert row["membership_id"].startswith("om_")
        assert (row["user"], row["membership"], row["failed"]) == ("made", "made", "")
    lines = run("ids", "--json", "out/errors.jsonl.ledger").stdout.splitlines()
    assert [json.loads(line)["user_id"] for line in lines][:2] == [r["user_id"] for r in rows][:2]


def test_the_table_of_ids_is_written_over_an_earlier_one_and_nothing_else(run, tmp_path):
    table = tmp_path / "ids.csv"
    for _ in range(2):
        assert "rows written" in run("ids", "out/errors.jsonl.ledger", "--csv", table).stderr
    assert table.stat().st_mode & 0o777 == 0o600
    table.write_text("stream,mine\n")
    done = run("ids", "out/errors.jsonl.ledger", "--csv", table, code=1)
    assert "isn't an output of this command: it stays as it is" in done.stderr
    assert table.read_text() == "stream,mine\n"


def test_show_tells_one_persons_fate(run):
    text = run("show", "out/errors.jsonl.ledger", " ADA@example.com ").stdout
    assert text.startswith("ada@example.com, external id a1\n  user: user_")
    assert "record 1 of users, chunk 1, looked at by the run of 2" in text
    assert text.count("    loaded\n") == 2
    assert text.count("membership: om_") == 2
    failed = run("show", "out/errors.jsonl.ledger", "kim@example.com").stdout
    assert "failed: org_resolution" in failed
    assert "org_resolution: org_external_id " in failed
    assert "no org_name is given" in failed


def test_show_tells_of_a_record_that_the_ledger_cannot_place(run):
    text = run("show", "zoe@example.com").stdout
    assert text.startswith("zoe@example.com\n  user: none in WorkOS\n  record 5 of users\n")
    assert "invalid_record: org_external_id: " in text


def test_show_has_the_same_as_json(run):
    found = json.loads(run("show", "--json", "kim@example.com").stdout)
    assert found["fate"]["email"] == "kim@example.com"
    assert found["fate"]["rows"][0]["record_number"] == 4
    assert found["errors"][0]["error_type"] == "org_resolution"


def test_a_person_whom_the_ledger_does_not_know_is_said(run):
    done = run("show", "out/errors.jsonl.ledger", "nobody@example.com", code=1)
    assert "out/errors.jsonl.ledger knows nothing of nobody@example.com" in done.stderr


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: path.unlink(), "There is no ledger"),
        (lambda path: path.write_bytes(b"SQLite? no" * 100), "can't be read as a ledger"),
        (lambda path: path.write_bytes(b""), "is not a ledger"),
        (lambda path: path.write_bytes(path.read_bytes()[:8192]), "can't be read as a ledger"),
    ],
)
def test_a_ledger_that_cannot_be_read_gets_one_line(run, job, tmp_path, damage, said):
    path = tmp_path / "ledger"
    shutil.copy(job[0] / "out" / "errors.jsonl.ledger", path)
    damage(path)
    for command in (["ids", path], ["show", path, "ada@example.com"]):
        done = run(*command, code=1)
        (line,) = done.stderr.splitlines()
        assert not done.stdout
        assert said in line
        assert str(path) in line


OVERWRITES = [
    ["errors", "errors.jsonl", "--csv", "errors.jsonl"],
    ["errors", "errors.jsonl", "--csv", "link.jsonl"],
    ["errors", "errors.jsonl", "--csv", "precious"],
    ["report", "errors.jsonl", "--out", "errors.jsonl"],
    ["report", "errors.jsonl", "--out", "precious"],
    ["report", "workos-users-summary.json", "--out", "workos-users-summary.json"],
    ["ids", "errors.jsonl.ledger", "--csv", "errors.jsonl.ledger"],
    ["ids", "errors.jsonl.ledger", "--csv", "errors.jsonl"],
]


@pytest.mark.parametrize("command", OVERWRITES)
def test_no_command_writes_over_what_it_reads_or_what_is_not_its_own(
    run, job, tmp_path, monkeypatch, command
):
    shutil.copytree(job[0] / "out", tmp_path / "out")
    monkeypatch.chdir(tmp_path / "out")
    Path("link.jsonl").hardlink_to("errors.jsonl")
    Path("precious").write_text("precious")
    before = Path(command[-1]).read_bytes()
    assert command[-1] in run(*command, code=1).stderr
    assert Path(command[-1]).read_bytes() == before


def test_nothing_of_others_commands_the_terminal(run, job, tmp_path):
    _, done = job
    assert all(is_harmless(text) and "\n" not in text for _, text in done.log)
    assert is_harmless(Path("out/errors.jsonl").read_text())
    texts = [
        run(*command).output
        for command in (
            ["errors"],
            ["errors", "--json"],
            ["show", "kim@example.com"],
            ["show", "--json", "kim@example.com"],
            ["ids", "--json"],
        )
    ]
    run("errors", "--csv", tmp_path / "failed.csv")
    run("report", "--out", tmp_path / "report.html")
    texts += [(tmp_path / name).read_text() for name in ("failed.csv", "report.html")]
    texts += [run("ids").stdout, run("show", EVIL, code=1).stderr, run("ids", EVIL, code=1).stderr]
    for text in texts:
        assert is_harmless(text.replace("\r\n", "\n")), text
    assert sum("\\u001b" in text for text in texts) >= 3


def test_the_table_on_a_terminal_and_the_log_of_a_process_are_harmless_too(tmp_path):
    """Stream names and a setting are of others as well."""
    config = {"sandbox_path": "s.db", "streams": ["users"], "errors_path": "e.jsonl"}
    (tmp_path / "c.json").write_text(json.dumps(config))
    messages = [schema(f"u{EVIL}"), *records(ROWS[:1], f"u{EVIL}"), schema(), *records(ROWS)]
    done = subprocess.run(
        [COMMAND, "--config", "c.json"],
        input="".join(json.dumps(each) + "\n" for each in messages),
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert is_harmless(done.stderr), done.stderr


def test_the_version_is_that_of_the_package(run):
    assert run("--version").output.startswith("workos-users, version 0.")


def test_help_imports_no_more_than_it_needs():
    code = (
        "import sys\nfrom click.testing import CliRunner\n"
        "from target_workos_users.cli import main\n"
        "assert CliRunner().invoke(main, ['--help']).exit_code == 0\n"
        "print(*(name for name in sys.modules if name.count('.') < 2))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    heavy = {"singer_sdk", "aiohttp", "jinja2", "rich", "sqlite3", "workos", "msgspec"}
    assert not heavy & set(loaded)
