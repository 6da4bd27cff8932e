from __future__ import annotations

import json
import logging
import tempfile
from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from target_workos_users.checkpoint.outputs import Outputs
from target_workos_users.checkpoint.resume import (
    Start,
    ask_meltano,
    begin_anew,
    read_state_file,
)
from target_workos_users.checkpoint.state import (
    KEY,
    Entry,
    StoredStream,
    read_entry,
    with_newest_entry,
    without_entry,
    write_entry,
)
from target_workos_users.errors import line_digest
from target_workos_users.exceptions import CheckpointError, SettingsError
from target_workos_users.ledger import Ledger
from tests.support.model import ModelRun, World, make_settings
from tests.unit.checkpoint.test_tracker import a_world, assert_all_loaded

TAIL = line_digest(b"{}")
ENTRY = {
    "version": 1,
    "lineage": "aaaa",
    "seq": 3,
    "destination": "here#0",
    "streams": {"users": {"chunks": [[2, "x"]], "records": 2, "tally": {"created": 2}}},
    "started": "2026-11-24T12:00:00Z",
}


def state(seq=3, bookmark=None, **fields):
    bookmarks = {"users": bookmark or {}, KEY: {**ENTRY, "seq": seq, **fields}}
    return {"bookmarks": bookmarks}


def a_run(folder, start):
    run = Outputs(str(folder / "errors.jsonl"), Ledger.open(None, print), start, "here#0")
    run.close()
    return run


# Where a checkpoint comes from


@pytest.mark.parametrize(
    "write",
    [
        json.dumps,
        lambda value: json.dumps(value, indent=2),
        lambda value: json.dumps(state(1)) + "\n" + json.dumps(value) + "\n\n",
        lambda value: json.dumps({"singer_state": value}),
        lambda value: json.dumps({"completed": {"singer_state": value}, "partial": {}}),
        lambda value: json.dumps({"completed": {}, "partial": {"singer_state": value}}),
        lambda value: json.dumps({"completed": None, "partial": value}),
        lambda value: json.dumps({"completed": state(1), "partial": {"singer_state": value}}),
        lambda value: json.dumps({"type": "STATE", "value": value}),
        lambda value: "\n".join(
            json.dumps({"type": "STATE", "value": each}) for each in (state(1), value)
        ),
        lambda value: f"\ufeff{json.dumps(value)}",
    ],
    ids=[
        "bare",
        "on several lines",
        "one a line",
        "meltano state get",
        "Meltano's file backend",
        "a partial state only",
        "a bare partial state",
        "a partial state after a complete one",
        "a STATE message",
        "STATE messages",
        "with a byte order mark",
    ],
)
def test_a_state_file_may_have_any_form_that_a_state_is_kept_in(tmp_path, write):
    path = tmp_path / "state.json"
    path.write_text(write(state()))
    assert read_state_file(path) == state()


def test_a_partial_state_is_merged_into_the_complete_one_as_meltano_does(tmp_path):
    path = tmp_path / "state.json"
    complete, partial = state(5), {"bookmarks": {"orders": {"at": 2}, "users": {"at": 1}}}
    path.write_text(json.dumps({"completed": complete, "partial": partial}))
    expected = {"users": {"at": 1}, "orders": {"at": 2}, KEY: complete["bookmarks"][KEY]}
    assert read_state_file(path) == {"bookmarks": expected}


@pytest.mark.parametrize("content", ["", "[]", "nonsense", '{"bookmarks": '])
def test_a_file_without_a_state_stops_the_run(tmp_path, content):
    path = tmp_path / "state.json"
    path.write_text(content)
    with pytest.raises(SettingsError, match=r"--state: .*state.json holds no Singer state"):
        read_state_file(path)


def test_a_last_state_that_is_cut_off_does_not_count(tmp_path):
    path = tmp_path / "state.json"
    path.write_text(json.dumps(state(7)) + "\n" + json.dumps(state(8))[:-9])
    said = []
    assert read_state_file(path, said.append) == state(7)
    assert said == [
        f"--state: the last line of {path} is cut off: going on from the line before it."
    ]


def test_a_missing_state_file_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"--state: .* can't be read \(No such file"):
        read_state_file(tmp_path / "none.json")


@pytest.fixture
def meltano(tmp_path):
    """A script in Meltano's place, and the environment that Meltano gives to a loader."""
    run = tmp_path / "run"
    run.mkdir()

    def install(script):
        (run / "bin").write_text(f"#!/bin/sh\n{script}\n")
        (run / "bin").chmod(0o700)
        return {
            "MELTANO_SYS_DIR_ROOT": str(tmp_path),
            "MELTANO_ENVIRONMENT": "prod",
            "MELTANO_EXTRACTOR_NAME": "tap-x",
            "MELTANO_LOADER_NAME": "target-workos-users",
        }

    return install


@pytest.mark.parametrize(
    ("config", "more", "state_id"),
    [
        ({}, {}, "prod:tap-x-to-target-workos-users"),
        ({}, {"MELTANO_RUN_STATE_ID_SUFFIX": "us"}, "prod:tap-x-to-target-workos-users:us"),
        ({"state_id": "mine"}, {}, "mine"),
    ],
)
def test_meltano_is_asked_for_the_state_of_this_job(meltano, config, more, state_id):
    answer = json.dumps({"singer_state": state()})
    environment = meltano(f'test "$*" = "state get {state_id}" && echo \'{answer}\'')
    assert ask_meltano(make_settings(**config), {**environment, **more}) == state()


def test_meltano_that_has_none_says_nothing(meltano):
    assert ask_meltano(make_settings(), meltano("exit 0")) == {}


@pytest.mark.parametrize("script", ["exit 1", "echo nonsense"])
def test_meltano_that_fails_stops_the_run(meltano, script):
    with pytest.raises(SettingsError, match=r"`meltano state get prod:tap-x-to-.*` failed"):
        ask_meltano(make_settings(), meltano(script))


def test_outside_of_meltano_it_cannot_be_asked():
    with pytest.raises(SettingsError, match=r"MELTANO_ENVIRONMENT.*isn't Meltano's"):
        ask_meltano(make_settings(), {})


# Which one counts


def test_the_highest_seq_wins_wherever_it_comes_from():
    for in_band, others in [(state(5), [state(4)]), (state(4), [state(5)]), (None, [state(5)])]:
        start = Start.newest(in_band, others)
        assert start.entry is not None
        assert start.entry.seq == 5


@pytest.mark.parametrize(
    ("earlier", "later", "seq"),
    [
        (None, state(4), 4),
        (state(4), {"bookmarks": {"users": {"key": 1}}}, 4),
        (state(4), {}, 4),
        (state(4), {"bookmarks": None}, 4),
        (state(4), state(3, {"key": 1}), 4),
        (state(3), state(4), 4),
        ({"bookmarks": {KEY: {**ENTRY, "seq": "4"}}}, state(3), 3),
    ],
)
def test_of_several_states_before_the_first_record_the_newest_entry_counts(earlier, later, seq):
    kept = with_newest_entry(earlier, later)
    entry = read_entry(kept)
    assert entry is not None
    assert entry.seq == seq
    assert (without_entry(kept).get("bookmarks") or {}) == (
        without_entry(later).get("bookmarks") or {}
    )


def test_the_state_that_the_tap_gave_is_what_it_started_with():
    start = Start.newest(state(4, {"key": 1}), [state(5, {"key": 2})])
    assert start.tap_state == {"bookmarks": {"users": {"key": 1}}}
    assert Start.newest(None, [state(5, {"key": 2})]).tap_state == {
        "bookmarks": {"users": {"key": 2}}
    }


def test_without_any_the_import_starts_with_the_first_record():
    assert Start.newest(None, []) == Start(None, {})
    assert Start.newest({"bookmarks": {"users": {}}}, []).entry is None


def test_a_damaged_one_stops_the_run_even_if_another_is_whole():
    with pytest.raises(CheckpointError, match="damaged"):
        Start.newest(state(5), [state("four")])


def test_a_damaged_stream_is_named():
    damaged = state(5)
    entry = damaged["bookmarks"]["target-workos-users"]
    entry["streams"] = {"users": {}, "staff": {"records": "many"}}
    with pytest.raises(CheckpointError, match=r"target-workos-users.streams\['staff'\].records"):
        read_entry(damaged)


def test_another_environment_than_the_tap_s_bookmark_belongs_to_stops_the_run():
    moved, said = Start.newest(state(5, {"replication_key_value": 7}), []), []
    with pytest.raises(CheckpointError, match=r"It moved, .*--full-refresh"):
        begin_anew(moved, "It moved", said.append)
    start = Start.newest(state(5), [])
    begin_anew(start, "It moved", said.append)
    assert (start.entry, said) == (None, ["It moved: starting with the first record."])


# The start of a run


def test_a_fresh_import_and_a_new_pass_begin_and_an_interrupted_one_goes_on(tmp_path):
    streams = {"users": {**ENTRY["streams"]["users"], "complete": True}}
    assert a_run(tmp_path, Start(None, {})).begins
    assert a_run(tmp_path, Start.newest(state(streams=streams), [])).begins
    run = a_run(tmp_path, Start.newest(state(), []))
    assert not run.begins
    assert run.checkpoint.entry.started == ENTRY["started"]


def test_a_checkpoint_of_another_errors_file_cuts_nothing_off(tmp_path):
    path = tmp_path / "errors.jsonl"
    path.write_text("{}\n")
    a_run(tmp_path, Start.newest(state(errors={"path": "elsewhere.jsonl", "bytes": 0}), []))
    assert path.read_text() == ""
    (aside,) = tmp_path.glob("errors-*.jsonl")
    assert aside.read_text() == "{}\n"


def test_its_own_errors_file_is_cut_back(tmp_path):
    path = tmp_path / "errors.jsonl"
    path.write_text("{}\n{}\n")
    a_run(tmp_path, Start.newest(state(errors={"path": str(path), "bytes": 3, "tail": TAIL}), []))
    assert path.read_text() == "{}\n"


# What docs/state.md says


def test_the_example_in_the_docs_is_a_checkpoint_and_each_of_its_fields_is_explained():
    text = (Path(__file__).parents[3] / "docs" / "state.md").read_text()
    example = msgspec.json.decode(text.partition("```json\n")[2].partition("```")[0])
    entry = read_entry(example)
    assert entry is not None
    assert write_entry(without_entry(example), entry) == example
    results = ("created", "existing", "updated", "merged", "unchanged", "deleted", "failed")
    (stream,) = entry.streams.values()
    assert sum(stream.tally.get(result, 0) for result in results) == stream.records
    assert sum(chunk.records for chunk in stream.chunks) == stream.records
    fields = (*Entry.__struct_fields__, *StoredStream.__struct_fields__)
    assert [name for name in fields if f"\n| `{name}` | " not in text] == []


# Meltano's own merge


class MergingRun(ModelRun):
    """Its states are stored as ``meltano run --state-strategy merge`` does: no key is removed."""

    def store(self, state):
        merge = pytest.importorskip("meltano.core.utils").merge
        self.world.stored = merge(state, json.loads(json.dumps(self.world.stored or {})))


def merging_run(world: World, crash_rate: float) -> MergingRun:
    config = make_settings(
        errors_path=str(world.folder / "errors.jsonl"),
        batch_size_rows=world.random.randint(1, 8),
        abort_error_rate=1.0,
        on_source_change="reload",
    )
    return MergingRun(world, config, logging.getLogger("model"), crash_rate)


@settings(max_examples=60, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(st.integers(min_value=0, max_value=2**32).map(Random))
def test_merged_states_of_any_prefixes_lose_nothing_and_end_the_same(random):
    with tempfile.TemporaryDirectory() as folder:
        world = a_world(random, Path(folder))
        for _ in range(5):
            merging_run(world, crash_rate=0.05).go()
        last = merging_run(world, crash_rate=0.0)
        assert last.go()
        assert_all_loaded(world)
        entry, stored = world.printed[-1]["bookmarks"][KEY], world.stored["bookmarks"][KEY]
        tallies = [
            {name: stream.pop("tally") for name, stream in each["streams"].items()}
            for each in (entry, stored)
        ]
        assert stored == entry
        for name, tally in tallies[0].items():
            assert tally.items() <= tallies[1][name].items()


# The errors file


@pytest.mark.parametrize(
    ("position", "aside"),
    [
        ({"path": "errors.jsonl", "bytes": 3, "tail": TAIL}, False),
        ({"path": "./errors.jsonl", "bytes": 3, "tail": TAIL}, True),
        ({"path": "errors.jsonl", "bytes": 3, "tail": line_digest(b"[]")}, True),
        ({"path": "errors.jsonl", "bytes": 3}, True),  # as an earlier release wrote it
        ({"path": "errors.jsonl", "bytes": 4, "tail": TAIL}, True),
        ({"path": "errors.jsonl", "bytes": 0}, True),
        ({"path": "other.jsonl", "bytes": 3, "tail": TAIL}, True),
        (None, True),
    ],
)
def test_an_errors_file_that_may_not_be_the_checkpoints_is_moved_aside_not_cut(
    tmp_path, monkeypatch, position, aside
):
    monkeypatch.chdir(tmp_path)
    Path("errors.jsonl").write_text("{}\n{}\n")
    start = Start.newest(state(errors=position), [])
    Outputs("errors.jsonl", Ledger.open(None, print), start, "here#0").close()
    assert [path.read_text() for path in tmp_path.glob("errors-*.jsonl")] == ["{}\n{}\n"] * aside
    assert Path("errors.jsonl").read_text() == "{}\n" * (not aside)


@pytest.mark.parametrize("left", [None, "{}\n"])
def test_an_errors_file_that_is_gone_or_shorter_is_told_of(tmp_path, left):
    path = tmp_path / "errors.jsonl"
    if left:
        path.write_text(left)
    streams = {"users": {"chunks": [[2, "x", 2]], "records": 2, "tally": {"failed": 2}}}
    errors = {"path": str(path), "bytes": 6, "tail": TAIL}
    said = []
    start = Start.newest(state(streams=streams, errors=errors), [])
    Outputs(str(path), Ledger.open(None, print), start, "here#0", say=said.append).close()
    assert "The 2 records that failed are tried again" in said[0]


@pytest.mark.parametrize("errors", [{"path": "errors.jsonl"}, {"bytes": 3}])
@pytest.mark.parametrize("field", ["errors", "started"])
def test_a_damaged_field_of_the_entry_is_named(errors, field):
    value = {"errors": errors, "started": "yesterday"}[field]
    with pytest.raises(CheckpointError, match="stored checkpoint is damaged"):
        read_entry(state(**{field: value}))
