from __future__ import annotations

import json
import logging
import tempfile
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from target_workos_users.exceptions import SourceChanged
from tests.support.model import ModelRun, ModelStream, World, key, make_settings

LOGGER = logging.getLogger("model")


def a_stream(random: Random, name: str) -> ModelStream:
    inclusive = random.random() < 0.6
    count = random.randint(0, 20)
    ids = range(count) if not inclusive else sorted(random.choices(range(20), k=count))
    return ModelStream(
        name,
        [
            {"id": i, "row": row, **({"bad": True} if random.random() < 0.1 else {})}
            for row, i in enumerate(ids)
        ],
        incremental=random.random() < 0.5,
        inclusive=inclusive,
        is_sorted=random.random() < 0.7,
    )


def a_world(random: Random, folder: Path) -> World:
    streams = [a_stream(random, f"s{i}") for i in range(random.randint(1, 3))]
    return World(streams, folder, random, echo=random.random() < 0.8)


def a_run(world: World, *, crash_rate: float, journal: bool = True, **config: object) -> ModelRun:
    folder = world.folder
    # Nothing tells an unsorted stream whose tap hasn't sent a bookmark yet from a changed source.
    if not all(stream.is_sorted or not stream.incremental for stream in world.streams):
        config.setdefault("on_source_change", "reload")
    run_settings = make_settings(
        errors_path=str(folder / "errors.jsonl"),
        journal_path=str(folder / "journal") if journal else "none",
        batch_size_rows=world.random.randint(1, 8),
        abort_error_rate=1.0,
        **config,
    )
    return ModelRun(world, run_settings, LOGGER, crash_rate)


def run_until_complete(world: World, **kwargs: object) -> ModelRun:
    for attempt in range(6):
        run = a_run(world, crash_rate=0.04 if attempt < 5 else 0.0, **kwargs)
        if run.go():
            return run
    raise AssertionError("never complete")


def assert_all_loaded(world: World) -> None:
    for stream in world.streams:
        for record in stream.records:
            if not record.get("bad"):
                assert world.loads[key(stream.name, record)] >= 1, (stream.name, record)


def failed_rows(world: World) -> Counter[str]:
    lines = (world.folder / "errors.jsonl").read_text().splitlines()
    return Counter(key(line["stream"], line["record"]) for line in map(json.loads, lines))


# A seed, not st.randoms(): a thousand draws a world are slow, and don't shrink to anything clear.
any_world = given(st.integers(min_value=0, max_value=2**32).map(Random))
many = settings(max_examples=100, deadline=None, phases=[Phase.explicit, Phase.generate])


@many
@any_world
def test_every_record_is_loaded_whatever_crashes_come_before(random):
    with tempfile.TemporaryDirectory() as folder:
        world = a_world(random, Path(folder))
        run_until_complete(world, journal=random.random() < 0.7)
        assert_all_loaded(world)


@many
@any_world
def test_only_what_was_in_flight_is_sent_again(random):
    with tempfile.TemporaryDirectory() as folder:
        world = a_world(random, Path(folder))
        for stream in world.streams:
            stream.incremental = False
        run_until_complete(world)
        for stream in world.streams:
            for record in stream.records:
                identity = key(stream.name, record)
                copies = stream.records.count(record)
                assert world.loads[identity] <= copies + world.lost_answers[identity]


@many
@any_world
def test_each_failed_record_has_one_line_in_the_errors_file(random):
    with tempfile.TemporaryDirectory() as folder:
        world = a_world(random, Path(folder))
        for stream in world.streams:
            stream.is_sorted = True
        run_until_complete(world)
        bad = Counter(
            key(stream.name, record)
            for stream in world.streams
            for record in stream.records
            if record.get("bad")
        )
        assert failed_rows(world) == bad


@many
@any_world
def test_the_counts_of_a_run_and_of_the_checkpoint_reconcile(random):
    with tempfile.TemporaryDirectory() as folder:
        world = a_world(random, Path(folder))
        run = run_until_complete(world)
        results = ("created", "existing", "updated", "merged", "failed")
        counted = sum(run.progress.counts.tally[result] for result in results)
        assert run.read == counted + run.progress.counts.skipped
        assert world.stored is not None
        for entry in world.stored["bookmarks"]["target-workos-users"]["streams"].values():
            assert entry.get("records", 0) == sum(entry.get("tally", {}).values())


@many
@any_world
def test_a_second_run_over_an_unchanged_full_table_source_loads_nothing(random):
    with tempfile.TemporaryDirectory() as folder:
        world = a_world(random, Path(folder))
        for stream in world.streams:
            stream.incremental = False
        run_until_complete(world)
        before = world.loads.copy()
        if not a_run(world, crash_rate=0.0).go():
            raise AssertionError
        assert world.loads == before


@many
@any_world
def test_a_source_that_changed_after_a_complete_import_is_loaded_where_it_changed(random):
    with tempfile.TemporaryDirectory() as folder:
        world = a_world(random, Path(folder))
        for _ in range(3):
            run_until_complete(world, on_source_change="reload")
            for stream in world.streams:
                change(random, stream)
        run_until_complete(world, on_source_change="reload")
        for stream in world.streams:
            if not stream.incremental:
                assert_all_loaded(World([stream], world.folder, random, world.loads))


@many
@any_world
def test_a_source_that_changes_under_an_interrupted_import_loses_nothing(random):
    with tempfile.TemporaryDirectory() as folder:
        world = a_world(random, Path(folder))
        for stream in world.streams:
            stream.incremental = False
        for _ in range(4):
            a_run(world, crash_rate=0.1, on_source_change="reload").go()
            change(random, random.choice(world.streams))
        run_until_complete(world, on_source_change="reload")
        assert_all_loaded(world)


def change(random: Random, stream: ModelStream) -> None:
    """Change, add or remove a record; what is added to an incremental one has a higher id."""
    row = {"id": 1000, "row": random.random()}
    if stream.incremental or not stream.records:
        row["id"] = max((record["id"] for record in stream.records), default=0) + 1
        stream.records.append(row)
        return
    at = random.randrange(len(stream.records))
    match random.randrange(3):
        case 0:
            stream.records[at] = row
        case 1:
            stream.records.insert(at, row)
        case _:
            del stream.records[at]


def full_table(folder: Path, count: int) -> World:
    records = [{"id": i} for i in range(count)]
    return World([ModelStream("users", records)], folder, Random(1))


def interrupted_after(world: World, *, seq: int) -> None:
    """Run until that STATE line, the first of which says nothing yet."""
    run = a_run(world, crash_rate=0.0)

    def emit(state):
        world.stored = json.loads(json.dumps(state))
        if state["bookmarks"]["target-workos-users"]["seq"] == seq:
            run.crash_rate = 1.0

    run.emit = emit
    object.__setattr__(run.settings, "batch_size_rows", 10)
    assert not run.go()


def test_a_changed_chunk_of_an_interrupted_import_stops_the_run_and_is_named(tmp_path):
    world = full_table(tmp_path, 60)
    interrupted_after(world, seq=4)
    world.streams[0].records[12] = {"id": 999}
    with pytest.raises(SourceChanged, match=r"Chunk 2 of stream 'users'.*10 records with digest"):
        a_run(world, crash_rate=0.0).go()


def test_a_source_that_lost_its_end_stops_an_interrupted_import(tmp_path):
    world = full_table(tmp_path, 60)
    interrupted_after(world, seq=4)
    del world.streams[0].records[15:]
    with pytest.raises(SourceChanged, match=r"Chunk 2 .* 5, and then it ends"):
        a_run(world, crash_rate=0.0).go()
