"""``meltano run``, stopped in every way that it can be, and resumed; and its state commands.

What Meltano 4.4.1 does at each stop was measured with these tests; docs/state.md tells the user.
"""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.stress.kill import source
from tests.stress.kill.conftest import until
from tests.stress.kill.lab import CHUNK, CONCURRENCY, Lab
from workos_sandbox import read_contents

pytest.importorskip("meltano")

BIN = Path(sys.executable).parent
STATE_ID = "test:tap-csv-to-target-workos-users"
RUN = ("run", "tap-csv", "target-workos-users")
FAILING = len(source.expected_errors(source.make_records()))
MOST_OF_A_RETRY = 3 * FAILING  # requests: every run tries again what failed


class Project(Lab):
    """A Meltano project of its own, which loads the records from a CSV file."""

    capabilities = ("catalog", "discover", "state")
    tap = BIN / "tap-csv"

    def prepare(self, **settings):
        self.settings |= settings
        write_csv(self.folder / "users.csv", self.records)
        plugins = {
            "extractors": [
                {
                    "name": "tap-csv",
                    "namespace": "tap_csv",
                    "executable": str(self.tap),
                    "capabilities": list(self.capabilities),
                    "settings": [{"name": "files", "kind": "array"}],
                    "config": {"files": [{"entity": "users", "path": "users.csv", "keys": []}]},
                }
            ],
            "loaders": [
                {
                    "name": "target-workos-users",
                    "namespace": "target_workos_users",
                    "executable": str(BIN / "target-workos-users"),
                    "config": {
                        "api_key": source.API_KEY,
                        "base_url": self.base_url,
                        "errors_path": "errors.jsonl",
                        "batch_size_rows": CHUNK,
                        "concurrency": CONCURRENCY,
                        "rate_limit": 100_000,
                        **self.settings,
                    },
                }
            ],
        }
        project = {
            "project_id": "kill-tests",
            "default_environment": "test",
            "environments": [{"name": "test"}],
            "plugins": plugins,
        }
        # JSON is YAML.
        (self.folder / "meltano.yml").write_text(json.dumps(project))

    def start_meltano(self, *arguments):
        environment = {
            **{name: value for name, value in os.environ.items() if "MELTANO" not in name},
            "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
            "NO_COLOR": "1",
        }
        with (self.folder / "run.err").open("ab") as log:
            return subprocess.Popen(
                [BIN / "meltano", *arguments],
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
            )

    def meltano(self, *arguments, exit_code=0):
        """Run a command to its end; returns its stdout."""
        process = self.start_meltano(*arguments)
        out, _ = process.communicate(timeout=120)
        assert process.returncode == exit_code, self.log()
        return out.decode()

    def log(self):
        return (self.folder / "run.err").read_text()

    def state(self, state_id=STATE_ID):
        return json.loads(self.meltano("state", "get", state_id))

    def stream(self, state_id=STATE_ID):
        entry = self.state(state_id)["singer_state"]["bookmarks"]["target-workos-users"]
        return entry["streams"]["users"]

    def interrupt(self, stop, *arguments):
        """Start a run, let it load thirty records, and stop it by ``stop(process)``."""
        self.control("faults", {"latency_ms": 80})
        done = self.memberships()
        process = self.start_meltano(*RUN, *arguments)
        until(lambda: self.memberships() >= done + 30)
        stop(process)
        process.communicate(timeout=120)
        for pid in descendants(process.pid):
            until(lambda pid=pid: not is_alive(pid))
        self.control("faults", {})
        return process.returncode

    def control(self, name, body):
        request = urllib.request.Request(
            f"{self.base_url}/_sandbox/{name}",
            json.dumps(body).encode() if body is not None else None,
            method="GET" if body is None else "PUT",
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def memberships(self):
        return len(read_contents(self.db).memberships)

    def requests(self):
        return self.control("counts", None)["total"]

    def repeated(self, state_id=STATE_ID):
        """Memberships that were found already made, in this pass over the source."""
        return self.stream(state_id)["tally"].get("memberships_existing", 0)


def write_csv(path, records):
    columns = {column: None for record in records for column in record}
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(columns))
        writer.writeheader()
        for record in records:
            writer.writerow({**record, "metadata": json.dumps(record["metadata"])})


def descendants(pid):
    """Processes below one, whether or not it lives."""
    below = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            child = int(stat.parent.name)
            below += [child, *descendants(child)]
    return below


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def plugin(process, name):
    """The process of a plugin under Meltano."""
    (pid,) = (
        pid
        for pid in descendants(process.pid)
        if f"/{name}\0".encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    )
    return pid


@pytest.fixture
def project(lab):
    return Project(lab.folder, lab.base_url, lab.db)


def failures_of_chunk(number):
    return any(map(source.failure_of, range((number - 1) * CHUNK + 1, number * CHUNK + 1)))


def kill_target(process):
    os.kill(plugin(process, "target-workos-users"), signal.SIGKILL)


def terminate(process):
    process.send_signal(signal.SIGTERM)


def test_a_terminated_run_is_resumed_and_a_third_only_tries_again_what_failed(project):
    project.prepare()
    assert project.interrupt(terminate) != 0
    assert not project.stream()["complete"]
    project.meltano(*RUN)
    project.check()
    assert project.stream()["complete"]
    assert project.repeated() <= FAILING
    before = project.requests()
    project.meltano(*RUN)
    assert project.requests() - before <= MOST_OF_A_RETRY
    project.check()


def test_after_a_killed_target_only_what_was_in_flight_is_repeated(project):
    project.prepare()
    assert project.interrupt(kill_target) != 0
    project.meltano(*RUN)
    project.check()
    assert project.repeated() <= CONCURRENCY + FAILING


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_again_and_again_it_repeats_nothing(project, number):
    project.prepare()
    for _ in range(2):
        project.interrupt(lambda process: process.send_signal(number))
    project.meltano(*RUN)
    project.check()
    assert project.repeated() <= FAILING


@pytest.mark.slow
def test_after_ctrl_c_in_a_terminal_nothing_is_repeated(project):
    """It sends SIGINT to Meltano and to both plugins."""
    project.prepare()

    def ctrl_c(process):
        for pid in [*descendants(process.pid), process.pid]:
            os.kill(pid, signal.SIGINT)

    project.interrupt(ctrl_c)
    project.meltano(*RUN)
    project.check()
    assert project.repeated() <= FAILING


@pytest.mark.slow
def test_a_killed_meltano_has_to_be_forced_and_then_goes_on(project):
    project.prepare()
    project.interrupt(lambda process: process.kill())
    project.meltano(*RUN, exit_code=1)
    assert "--force" in project.log()
    project.meltano("run", "--force", *RUN[1:])
    project.check()
    assert project.stream()["complete"]
    assert project.repeated() <= CONCURRENCY + FAILING


SLOW_TAP = f"""#!{sys.executable}
import subprocess, sys, time
with subprocess.Popen([{str(BIN / "tap-csv")!r}, *sys.argv[1:]], stdout=subprocess.PIPE) as tap:
    for line in tap.stdout:
        time.sleep(0.02)
        sys.stdout.buffer.write(line)
        sys.stdout.flush()
sys.exit(tap.returncode)
"""


@pytest.mark.slow
def test_after_a_killed_tap_the_rest_is_loaded(project):
    """Between two lines a dead tap looks like a whole one."""
    project.tap = project.folder / "slow-tap"
    project.tap.write_text(SLOW_TAP)
    project.tap.chmod(0o700)
    project.prepare()
    project.interrupt(kill_target)
    assert project.interrupt(lambda process: os.kill(plugin(process, "slow-tap"), signal.SIGKILL))
    assert project.stream()["records"] < len(project.records)
    project.meltano(*RUN)
    project.check()
    assert project.stream()["complete"]
    assert project.repeated() <= CONCURRENCY + FAILING


@pytest.mark.slow
def test_a_full_refresh_loads_everything_once_more(project):
    project.prepare()
    project.meltano(*RUN)
    before = project.stream()
    project.meltano("run", "--full-refresh", *RUN[1:])
    after = project.stream()
    assert project.repeated() == project.memberships()
    assert after["chunks"] == before["chunks"]
    project.check_world()


@pytest.mark.slow
def test_each_state_id_suffix_has_a_checkpoint_of_its_own(project):
    project.prepare()
    project.meltano(*RUN)
    project.meltano("run", "--state-id-suffix", "again", *RUN[1:])
    assert project.stream(f"{STATE_ID}:again")["complete"]
    before = project.requests()
    project.meltano("run", "--state-id-suffix", "again", *RUN[1:])
    project.meltano(*RUN)
    assert project.requests() - before <= MOST_OF_A_RETRY


@pytest.mark.slow
def test_merged_states_are_as_good_as_overwritten_ones(project):
    merging = ("run", "--state-strategy", "merge", *RUN[1:])
    project.prepare()
    project.interrupt(kill_target, "--state-strategy", "merge")
    project.meltano(*merging)
    project.check()
    assert project.stream()["complete"]
    assert project.repeated() <= CONCURRENCY + FAILING
    before = project.requests()
    project.meltano(*merging)
    assert project.requests() - before <= MOST_OF_A_RETRY


@pytest.mark.slow
def test_state_cleared_set_and_copied_means_what_it_says(project):
    project.prepare()
    project.meltano(*RUN)
    complete = project.state()
    before = project.requests()

    # To another id, and so to another job or project.
    project.meltano("state", "copy", "--force", STATE_ID, f"{STATE_ID}:copy")
    project.meltano("run", "--state-id-suffix", "copy", *RUN[1:])
    assert project.requests() - before <= MOST_OF_A_RETRY

    # Back to an earlier chunk, as docs/state.md says.
    stream = complete["singer_state"]["bookmarks"]["target-workos-users"]["streams"]["users"]
    chunks = stream["chunks"]
    stream |= {"complete": True, "chunks": chunks[:3]}
    path = project.folder / "state.json"
    path.write_text(json.dumps(complete))
    project.meltano("state", "set", "--force", STATE_ID, "--input-file", str(path))
    aside = project.errors_path.rename(project.folder / "errors-before.jsonl")
    project.meltano(*RUN)
    # A chunk in which a record failed is completed, for nothing else is known of it now.
    intact = CHUNK * sum(not failures_of_chunk(number) for number in range(1, 4))
    again = len(project.records) - intact
    assert again - 2 * FAILING <= project.repeated() <= again
    assert project.stream()["tally"]["unchanged"] == intact
    assert project.stream()["chunks"] == chunks
    project.check_world()
    assert set(project.errors()) == set(project.errors(aside))

    # Cleared: everything.
    project.meltano("state", "clear", "--force", STATE_ID)
    project.meltano(*RUN)
    assert project.repeated() == project.memberships()
    project.check_world()


@pytest.mark.slow
def test_a_tap_that_hands_nothing_back_is_resumed_from_meltano(project):
    project.capabilities = ("catalog", "discover")
    project.prepare(resume_from_meltano=True)
    project.interrupt(kill_target)
    project.meltano(*RUN)
    project.check()
    assert project.repeated() <= CONCURRENCY + FAILING
    before = project.requests()
    project.meltano(*RUN)
    assert project.requests() - before <= MOST_OF_A_RETRY


@pytest.mark.slow
def test_a_tap_that_hands_nothing_back_is_told_of(project):
    project.capabilities = ("catalog", "discover")
    project.prepare()
    project.meltano(*RUN)
    assert "capabilities: [catalog, discover, state]" in project.log()
