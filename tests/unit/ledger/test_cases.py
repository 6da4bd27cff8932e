"""Cases that break simpler memories than the ledger is, each in a world of its own."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from random import Random

import pytest

from target_workos_users.ledger import Made
from tests.support.model import Crash, ModelRun, ModelStream, World, make_settings

LOGGER = logging.getLogger("model")
WRITES = ("create_user", "update_user", "delete_user", "create_membership", "update_membership")


@pytest.fixture
def world(tmp_path):
    return World([ModelStream("users", [])], tmp_path, Random(1))


def run(world, *, ledger=True, size=2, crash=None, **config):
    """One run; returns how often each method of WorkOS was called.

    Args:
        world: What outlives the run.
        ledger: Whether there is one.
        size: Records per chunk.
        crash: Called before each step; raises to kill the run there.
        config: Other settings.
    """
    settings = make_settings(
        errors_path=str(world.folder / "errors.jsonl"),
        ledger_path=str(world.ledger_path) if ledger else "none",
        batch_size_rows=size,
        abort_error_rate=1.0,
        **config,
    )
    model = ModelRun(world, settings, LOGGER)
    if crash:
        model.step = lambda *_: crash()
    world.workos.calls.clear()
    world.workos.sent.clear()
    assert model.go() or crash
    world.run = model
    return world.workos.calls


def source(world, *records):
    world.streams[0].records = [{"id": number, **record} for number, record in enumerate(records)]


def person(email="a@x.example", **fields):
    return {"email": email, **fields}


def at(email="a@x.example", organization="o1", **fields):
    return {"email": email, "org_external_id": organization, "org_name": organization, **fields}


def after(steps):
    """Kills the run after so many steps."""
    left = iter(range(steps))

    def crash():
        if next(left, None) is None:
            raise Crash

    return crash


def sent(world, *names):
    return [fields for name, fields in world.workos.sent if name in names]


def passwords(world):
    return [f for f in sent(world, "create_user", "update_user") if "password" in f]


def test_01_a_checkpoint_set_back_loads_again_what_it_does_not_cover(world):
    source(world, person("a@x.example"), person("b@x.example"))
    run(world)
    first_night = world.stored
    source(world, person("a@x.example"), person("b@x.example"), person("c@x.example"))
    run(world)
    del world.workos.users["c@x.example"]
    world.stored = first_night
    calls = run(world)
    assert set(world.workos.users) == {"a@x.example", "b@x.example", "c@x.example"}
    assert calls["create_user"] == 1


def test_02_killed_with_four_state_lines_printed_and_not_stored(world):
    source(world, *(person(f"p{n}@x.example") for n in range(12)))
    begun = []

    def crash():
        if len(world.printed) == 5:
            raise Crash
        if world.printed and not begun:
            begun.append(world.printed[0])

    run(world, crash=crash)
    world.stored = begun[0]
    made = set(world.workos.users)
    calls = run(world)
    assert len(world.workos.users) == 12
    assert calls["create_user"] == 12 - len(made)
    assert calls.total() <= 12 - len(made) + 2  # what was in flight is looked for


def test_03_set_by_hand_to_the_line_before_a_chunk_that_was_finished_loads_it_again(world):
    source(world, *(person(f"p{n}@x.example") for n in range(6)))
    run(world)
    del world.workos.users["p4@x.example"]
    world.stored = world.printed[2]
    run(world)
    assert "p4@x.example" in world.workos.users


def test_04_a_reset_run_that_is_killed_is_still_a_reset_for_the_next_one(world):
    source(world, *(person(f"p{n}@x.example") for n in range(6)))
    run(world)
    world.workos.users.clear()
    set_back = world.stored = world.printed[0]
    run(world, crash=after(12))
    world.stored = set_back
    run(world)
    assert len(world.workos.users) == 6


def test_05_a_user_deleted_in_workos_is_made_again_once_the_state_is_cleared(world):
    source(world, at("a@x.example"))
    run(world)
    world.workos.users.clear()
    world.workos.memberships.clear()
    world.stored = None
    run(world)
    assert set(world.workos.users) == {"a@x.example"}
    assert len(world.workos.memberships) == 1


def test_06_an_edit_elsewhere_in_the_chunk_writes_no_password_over_a_later_rows(world):
    source(
        world,
        at("b@x.example", "o1", password="Q"),
        person("c@x.example"),
        at("b@x.example", "o1", password="Q"),
        person("d@x.example"),
    )
    run(world, existing_users="update")
    source(
        world,
        at("b@x.example", "o1", password="Q"),
        person("c@x.example"),
        at("b@x.example", "o1", password="P"),
        person("d@x.example"),
    )
    run(world, existing_users="update")
    now = world.workos.users["b@x.example"]["password"]
    source(
        world,
        at("b@x.example", "o1", password="Q"),
        person("c@x.example", first_name="C"),
        at("b@x.example", "o1", password="P"),
        person("d@x.example"),
    )
    run(world, existing_users="update")
    assert world.workos.users["b@x.example"]["password"] == now
    assert passwords(world) == []


def test_07_a_password_that_was_left_is_not_written_when_its_row_changes(world):
    source(world, at(organization="o1", password="P"), at(organization="o2", password="Q"))
    run(world, existing_users="update")
    assert world.workos.users["a@x.example"]["password"] == "P"
    source(
        world,
        at(organization="o1", password="P"),
        at(organization="o2", password="Q", role_slugs="admin"),
    )
    run(world, existing_users="update")
    assert world.workos.users["a@x.example"]["password"] == "P"
    assert passwords(world) == []


def test_08_what_a_user_set_for_herself_stays_when_a_later_row_brings_it(world):
    source(world, at(organization="o1"))
    run(world)
    world.workos.edit(
        "a@x.example", first_name="Ada", password="hers", last_sign_in_at="2026-11-01T00:00:00Z"
    )
    source(
        world,
        at(organization="o1"),
        at(organization="o2", first_name="Theirs", password="source's"),
    )
    run(world)
    user = world.workos.users["a@x.example"]
    assert (user["first_name"], user["password"]) == ("Ada", "hers")
    assert len(world.workos.memberships) == 2


def test_09_without_a_ledger_an_unchanged_chunk_with_a_failure_changes_no_field(world):
    source(world, person("a@x.example", first_name="Ann"), person("no address"))
    run(world, existing_users="update", ledger=False)
    world.workos.edit("a@x.example", first_name="Anna")
    run(world, existing_users="update", ledger=False)
    assert world.workos.users["a@x.example"]["first_name"] == "Anna"
    assert sent(world, "update_user") == []


@pytest.mark.parametrize("steps", range(30))
def test_10_killed_between_a_create_and_its_event_the_password_is_right_or_reported(world, steps):
    source(world, at(organization="o1"), at(organization="o2", password="P"))
    run(world, crash=after(steps))
    run(world)
    password = world.workos.users["a@x.example"].get("password")
    left = world.run.progress.counting.summary.users.passwords_left
    assert password == "P" or left


def test_killed_between_a_create_and_its_event_a_user_whose_create_failed_before_is_ours(world):
    source(world, person(external_id="7"))
    world.workos.sign_up("b@x.example", external_id="7")
    run(world)
    assert len(world.errors) == 1
    world.workos.edit("b@x.example", external_id="8")
    run(world, crash=lambda: "a@x.example" in world.workos.users and after(0)())
    run(world, existing_users="fail")
    assert world.errors == []


@pytest.mark.parametrize("fails", [False, True])
def test_11_a_then_b_then_a_again(world, fails):
    a = at(first_name="A", role_slugs="admin")
    source(world, a)
    run(world, existing_users="update")
    if fails:
        world.workos.roles.remove("viewer")
    source(world, at(first_name="B", role_slugs="viewer"))
    run(world, existing_users="update")
    assert bool(world.errors) == fails
    assert world.workos.users["a@x.example"]["first_name"] == "B"
    source(world, a)
    run(world, existing_users="update")
    assert world.workos.users["a@x.example"]["first_name"] == "A"
    (membership,) = world.workos.memberships.values()
    assert membership["slugs"] == ["admin"]
    assert world.errors == []


def test_12_a_row_that_changes_organization_and_name_gets_the_membership_and_no_name(world):
    source(world, at(organization="o1", first_name="A"))
    run(world, existing_users="update")
    source(world, at(organization="o2", first_name="B"))
    run(world, existing_users="update")
    assert {key[1] for key in world.workos.memberships} == {"org_o1", "org_o2"}
    assert world.workos.users["a@x.example"]["first_name"] == "A"


# What a run costs


def many(count=40, **fields):
    return [at(f"p{n}@x.example", f"o{n % 3}", first_name=f"F{n}", **fields) for n in range(count)]


@pytest.mark.parametrize("mode", ["keep", "update"])
def test_a_row_put_in_at_the_front_costs_its_own_requests(world, mode):
    source(world, *many())
    run(world, size=10, existing_users=mode)
    source(world, at("new@x.example", "o1"), *many())
    calls = run(world, size=10, existing_users=mode)
    assert calls == {"create_user": 1, "create_membership": 1}


@pytest.mark.parametrize("mode", ["keep", "update"])
def test_the_same_rows_sorted_otherwise_cost_nothing(world, mode):
    source(world, *many())
    run(world, size=10, existing_users=mode)
    source(world, *reversed(many()))
    assert run(world, size=7, existing_users=mode).total() == 0
    assert run(world, size=7, existing_users=mode).total() == 0


def test_many_rows_of_one_membership_cost_the_requests_of_one(world):
    rows = [at("ann@x.example", "o1", note=str(number)) for number in range(120)]
    rows[100]["role_slugs"] = "admin"
    source(world, *rows)
    assert run(world, size=50).total() < 12  # of one row, and the roles of another
    rows[7]["note"], rows[80]["note"] = "new", "newer"
    source(world, *reversed(rows))
    assert run(world, size=50).total() == 0
    assert run(world, size=50).total() == 0


def test_one_changed_name_costs_one_write_and_no_password(world):
    rows = many(password="secret")
    source(world, *rows)
    run(world, size=10, existing_users="update")
    for user in world.workos.users.values():
        user["password"] = "changed by herself"
    rows[17]["first_name"] = "New"
    source(world, *rows)
    calls = run(world, size=10, existing_users="update")
    assert calls == {"update_user": 1}
    assert sent(world, "update_user") == [{"first_name": "New"}]


def test_a_changed_password_is_written_for_its_user_only(world):
    rows = many(password="secret")
    source(world, *rows)
    run(world, size=10, existing_users="update")
    rows[17]["password"] = "another"
    source(world, *rows)
    calls = run(world, size=10, existing_users="update")
    assert calls == {"get_user": 1, "update_user": 1}
    assert sent(world, "update_user") == [{"password": "another"}]


def test_an_older_copy_of_the_ledger_writes_no_password_over_the_users_own(world):
    """It believes that the source changed since, which it did before she set her own."""
    source(world, person(password="P"), person("b@x.example"))
    run(world, existing_users="update")
    with contextlib.closing(sqlite3.connect(world.ledger_path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    older = world.ledger_path.read_bytes()
    source(world, person(password="P2"), person("b@x.example"))
    run(world, existing_users="update")
    assert world.workos.users["a@x.example"]["password"] == "P2"
    world.workos.edit("a@x.example", password="hers", last_sign_in_at="2026-11-01T00:00:00Z")
    world.ledger_path.write_bytes(older)
    source(world, person(password="P2"), person("b@x.example", first_name="B"))
    run(world, existing_users="update")
    assert world.workos.users["a@x.example"]["password"] == "hers"
    assert world.run.progress.counting.summary.users.passwords_left == 1


def test_a_password_that_a_user_may_have_set_stays_however_often_the_sources_changes(world):
    source(world, person(password="P"))
    run(world, existing_users="update")
    world.workos.edit("a@x.example", password="hers", last_sign_in_at="2026-11-01T00:00:00Z")
    for password in ("P2", "P3", "P"):
        source(world, person(password=password))
        run(world, existing_users="update")
        assert passwords(world) == []
        assert world.run.progress.counting.summary.users.passwords_left == 1


def test_always_writes_the_password_of_every_record_that_is_loaded_once_a_run(world):
    rows = [at(organization="o1", password="P"), at(organization="o2", password="P")]
    source(world, *rows)
    run(world, existing_users="update", update_passwords="always")
    assert sent(world, "update_user") == []
    world.workos.edit("a@x.example", password="hers")
    source(world, *(row | {"first_name": "New"} for row in rows))
    run(world, existing_users="update", update_passwords="always")
    assert world.workos.users["a@x.example"]["password"] == "P"
    assert len(passwords(world)) == 1


@pytest.mark.parametrize(("setting", "sent_on"), [("changed", []), ("never", [])])
def test_a_password_of_a_user_that_was_there_is_left_and_counted(world, setting, sent_on):
    world.workos.sign_up("a@x.example")
    source(world, person(password="P"))
    run(world, existing_users="update", update_passwords=setting)
    assert passwords(world)[1:] == sent_on
    assert world.run.progress.counting.summary.users.passwords_left == 1


def test_always_writes_a_password_over_that_of_a_user_that_was_there(world):
    world.workos.sign_up("a@x.example", password="hers")
    source(world, person(password="P"))
    run(world, existing_users="update", update_passwords="always")
    assert world.workos.users["a@x.example"]["password"] == "P"


def test_without_a_ledger_no_password_is_written_over_a_user_of_an_earlier_run(world):
    source(world, person(password="P"), person("b@x.example"))
    run(world, existing_users="update", ledger=False)
    world.workos.edit("a@x.example", password="hers")
    source(world, person(password="P2"), person("b@x.example"))
    run(world, existing_users="update", ledger=False)
    assert world.workos.users["a@x.example"]["password"] == "hers"
    assert world.run.progress.counting.summary.users.passwords_left == 1


# Failures


def test_a_failed_record_is_tried_again_in_an_unchanged_chunk_and_costs_only_its_own(world):
    source(world, *many(10))
    world.workos.refuses.add("p3@x.example")
    run(world, size=10)
    assert [line["email"] for line in world.errors] == ["p3@x.example"]
    run(world, size=10)
    records = world.run.progress.counting.summary.records
    assert (records.unchanged, records.failed, records.loaded) == (9, 1, 0)
    assert [line["email"] for line in world.errors] == ["p3@x.example"]
    world.workos.refuses.clear()
    calls = run(world, size=10)
    assert world.errors == []
    assert calls == {"create_membership": 1}
    assert run(world, size=10).total() == 0


def test_a_failed_record_of_an_incremental_stream_keeps_its_line_until_it_comes(world):
    world.streams[0].incremental, world.streams[0].inclusive = True, False
    source(world, *many(10))
    world.workos.refuses.add("p3@x.example")
    run(world, size=10)
    world.streams[0].records.append({"id": 10, **at("new@x.example")})
    run(world, size=10)
    assert [line["email"] for line in world.errors] == ["p3@x.example"]
    world.workos.refuses.clear()
    world.streams[0].records.append({"id": 11, **many(10)[3], "first_name": "again"})
    run(world, size=10)
    assert world.errors == []


def test_of_records_that_name_nobody_one_that_comes_again_settles_its_own_line_only(world):
    """Their lines look alike: what tells them apart isn't shown."""
    world.streams[0].incremental, world.streams[0].inclusive = True, True
    source(world, {"login": "ann"}, {"login": "bob"}, {"login": "cy"})
    run(world, size=10)
    assert len(world.errors) == 3
    for _ in range(2):
        run(world, size=10)
        assert len(world.errors) == 3
        assert len({line["fingerprint"] for line in world.errors}) == 3


# Deleted in WorkOS, between two runs


@pytest.mark.parametrize("change", [{"first_name": "New"}, {"last_name": "New"}])
def test_a_changed_record_makes_again_the_user_that_was_deleted(world, change):
    """By a write that finds nobody, and by the look before one."""
    source(world, at(first_name="A", password="P"), person("b@x.example"))
    run(world, existing_users="update")
    world.workos.users.pop("a@x.example")
    world.workos.memberships.clear()
    source(world, at(**{"first_name": "A", "password": "P", **change}), person("b@x.example"))
    run(world, existing_users="update")
    assert world.workos.users["a@x.example"].items() >= {"password": "P", **change}.items()
    assert len(world.workos.memberships) == 1
    assert world.errors == []


def test_a_changed_record_of_a_user_who_was_deleted_and_signed_up_again_joins_her(world):
    source(world, at(first_name="A", password="P"))
    run(world, existing_users="update")
    world.workos.memberships.clear()
    hers = world.workos.sign_up("a@x.example", password="hers")
    source(world, at(first_name="New", password="P"))
    run(world, existing_users="update")
    assert list(world.workos.memberships) == [(hers["id"], "org_o1")]
    assert world.workos.users["a@x.example"]["password"] == "hers"


# Rows of one email


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("size", [1, 2, 10])
@pytest.mark.parametrize("ledger", [True, False])
def test_a_blank_is_no_value_in_whatever_order_rows_come(world, order, size, ledger):
    rows = [
        at(organization="o1", role_slugs="admin"),
        person(first_name="Ada", external_id="7", password="P"),
    ][::order]
    source(world, *rows)
    run(world, size=size, ledger=ledger)
    user = world.workos.users["a@x.example"]
    assert (user["first_name"], user["external_id"], user["password"]) == ("Ada", "7", "P")
    assert len(world.workos.memberships) == 1


def test_a_second_accounts_password_does_not_come_into_the_first(world):
    source(world, person(first_name="Ada"), at(password="another account's"))
    run(world)
    assert "password" not in world.workos.users["a@x.example"]
    assert world.run.progress.counting.summary.users.passwords_left == 1


# Who made a user


def test_a_user_who_signed_up_is_not_deleted_when_the_membership_is_refused(world):
    world.workos.sign_up("a@x.example")
    world.workos.refuses.add("a@x.example")
    source(world, at())
    run(world, require_membership=True)
    assert set(world.workos.users) == {"a@x.example"}
    assert "The user stays" in world.errors[0]["error_message"]


def test_a_user_of_an_earlier_row_is_not_deleted_when_a_later_membership_is_refused(world):
    source(world, person(), at())
    world.workos.refuses.add("a@x.example")
    run(world, require_membership=True, size=1)
    assert set(world.workos.users) == {"a@x.example"}


@pytest.mark.parametrize("steps", range(14))
def test_a_kill_between_user_and_refused_membership_leaves_no_user_without_one(world, steps):
    source(world, at())
    world.workos.refuses.add("a@x.example")
    run(world, require_membership=True, crash=after(steps))
    was_sure = (known := world_ledger(world, "a@x.example")) is None or known.made is Made.YES
    run(world, require_membership=True)
    assert not world.workos.users or not was_sure


def world_ledger(world, email):
    from target_workos_users.ledger import Ledger  # noqa: PLC0415

    ledger = Ledger.open(str(world.ledger_path), lambda _: None)
    try:
        return ledger.person(email)
    finally:
        ledger.close()
