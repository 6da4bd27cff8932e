"""The command in a process of its own, and what it says to a mistake."""

from __future__ import annotations

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from click.testing import CliRunner

from target_workos_users.cli import main as workos_users
from tests.support.sandbox import client
from workos_sandbox import read_contents
from workos_sandbox.cli import main

BY_ITSELF = ["-m", "workos_sandbox"]
OF_THE_TARGET = ["-c", "from target_workos_users.cli import main; main()", "sandbox"]


@pytest.fixture
def start(db):
    """Starts the command; whatever still runs is killed at the end."""
    processes = []

    def run(*arguments, command=BY_ITSELF):
        process = subprocess.Popen(
            [sys.executable, *command, "--db", str(db), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield run
    for process in processes:
        process.kill()
        process.communicate()


def listening(process):
    """Its URL, from the one line that it prints."""
    line = process.stdout.readline()
    assert line.startswith("WorkOS sandbox listening on http://127.0.0.1:"), line
    return line.split()[-1]


def create_user(session, url, number=1):
    body = {"email": f"user{number}@example.com"}
    return session.post(f"{url}/user_management/users", json=body).status_code


def control(url, name):
    """What the running sandbox says about its faults, limits or settings."""
    with client() as session:
        return session.get(f"{url}/_sandbox/{name}").json()


@pytest.mark.parametrize(
    ("command", "number"), [(BY_ITSELF, signal.SIGTERM), (OF_THE_TARGET, signal.SIGINT)]
)
def test_it_prints_its_url_and_ends_cleanly_on_a_signal(start, db, command, number):
    process = start("--port", "0", "--role", "editor", command=command)
    with client() as session:
        assert create_user(session, listening(process)) == 201
    process.send_signal(number)
    rest, errors = process.communicate()
    assert (process.returncode, rest, errors) == (0, "", "")
    contents = read_contents(db)
    assert [user["email"] for user in contents.users] == ["user1@example.com"]
    assert [role["slug"] for role in contents.roles] == ["admin", "member", "editor"]


def test_a_killed_sandbox_has_everything_that_it_answered(start, db):
    process = start("--port", "0", "--no-limits")
    url, answered = listening(process), []

    def load(first):
        with client() as session:
            for number in range(first, 10_000, 10):
                assert create_user(session, url, number) == 201
                answered.append(f"user{number}@example.com")
                if len(answered) == 300:
                    process.kill()

    with ThreadPoolExecutor(10) as pool:
        loads = [pool.submit(load, first) for first in range(10)]
    assert all(isinstance(each.exception(), requests.ConnectionError) for each in loads)
    assert set(answered) <= {user["email"] for user in read_contents(db).users}
    again = start("--port", "0")
    listening(again)


def test_published_limits_are_on_unless_said_otherwise(start):
    url = listening(start("--port", "0", "--write-limit", "3", "--retry-after", "0"))
    assert control(url, "limits") == {
        "writes": 3,
        "reads": 1_000,
        "requests": 6_000,
        "organization_deletes": 50,
        "retry_after": 0,
    }


def test_fault_and_role_options_reach_the_sandbox(start):
    options = ("--latency", "5", "--share-drop-after", "0.25", "--seed", "7", "--single-role")
    url = listening(start("--port", "0", *options))
    faults = control(url, "faults")
    assert (faults["latency_ms"], faults["share_drop_after"], faults["seed"]) == (5, 0.25, 7)
    assert control(url, "settings")["multiple_roles"] is False


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--host", "0.0.0.0"], "loopback only"),
        (["--share-500", "0.7", "--share-503", "0.7"], "more than 1"),
        (["--role", "No"], "isn't a role slug"),
        (["--no-limits", "--write-limit", "5"], "--no-limits excludes"),
    ],
)
def test_a_mistake_is_one_line_and_no_traceback(db, arguments, message):
    result = CliRunner().invoke(main, ["--db", str(db), "--port", "0", *arguments])
    assert result.exit_code in {1, 2}
    assert (result.stdout, message in result.stderr) == ("", True)
    assert "Traceback" not in result.stderr


def test_a_file_in_use_is_told_with_the_process_that_has_it(start, db):
    first = start("--port", "0")
    listening(first)
    result = CliRunner().invoke(main, ["--db", str(db), "--port", "0"])
    assert result.exit_code == 1
    assert f"in use by another sandbox (process {first.pid})" in result.stderr


def test_workos_users_has_the_same_command():
    ours = CliRunner().invoke(main, ["--help"])
    theirs = CliRunner().invoke(workos_users, ["sandbox", "--help"])
    assert theirs.exit_code == 0
    assert theirs.output.split("[OPTIONS]")[1] == ours.output.split("[OPTIONS]")[1]


def test_help_comes_without_the_web_server():
    code = (
        "import sys; from target_workos_users.cli import main; "
        "main(['--help'], standalone_mode=False); assert 'aiohttp' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert b"sandbox" in done.stdout
