"""Options of the tests of the target, and the sandbox of those that bring none of their own."""

from __future__ import annotations

import pytest

from tests.support.whole_target import running_sandbox


def pytest_addoption(parser):
    parser.addoption(
        "--update-golden", action="store_true", help="write what the golden tests expect anew"
    )


@pytest.fixture
def sandbox(tmp_path):
    """An empty sandbox that keeps what it was asked for."""
    with running_sandbox(tmp_path / "sandbox.db", record_requests=True) as running:
        yield running
