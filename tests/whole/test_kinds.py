"""Streams of every kind, through the whole target into a sandbox."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest

from tests.support.kinds import (
    MEMBERSHIPS,
    ORGANIZATIONS,
    STREAMS,
    end_state,
    in_order,
    messages_of,
)
from tests.support.whole_target import FAST, run_target, write_messages
from workos_sandbox import read_contents

ORDERS = [
    pytest.param((*order, "permissions"), marks=() if number % 8 == 0 else pytest.mark.slow)
    for number, order in enumerate(permutations(list(STREAMS)[1:]))
]


@pytest.fixture
def load(sandbox, tmp_path):
    """Loads streams, after a state if one is given; returns how the run ended."""

    def load(streams, state=None, **config):
        file = write_messages(tmp_path / "messages", messages_of(streams, state))
        settings = {
            **FAST,
            "api_key": sandbox.api_key,
            "base_url": sandbox.base_url,
            "errors_path": str(tmp_path / "errors.jsonl"),
            **config,
        }
        return run_target(settings, file, tmp_path / "errors.jsonl")

    return load


@pytest.fixture(scope="session")
def right(tmp_path_factory):
    """What the right order gives, one record at a time."""
    folder = tmp_path_factory.mktemp("right")
    return run_into(folder, tuple(STREAMS), batch_size_rows=1, concurrency=1)


def run_into(folder, order, **config):
    """Load the streams into a new sandbox; returns what is in it then."""
    file = write_messages(folder / "messages", messages_of(in_order(order)))
    settings = {
        **FAST,
        "sandbox_path": str(folder / "sandbox.db"),
        "errors_path": str(folder / "errors.jsonl"),
        "stream_kinds": {"organizations": "organizations"},
        **config,
    }
    done = run_target(settings, file, folder / "errors.jsonl")
    assert (done.exit_code, done.errors) == (0, []), order
    assert done.tally.get("failed", 0) == 0, order
    streams = done.states[-1]["bookmarks"]["target-workos-users"]["streams"]
    assert not [chunk for each in streams.values() for chunk in each["chunks"] if len(chunk) > 2]
    return end_state(folder / "sandbox.db")


def test_the_right_order(right):
    assert right["memberships"] == [
        ("user1@example.com", "o1", "active", "editor", "org-lead"),
        ("user1@example.com", "o2", "active", "member"),
        ("user2@example.com", "o2", "active", "editor", "viewer"),
        ("user3@example.com", "o3", "active", "viewer"),
        ("user4@example.com", "o3", "inactive", "member"),
        ("user5@example.com", "o3", "active", "editor", "viewer"),
    ]
    assert right["organizations"]["o2"] == (
        "Organization 2",
        {"number": "2"},
        [("o2.example", "pending"), ("www.o2.example", "pending")],
    )
    assert ("", "editor", "Editor", "posts:read", "posts:write") in right["roles"]
    assert ("o1", "org-lead", "org-lead") in right["roles"]
    assert [email for email, _ in right["factors"]] == ["user1@example.com", "user4@example.com"]


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_every_order_gives_what_the_right_one_gives(order, right, tmp_path):
    assert run_into(tmp_path, order, batch_size_rows=2) == right


def test_the_streams_in_one_chunk(right, tmp_path):
    assert run_into(tmp_path, tuple(reversed(STREAMS))) == right


def test_a_second_run_sends_nothing(load, sandbox):
    first = load(in_order(reversed(STREAMS)), batch_size_rows=2)
    assert first.said("waited for others to come first")
    sandbox.counts.reset()
    second = load(in_order(reversed(STREAMS)), first.states[-1], batch_size_rows=2)
    assert (second.exit_code, second.errors) == (0, [])
    assert not sandbox.counts.requests


def test_a_second_run_that_remembers_nothing_finds_everything(load, sandbox, tmp_path):
    load(STREAMS)
    before = end_state(sandbox.path)
    (tmp_path / "errors.jsonl.ledger").unlink()
    again = load(STREAMS)
    assert again.errors == []
    assert end_state(sandbox.path) == before


@pytest.mark.parametrize("who", ["email", "user_external_id"])
@pytest.mark.parametrize("order", list(permutations(["users", "memberships", "role_assignments"])))
def test_a_role_assignment_leaves_an_inactive_membership_inactive(load, sandbox, who, order):
    users = [{"email": f"{n}@example.com", "external_id": f"u{n}"} for n in range(5)]
    names = [{who: user[who.removeprefix("user_")]} for user in users]
    streams = {
        "users": users,
        "memberships": [
            {**name, "org_external_id": "o1", "role_slugs": "viewer", "status": "inactive"}
            for name in names
        ],
        "role_assignments": [{**n, "org_external_id": "o1", "role_slug": "editor"} for n in names],
    }
    load({name: STREAMS[name] for name in ("permissions", "roles", "organizations")})
    done = load(
        {name: streams[name] for name in order}, stream_kinds={"role_assignments": "memberships"}
    )
    assert done.errors == []
    found = [rest for _, *rest in end_state(sandbox.path)["memberships"]]
    assert found == [["o1", "inactive", "editor", "viewer"]] * len(users)


def test_a_membership_stays_inactive_wherever_the_state_is_set_back_to(load, sandbox):
    name = {"email": "user1@example.com", "org_external_id": "o1"}
    streams = {
        "role_assignments": [{**name, "role_slug": "editor"}],
        **in_order(["permissions", "roles", "organizations"]),
        "users": [{"email": name["email"]}],
        "memberships": [{**name, "role_slugs": "viewer", "status": "inactive"}],
    }
    config = {"stream_kinds": {"role_assignments": "memberships"}, "batch_size_rows": 1}
    first = load(streams, **config)
    before = end_state(sandbox.path)
    assert [each[2:] for each in before["memberships"]] == [("inactive", "editor", "viewer")]
    for state in first.states:
        assert load(streams, state, **config).errors == []
        assert end_state(sandbox.path) == before


def test_what_never_comes_stays_an_error_and_is_tried_by_the_next_run(load, sandbox):
    first = load({"memberships": MEMBERSHIPS, "organizations": ORGANIZATIONS})
    assert first.exit_code == 0
    kinds = [(each["kind"], each["error_type"]) for each in first.errors]
    assert kinds == [("memberships", "user_missing")] * len(MEMBERSHIPS)
    assert first.said(f"{len(MEMBERSHIPS)} failed")
    second = load(STREAMS, first.states[-1])
    assert second.errors == []
    assert len(end_state(sandbox.path)["memberships"]) == 6


def test_a_chunk_of_records_that_wait_does_not_trip_abort_error_rate(load):
    many = [{"email": f"u{n}@example.com", "org_external_id": "o1"} for n in range(50)]
    users = [{"email": each["email"]} for each in many]
    done = load(
        {"memberships": many, "organizations": ORGANIZATIONS, "users": users}, batch_size_rows=25
    )
    assert (done.exit_code, done.errors) == (0, [])


@pytest.mark.parametrize(
    ("stream", "columns"),
    [("orders", ["id"]), ("organizations", ["id"]), ("roles", ["email"]), ("totp_secrets", ["a"])],
)
def test_a_stream_of_no_kind_stops_the_run(load, sandbox, stream, columns):
    done = load({stream: [dict.fromkeys(columns, "x")]})
    assert done.exit_code == 1
    assert done.said("can't be loaded as")
    assert not sandbox.counts.requests


def test_a_membership_that_is_made_inactive_and_then_active_is_counted_once(load):
    pair = {"email": "user1@example.com", "org_external_id": "o1"}
    memberships = [{**pair, "status": status} for status in ("inactive", "active")]
    users = [{"email": "user1@example.com"}]
    done = load({"organizations": ORGANIZATIONS, "users": users, "memberships": memberships})
    assert done.errors == []
    assert done.said("memberships: 1 created, 0 existing, 1 reactivated, 1 deactivated")


def test_the_setting_names_the_kind(load, sandbox):
    done = load({"crm": ORGANIZATIONS}, stream_kinds={"crm": "organizations"})
    assert done.errors == []
    assert len(read_contents(sandbox.path).organizations) == len(ORGANIZATIONS)


def test_no_secret_and_no_record_is_left_on_disk(load, tmp_path):
    done = load({"totp_secrets": STREAMS["totp_factors"]})
    assert [each["kind"] for each in done.errors] == ["totp_factors"] * 2
    for path in filter(Path.is_file, tmp_path.rglob("*")):
        if path.name != "messages":
            assert b"JBSWY3DPEHPK3PXP" not in path.read_bytes(), path
