"""docs/recipes/postgres: a normalized database, read by the tap that Meltano's users take."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import yaml

from tests.support.whole_target import COMMAND, read_lines
from workos_sandbox import read_contents

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("postgres")]

RECIPE = Path(__file__).parents[2] / "docs" / "recipes" / "postgres"
TAP = "meltanolabs-tap-postgres"
STREAMS = ("public-accounts", "public-memberships", "public-users")


def run(*command, **options):
    return subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=240, **options
    )


@pytest.fixture(scope="module")
def tap(tmp_path_factory):
    """The tap in an environment of its own: its dependencies aren't this package's."""
    folder = tmp_path_factory.mktemp("tap")
    try:
        run(sys.executable, "-m", "venv", folder)
        run(folder / "bin" / "pip", "install", "--quiet", TAP)
    except (subprocess.SubprocessError, OSError) as error:
        pytest.skip(f"{TAP} can't be installed here ({error})")
    return str(folder / "bin" / "tap-postgres")


@pytest.fixture(scope="module")
def server():
    """A PostgreSQL of one's own: its port."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        pytest.skip("PostgreSQL's server isn't installed (Debian's package postgresql)")
    folder = tempfile.mkdtemp(prefix="postgres-")
    user = ()
    if os.geteuid() == 0:  # which PostgreSQL refuses
        shutil.chown(folder, "postgres")
        user = ("runuser", "-u", "postgres", "--")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    control = [*user, programs[-1] / "pg_ctl", "-D", f"{folder}/data", "-w"]
    run(*user, programs[-1] / "initdb", "-D", f"{folder}/data", "-A", "trust", "-U", "owner")
    options = f"-p {port} -k {folder} -h 127.0.0.1"
    run(*control, "-l", f"{folder}/log", "-o", options, "start", stdin=subprocess.DEVNULL)
    yield port
    run(*control, "-m", "immediate", "stop")
    shutil.rmtree(folder)


class Job:
    """A nightly job: tap and target, and the state between two runs."""

    def __init__(self, tap, port, folder, *, incremental):
        self.folder, self._tap, self._port = folder, tap, port
        self._state, self._incremental = None, incremental
        self.database = f"job_{'incremental' if incremental else 'full'}"
        self.sql(f"CREATE DATABASE {self.database}", "postgres")
        self.sql((RECIPE / "schema.sql").read_text())
        [loader] = yaml.safe_load((RECIPE / "meltano.yml").read_text())["plugins"]["loaders"]
        self._write("target", {**loader["config"], "sandbox_path": "sandbox.db"})
        url = f"postgresql://owner:unused@127.0.0.1:{port}/{self.database}"
        self._write("tap", {"sqlalchemy_url": url, "filter_schemas": ["public"]})

    def sql(self, text, database=None):
        connection = ("-h", "127.0.0.1", "-p", str(self._port), "-U", "owner")
        run("psql", *connection, "-v", "ON_ERROR_STOP=1", "-c", text, database or self.database)

    def night(self):
        """One run; returns what the target said."""
        catalog = json.loads(
            run(self._tap, "--config", "tap.json", "--discover", cwd=self.folder).stdout
        )
        for stream in catalog["streams"]:
            if self._incremental:
                stream |= {"replication_method": "INCREMENTAL", "replication_key": "updated_at"}
            for each in stream["metadata"]:
                each["metadata"] |= {"selected": True}
                if self._incremental and not each["breadcrumb"]:
                    each["metadata"] |= {
                        "replication-method": "INCREMENTAL",
                        "replication-key": "updated_at",
                    }
        self._write("catalog", catalog)
        state = []
        if self._state:
            self._write("state", self._state)
            state = ["--state", "state.json"]
        tapped = run(
            self._tap, "--config", "tap.json", "--catalog", "catalog.json", *state, cwd=self.folder
        )
        done = run(COMMAND, "--config", "target.json", cwd=self.folder, input=tapped.stdout)
        self._state = read_lines(done.stdout)[-1]
        return done.stderr

    @property
    def world(self):
        return read_contents(self.folder / "sandbox.db")

    @property
    def members(self):
        return {
            (each["email"], each["organization_name"], *each["role_slugs"])
            for each in self.world.memberships
        }

    def _write(self, name, content):
        (self.folder / f"{name}.json").write_text(json.dumps(content))


@pytest.mark.parametrize("incremental", [False, True], ids=["full table", "incremental"])
def test_three_tables_night_after_night(tap, server, tmp_path, incremental):
    job = Job(tap, server, tmp_path, incremental=incremental)
    said = job.night()
    assert "7 read = 7 loaded + 0 unchanged + 0 failed" in said
    assert job.members == {
        ("ada@example.com", "Acme Inc", "member"),
        ("grace@example.com", "Acme Inc", "member"),
        ("grace@example.com", "Globex", "member"),
    }
    assert {user["email"]: user["external_id"] for user in job.world.users} == {
        "ada@example.com": "11",
        "grace@example.com": "12",
    }
    before = job.world
    assert " 0 loaded" in job.night()
    assert job.world == before

    job.sql("UPDATE users SET first_name = 'Augusta', updated_at = now() WHERE id = 11")
    job.sql("INSERT INTO users VALUES (13, 'linus@example.com', 'Linus')")
    job.sql("INSERT INTO memberships VALUES (13, 2, 'member')")
    job.sql("DELETE FROM memberships WHERE user_id = 12 AND account_id = 2")
    assert " 3 loaded" in job.night()
    names = {user["email"]: user["first_name"] for user in job.world.users}
    assert names["ada@example.com"] == "Augusta"
    assert ("linus@example.com", "Globex", "member") in job.members
    # What is gone from the source stays: nothing is deleted in WorkOS.
    assert ("grace@example.com", "Globex", "member") in job.members
    assert " 0 loaded" in job.night()
