from __future__ import annotations

import os
import socket
import sys
import time
from contextlib import contextmanager

import pytest

from target_workos_users import cli

pytest.register_assert_rewrite("tests.stress.kill.lab")

from tests.stress.kill import source  # noqa: E402 - after the line above
from tests.stress.kill.lab import Lab, processes  # noqa: E402


def until(condition):
    """Wait for something that happens in another process."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def serve(db, port, *options):
    """``workos-users sandbox``, in a process of its own."""
    out = os.open(db.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(out, 1)
    os.dup2(out, 2)
    sys.argv = ["workos-users", "sandbox", "--db", str(db), "--port", str(port), "--no-limits"]
    sys.argv += ["--api-key", source.API_KEY, "--role", "editor", "--latency", "2", *options]
    cli.main()


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def sandbox_process(db, *options):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = processes.Process(target=serve, args=(db, port, *options))
    process.start()
    try:
        until(lambda: listens(port))
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.join()


@pytest.fixture
def lab(tmp_path):
    db = tmp_path / "sandbox.db"
    with sandbox_process(db) as url:
        yield Lab(tmp_path, url, db)


@pytest.fixture(scope="session")
def calls(tmp_path_factory):
    """How often an undisturbed import comes by each step; it is checked, too."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with sandbox_process(folder / "sandbox.db") as url:
        undisturbed = Lab(folder, url, folder / "sandbox.db")
        ended = undisturbed.run()
        assert ended.exit_code == 0, ended.err
        undisturbed.check()
        assert not undisturbed.redone()
        return ended.calls
