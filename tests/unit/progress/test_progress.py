from __future__ import annotations

import json
import logging
import os
import pty
import re
import signal
import subprocess
import time

import pytest

from target_workos_users.checkpoint.chunks import Record
from target_workos_users.checkpoint.state import VERSION, Entry, StoredChunk, StoredStream
from target_workos_users.exceptions import ErrorType, RecordError
from target_workos_users.loading.outcome import Outcome, Result
from target_workos_users.progress import progress as progress_module
from target_workos_users.progress.progress import Progress
from tests.support.model import make_settings
from tests.support.whole_target import (
    COMMAND,
    FAST,
    records,
    run_target,
    running_sandbox,
    schema,
    write_messages,
)


class Clock:
    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress_module.time, "monotonic", clock.monotonic)
    return clock


@pytest.fixture
def said(caplog):
    caplog.set_level(logging.INFO)
    return lambda: [r.getMessage() for r in caplog.records if r.name == "target-workos-users"]


@pytest.fixture
def make_progress(tmp_path):
    made = []

    def make(**config):
        settings = make_settings(errors_path=str(tmp_path / "errors.jsonl"), **config)
        made.append(Progress(settings, logging.getLogger("target-workos-users")))
        return made[-1]

    yield make
    for progress in made:
        progress.end()


def commit(progress, number, size, *, failed=0, skipped=False, known=False):
    """A chunk; if it isn't skipped, its records may be known to the ledger all the same."""
    done = [Record(n, {}, b"") for n in range(size)]
    error = RecordError(ErrorType.USER_CREATE, "x", http_status=400)
    for record in done if not skipped else []:
        if record.number < failed:
            record.outcome = Outcome(errors=[error])
        else:
            record.outcome = Outcome(Result.UNCHANGED if known else Result.CREATED)
        progress.settled(record.outcome)
    progress.counting.committed("users", done)
    progress.chunk("users", number, skipped=skipped)


def test_a_line_after_each_chunk_is_what_the_issue_shows(clock, said, make_progress):
    progress = make_progress(total_records=100_000)
    progress.begin()
    for number in range(1, 17):
        clock.now += 40.08
        commit(progress, number, 1_000, failed=14 if number == 3 else 0)
    assert said()[-1] == (
        "Progress: 16/100 chunks (16%) · 16,000 of 100,000 records · 25.0/s · ETA 56m 7s · "
        "14 failed"
    )


def test_skipped_chunks_are_told_every_ten_seconds_only(clock, said, make_progress):
    progress = make_progress()
    progress.begin()
    for number in range(1, 101):
        clock.now += 0.25
        commit(progress, number, 1_000, skipped=True)
    lines = [line for line in said() if line.startswith("Progress")]
    assert lines == [
        "Progress: 40 chunks · 40,000 records · 0 failed",
        "Progress: 80 chunks · 80,000 records · 0 failed",
    ]


def test_a_long_chunk_says_something_every_thirty_seconds(clock, said, make_progress):
    progress = make_progress(total_records=2_000)
    progress.begin()
    for _ in range(140):
        clock.now += 0.5
        progress.tick(300, 700)
    line = (
        "Progress: 0/2 chunks (0%) · 0 of 2,000 records · then 300 of 1,000 finished · "
        "0 requests · 0 refused · 0 retried · 0 failed"
    )
    assert said() == [line, line]


def test_waiting_for_the_tap_is_said_too(clock, said, make_progress):
    progress = make_progress()
    clock.now += 31
    progress.tick(0, 0)
    assert "waiting for the tap" in said()[-1]


def test_a_chunk_that_the_ledger_knew_does_not_spoil_the_eta(clock, said, make_progress):
    progress = make_progress(total_records=10_000)
    progress.begin()
    clock.now += 40
    commit(progress, 1, 1_000, known=True)
    assert "ETA" not in said()[-1]
    clock.now += 40
    commit(progress, 2, 1_000)
    assert "25.0/s · ETA 5m 20s" in said()[-1]


def stored(records, *, complete):
    stream = StoredStream(complete=complete, records=records, chunks=[StoredChunk(1_000, "x")] * 4)
    return Entry(
        version=VERSION, lineage="a", streams={"users": stream}, updated="2026-01-01T10:00Z"
    )


def test_the_total_may_come_from_an_earlier_complete_run(clock, said, make_progress):
    progress = make_progress()
    progress.begin(stored(4_000, complete=True))
    clock.now += 20
    commit(progress, 1, 1_000, skipped=True)
    assert said()[-1].startswith("Progress: 1/4 chunks (25%)")


def test_a_checkpoint_that_counts_only_from_a_bookmark_gives_no_total(clock, said, make_progress):
    progress = make_progress()
    progress.begin(stored(90_000, complete=True))
    clock.now += 20
    commit(progress, 1, 1_000, skipped=True)
    assert said()[-1].startswith("Progress: 1 chunks")


def test_a_total_that_is_too_small_is_not_believed(clock, said, make_progress):
    progress = make_progress(total_records=1_500)
    progress.begin()
    clock.now += 20
    commit(progress, 1, 2_000)
    assert said()[-1].startswith("Progress: 1 chunks · 2,000 records")


def test_above_level_info_nothing_is_told(caplog, make_progress):
    caplog.set_level(logging.WARNING, "target-workos-users")
    progress = make_progress()
    progress.begin(stored(4_000, complete=True))
    commit(progress, 1, 10)
    progress.end()
    progress.sum_up("complete", 0)
    assert caplog.records == []


ROWS = [{"email": f"u{n}@example.com"} for n in range(1, 41)]


def test_a_resume_and_a_second_run_speak(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = {"sandbox_path": "s.db", "batch_size_rows": 10, "total_records": 40, **FAST}

    def run(*before, after=True):
        tail = [{"type": "STATE", "value": {"bookmarks": {"users": {}}}}] if after else []
        head = [{"type": "STATE", "value": state} for state in before]
        messages = [*head, schema(), *records(ROWS), *tail]
        path = write_messages(tmp_path / "in", messages)
        return run_target(config, path, tmp_path / "errors.jsonl")

    first = run()
    streams = (state["bookmarks"]["target-workos-users"]["streams"] for state in first.states)
    halfway = next(i for i, each in enumerate(streams) if len(each["users"].get("chunks", [])) == 2)
    resumed = run(first.states[halfway])
    assert resumed.said("Resuming: 2 of 4 chunks already loaded (50%), last at ")
    assert resumed.said("40 read = 20 loaded + 20 unchanged + 0 failed")
    assert not resumed.said("Nothing to do")
    again = run(resumed.states[-1])
    assert again.said("The last import was complete: 4 chunks (40 records)")
    assert again.said("Nothing to do: 4 chunks unchanged since ")
    assert again.said("requests: 0")
    without_a_last_state = run(resumed.states[-1], after=False)
    assert without_a_last_state.said("Summary: complete")
    assert without_a_last_state.said("Nothing to do: 4 chunks unchanged since ")


def in_terminal(tmp_path, config, rows, *, environment=(), interrupt_after=None, tty_stdout=False):
    """Run the target with a terminal as its stderr; what it wrote to stdout and to stderr."""
    (tmp_path / "c.json").write_text(json.dumps(config))
    master, slave = pty.openpty()
    target = subprocess.Popen(
        [COMMAND, "--config", "c.json"],
        stdin=subprocess.PIPE,
        stdout=slave if tty_stdout else subprocess.PIPE,
        stderr=slave,
        cwd=tmp_path,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "150", **dict(environment)},
    )
    os.close(slave)
    shown = b""
    for message in [schema(), *records(rows)]:
        target.stdin.write(json.dumps(message).encode() + b"\n")
    target.stdin.flush()
    if interrupt_after is None:
        target.stdin.close()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            block = os.read(master, 1 << 16)
        except OSError:  # Linux's way to say that the other end is closed
            break
        shown += block
        if interrupt_after and interrupt_after in shown:
            interrupt_after = None
            target.send_signal(signal.SIGINT)
    if not target.stdin.closed:
        target.stdin.close()
    stdout = target.stdout.read().decode() if target.stdout else ""
    if target.stdout:
        target.stdout.close()
    os.close(master)
    return target.wait(30), stdout, shown.decode()


def test_on_a_terminal_there_are_a_bar_and_a_table_on_stderr_and_state_alone_on_stdout(tmp_path):
    config = {"sandbox_path": "s.db", "batch_size_rows": 10, "total_records": 40, **FAST}
    code, stdout, shown = in_terminal(tmp_path, config, ROWS)
    assert code == 0
    assert all(json.loads(line)["bookmarks"] for line in stdout.splitlines())
    assert "━" in shown
    assert re.search(r"\d/4 chunks \(\d+%\) · \d+ of 40 records", shown)
    assert "refused" in shown
    assert "Progress:" not in shown
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert re.search(r"│ records +│ 40 read = 40 loaded \+ 0 unchanged \+ 0 failed", plain)


def test_log_lines_and_the_bar_do_not_tear_each_other(tmp_path):
    config = {"sandbox_path": "s.db", "batch_size_rows": 10, **FAST}
    rows = [*ROWS, {"email": "a@example.com", "odd": 1}]
    _, _, shown = in_terminal(tmp_path, config, rows)
    (line,) = [line for line in re.split(r"[\r\n]+", shown) if "aren't known" in line]
    assert re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line).rstrip().endswith("ignored: odd.")


def test_state_lines_on_the_same_terminal_stay_whole(tmp_path):
    config = {"sandbox_path": "s.db", "batch_size_rows": 10, **FAST}
    _, _, shown = in_terminal(tmp_path, config, ROWS, tty_stdout=True)
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    states = [line for line in re.split(r"[\r\n]+", plain) if line.startswith('{"bookmarks"')]
    assert [json.loads(state)["bookmarks"] for state in states]
    assert len(states) == 6


def test_a_signal_on_a_terminal_leaves_a_summary_and_a_clean_screen(tmp_path):
    config = {"sandbox_path": "s.db", "batch_size_rows": 10, **FAST}
    code, _, shown = in_terminal(tmp_path, config, ROWS, interrupt_after=b"4 chunks")
    assert code == 130
    assert "Summary: stopped by SIGINT" in shown
    assert shown.rfind("\x1b[?25h") > shown.rfind("\x1b[?25l")  # the cursor is back


def test_at_level_warning_a_terminal_shows_neither_bar_nor_table(tmp_path):
    config = {"sandbox_path": "s.db", **FAST}
    quiet = {"TARGET_WORKOS_USERS_LOGLEVEL": "WARNING"}
    code, _, shown = in_terminal(tmp_path, config, ROWS, environment=quiet)
    assert code == 0
    assert shown == ""


def test_a_dumb_terminal_gets_plain_lines(tmp_path):
    config = {"sandbox_path": "s.db", "batch_size_rows": 10, **FAST}
    _, _, shown = in_terminal(tmp_path, config, ROWS, environment={"TERM": "dumb"})
    assert "Progress: 4 chunks · 40 records" in shown
    assert "\x1b" not in shown


def test_no_personal_data_reaches_the_log(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [
        {"email": "canary.person@example.com", "first_name": "Canaria"},
        {"email": "canary.no-at"},
        {"email": "canary2@example.com", "org_external_id": "Canary Inc"},
        {"email": "canary.person@example.com", "first_name": "Canarius", "metadata": "{canary"},
    ]
    with running_sandbox(tmp_path / "s.db") as sandbox:
        config = {"base_url": sandbox.base_url, "api_key": sandbox.api_key, **FAST}
        messages = write_messages(tmp_path / "in", [schema(), *records(rows)])
        done = run_target(config, messages, tmp_path / "errors.jsonl")
    assert len(done.errors) == 3
    assert "canar" not in str(done.log).lower()
