from __future__ import annotations

import json
import logging
import os
import re
import sqlite3
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from random import Random

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from target_workos_users.exceptions import OutputError, SettingsError, SourceChanged
from tests.support.model import ModelRun, ModelStream, World, make_settings

LOGGER = logging.getLogger("model")
READS = ("find_user_by_email", "list_memberships")


def a_record(random: Random, stream: str, row: int, i: int) -> dict[str, object]:
    if random.random() < 0.1:
        return {"id": i, "email": f"{stream} {row} has no address"}
    record = {"id": i, "email": f"{stream}.{row}@x.example", "first_name": f"F{row}"}
    if random.random() < 0.5:
        organization = f"o{random.randrange(3)}"
        record |= {"org_external_id": organization, "org_name": organization}
    return record


def a_stream(random: Random, name: str) -> ModelStream:
    inclusive = random.random() < 0.6
    count = random.randint(0, 20)
    ids = range(count) if not inclusive else sorted(random.choices(range(20), k=count))
    return ModelStream(
        name,
        [a_record(random, name, row, i) for row, i in enumerate(ids)],
        incremental=random.random() < 0.5,
        inclusive=inclusive,
        is_sorted=random.random() < 0.7,
    )


def a_world(random: Random, folder: Path) -> World:
    streams = [a_stream(random, f"s{i}") for i in range(random.randint(1, 3))]
    return World(streams, folder, random, echo=random.random() < 0.8)


def a_run(world: World, *, crash_rate: float, ledger: bool = True, **config: object) -> ModelRun:
    # Nothing tells an unsorted stream whose tap hasn't sent a bookmark yet from a changed source.
    if not all(stream.is_sorted or not stream.incremental for stream in world.streams):
        config.setdefault("on_source_change", "reload")
    config.setdefault("batch_size_rows", world.random.randint(1, 8))
    run_settings = make_settings(
        errors_path=str(world.folder / "errors.jsonl"),
        ledger_path=str(world.ledger_path) if ledger else "none",
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


def valid(record: dict[str, object]) -> bool:
    return "@" in str(record["email"])


def assert_all_loaded(world: World, *streams: ModelStream) -> None:
    """Each user once, with the memberships that the source gives."""
    workos = world.workos
    for stream in streams or world.streams:
        for record in filter(valid, stream.records):
            user = workos.users[record["email"]]
            if organization := record.get("org_external_id"):
                assert (user["id"], f"org_{organization}") in workos.memberships, record
    created = Counter(f["email"] for name, f in workos.sent if name == "create_user")
    assert set(workos.users) <= set(created)


def failed_rows(world: World) -> Counter[str]:
    return Counter(line["record"]["email"] for line in world.errors)


# A seed, not st.randoms(): a thousand draws a world are slow, and don't shrink to anything clear.
any_world = given(st.integers(min_value=0, max_value=2**32).map(Random))
many = settings(max_examples=100, deadline=None, phases=[Phase.explicit, Phase.generate])


@many
@any_world
def test_every_record_is_loaded_whatever_crashes_come_before(random):
    with tempfile.TemporaryDirectory() as folder:
        world = a_world(random, Path(folder))
        run_until_complete(world, ledger=random.random() < 0.7)
        assert_all_loaded(world)


@many
@any_world
def test_only_what_was_in_flight_is_sent_again(random):
    """Whatever was answered, and known to the ledger, isn't written again."""
    with tempfile.TemporaryDirectory() as folder:
        world = a_world(random, Path(folder))
        for stream in world.streams:
            stream.incremental = False
        crashes = 0
        while not a_run(world, crash_rate=0.04 if crashes < 5 else 0.0).go():
            crashes += 1
        emails = {str(r["email"]) for s in world.streams for r in s.records if valid(r)}
        in_flight = crashes * 4
        assert world.workos.calls["create_user"] <= len(emails) + in_flight
        assert world.workos.calls["update_user"] == 0


@many
@any_world
def test_each_failed_record_has_one_line_in_the_errors_file(random):
    with tempfile.TemporaryDirectory() as folder:
        world = a_world(random, Path(folder))
        run_until_complete(world)
        bad = Counter(
            str(record["email"])
            for stream in world.streams
            for record in stream.records
            if not valid(record)
        )
        assert failed_rows(world) == bad


@many
@any_world
def test_the_counts_of_a_run_and_of_the_checkpoint_reconcile(random):
    with tempfile.TemporaryDirectory() as folder:
        world = a_world(random, Path(folder))
        run = run_until_complete(world)
        records = run.progress.counting.summary.records
        assert records.read == run.read == records.loaded + records.unchanged + records.failed
        results = ("created", "existing", "updated", "merged", "unchanged", "failed")
        assert world.stored is not None
        for entry in world.stored["bookmarks"]["target-workos-users"]["streams"].values():
            assert entry["records"] == sum(entry["tally"].get(name, 0) for name in results)


@many
@any_world
def test_a_second_run_over_an_unchanged_full_table_source_sends_nothing(random):
    with tempfile.TemporaryDirectory() as folder:
        world = a_world(random, Path(folder))
        for stream in world.streams:
            stream.incremental = False
        run_until_complete(world)
        world.workos.calls.clear()
        assert a_run(world, crash_rate=0.0).go()
        assert world.workos.calls.total() == 0


@many
@any_world
def test_a_source_that_changed_costs_what_changed(random):
    """Rows put in, taken out, sorted otherwise, in chunks of another size."""
    with tempfile.TemporaryDirectory() as folder:
        world = a_world(random, Path(folder))
        for stream in world.streams:
            stream.incremental = False
        run_until_complete(world)
        for _ in range(3):
            before = {json.dumps(r) for s in world.streams for r in s.records}
            for stream in world.streams:
                change(random, stream)
                if random.random() < 0.3:
                    random.shuffle(stream.records)
            new = [r for s in world.streams for r in s.records if json.dumps(r) not in before]
            world.workos.calls.clear()
            assert a_run(world, crash_rate=0.0).go()
            assert world.workos.calls.total() <= 4 * len(new)
            assert_all_loaded(world)


@many
@any_world
def test_what_the_source_did_not_move_stays_as_others_made_it(random):
    """Users sign up, and administrators edit, between runs that crash; in keep and in update."""
    with tempfile.TemporaryDirectory() as folder:
        world = a_world(random, Path(folder))
        mode = random.choice(["keep", "update"])
        for stream in world.streams:
            stream.incremental = False
            for record in random.sample(stream.records, len(stream.records) // 4):
                if valid(record):
                    world.workos.sign_up(record["email"], first_name="Her own")
        run_until_complete(world, existing_users=mode)
        for number in range(3):
            before = rows_by_email(world)
            edited = {
                email: f"Edited {number}" for email in world.workos.users if random.random() < 0.5
            }
            for email, name in edited.items():
                world.workos.edit(email, first_name=name)
            for stream in world.streams:
                change(random, stream)
            run_until_complete(world, existing_users=mode, on_source_change="reload")
            now = rows_by_email(world)
            for email, name in edited.items():
                if mode == "keep" or now[email] == before[email]:
                    assert world.workos.users[email]["first_name"] == name
        if mode == "keep":
            updates = [fields for name, fields in world.workos.sent if name == "update_user"]
            assert not any("password" in name for fields in updates for name in fields)


@many
@any_world
def test_nothing_is_asked_of_a_user_whose_rows_are_loaded_and_unchanged(random):
    """Wherever the rows stand now, whatever crashes come, and while others fail in every run."""
    with tempfile.TemporaryDirectory() as folder:
        world = a_world(random, Path(folder))
        mode = random.choice(["keep", "update"])
        for stream in world.streams:
            stream.incremental = False
            world.workos.refuses |= {
                str(r["email"]) for r in stream.records if random.random() < 0.1
            }
        run_until_complete(world, existing_users=mode)
        for _ in range(3):
            before = rows_by_email(world)
            for stream in world.streams:
                change(random, stream)
                if random.random() < 0.3:
                    random.shuffle(stream.records)
            world.workos.asked.clear()
            run_until_complete(world, existing_users=mode, on_source_change="reload")
            loaded = {
                email
                for email, rows in rows_by_email(world).items()
                if set(rows) <= set(before[email]) and email not in world.workos.refuses
            }
            assert not world.workos.asked & loaded


@many
@any_world
def test_a_password_that_she_may_have_set_is_never_written_over(random):
    """Hers, if she signed up by herself, or has signed in since; whatever is changed or lost."""
    with tempfile.TemporaryDirectory() as folder:
        world = a_world(random, Path(folder))
        config = {
            "existing_users": random.choice(["keep", "update"]),
            "update_passwords": random.choice(["changed", "never"]),
            "on_source_change": "reload",
        }
        for stream in world.streams:
            stream.incremental = False
        for record in all_valid(world):
            record["password"] = "first"
            if random.random() < 0.2:
                world.workos.sign_up(record["email"], password="hers")
        for number in range(4):
            hers = {e for e, user in world.workos.users.items() if user.get("password") == "hers"}
            run_until_complete(world, **config)
            assert all(world.workos.users[email]["password"] == "hers" for email in hers)
            for email in random.sample(sorted(world.workos.users), len(world.workos.users) // 2):
                world.workos.edit(email, password="hers", last_sign_in_at="2026-01-01T00:00:00Z")
            for stream in world.streams:
                change(random, stream)
            for record in all_valid(world):
                if random.random() < 0.3:
                    record["password"] = f"changed {number}"
            lose(random, world)


def all_valid(world: World) -> list[dict[str, object]]:
    return [record for stream in world.streams for record in stream.records if valid(record)]


def lose(random: Random, world: World) -> None:
    """At times the ledger is gone, or the state is, or it is set back."""
    match random.randrange(4):
        case 0:
            world.ledger_path.unlink(missing_ok=True)
        case 1:
            world.stored = random.choice([None, *world.printed])


def rows_by_email(world: World) -> defaultdict[str, list[str]]:
    rows: defaultdict[str, list[str]] = defaultdict(list)
    for stream in world.streams:
        for record in stream.records:
            rows[str(record["email"])].append(json.dumps(record, sort_keys=True))
    return rows


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
        bad = {str(r["email"]) for s in world.streams for r in s.records if not valid(r)}
        assert failed_rows(world).keys() == bad


@many
@any_world
def test_a_ledger_that_is_lost_older_or_torn_loses_nothing(random):
    with tempfile.TemporaryDirectory() as folder:
        world = a_world(random, Path(folder))
        older = b""
        for _ in range(5):
            go_on(world, crash_rate=0.05)
            older = meddle(random, world.ledger_path, older)
            if random.random() < 0.2:
                world.stored = random.choice([None, *world.printed])
        while not go_on(world, crash_rate=0.0):
            pass
        assert_all_loaded(world)


def go_on(world: World, crash_rate: float) -> bool:
    """A run; it may meet a torn page of the ledger, which is set aside then.

    A torn header may be that of another program's file, which is for its owner to take away.
    """
    try:
        return a_run(world, crash_rate=crash_rate, on_source_change="reload").go()
    except OutputError as error:
        assert "is now errors.jsonl.ledger-" in str(error)  # noqa: PT017
        return False
    except SettingsError as error:
        assert re.search("another program's|it has version", str(error))  # noqa: PT017
        world.ledger_path.unlink()
        return False


def meddle(random: Random, path: Path, older: bytes) -> bytes:
    """Do to a ledger what may be done to a file; returns a copy of it as it was."""
    if not path.exists():
        return older
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    content = path.read_bytes()
    match random.randrange(5):
        case 0:
            path.unlink()
        case 1 if older:
            path.write_bytes(older)
        case 2:
            with path.open("r+b") as file:
                file.seek(random.randrange(len(content)))
                file.write(random.randbytes(50))
        case 3:
            os.truncate(path, random.randrange(len(content)))
    return content


def change(random: Random, stream: ModelStream) -> None:
    """Change, add or remove a record; what is added to an incremental one has a higher id."""
    row = a_record(random, stream.name, random.randrange(10**6), 1000)
    if stream.incremental or not stream.records:
        row["id"] = max((record["id"] for record in stream.records), default=0) + 1
        stream.records.append(row)
        return
    at = random.randrange(len(stream.records))
    match random.randrange(4):
        case 0:
            stream.records[at] = row
        case 1:
            stream.records.insert(at, row)
        case 2:
            stream.records[at] = stream.records[at] | {"first_name": f"N{random.random()}"}
        case _:
            del stream.records[at]


def full_table(folder: Path, count: int) -> World:
    records = [{"id": i, "email": f"p{i}@x.example"} for i in range(count)]
    return World([ModelStream("users", records)], folder, Random(1))


def interrupted_after(world: World, *, seq: int) -> None:
    """Run until that STATE line, the first of which says nothing yet."""
    run = a_run(world, crash_rate=0.0, batch_size_rows=10)

    def store(state):
        world.stored = state
        if state["bookmarks"]["target-workos-users"]["seq"] == seq:
            run.crash_rate = 1.0

    run.store = store
    assert not run.go()


def test_a_changed_chunk_of_an_interrupted_import_stops_the_run_and_is_named(tmp_path):
    world = full_table(tmp_path, 60)
    interrupted_after(world, seq=4)
    world.streams[0].records[12]["first_name"] = "changed"
    with pytest.raises(SourceChanged, match=r"Chunk 2 of stream 'users'.*10 records with digest"):
        a_run(world, crash_rate=0.0).go()


def test_a_source_that_lost_its_end_stops_an_interrupted_import(tmp_path):
    world = full_table(tmp_path, 60)
    interrupted_after(world, seq=4)
    del world.streams[0].records[15:]
    with pytest.raises(SourceChanged, match=r"Chunk 2 .* 5, and then it ends"):
        a_run(world, crash_rate=0.0).go()
