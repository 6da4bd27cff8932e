from __future__ import annotations

import pytest
from redis.asyncio import Redis

from target_workos_users.api import redis_limit
from tests.support.redis_server import running_redis
from tests.support.scripted_api import Api, Script


@pytest.fixture
def workos(httpserver_ipv4):
    """The script of a WorkOS; all of it must have been asked for, and nothing else."""
    yield Script(httpserver_ipv4)
    httpserver_ipv4.check()
    assert not httpserver_ipv4.ordered_handlers


@pytest.fixture
async def api(workos):
    """Its calls."""
    async with Api(workos.url) as opened:
        yield opened


@pytest.fixture(scope="module")
def redis_port(tmp_path_factory):
    with running_redis(tmp_path_factory.mktemp("redis")) as (port, _):
        yield port


@pytest.fixture
async def redis(redis_port):
    async with Redis(port=redis_port) as client:
        yield client


@pytest.fixture
async def port(redis_port, redis):
    """Of a Redis that is empty."""
    await redis.flushall()
    return redis_port


@pytest.fixture
def impatient(monkeypatch):
    """A Redis that isn't there is waited for no longer than a moment."""
    monkeypatch.setattr(redis_limit, "_PATIENCE", 0.3)
