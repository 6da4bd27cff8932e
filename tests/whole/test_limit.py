"""A canary: the first records only, and an ordinary run after it."""

from __future__ import annotations

from tests.support.whole_target import FAST, records, run_target, schema, write_messages
from workos_sandbox import read_contents

ROWS = [{"email": f"user{n}@example.com"} for n in range(25)]


def load(sandbox, folder, state=None, **config):
    state_message = [{"type": "STATE", "value": state}] if state else []
    file = write_messages(folder / "messages", [*state_message, schema(), *records(ROWS)])
    settings = {
        **FAST,
        "api_key": sandbox.api_key,
        "base_url": sandbox.base_url,
        "errors_path": str(folder / "errors.jsonl"),
        "batch_size_rows": 10,
        **config,
    }
    return run_target(settings, file, folder / "errors.jsonl")


def test_an_ordinary_run_goes_on_after_the_canary(sandbox, tmp_path):
    canary = load(sandbox, tmp_path, limit=13)
    assert canary.exit_code == 0
    assert len(read_contents(sandbox.path).users) == 13
    assert canary.said("13 loaded + 0 unchanged + 0 failed + 12 left out")
    stream = canary.states[-1]["bookmarks"]["target-workos-users"]["streams"]["users"]
    assert (stream["records"], stream["complete"]) == (13, False)
    sandbox.counts.reset()
    rest = load(sandbox, tmp_path, canary.states[-1])
    assert len(read_contents(sandbox.path).users) == 25
    assert rest.said("12 loaded + 13 unchanged")
    assert sum(sandbox.counts.requests["POST /user_management/users"].values()) == 12


def test_a_second_canary_sends_nothing(sandbox, tmp_path):
    canary = load(sandbox, tmp_path, limit=13)
    sandbox.counts.reset()
    assert load(sandbox, tmp_path, canary.states[-1], limit=13).exit_code == 0
    assert not sandbox.counts.requests
