"""Signals, and all else that ends a run, through real pipes; and what the next run makes of it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import time
import urllib.request
from pathlib import Path

import pytest

from tests.stress.kill import source
from tests.stress.kill.conftest import sandbox_process, until
from tests.stress.kill.killer import Kill
from tests.stress.kill.lab import CHUNK, Lab
from tests.stress.kill.tap import Tap
from workos_sandbox import read_contents

SIGNALS = [signal.SIGTERM, signal.SIGINT]
FAILING = len(source.expected_errors(source.make_records()))


def control(lab, path, body, method="PUT"):
    request = urllib.request.Request(
        lab.base_url + path,
        json.dumps(body).encode() if body is not None else None,
        {"Authorization": f"Bearer {source.API_KEY}", "Content-Type": "application/json"},
        method=method,
    )
    with urllib.request.urlopen(request) as answer:
        return answer.read()


def go_on(lab):
    ended = lab.run()
    assert ended.exit_code == 0, ended.err
    lab.store(ended.states)
    return ended


def interrupt(lab):
    """Kill a first run half-way."""
    ended = lab.run(Kill("after a STATE line", 6, signal.SIGKILL))
    lab.store(ended.states)


# Signals


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_while_the_tap_is_slow_ends_the_run_with_what_is_done(lab, number):
    messages = source.messages(lab.records, None)
    tap = Tap(lab)
    tap.send(messages[: 1 + 2 * CHUNK + 3])
    tap.wait_for_states(3)
    tap.signal(number)
    ended = tap.end()
    assert ended.exit_code == 128 + number, ended.err
    assert "Traceback" not in ended.err
    lab.store(ended.states)
    assert [chunk[0] for chunk in lab.entry["streams"]["users"]["chunks"]] == [CHUNK, CHUNK]
    go_on(lab)
    lab.check()
    assert not lab.redone()


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("messages", [0, 1])
def test_a_signal_before_the_first_record_ends_the_run_at_once(lab, number, messages):
    tap = Tap(lab)
    tap.send(source.messages(lab.records, None)[:messages])
    until(lambda: handles(tap.process.pid, signal.SIGTERM))
    tap.signal(number, number)
    ended = tap.end()
    assert (ended.exit_code, ended.out) == (128 + number, "")
    assert "Traceback" not in ended.err


def handles(pid, number):
    """Whether the process has a handler for the signal: before that it is still starting."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = int(re.search(r"SigCgt:\s*([0-9a-f]+)", status)[1], 16)
    return caught >> (number - 1) & 1


def test_both_signals_at_once_as_ctrl_c_under_meltano_sends_them_end_the_run_once(lab):
    tap = Tap(lab)
    tap.send(source.messages(lab.records, None)[:40])
    tap.wait_for_states(2)
    tap.signal(signal.SIGINT, signal.SIGTERM, signal.SIGINT)
    ended = tap.end()
    assert ended.exit_code in {128 + number for number in SIGNALS}, ended.err
    assert "Traceback" not in ended.err
    assert ended.err.count("then stopping") == 1


def test_a_signal_while_workos_does_not_answer_ends_the_run_within_the_timeout(lab):
    lab.settings |= {"request_timeout": 1}
    tap = Tap(lab)
    tap.send(source.messages(lab.records, None)[:15])
    tap.wait_for_states(2)
    control(lab, "/_sandbox/faults", {"latency_ms": 600_000})
    tap.send(source.messages(lab.records, None)[15:30])
    time.sleep(0.1)
    tap.signal(signal.SIGTERM)
    ended = tap.end()
    assert ended.exit_code == 128 + signal.SIGTERM, ended.err
    lab.store(ended.states)
    control(lab, "/_sandbox/faults", {})
    go_on(lab)
    lab.check()


# The tap dies


@pytest.mark.parametrize("cut", [0, 25])
def test_after_a_tap_that_died_the_next_run_loads_the_rest(lab, cut):
    """Between two lines a dead tap looks like a whole one, in the middle of one it doesn't."""
    interrupt(lab)
    path = lab.folder / f"{lab.next_name}.in"
    lab.write_input(path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:91]) + lines[91][:cut])
    ended = lab.run()
    assert ended.exit_code == (1 if cut else 0), ended.err
    assert ("line 92" in ended.err) == bool(cut)
    lab.store(ended.states)
    stream = lab.entry["streams"]["users"]
    assert stream["complete"] == (not cut)
    assert stream["records"] == 89  # a STATE and a SCHEMA go before
    go_on(lab)
    lab.check()
    assert lab.entry["streams"]["users"]["complete"]
    assert not lab.redone_by_run()[2]


# Whoever reads the state is gone


def test_a_target_that_nobody_listens_to_ends_quietly_and_what_it_wrote_is_true(lab):
    out = lab.folder / f"{lab.next_name}.out"
    os.mkfifo(out)
    reader = os.open(out, os.O_RDONLY | os.O_NONBLOCK)
    tap = Tap(lab)
    tap.send(source.messages(lab.records, None)[:15])
    stored = read_lines(reader, 2)
    os.close(reader)
    with contextlib.suppress(BrokenPipeError):  # it has stopped already
        tap.send(source.messages(lab.records, None)[15:])
    ended = tap.end()
    assert ended.exit_code == 1
    assert "Traceback" not in ended.err
    assert "Stdout can't be written (Broken pipe)" in ended.err
    lab.store([json.loads(line) for line in stored])
    go_on(lab)
    lab.check()


def read_lines(descriptor, count):
    content = b""

    def has_all():
        nonlocal content
        try:
            content += os.read(descriptor, 65536)
        except BlockingIOError:
            return False
        return content.count(b"\n") >= count

    until(has_all)
    return content.splitlines()


# The files


def test_a_torn_tail_of_the_errors_file_is_cut_off(lab):
    interrupt(lab)
    with lab.errors_path.open("ab") as file:
        file.write(b'{"stream": "users", "record_number": 1, "chunk"')
    go_on(lab)
    lab.check()


def test_without_its_errors_file_an_import_goes_on(lab):
    interrupt(lab)
    before = lab.errors_path.read_bytes()
    lab.errors_path.unlink()
    ended = go_on(lab)
    assert "isn't the file that the checkpoint knows" in ended.err
    assert before
    lab.check()


def test_a_fresh_import_moves_the_errors_of_the_last_one_aside(lab):
    go_on(lab)
    before = lab.errors_path.read_bytes()
    lab.stored = None
    go_on(lab)
    (aside,) = lab.folder.glob("errors-*.jsonl")
    assert aside.read_bytes() == before
    assert b'"record_number":3,' in lab.errors_path.read_bytes()


# The checkpoint


def test_a_second_run_sends_nothing_even_with_another_chunk_size(lab):
    go_on(lab)
    lab.settings["batch_size_rows"] = 7
    ended = go_on(lab)
    lab.check()
    assert not lab.redone()
    assert ended.calls["before a request"] < 3 * FAILING  # they are tried again


def test_a_checkpoint_of_another_host_is_noticed(lab, tmp_path):
    """The other environment gets everything."""
    go_on(lab)
    other = tmp_path / "other"
    other.mkdir()
    with sandbox_process(other / "sandbox.db") as url:
        there = Lab(other, url, other / "sandbox.db", stored=lab.stored)
        ended = go_on(there)
        there.check()
    assert "belongs to another WorkOS environment" in ended.err
    assert there.entry["lineage"] != lab.entry["lineage"]


def test_a_rotated_key_goes_on(lab):
    interrupt(lab)
    lab.entry["destination"] = lab.entry["destination"][:-1] + "x"
    ended = go_on(lab)
    assert "another one, for the same WorkOS environment" in ended.err
    lab.check()
    assert len(lab.redone()) <= 6


def test_a_checkpoint_of_a_newer_version_stops_the_run(lab):
    interrupt(lab)
    lab.entry["version"] = 3
    ended = lab.run()
    assert (ended.exit_code, ended.out) == (1, "")
    assert "has version 3; this release" in ended.err
    assert ended.writes == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda entry: entry.update(seq="many"), "seq"),
        (lambda entry: entry.update(streams=[]), "streams"),
        (lambda entry: entry["streams"]["users"].update(chunks=[[0, "x"]]), "chunks"),
        (lambda entry: entry["errors"].update(bytes=-1), "errors.bytes"),
        (lambda entry: entry.pop("lineage"), "lineage"),
    ],
)
def test_a_damaged_checkpoint_stops_the_run_and_the_field_is_named(lab, change, named):
    interrupt(lab)
    change(lab.entry)
    ended = lab.run()
    assert (ended.exit_code, ended.out) == (1, "")
    assert "checkpoint is damaged" in ended.err
    assert named in ended.err
    assert ended.writes == []


@pytest.mark.parametrize(
    "form",
    [
        lambda states: json.dumps(states[-1]),
        lambda states: json.dumps(states[-1], indent=2),
        lambda states: "\n".join(map(json.dumps, states)) + "\n",
        lambda states: json.dumps({"singer_state": states[-1]}),
        lambda states: json.dumps({"completed": {"singer_state": states[-1]}, "partial": {}}),
    ],
)
def test_a_state_file_takes_the_place_of_a_tap_that_hands_nothing_back(lab, form):
    first = go_on(lab)
    lab.echo = False
    path = lab.folder / "state.json"
    path.write_text(form(first.states))
    ended = lab.run(None, "--state", str(path))
    assert ended.exit_code == 0, ended.err
    assert ended.calls["before a request"] < 3 * FAILING
    assert ended.states[-1]["bookmarks"]["target-workos-users"]["lineage"] == lab.entry["lineage"]


def test_an_organization_that_was_deleted_in_the_meantime_is_made_anew(lab):
    interrupt(lab)
    (organization,) = (
        each for each in read_contents(lab.db).organizations if each["external_id"] == "org-3"
    )
    control(lab, f"/organizations/{organization['id']}", None, "DELETE")
    ended = go_on(lab)
    assert sum(write["path"] == "organizations" for write in ended.writes) == 1
    world = read_contents(lab.db)
    again = [each for each in world.organizations if each["external_id"] == "org-3"]
    assert len(again) == 1
    loaded = {
        (each["email"], each["organization_external_id"])
        for each in world.memberships
        if each["organization_external_id"] == "org-3"
    }
    numbers = range(1, len(lab.records) + 1)
    late = lab.records[6 * CHUNK :]
    assert loaded >= {
        (record["email"], "org-3")
        for number, record in zip(numbers[6 * CHUNK :], late, strict=True)
        if record["org_external_id"] == "org-3" and not source.failure_of(number)
    }
    assert lab.errors() == source.expected_errors(lab.records)
