"""Runs the whole target: Singer messages in, real HTTP to the sandbox."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from target_workos_users.target import TargetWorkosUsers
from tests.support.sandbox import call, running_sandbox  # noqa: F401 - what goes with it

if TYPE_CHECKING:
    from collections.abc import Iterable

LOGGER = "target-workos-users"
COMMAND = str(Path(sys.executable).with_name("target-workos-users"))
FAST = {"rate_limit": 100_000}  # the sandbox keeps no budget unless it is told to


@dataclass
class Finished:
    """How a run of the target ended.

    Attributes:
        exit_code: Of the process.
        states: Values printed on stdout, a STATE line each.
        errors: Lines of errors.jsonl.
        log: (level, text) of what the target said.
    """

    exit_code: int
    states: list[dict[str, Any]]
    errors: list[dict[str, Any]]
    log: list[tuple[str, str]]

    def said(self, text: str, level: str = "") -> int:
        """How many log messages hold a text."""
        return sum(text in said and (not level or level == given) for given, said in self.log)

    @property
    def tally(self) -> dict[str, int]:
        """What the last STATE line counts, all streams together."""
        total: dict[str, int] = {}
        streams = self.states[-1]["bookmarks"]["target-workos-users"]["streams"]
        for stream in streams.values():
            for name, count in stream.get("tally", {}).items():
                total[name] = total.get(name, 0) + count
        return total


class _Collect(logging.Handler):
    def __init__(self, log: list[tuple[str, str]]) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        self._log.append((record.levelname, record.getMessage()))


def run_target(
    config: dict[str, Any], messages: Path, errors: Path, state_file: Path | None = None
) -> Finished:
    """Run the target in this process, with a file on its stdin.

    Args:
        config: Its settings.
        messages: The file with the Singer messages.
        errors: Where its errors file is.
        state_file: What ``--state`` names.
    """
    log: list[tuple[str, str]] = []
    handler = _Collect(log)
    logger = logging.getLogger(LOGGER)
    before = logger.level, [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    stdout = io.StringIO()
    try:
        with messages.open(encoding="utf-8") as file, contextlib.redirect_stdout(stdout):
            exit_code = TargetWorkosUsers(config=config, state_file=state_file).run(file)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        for number, previous in zip((signal.SIGINT, signal.SIGTERM), before[1], strict=True):
            signal.signal(number, previous)
    return Finished(exit_code, read_lines(stdout.getvalue()), read_errors(errors), log)


def run_process(config: Path, messages: bytes, errors: Path, *, cwd: Path) -> tuple[Finished, str]:
    """Run the target as a process of its own, with messages through a pipe.

    Returns:
        How it ended (without a log), and all that it wrote to stderr.
    """
    done = subprocess.run(
        [COMMAND, "--config", config],
        input=messages,
        capture_output=True,
        check=False,
        cwd=cwd,
        timeout=60,
    )
    finished = Finished(done.returncode, read_lines(done.stdout.decode()), read_errors(errors), [])
    return finished, done.stderr.decode()


def read_lines(text: str) -> list[dict[str, Any]]:
    """JSON lines; every one must be whole."""
    return [json.loads(line) for line in text.splitlines()]


def read_errors(path: Path) -> list[dict[str, Any]]:
    """The lines of an errors file; none if there is no file."""
    return read_lines(path.read_text(encoding="utf-8")) if path.exists() else []


def schema(stream: str = "users", columns: Iterable[str] = ("email",)) -> dict[str, Any]:
    """A SCHEMA message of columns that hold anything."""
    properties = {column: {} for column in columns}
    return {
        "type": "SCHEMA",
        "stream": stream,
        "schema": {"properties": properties},
        "key_properties": [],
    }


def records(rows: Iterable[dict[str, Any]], stream: str = "users") -> list[dict[str, Any]]:
    """A RECORD message for each row."""
    return [{"type": "RECORD", "stream": stream, "record": row} for row in rows]


def write_messages(path: Path, messages: Iterable[dict[str, Any]]) -> Path:
    """A file of Singer messages."""
    path.write_text("".join(json.dumps(message) + "\n" for message in messages))
    return path
