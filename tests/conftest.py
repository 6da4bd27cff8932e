"""Options of the tests of the target, and the sandbox of those that bring none of their own."""

from __future__ import annotations

from functools import partial

import pytest

from target_workos_users.api import connect, pacing
from target_workos_users.api.transport import Transport
from tests.support.whole_target import running_sandbox


def pytest_addoption(parser):
    parser.addoption(
        "--update-golden", action="store_true", help="write what the golden tests expect anew"
    )


@pytest.fixture
def _retries_come_soon(monkeypatch):
    """What was lost or refused is tried again after hundredths of the seconds."""
    soon = partial(Transport, backoff=lambda attempt: 0.01 * 2**attempt)
    monkeypatch.setattr(connect, "Transport", soon)
    monkeypatch.setattr(pacing, "_FIRST_PAUSE", 0.01)


@pytest.fixture
def sandbox(tmp_path):
    """An empty sandbox that keeps what it was asked for."""
    with running_sandbox(tmp_path / "sandbox.db", record_requests=True) as running:
        yield running
