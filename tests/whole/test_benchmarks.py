"""The benchmarks that compare, at a small size: the figures mean what their names say."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from benchmarks import long_run
from benchmarks.peers import peers

# Plays the peer: one request at a time, and an organization's membership only for new users.
PEER = """
import csv, json, os, sys, urllib.error, urllib.request

def post(path, body):
    request = urllib.request.Request(os.environ["WORKOS_API_URL"] + path, json.dumps(body).encode())
    request.add_header("Authorization", "Bearer " + os.environ["WORKOS_SECRET_KEY"])
    request.add_header("Content-Type", "application/json")
    return json.load(urllib.request.urlopen(request))["id"]

organizations = {}
for row in csv.DictReader(open(sys.argv[1])):
    of = row["org_external_id"]
    if of not in organizations:
        organizations[of] = post("/organizations", {"name": row["org_name"], "external_id": of})
    try:
        user = post("/user_management/users", {"email": row["email"]})
    except urllib.error.HTTPError:
        continue
    member = {"user_id": user, "organization_id": organizations[of]}
    post("/user_management/organization_memberships", member)
"""


@pytest.fixture
def peer(tmp_path, monkeypatch):
    (tmp_path / "import.py").write_text(PEER)
    monkeypatch.setenv("PEER", str(tmp_path))
    monkeypatch.setenv("PEER_COMMAND", f"{sys.executable} {{peer}}/import.py {{csv}}")


@pytest.mark.usefixtures("peer")
def test_a_peer_is_measured_beside_ours_with_the_memberships_that_it_loses():
    figures = peers(users=100, turns=1)
    assert figures["missing_memberships_ours"] == 0
    assert figures["missing_memberships_peer"] == 6  # 10 rows of 4 users
    # Two a user; for each of the 100 organizations the peer has one, and ours looks first.
    assert (figures["requests_peer"], figures["requests_ours"]) == (300, 500)
    assert figures["users_per_s_ratio"] > 0
    assert figures["cpu_s_ratio"] > 0
    assert figures["rss_mb_ratio"] > 0


@pytest.mark.usefixtures("peer")
def test_a_peer_that_reaches_another_server_is_not_measured(monkeypatch):
    monkeypatch.setenv("PEER_COMMAND", f"{sys.executable} -c pass")
    with pytest.raises(RuntimeError, match="did it reach"):
        peers(users=100, turns=1)


def test_without_a_peer_one_line_says_so():
    run = [sys.executable, "-m", "benchmarks", "peers"]
    (line,) = subprocess.run(run, capture_output=True, text=True, check=True).stdout.splitlines()
    assert "PEER isn't set" in json.loads(line)["skipped"]


def test_a_long_run_is_resumed_after_what_its_history_says(monkeypatch):
    monkeypatch.setattr(long_run, "BEFORE", 2_000)
    monkeypatch.setattr(long_run, "NEW", 500)
    monkeypatch.setenv("LONG_RUN_RECORDS", "5000")
    figures = long_run.long_run()
    assert figures["records"] == 5_000
    assert figures["s_to_first_new_record"] > 0
