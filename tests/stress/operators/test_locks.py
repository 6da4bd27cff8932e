"""A second run at the files of a first one stops before it touches them."""

from __future__ import annotations

import fcntl
import os
import signal
import stat

import pytest

from target_workos_users.locks import FileLock, InUse
from tests.stress.kill import source
from tests.stress.kill.killer import Kill
from tests.stress.kill.tap import Tap
from workos_sandbox import read_contents


@pytest.fixture
def running(lab):
    """A first run, half-way through, which goes on when the test has seen what it wants."""
    tap = Tap(lab)
    messages = source.messages(lab.records, None)
    tap.send(messages[:65])
    tap.wait_for_states(7)
    yield tap
    tap.send(messages[65:])
    tap.pipe.close()
    ended = tap.end()
    assert ended.exit_code == 0, ended.err
    lab.store(ended.states)
    lab.check()
    assert not list(lab.folder.glob("*.lock"))


FILES = {
    "errors_path": "errors.jsonl",
    "ledger_path": "errors.jsonl.ledger",
}


@pytest.mark.parametrize("setting", FILES)
def test_the_second_run_names_the_file_the_other_run_and_the_way_out(
    lab, running, another, setting
):
    path = lab.folder / FILES[setting]
    before = {file: file.read_bytes() for file in lab.folder.glob("errors.j*")}
    ended = another(**{setting: f"{lab.folder}/./{FILES[setting]}"}).run()
    assert ended.exit_code == 1
    (said,) = (line for line in ended.err.splitlines() if " | ERROR " in line)
    assert f"{setting}: {path} is in use by another run (process {running.process.pid})" in said
    assert f"another {setting}" in said
    assert not ended.states
    assert {file: file.read_bytes() for file in lab.folder.glob("errors.j*")} == before
    assert stat.S_IMODE(path.with_name(path.name + ".lock").stat().st_mode) == 0o600


@pytest.mark.usefixtures("running")
def test_a_dry_run_needs_no_lock(lab, another):
    ended = another(errors_path=str(lab.errors_path), dry_run=True).run()
    assert ended.exit_code == 0, ended.err


def test_a_retry_of_what_failed_needs_none_of_the_import(lab, another):
    lab.run()
    listed = lab.folder / "listed.jsonl"
    listed.write_bytes(lab.errors_path.read_bytes())
    tap = Tap(lab)
    messages = source.messages(lab.records, None)
    tap.send(messages[:30])
    tap.wait_for_states(2)
    beside = {"errors_path": str(lab.errors_path), "ledger_path": "none"}
    retry = another(**beside, only_errors_from=str(listed)).run()
    assert retry.exit_code == 0, retry.err
    tap.send(messages[30:])
    tap.pipe.close()
    assert tap.end().exit_code == 0
    lab.check()
    (again,) = lab.folder.glob("errors-retry-*.jsonl")
    assert lab.errors(again) == source.expected_errors(lab.records)
    assert not list(lab.folder.glob("*.lock"))


def test_a_killed_run_leaves_no_lock_that_locks(lab):
    lab.store(lab.run(Kill("after a STATE line", 4, signal.SIGKILL)).states)
    assert (lab.folder / "errors.jsonl.lock").exists()
    ended = lab.run()
    assert ended.exit_code == 0, ended.err
    lab.store(ended.states)
    lab.check()
    assert not list(lab.folder.glob("*.lock"))


def test_two_runs_at_one_sandbox_file_are_told_of_each_other(lab, running, another):
    """The file belongs to the process that serves it."""
    ended = another(sandbox_path=str(lab.db)).run()
    assert ended.exit_code == 1
    assert "is in use by another sandbox (process " in ended.err
    assert "Traceback" not in ended.err
    assert read_contents(lab.db).users
    assert running.process.is_alive()


# The lock itself


def test_a_lock_keeps_others_off_until_it_is_released(tmp_path):
    path = tmp_path / "x.lock"
    lock = FileLock(path)
    with pytest.raises(InUse, match=str(os.getpid())):
        FileLock(path)
    lock.release()
    lock.release()
    assert not path.exists()
    FileLock(path).release()


def test_a_lock_whose_file_is_removed_takes_nobody_elses_with_it(tmp_path):
    path = tmp_path / "x.lock"
    first = FileLock(path)
    path.unlink()
    second = FileLock(path)
    first.release()
    with pytest.raises(InUse):
        FileLock(path)
    second.release()


def test_whoever_opened_the_file_before_it_was_released_locks_the_next_one(tmp_path, monkeypatch):
    """Else two would have a lock each, of which one is on a file that is gone."""
    path = tmp_path / "x.lock"
    first = FileLock(path)
    flock = fcntl.flock

    def release_in_between(file, operation):
        first.release()
        flock(file, operation)

    monkeypatch.setattr(fcntl, "flock", release_in_between)
    second = FileLock(path)
    with pytest.raises(InUse):
        FileLock(path)
    second.release()
