from __future__ import annotations

import json
import os
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.whole_target import COMMAND, records, schema, write_messages
from tests.whole.secrets import canaries

TOOLS = str(Path(COMMAND).with_name("workos-users"))
DEBUG = {
    "LOGLEVEL": "DEBUG",
    "TARGET_WORKOS_USERS_LOGLEVEL": "DEBUG",
    "PYTHONASYNCIODEBUG": "1",
    "RUST_LOG": "trace",
}
NAMES_ALLOWED = ("errors", "report.html", "table.csv")
INPUTS = {"config.json", "messages", "sandbox.db", "sandbox.db-wal", "sandbox.db-shm", "users.csv"}


@dataclass
class Said:
    """What a command said.

    Attributes:
        exit_code: Of the process.
        out: Its stdout.
        err: Its stderr.
    """

    exit_code: int
    out: str
    err: str


class Watch:
    """Runs commands over the canaries' records, and looks for them in all that is written.

    Attributes:
        folder: Of all files.
        settings: Of the target.
    """

    def __init__(self, folder, **settings):
        self.folder = folder
        self.settings = {
            "api_key": canaries.API_KEY,
            "errors_path": str(folder / "errors.jsonl"),
            "summary_path": str(folder / "summary.json"),
            "batch_size_rows": 10,
            "rate_limit": 100_000,
            "abort_error_rate": 1,
            "max_retries": 0,
            **settings,
        }
        rows = canaries.rows()
        columns = dict.fromkeys(column for row in rows for column in row if "Canary" not in column)
        self.messages = write_messages(
            folder / "messages",
            [
                schema(columns=columns),
                *records(rows),
                {"type": "STATE", "value": {"bookmarks": {"users": {}}}},
            ],
        )

    def shorten(self, records):
        """Keep but so many of the records."""
        lines = self.messages.read_text().splitlines(keepends=True)
        self.messages.write_text("".join([*lines[: records + 1], lines[-1]]))

    def start(self, *arguments, command=(COMMAND,), **environment):
        """Start the target, at level debug, with no umask to lean on."""
        config = self.folder / "config.json"
        config.write_text(json.dumps(self.settings))
        with self.messages.open("rb") as messages:
            return subprocess.Popen(
                [*command, "--config", config, *arguments],
                stdin=messages,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=self.folder,
                env={**_without_proxies(), **DEBUG, **environment},
                umask=0,
            )

    def end(self, process, timeout=60):
        out, err = (text.decode() for text in process.communicate(timeout=timeout))
        said = Said(process.returncode, out, err)
        self.check(out, err)
        return said

    def run(self, *arguments, **options):
        return self.end(self.start(*arguments, **options))

    def tool(self, *arguments):
        """``workos-users``; what it prints may name users."""
        done = subprocess.run(
            [TOOLS, *map(str, arguments)], capture_output=True, check=True, cwd=self.folder
        )
        assert not canaries.secrets_in((done.stdout + done.stderr).decode())
        self.check()

    def check(self, *said):
        """No secret anywhere; personal data in the errors file and in what is made of it only."""
        for text in said:
            assert not canaries.secrets_in(text)
            assert not canaries.personal_in(text)
        check_files(self.folder)

    def errors(self):
        text = (self.folder / "errors.jsonl").read_text()
        return [json.loads(line) for line in text.splitlines()]


def check_files(folder):
    """What :meth:`Watch.check` says, of the files in a folder; and each is for its owner's eyes."""
    for path in folder.rglob("*"):
        if path.is_file() and path.name not in INPUTS and ".lock" not in path.name:
            text = path.read_text(errors="replace")
            assert not canaries.secrets_in(text), path
            assert path.name.startswith(NAMES_ALLOWED) or not canaries.personal_in(text), path
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def _without_proxies():
    return {name: value for name, value in os.environ.items() if "_proxy" not in name.lower()}


@pytest.fixture
def watch(tmp_path):
    """Over a sandbox."""
    return Watch(tmp_path, sandbox_path=str(tmp_path / "sandbox.db"))
