"""A disk that is full: real refusals of the kernel, and what the next run makes of it."""

from __future__ import annotations

import contextlib
import json
import resource
import subprocess
from functools import partial

import pytest

from tests.stress.kill import source
from tests.stress.kill.lab import Ended
from tests.stress.kill.tap import Tap
from tests.support.whole_target import COMMAND

SIZES = [
    2_500,
    *(pytest.param(n, marks=pytest.mark.slow) for n in (20, 100, 700, 1_500, 4_000, 6_000, 9_000)),
]
LEDGER_SIZES = [
    100_000,
    *(pytest.param(n, marks=pytest.mark.slow) for n in (20, 5_000, 40_000, 60_000, 200_000)),
]


@pytest.fixture
def small_disk(lab):
    """The folder of the output is a file system of 8 MB."""
    lab.output.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(lab.output)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs to mount a tmpfs")
    yield lab.output
    subprocess.run(["umount", str(lab.output)], check=True)


def fill(folder):
    """All that is left; returns how to free it again."""
    filler = folder / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(512))
    return filler.unlink


@pytest.mark.parametrize("ledger", [True, False])
def test_a_full_disk_stops_the_run_and_the_next_one_goes_on(lab, small_disk, ledger):
    if not ledger:
        lab.settings["ledger_path"] = str(lab.folder / "ledger")
    messages = source.messages(lab.records, None)
    tap = Tap(lab)
    tap.send(messages[:25])
    tap.wait_for_states(3)
    free = fill(small_disk)
    with contextlib.suppress(BrokenPipeError):
        tap.send(messages[25:])
    ended = tap.end()
    if ledger:
        lab.stopped(ended, f"ledger_path: {lab.ledger_path} can't be used (")
    else:
        lab.stopped(ended, f"errors_path: {lab.errors_path} can't be written (No space left on")
    lab.stopped(lab.run(), "No space left on device")  # still full: nothing begins
    free()
    lab.go_on()
    lab.check()


@pytest.mark.parametrize("size", SIZES)
def test_whichever_write_fails_the_last_state_is_true(lab, size):
    """No file can grow beyond so many bytes: errors and stdout have their turns."""
    lab.settings["ledger_path"] = "none"
    lab.stopped(run_with_files_up_to(size, lab), "can't be written (File too large)")
    lab.go_on()
    lab.check()


@pytest.mark.parametrize("size", LEDGER_SIZES)
def test_whichever_write_of_the_ledger_fails_nothing_is_lost(lab, size):
    """It can't be made, or doesn't grow beyond so many bytes."""
    lab.stopped(run_with_files_up_to(size, lab), f"ledger_path: {lab.ledger_path} can't be ")
    lab.go_on()
    lab.check()


def run_with_files_up_to(size, lab):
    lab.settings |= {"api_key": source.API_KEY, "base_url": lab.base_url, "batch_size_rows": 10}
    lab.settings |= {"errors_path": str(lab.errors_path), "rate_limit": 100_000}
    config, stdin, out = (lab.folder / name for name in ("config.json", "in", "out"))
    config.write_text(json.dumps(lab.settings))
    lab.write_input(stdin)
    with stdin.open() as messages, out.open("w") as states:
        done = subprocess.run(
            [COMMAND, "--config", config],
            stdin=messages,
            stdout=states,
            stderr=subprocess.PIPE,
            check=False,
            preexec_fn=partial(resource.setrlimit, resource.RLIMIT_FSIZE, (size, size)),
        )
    return Ended(done.returncode, out.read_text(), done.stderr.decode(), [])
