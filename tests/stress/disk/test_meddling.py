"""Somebody removes, rotates or replaces a file under a running import."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections import Counter

import pytest

from tests.stress.kill import source
from tests.stress.kill.tap import Tap

HALF = 65


def remove(path):
    path.unlink()


def rotate(path):
    """As ``logrotate`` does by default."""
    path.rename(path.with_name("rotated"))


def rotate_and_create(path):
    rotate(path)
    path.touch()


def copy_and_truncate(path):
    shutil.copy(path, path.with_name("rotated"))
    os.truncate(path, 0)


def replace_by_a_copy(path):
    """As an editor does."""
    shutil.copy(path, path.with_name("new"))
    path.with_name("new").rename(path)


def replace_by_a_link(path):
    rotate(path)
    path.symlink_to("rotated")


def add(path):
    with path.open("ab") as file:
        file.write(b"x")


def remove_the_folder(path):
    shutil.rmtree(path.parent)


OFTEN = [remove, rotate_and_create, copy_and_truncate]
SELDOM = [rotate, replace_by_a_copy, replace_by_a_link, add, remove_the_folder]


@pytest.mark.parametrize(
    "meddle", [*OFTEN, *(pytest.param(meddle, marks=pytest.mark.slow) for meddle in SELDOM)]
)
def test_the_run_stops_before_it_says_what_is_no_longer_true(lab, meddle):
    path = lab.errors_path
    messages = source.messages(lab.records, None)
    tap = Tap(lab)
    tap.send(messages[:HALF])
    tap.wait_for_states(6)
    until_then = lab.errors()
    meddle(path)
    with contextlib.suppress(BrokenPipeError):  # it has stopped already
        tap.send(messages[HALF:])
    ended = tap.end()
    lab.stopped(ended, f"{path} was removed or changed by somebody else")
    assert len(ended.states) <= 7
    if meddle is replace_by_a_link:
        path.unlink()
    lab.go_on()
    reported = lab.errors() + sum((lab.errors(p) for p in aside(lab)), Counter())
    missing = source.expected_errors(lab.records) - reported
    if meddle in {remove, replace_by_a_link, remove_the_folder}:
        assert missing <= until_then  # nothing but what was removed with the file
    else:
        assert not missing


def aside(lab):
    """Where else error lines are: rotated by somebody, or moved aside by the target."""
    rotated = lab.output / "rotated"
    if rotated.exists():
        yield rotated
    yield from lab.output.glob("errors-*.jsonl")


def tear(path):
    """A page in the middle is of another file."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(bytes(range(256)) * 16)


@pytest.mark.parametrize(
    "meddle",
    [
        remove,
        copy_and_truncate,
        *(
            pytest.param(meddle, marks=pytest.mark.slow)
            for meddle in (rotate, rotate_and_create, replace_by_a_copy, add, tear)
        ),
    ],
)
def test_a_ledger_that_is_meddled_with_costs_requests_and_nothing_else(lab, meddle):
    """The run goes on, or says in one line why it can't; the state covers what is loaded."""
    messages = source.messages(lab.records, None)
    tap = Tap(lab)
    tap.send(messages[:HALF])
    tap.wait_for_states(6)
    meddle(lab.ledger_path)
    with contextlib.suppress(BrokenPipeError):
        tap.send(messages[HALF:])
    tap.pipe.close()
    ended = tap.end()
    if ended.exit_code:
        lab.stopped(ended, f"ledger_path: {lab.ledger_path} can't be used (")
    lab.store(ended.states)
    lab.go_on()
    lab.check()


def test_a_summary_that_is_lost_is_written_all_the_same(lab):
    summary = lab.output / "summary.json"
    lab.settings["summary_path"] = str(summary)
    messages = source.messages(lab.records, None)
    tap = Tap(lab)
    tap.send(messages[:HALF])
    tap.wait_for_states(6)
    for path in (lab.output / "errors.runs").iterdir():
        path.unlink()
    tap.send(messages[HALF:])
    tap.pipe.close()
    assert tap.end().exit_code == 0
    assert summary.exists()
    lab.check()
