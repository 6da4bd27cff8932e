from __future__ import annotations

import csv
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from docs.generate import readme
from target_workos_users.records.parse import parse_record
from target_workos_users.sandbox import read_world

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
COMMANDS = re.findall(r"^    (\S.*)$", README, re.MULTILINE)


def test_the_settings_table_is_what_the_settings_say():
    assert readme(README) == README


def test_it_opens_with_one_sentence_and_two_commands():
    _, sentence, commands, *_ = README.split("\n\n")
    assert sentence.count(". ") == 0
    assert sentence.endswith(".")
    assert commands.splitlines() == [
        "    pip install uv && uv run meltano run tap-csv target-workos-users",
        "    pip install uv && uv run pytest",
    ]


@pytest.mark.parametrize("link", re.findall(r"\]\(((?!http)[^)#]+)", README))
def test_what_it_links_to_is_there(link):
    assert (ROOT / link).exists()


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A copy of the repository as a user has it after cloning."""
    folder = tmp_path_factory.mktemp("clone")
    for name in ("meltano.yml", "sample_data"):
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
    return folder


def run(project: Path, command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one of the README's commands, in the environment that the tests run in."""
    command = command.removeprefix("pip install uv && ").removeprefix("uv run ")
    clean = {key: value for key, value in os.environ.items() if not key.startswith("WORKOS")}
    return subprocess.run(
        command,
        shell=True,
        cwd=project,
        env={
            **clean,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def command_with(text: str) -> str:
    """The README's first command that has a text in it."""
    return next(command for command in COMMANDS if text in command)


def expected_world() -> tuple[set[str], set[tuple[str, str]]]:
    """Emails, and pairs of email and organization, that the sample data asks for."""
    bad = runpy.run_path(str(ROOT / "sample_data" / "generate.py"))["BAD_ROWS"]
    emails, memberships = set(), set()
    with (ROOT / "sample_data" / "users.csv").open(
        encoding="utf-8-sig", errors="replace", newline=""
    ) as file:
        for number, record in enumerate(csv.DictReader(file), start=1):
            if number in bad:
                continue
            row = parse_record(record)
            emails.add(row.email)
            if row.organization:
                memberships.add((row.email, row.organization.external_id))
    return emails, memberships


def test_the_first_command_loads_what_the_csv_describes(project):
    first = run(project, command_with("meltano run tap-csv"))
    assert first.returncode == 0, first.stderr
    assert "records: 2,000 read = 1,986 loaded + 0 unchanged + 14 failed" in first.stderr
    assert "WORKOS_API_KEY" in first.stderr

    lines = (project / "output/errors.jsonl").read_text().splitlines()
    errors = [json.loads(line) for line in lines]
    assert len({error["record_number"] for error in errors}) == 14
    world = read_world(project / "output/sandbox.db")
    emails, memberships = expected_world()
    # Two of the bad rows leave a user: its organization or role doesn't exist.
    half_made = {error["email"] for error in errors if error["user_id"]}
    assert emails | half_made == {user["email"] for user in world.users}
    found = {(m["email"], m["organization_external_id"]) for m in world.memberships}
    assert found - memberships <= {(e["email"], e["org_external_id"]) for e in errors}
    assert memberships <= found
    assert len(world.memberships) == len(found)


def test_the_second_run_sends_no_request(project):
    again = run(project, command_with("meltano run tap-csv"))
    assert again.returncode == 0, again.stderr
    assert "2,000 read = 0 loaded + 2,000 unchanged + 0 failed" in again.stderr
    assert "requests: 0" in again.stderr


def test_the_checkpoint_can_be_looked_at(project):
    shown = run(project, command_with("meltano state get"))
    entry = json.loads(shown.stdout)["singer_state"]["bookmarks"]["target-workos-users"]
    assert entry["streams"]["users"]["complete"] is True
    assert [records for records, _ in entry["streams"]["users"]["chunks"]] == [1000, 1000]


@pytest.mark.parametrize("again", ["--full-refresh", "meltano state clear"])
def test_a_full_refresh_and_a_cleared_state_load_again(project, again):
    done = run(project, command_with(again))
    if again == "meltano state clear":
        assert done.returncode == 0, done.stderr
        done = run(project, command_with("meltano run tap-csv"))
    assert "2,000 read = 1,986 loaded + 0 unchanged + 14 failed" in done.stderr, done.stderr
    assert "users: 0 created" in done.stderr


def test_a_dry_run_sends_nothing(project):
    planned = run(project, command_with("meltano run tap-csv"), TARGET_WORKOS_USERS_DRY_RUN="true")
    assert planned.returncode == 0, planned.stderr
    assert "would fail" in planned.stderr
