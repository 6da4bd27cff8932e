"""Input as taps, shells and databases really send it: what is loaded, what fails, what is told."""

from __future__ import annotations

import json

import pytest

from tests.support.whole_target import FAST, records, run_target, schema
from workos_sandbox import read_contents

DEEP = "[" * 980 + "]" * 980


def line(message):
    return json.dumps(message) + "\n"


def record(email, stream="users", **columns):
    return line(*records([{"email": email, **columns}], stream))


@pytest.fixture
def load(sandbox, tmp_path):
    """Loads lines, after the state that an SDK tap hands back first."""

    def run(*lines, state=None, **config):
        sandbox.requests.clear()
        early = [line({"type": "STATE", "value": state})] if state else []
        file = tmp_path / "messages"
        file.write_text("".join([*early, *lines]))
        errors = tmp_path / "errors.jsonl"
        settings = {
            **FAST,
            "base_url": sandbox.base_url,
            "api_key": sandbox.api_key,
            "errors_path": str(errors),
            **config,
        }
        return run_target(settings, file, errors)

    return run


def emails(sandbox):
    return sorted(user["email"] for user in read_contents(sandbox.path).users)


# Lines that can't be read


@pytest.mark.parametrize(
    "bad",
    [
        '{"type": "RECORD", "stream": "users", "record": {"email": "b@example.com", "x": }}\n',
        '{"stream": "users", "type": "RECORD", "record": null}\n',
        f'{{"type": "RECORD", "stream": "users", "record": {{"bio": {DEEP}}}}}\n',
    ],
    ids=["broken", "null", "deep"],
)
def test_a_record_that_cannot_be_read_fails_alone_and_the_run_resumes_over_it(load, sandbox, bad):
    lines = [line(schema()), record("a@example.com"), bad, record("c@example.com")]
    first = load(*lines, batch_size_rows=1)
    (error,) = first.errors
    assert first.exit_code == 0
    assert (error["record_number"], error["error_type"]) == (2, "invalid_record")
    assert error["error_message"].startswith("line 3 of the input: ")
    assert emails(sandbox) == ["a@example.com", "c@example.com"]
    interrupted = first.states[2]  # of the second chunk; the state handed back moves the lines
    again = load(*lines, state=interrupted, batch_size_rows=1)
    assert again.exit_code == 0
    assert again.said("1 loaded + 1 unchanged + 1 failed")
    assert len(again.errors) == 1
    planned = load(*lines, dry_run=True)
    assert planned.said("3 records, 1 would fail")


def test_a_state_that_cannot_be_read_is_told_and_not_stored(load):
    good = {"users": {"replication_key_value": 1}}
    finished = load(
        line(schema()),
        record("a@example.com"),
        line({"type": "STATE", "value": {"bookmarks": good}}),
        record("b@example.com"),
        *[line({"type": "STATE", "value": {"bookmarks": [1]}})] * 3,
    )
    assert finished.exit_code == 0
    assert finished.said("isn't stored", "WARNING") == 1
    assert finished.states[-1]["bookmarks"]["users"] == good["users"]


def test_a_state_without_bookmarks_is_a_state(load):
    null = line({"type": "STATE", "value": {"bookmarks": None}})
    finished = load(null, line(schema()), record("a@example.com"), null)
    assert finished.exit_code == 0
    assert not finished.said("isn't stored")
