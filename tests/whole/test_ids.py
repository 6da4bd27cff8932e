from __future__ import annotations

import csv
import io

import pytest
from click.testing import CliRunner

from target_workos_users.cli import main
from tests.support.whole_target import FAST, records, run_target, schema, write_messages


@pytest.fixture
def load(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(row, state=None):
        row = {"email": "ada@example.com", **row}
        before = [{"type": "STATE", "value": state}] if state else []
        messages = [*before, schema(columns=list(row)), *records([row])]
        config = {**FAST, "sandbox_path": "sandbox.db", "abort_error_rate": 1.0}
        source = write_messages(tmp_path / "messages.singer", messages)
        return run_target(config, source, tmp_path / "errors.jsonl").states[-1]

    return run


def ids():
    rows = csv.DictReader(
        io.StringIO(CliRunner().invoke(main, ["ids", "errors.jsonl.ledger"]).stdout)
    )
    return [(row["org_external_id"], row["failed"]) for row in rows]


def show():
    return CliRunner().invoke(main, ["show", "errors.jsonl.ledger", "ada@example.com"]).output


GOOD = {"email_verified": "yes", "org_external_id": "acme", "org_name": "Acme"}
BAD = {**GOOD, "email_verified": "maybe"}


def test_a_record_that_was_put_right_is_told_once(load):
    load(GOOD, load(BAD))
    assert ids() == [("acme", "")]
    assert "failed" not in show()


def test_an_import_that_began_anew_knows_nothing_of_failures_before(load):
    load({"email_verified": "maybe"})
    load(GOOD)
    assert ids() == [("acme", "")]
    assert "failed" not in show()
