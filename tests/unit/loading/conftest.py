"""A sandbox to load rows into."""

from __future__ import annotations

import pytest

from tests.support.loading import Environment
from workos_sandbox import Sandbox


@pytest.fixture
def options():
    """What a test module or class wants of its sandbox."""
    return {}


@pytest.fixture
async def workos(tmp_path, options):
    path = tmp_path / "sandbox.db"
    async with Sandbox(path, roles=["editor", "viewer"], **options) as sandbox:
        environment = Environment(sandbox, path)
        yield environment
        await environment.close()
