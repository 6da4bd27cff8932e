"""Whoever stores the state can't: stdout is closed, or its disk is full. See also kill tests."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.stress.kill import source
from tests.support.whole_target import COMMAND
from workos_sandbox import read_contents


def test_a_stdout_whose_disk_is_full_stops_the_run_before_anything_is_loaded(lab):
    (lab.folder / f"{lab.next_name}.out").symlink_to("/dev/full")
    lab.stopped(lab.run(), "Stdout can't be written (No space left on device)")
    assert not read_contents(lab.db).users
    lab.go_on()
    lab.check()


@pytest.mark.parametrize(
    ("closed", "message"), [(">&-", "Stdout can't be written (it is closed)"), ("<&-", "Stdin is")]
)
def test_a_stream_that_was_never_open_is_named(lab, closed, message):
    config = lab.folder / "config.json"
    settings = {"sandbox_path": "own.db", "errors_path": "errors.jsonl"}
    config.write_text(json.dumps(settings))
    lab.write_input(lab.folder / "in")
    with (lab.folder / "in").open() as messages:
        done = subprocess.run(
            ["sh", "-c", f'exec "$0" --config "$1" {closed}', COMMAND, config],
            stdin=messages,
            capture_output=True,
            check=False,
            cwd=lab.folder,
        )
    assert done.returncode == 1
    said = done.stderr.decode()
    assert said.count(" | ERROR ") == 1
    assert message in said
    assert "Traceback" not in said
    assert "fault of" not in said
    assert not done.stdout
    assert source.API_KEY not in said
