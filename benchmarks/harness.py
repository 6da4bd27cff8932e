"""Servers and the target as processes of their own, and what they used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import urlopen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

BIN = Path(sys.executable).parent
API_KEY = "sk_test_sandbox"
HASH = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"

RECORD = {
    "email": "user<user>@example.com",
    "first_name": "Ada",
    "last_name": "Number <user>",
    "email_verified": "true",
    "external_id": "u-<user>",
    "password_hash": HASH,
    "password_hash_type": "bcrypt",
    "metadata": '{"plan":"pro","seats":"5","source":"legacy"}',
    "org_external_id": "org-<org>",
    "org_name": "Organization <org>",
    "role_slugs": "member",
}


@dataclass
class Used:
    """What one run of a command took.

    Attributes:
        seconds: Wall clock.
        cpu: Seconds of CPU, user and system.
        rss_mb: Peak resident memory.
        exit_code: Its.
    """

    seconds: float
    cpu: float
    rss_mb: float
    exit_code: int


@dataclass
class Measured(Used):
    """What one run of the target took.

    Attributes:
        states: Number of STATE lines.
        last_state: The last of them.
    """

    states: int
    last_state: bytes


SCHEMA = b'{"type":"SCHEMA","stream":"users","schema":{"properties":{}},"key_properties":[]}\n'
STATE = b'{"type":"STATE","value":{"bookmarks":{"users":{}}}}\n'
# Made once: ten million of them take a minute.
_LINE = json.dumps({"type": "RECORD", "stream": "users", "record": RECORD}).encode() + b"\n"


def message(user: int, organization: int) -> bytes:
    """The Singer line of a user with a membership."""
    return _LINE.replace(b"<user>", b"%d" % user).replace(b"<org>", b"%d" % organization)


def messages(users: int, organizations: int = 100, *, start: int = 0) -> Iterator[bytes]:
    """Singer lines of so many users with a membership each."""
    yield SCHEMA
    for number in range(start, start + users):
        yield message(number, number % organizations)
    yield STATE


def run_target(
    lines: Iterable[bytes],
    folder: Path,
    *,
    command: Sequence[str | Path] = (BIN / "target-workos-users",),
    **config: Any,
) -> Measured:
    """Run the target behind a pipe that these lines come through.

    Raises:
        RuntimeError: It failed.
    """
    path = folder / "config.json"
    defaults = {"api_key": API_KEY, "errors_path": str(folder / "errors.jsonl")}
    path.write_text(json.dumps({**defaults, **config}))
    output, log = folder / "states.jsonl", folder / "log"
    with output.open("wb") as stdout, log.open("wb") as stderr:
        used = run_command([*command, "--config", path], lines, stdout=stdout, stderr=stderr)
    if used.exit_code:
        raise RuntimeError(log.read_text()[-2000:])
    count, last = 0, b""
    with output.open("rb") as file:
        for last in file:  # noqa: B007 - the last one is wanted
            count += 1
    return Measured(**vars(used), states=count, last_state=last)


def run_command(command: Sequence[str | Path], lines: Iterable[bytes], **options: Any) -> Used:
    """Run a command behind a pipe that these lines come through.

    Args:
        command: And its arguments.
        lines: Its input.
        options: Of :class:`subprocess.Popen`.
    """
    started = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.PIPE, **options)
    assert process.stdin
    with suppress(BrokenPipeError):  # it has failed: its log says why
        process.stdin.writelines(lines)
        process.stdin.close()
    _, status, usage = os.wait4(process.pid, 0)  # what it started, and waited for, included
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds, cpu = time.monotonic() - started, usage.ru_utime + usage.ru_stime
    return Used(seconds, cpu, usage.ru_maxrss / 1024, process.returncode)


def with_state(state: bytes, lines: Iterable[bytes]) -> Iterator[bytes]:
    """The lines, after the STATE that an SDK tap hands back."""
    yield b'{"type":"STATE","value":' + state.strip() + b"}\n"
    yield from lines


def written(folder: Path, lines: Iterable[bytes]) -> Path:
    """The lines in a file, so that making them costs nothing while the target runs."""
    path = folder / "input.singer"
    with path.open("wb") as file:
        file.writelines(lines)
    return path


def read_back(path: Path) -> Iterator[bytes]:
    """The file in large pieces."""
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            yield piece


@contextmanager
def folder() -> Iterator[Path]:
    """An empty folder that goes away."""
    with tempfile.TemporaryDirectory() as path:
        yield Path(path)


@contextmanager
def server(*command: str | Path) -> Iterator[str]:
    """A server in a process of its own; it prints its URL last on a line.

    Yields:
        Its base URL.
    """
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            yield process.stdout.readline().split()[-1].decode()
        finally:
            process.terminate()


@contextmanager
def sandbox(*flags: str, db: Path | None = None) -> Iterator[str]:
    """The embedded sandbox, with an empty file, or with this one."""
    with (
        folder() as path,
        server(
            BIN / "workos-users", "sandbox", "--db", db or path / "db", "--port", "0", *flags
        ) as url,
    ):
        yield url


@contextmanager
def stub() -> Iterator[str]:
    """A server that says yes to everything, as fast as Python can."""
    with server(sys.executable, "-m", "benchmarks.stub") as url:
        yield url


def counts_of(url: str) -> dict[str, Any]:
    """What the sandbox or the stub counted."""
    with urlopen(f"{url}/_sandbox/counts") as answer:
        counts: dict[str, Any] = json.load(answer)
    return counts


def destination(url: str) -> str:
    """As the target's checkpoint and ledger name it."""
    return f"{urlsplit(url).netloc}#{sha256(API_KEY.encode()).hexdigest()[:8]}"


def refused(counts: dict[str, Any]) -> int:
    """Number of 429 in these counts."""
    return sum(outcomes.get("429", 0) for outcomes in counts["requests"].values())
