"""A real Redis server of a test's own, on a free loopback port, which keeps nothing on disk."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time

import pytest


@contextlib.contextmanager
def running_redis(folder, *options, port=None):
    """Yields (port, process); the test may stop the process, and start another on the port."""
    command = shutil.which("redis-server")
    if command is None:
        pytest.skip("needs redis-server on PATH (apt-get install redis-server)")
    if port is None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
    process = subprocess.Popen(
        [command, "--port", str(port), "--bind", "127.0.0.1", "--save", "", *options],
        cwd=folder,
        stdout=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 20
        while not _listens(port):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield port, process
    finally:
        process.kill()
        process.wait()


def _listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
