from __future__ import annotations

import json
import shutil
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings

from tests.support.whole_target import FAST, read_errors, records, run_target, schema
from workos_sandbox import read_contents

TAP_STATE = {"type": "STATE", "value": {"bookmarks": {"users": {}}}}
ROWS = [
    {
        "email": f"user{number}@example.com",
        "first_name": "Ann",
        "metadata": {"row": str(number), "plan": "pro"},
        "org_external_id": f"org-{number % 3}",
        "org_name": "Acme",
        # Every seventh fails.
        "role_slugs": "astronaut" if number % 7 == 0 else "admin",
        "email_verified": "perhaps" if number % 11 == 0 else "true",
    }
    for number in range(1, 31)
]
LOADED = {row["email"] for row in ROWS if row["email_verified"] == "true"}


@pytest.fixture
def fuzz(request):
    """Runs a check on examples of a strategy, as many as ``--fuzz`` says."""

    def run(strategy, check):
        examples = settings(
            max_examples=request.config.getoption("--fuzz"),
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        examples(given(strategy)(check))()

    return run


def encode(messages):
    return b"".join(json.dumps(message).encode() + b"\n" for message in messages)


CLEAN = encode([schema(columns=ROWS[0]), *records(ROWS), TAP_STATE])


class Run:
    """Runs over a folder of its own, whose sandbox and files a later run finds again."""

    def __init__(self, folder):
        folder.mkdir()
        self.folder = folder
        self.errors = folder / "errors.jsonl"

    def __call__(self, content, *, state_file=None, **config):
        """Ends in one of two ways, and without a traceback."""
        messages = self.folder / "messages"
        messages.write_bytes(content)
        config = {
            **FAST,
            "sandbox_path": str(self.folder / "sandbox.db"),
            "errors_path": str(self.errors),
            "summary_path": str(self.folder / "summary.json"),
            "batch_size_rows": 5,
            "abort_error_rate": 1,
            **config,
        }
        finished = run_target(config, messages, self.folder / "nowhere", state_file)
        assert finished.exit_code in {0, 1}
        errors = [text for level, text in finished.log if level == "ERROR"]
        assert len(errors) == finished.exit_code, errors
        assert not any("A fault of" in text for text in errors), errors
        return finished

    def emails(self):
        return {user["email"] for user in read_contents(self.folder / "sandbox.db").users}

    def check_all_is_there(self):
        """Each record is in WorkOS or in the errors file."""
        assert self.emails() >= LOADED
        files = self.folder.glob("errors*.jsonl")  # one may have been moved aside
        assert {line["record_number"] for path in files for line in read_errors(path)} >= {
            number
            for number, row in enumerate(ROWS, 1)
            if row["email_verified"] != "true" or row["role_slugs"] != "admin"
        }


@pytest.fixture
def fresh(tmp_path):
    """Makes an empty folder to run in, one for each example."""
    numbers = count()
    return lambda: Run(tmp_path / str(next(numbers)))


@pytest.fixture
def interrupted(fresh):
    """Makes a folder in which a run was interrupted half-way.

    The state that it left is in ``state``, with ``ERRORS`` for the errors file's path.
    """
    original = fresh()
    half = CLEAN[: CLEAN.index(b'"user18@')]
    state = json.dumps(original(half).states[-1]).replace(str(original.errors), "ERRORS")
    (original.folder / "state").write_text(state)

    def make():
        run = fresh()
        shutil.copytree(original.folder, run.folder, dirs_exist_ok=True)
        return run

    return make
