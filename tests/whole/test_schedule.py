"""What docs/schedule.md says: red when anything failed, red until it is right, and it is told."""

from __future__ import annotations

import ast
import json
import os
import shutil
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
import yaml
from werkzeug import Response

from tests.stress.kill.conftest import until
from tests.support.markdown import PROGRAMS

pytest.importorskip("meltano")
pytestmark = pytest.mark.timeout(900)  # it starts Meltano three times

ROOT = Path(__file__).parents[2]
SCHEDULE = ROOT / "docs/schedule"
HEADER = "email,org_external_id,org_name\n"
RUN = ("run", "tap-csv", "target-workos-users")


class Nightly:
    """A project whose nightly import is started here."""

    def __init__(self, folder, url):
        self.folder, self.url = folder, url
        self.summaries = []
        shutil.copy(ROOT / "meltano.yml", folder)

    def start(self, rows, **settings):
        (self.folder / "users.csv").write_text(HEADER + "".join(rows))
        own = {f"TARGET_WORKOS_USERS_{name.upper()}": str(each) for name, each in settings.items()}
        files = [{"entity": "users", "path": "users.csv", "keys": []}]
        return subprocess.Popen(
            ["bash", SCHEDULE / "nightly.sh", *RUN],
            cwd=self.folder,
            env={
                **{name: text for name, text in os.environ.items() if "MELTANO" not in name},
                "PATH": PROGRAMS,
                "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
                "TAP_CSV_FILES": json.dumps(files),
                "SUMMARY_URL": self.url,
                **own,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def run(self, rows, **settings):
        return self.start(rows, **settings).wait(240)


@pytest.fixture
def nightly(tmp_path, httpserver):
    nightly = Nightly(tmp_path, httpserver.url_for("/summaries"))

    def take(request):
        nightly.summaries.append(request.get_json())
        return Response()

    httpserver.expect_request("/summaries", method="POST").respond_with_handler(take)
    return nightly


def test_it_is_red_until_every_record_is_right(nightly):
    good = [f"user{number}@example.com,acme,Acme\n" for number in range(30)]
    assert nightly.run([*good, "nobody,acme,Acme\n"]) == 1
    assert nightly.run([*good, "nobody,acme,Acme\n"]) == 1
    assert nightly.run([*good, "somebody@example.com,acme,Acme\n"]) == 0
    first, second, third = (each["records"] for each in nightly.summaries)
    assert (first["loaded"], first["failed"]) == (30, 1)
    assert (second["unchanged"], second["failed"]) == (30, 1)
    assert (third["loaded"], third["unchanged"], third["failed"]) == (1, 30, 0)


def has_users(ledger):
    if not ledger.exists():
        return False
    with closing(sqlite3.connect(f"{ledger.as_uri()}?mode=ro", uri=True)) as database:
        try:
            return database.execute("SELECT 1 FROM people").fetchone() is not None
        except sqlite3.OperationalError:  # it is just being made
            return False


def test_a_signal_stops_it_in_good_order_and_the_summary_says_so(nightly):
    rows = [f"user{number}@example.com,acme,Acme\n" for number in range(5_000)]
    ledger = nightly.folder / "output/errors.jsonl.ledger"
    process = nightly.start(rows, rate_limit=20)
    until(lambda: has_users(ledger))
    process.send_signal(signal.SIGTERM)
    assert process.wait(120) != 0
    [summary] = nightly.summaries
    assert summary["reason"] == "stopped by SIGTERM"


def test_without_a_summary_the_exit_code_is_sent(nightly):
    assert nightly.run([], api_keys="typing error") == 1
    assert nightly.summaries == [{"reason": "no summary: see the log", "exit_code": 1}]


def test_the_cron_job_is_the_job_every_night_by_the_script():
    cron = yaml.safe_load((SCHEDULE / "cronjob.yaml").read_text())
    job = yaml.safe_load((ROOT / "docs/kubernetes/job.yaml").read_text())
    every, once = cron["spec"]["jobTemplate"]["spec"], job["spec"]
    assert cron["spec"]["concurrencyPolicy"] == "Forbid"
    assert every["podReplacementPolicy"] == once["podReplacementPolicy"]
    for name in ("restartPolicy", "terminationGracePeriodSeconds", "securityContext"):
        assert every["template"]["spec"][name] == once["template"]["spec"][name]
    [mine], [theirs] = (each["template"]["spec"]["containers"] for each in (every, once))
    assert (mine["image"], mine["args"]) == (theirs["image"], theirs["args"])
    assert Path(mine["command"][-1]).name in {path.name for path in SCHEDULE.iterdir()}
    mounted = {each["name"] for each in mine["volumeMounts"]}
    assert mounted == {each["name"] for each in every["template"]["spec"]["volumes"]}


def test_the_dag_is_python_and_starts_the_script():
    ast.parse(text := (SCHEDULE / "airflow.py").read_text())
    assert f"{SCHEDULE.relative_to(ROOT)}/nightly.sh" in text
