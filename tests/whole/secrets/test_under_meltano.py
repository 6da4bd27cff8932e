"""The canaries through ``meltano run``, whose logs and database are read by others than ours."""

from __future__ import annotations

import csv

import pytest

from target_workos_users.records.columns import KNOWN_COLUMNS
from tests.stress.kill.test_meltano_stops import RUN, STATE_ID, Project
from tests.whole.secrets import canaries
from tests.whole.secrets.conftest import check_files

pytest.importorskip("meltano")


def test_meltano_is_told_no_secret_to_log_or_store(tmp_path, monkeypatch):
    """Not with ``meltano --log-level=debug``: that logs every line of the tap (measured, 4.4.1)."""
    monkeypatch.setenv("TARGET_WORKOS_USERS_LOGLEVEL", "DEBUG")
    output = tmp_path / "output"
    project = Project(tmp_path, "", tmp_path / "sandbox.db")
    project.prepare(
        api_key=canaries.API_KEY,
        sandbox_path="sandbox.db",
        errors_path="output/errors.jsonl",
        summary_path="output/summary.json",
        abort_error_rate="1",
    )
    rows = [row for row in canaries.rows() if row.keys() <= KNOWN_COLUMNS]
    with (tmp_path / "users.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)))
        writer.writeheader()
        writer.writerows(rows)
    # One row is ragged: tap-csv says so in _sdc_error.
    with (tmp_path / "users.csv").open("a") as file:
        file.write(f"canary.person99@example.com,{canaries.PASSWORD}\n")
    out = project.meltano(*RUN)
    said = out + project.log() + project.meltano("state", "get", STATE_ID)
    written = [
        path.read_text(errors="replace")
        for path in (tmp_path / ".meltano").rglob("*")
        if path.is_file() and path.suffix in {".log", ".db", ".json"}
    ]
    assert len(written) > 2
    for text in (said, *written):
        assert not canaries.secrets_in(text)
        assert not canaries.personal_in(text)
    assert (output / "errors.jsonl").stat().st_size > 10_000
    check_files(output)
