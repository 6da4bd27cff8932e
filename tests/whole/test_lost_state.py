"""The state is lost, and everything is in WorkOS already: it is read in pages.

What the first records cost, before pages are read, weighs more in these small sources: with 20,000
records it is some 3 % in all (``python -m benchmarks lost_state``).
"""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tests.support.whole_target import (
    call,
    records,
    run_target,
    running_sandbox,
    schema,
    write_messages,
)
from workos_sandbox import read_contents

ORGANIZATIONS = 10
ROWS = 4_000


@pytest.fixture
def sandbox(tmp_path):
    with running_sandbox(tmp_path / "sandbox.db", record_requests=True) as running:
        yield running


@pytest.fixture
def run(sandbox, tmp_path):
    def run(rows, name, **settings):
        messages = write_messages(tmp_path / "messages", [schema(), *records(rows)])
        folder = tmp_path / name
        folder.mkdir()
        config = {
            "rate_limit": 100_000,
            "base_url": sandbox.base_url,
            "api_key": sandbox.api_key,
            "errors_path": str(folder / "errors.jsonl"),
            **settings,
        }
        sandbox.counts.reset()
        return run_target(config, messages, folder / "errors.jsonl")

    return run


def make_rows():
    return [
        {
            "email": f"user{n}@example.com",
            "first_name": f"Ann{n}",
            "org_external_id": f"org-{n % ORGANIZATIONS}",
            "org_name": f"Organization {n % ORGANIZATIONS}",
            "role_slugs": "admin",
        }
        for n in range(ROWS)
    ]


def requests_of(sandbox):
    return {name: count.total() for name, count in sandbox.counts.requests.items()}


def memberships(sandbox):
    return Counter(
        (each["email"], each["organization_external_id"], *each["role_slugs"])
        for each in read_contents(sandbox.path).memberships
    )


@pytest.mark.parametrize("case", ["ledger lost", "ledger lost, shuffled", "ledger kept"])
def test_it_costs_few_requests_and_what_is_missing_is_made(sandbox, run, tmp_path, case):
    rows = make_rows()
    run(rows, "first")
    whole = memberships(sandbox)
    world = read_contents(sandbox.path)
    for user in world.users[5::1_000]:
        call(sandbox, "DELETE", f"/user_management/users/{user['id']}")
    for each in world.memberships[8::1_000]:
        call(sandbox, "DELETE", f"/user_management/organization_memberships/{each['id']}")
    if "shuffled" in case:
        random.Random(1).shuffle(rows)
    kept = {"ledger_path": str(tmp_path / "first" / "errors.jsonl.ledger")}
    finished = run(rows, "second", **(kept if case == "ledger kept" else {}))
    assert finished.errors == []
    assert memberships(sandbox) == whole
    sent = requests_of(sandbox)
    assert sum(sent.values()) <= 0.12 * ROWS, sent
    assert finished.tally["users_created"] == 4


def test_update_writes_what_differs_and_nothing_else(sandbox, run):
    rows = make_rows()
    run(rows, "first")
    for row in rows[::500]:
        row["first_name"] = "Bea"
    finished = run(rows, "second", existing_users="update")
    sent = requests_of(sandbox)
    assert sent["PUT /user_management/users/{id}"] == len(rows[::500])
    assert finished.tally["updated"] == len(rows[::500])
    assert sum(sent.values()) <= 0.12 * ROWS, sent
