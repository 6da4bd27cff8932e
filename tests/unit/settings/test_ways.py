"""Every way to give a setting, over real processes: what is set is what happens."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.whole_target import (
    COMMAND,
    call,
    read_errors,
    records,
    running_sandbox,
    schema,
    write_messages,
)
from workos_sandbox import read_contents

BIN = Path(sys.executable).parent
PREFIX = "TARGET_WORKOS_USERS_"
LOADER = "target-workos-users"

ASKED = {
    "fail_on_errors": True,
    "existing_users": "update",
    "batch_size_rows": 2,
    "streams": ["users"],
    "stream_maps": {"users": {"email": "mail", "first_name": "given", "password": None}},
}
"""Each changes what becomes of ``MESSAGES``."""

DRY = {**ASKED, "dry_run": True, "rate_limit": 12.5}

MESSAGES = [
    schema("others", ["mail", "given"]),
    *records([{"mail": "eve@example.com", "given": "Eve"}], "others"),
    schema("users", ["mail", "given"]),
    *records(
        [
            {"mail": "ann@example.com", "given": "Ann"},
            {"mail": "bob@example.com", "given": "Bob"},
            {"mail": "broken", "given": "Nobody"},
        ]
    ),
]


def variables(settings, prefix=PREFIX):
    return {
        prefix + name.upper(): value if isinstance(value, str) else json.dumps(value)
        for name, value in settings.items()
    }


class Place:
    """A folder with a sandbox file in which ann is called Old, and the ways to run the target."""

    def __init__(self, folder, shared):
        self.folder, self.shared = folder, shared
        self.sandbox = Path(shutil.copy(shared / "sandbox.db", folder))
        self.messages = write_messages(folder / "messages.jsonl", MESSAGES)
        self.base = {"sandbox_path": "sandbox.db"}
        self.before = self.content()

    def content(self):
        """The files that the target could write, and what is in the sandbox."""
        given = {"meltano.yml", "tap.sh", "config.json", ".env"}
        files = {path.name for path in self.folder.iterdir() if "sandbox.db-" not in path.name}
        return files - given, self.users()

    def users(self):
        return {user["email"]: user["first_name"] for user in read_contents(self.sandbox).users}

    def run(self, *command, **environment):
        kept = {
            name: text
            for name, text in os.environ.items()
            if not name.startswith(("WORKOS", "TARGET_", "MELTANO"))
        }
        kept |= {
            "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "0",
            "MELTANO_SYS_DIR_ROOT": str(self.shared / ".meltano"),
        }
        return subprocess.run(
            command,
            cwd=self.folder,
            env=kept | environment,
            input=self.messages.read_text(),
            capture_output=True,
            check=False,
            text=True,
        )

    def pipe(self, settings, *arguments):
        return self.run(COMMAND, *arguments, **variables(self.base | settings))

    def pipe_with_env(self, settings):
        return self.pipe(settings, "--config=ENV")

    def dotenv(self, settings):
        lines = variables(self.base | settings).items()
        (self.folder / ".env").write_text("".join(f"{name}='{text}'\n" for name, text in lines))
        return self.run(COMMAND, "--config=ENV")

    def over_the_file(self, settings):
        """The file says otherwise of all of it."""
        other = {"dry_run": False, "streams": ["others"], "stream_maps": {}, "rate_limit": 1}
        return self.file(other, **variables(settings))

    def file(self, settings, **environment):
        path = self.folder / "config.json"
        path.write_text(json.dumps(self.base | settings))
        return self.run(COMMAND, "--config", path, **environment)

    def meltano(self, loader, environment, *, declared=()):
        """``meltano run``, in a project that declares some settings."""
        script = self.folder / "tap.sh"
        script.write_text(f"#!/bin/sh\ncat {self.messages}\n")
        script.chmod(0o755)
        tap = {
            "name": "tap-messages",
            "namespace": "tap_messages",
            "executable": str(script),
            "capabilities": [],
        }
        target = {
            "name": LOADER,
            "namespace": "target_workos_users",
            "executable": COMMAND,
            "settings": list(declared),
            "config": self.base,
        }
        inherited = {"name": f"{LOADER}--eu", "inherit_from": LOADER}
        plugins = {"extractors": [tap], "loaders": [target, inherited]}
        project = {
            "project_id": "ways",
            "default_environment": "test",
            "environments": [{"name": "test"}],
            "plugins": plugins,
        }
        (self.folder / "meltano.yml").write_text(json.dumps(project))  # JSON is YAML
        return self.run(BIN / "meltano", "run", "tap-messages", loader, **environment)

    def undeclared(self, settings):
        return self.meltano(LOADER, variables(settings))

    def declared(self, settings):
        return self.meltano(LOADER, variables(settings), declared=declarations())

    def inherited(self, settings):
        environment = variables(settings, f"{PREFIX}_EU_")
        return self.meltano(f"{LOADER}--eu", environment, declared=declarations())

    def inherited_undeclared(self, settings):
        return self.meltano(f"{LOADER}--eu", variables(settings, f"{PREFIX}_EU_"))


def declarations():
    kinds = {int: "integer", list: "array", dict: "object"}  # as docs.generate declares them
    return [{"name": name, "kind": kinds.get(type(value), "string")} for name, value in DRY.items()]


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A sandbox file to begin with, and Meltano's own folder, which takes seconds to make."""
    folder = tmp_path_factory.mktemp("shared")
    with running_sandbox(folder / "sandbox.db") as sandbox:
        ann = {"email": "ann@example.com", "first_name": "Old"}
        call(sandbox, "POST", "/user_management/users", ann)
    return folder


@pytest.fixture
def place(tmp_path, shared):
    return Place(tmp_path, shared)


def ways(*slow):
    """A test for each; those that are slow are run with ``--slow``, one more with ``--deep``."""
    in_one_process = pytest.mark.xdist_group("meltano-settings")
    pipes = (Place.file, Place.pipe, Place.pipe_with_env, Place.dotenv, Place.over_the_file)
    meltano = (Place.declared, Place.undeclared, Place.inherited, Place.inherited_undeclared)
    marks = {way: [in_one_process, *([pytest.mark.slow] * (way in slow))] for way in meltano}
    marks[Place.inherited_undeclared].append(pytest.mark.deep)
    each = [*pipes, *(pytest.param(way, marks=marks[way]) for way in meltano)]
    return pytest.mark.parametrize("way", each, ids=lambda way: way.__name__)


@ways(Place.declared, Place.inherited)
def test_what_is_asked_for_happens(place, way):
    done = way(place, ASKED)
    assert done.returncode == 1, done.stderr  # fail_on_errors
    assert place.users() == {"ann@example.com": "Ann", "bob@example.com": "Bob"}, done.stderr
    (error,) = read_errors(place.folder / "errors.jsonl")
    assert (error["record_number"], error["chunk"]) == (3, 2)


@ways()
def test_a_dry_run_writes_nothing(place, way):
    done = way(place, DRY)
    assert "3 records, 1 would fail" in done.stderr, done.stderr
    assert place.content() == place.before
    assert "at 12.5 writes/s" in done.stderr
    assert "bookmarks" not in done.stdout


@pytest.mark.parametrize("way", [Place.pipe, Place.file, Place.dotenv], ids=lambda w: w.__name__)
def test_a_misspelled_setting_stops_the_run_before_anything_else(place, way):
    done = way(place, {"dryrun": True})
    assert done.returncode == 1
    assert "isn't a setting. Did you mean" in done.stderr
    assert done.stdout == ""
    assert place.content() == place.before


def test_what_is_set_counts_more_than_a_dotenv_file(place):
    (place.folder / ".env").write_text(f"{PREFIX}DRY_RUN=false\n")
    done = place.pipe(DRY, "--config=ENV")
    assert "3 records, 1 would fail" in done.stderr
    assert place.content() == place.before
