"""Turns of several jobs, on one real Redis server."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from contextlib import asynccontextmanager

import pytest

from target_workos_users.api.pacing import Lane
from target_workos_users.api.redis_limit import RedisLimit
from target_workos_users.exceptions import SettingsError, SharedLimitLost
from tests.support.model import make_settings
from tests.support.redis_server import running_redis
from tests.support.virtual_time import most_in_a_window


def url_of(port, password=""):
    return f"redis://{f':{password}@' if password else ''}127.0.0.1:{port}/0"


@asynccontextmanager
async def limit_of(port, *, rate_limit=50.0, name="api.workos.com#3f9a1c0b"):
    limit = await RedisLimit.open(url_of(port), name, rate_limit=rate_limit)
    try:
        yield limit
    finally:
        await limit.close()


@pytest.mark.parametrize("rate_limit", [0.25, 1, 7.5, 50, 200])
@pytest.mark.parametrize(
    ("lane", "times"), [(Lane.WRITES, 1), (Lane.READS, 2), (Lane.OTHERS, 2)], ids=str
)
async def test_no_ten_seconds_hold_more_turns_than_the_limit(port, rate_limit, lane, times):
    most = max(1, int(times * rate_limit * 10))
    async with limit_of(port, rate_limit=rate_limit) as limit:
        turns = await limit.book(lane, min(3 * most, 6_000))
    assert turns == sorted(turns)
    assert 0.95 * most - 1 <= most_in_a_window(turns) <= most


async def test_writes_and_reads_share_the_budget_of_all_requests(port):
    async with limit_of(port) as limit:
        began = time.monotonic()
        for lane in (Lane.READS, Lane.OTHERS, Lane.WRITES):
            await limit.book(lane, 200)
        [turn] = await limit.book(Lane.OTHERS, 1)
        assert turn > 0.95 * (200 / 100 + 200 / 100 + 200 / 50) - (time.monotonic() - began)


async def test_what_one_job_has_booked_another_one_waits_for(port):
    async with limit_of(port) as first, limit_of(port) as second:
        began = time.monotonic()
        mine = await first.book(Lane.WRITES, 300)
        yours = await second.book(Lane.WRITES, 300)
        between = time.monotonic() - began
    assert yours[0] > mine[-1] - between
    assert yours[0] + between > 300 / 50
    assert yours[-1] > 2 * 299 / 50 - between


async def test_jobs_of_another_destination_do_not_wait(port):
    async with limit_of(port) as one, limit_of(port, name="another#1") as other:
        await one.book(Lane.WRITES, 300)
        assert await other.book(Lane.WRITES, 1) == [0]


async def test_time_in_which_nobody_booked_is_not_saved_up(port):
    async with limit_of(port) as limit:
        await limit.book(Lane.WRITES, 1)
        await asyncio.sleep(0.5)
        assert sum(turn == 0 for turn in await limit.book(Lane.WRITES, 100)) <= 6


async def test_a_line_that_nobody_stands_in_leaves_nothing_behind(redis, port):
    async with limit_of(port) as limit:
        await limit.book(Lane.WRITES, 2)
        keys = await redis.keys()
        assert {key.decode().rsplit(":", 1)[1] for key in keys} == {"writes", "requests"}
        for key in keys:
            assert 0 < await redis.pttl(key) < 100
        await asyncio.sleep(0.2)
        assert not await redis.keys()


async def test_a_redis_whose_clock_was_set_back_does_not_make_jobs_wait_for_it(redis, port):
    async with limit_of(port) as limit:
        await limit.book(Lane.WRITES, 300)
        for key in await redis.keys():
            await redis.incrby(key, 3_600_000_000)
        assert await limit.book(Lane.WRITES, 1) == [0]


# Redis is not there


@pytest.mark.usefixtures("impatient")
async def test_a_redis_that_is_not_there_is_named_without_the_password(tmp_path):
    with running_redis(tmp_path) as (port, _):
        pass
    with pytest.raises(SharedLimitLost) as caught:
        await RedisLimit.open(url_of(port, "hunter2"), "a", rate_limit=50)
    assert f"rate_limit_redis_url: the Redis server at 127.0.0.1:{port}" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.usefixtures("impatient")
async def test_a_redis_that_refuses_the_password_is_named_without_it(tmp_path):
    with running_redis(tmp_path, "--requirepass", "hunter2") as (port, _):
        for password in ("", "hunter3"):
            with pytest.raises(SharedLimitLost, match=r"uthentication|invalid") as caught:
                await RedisLimit.open(url_of(port, password), "a", rate_limit=50)
            assert "hunter" not in str(caught.value)
        limit = await RedisLimit.open(url_of(port, "hunter2"), "a", rate_limit=50)
        assert await limit.book(Lane.WRITES, 1) == [0]
        await limit.close()


# The setting


@pytest.mark.parametrize(
    "url",
    [
        "localhost:6379",
        "http://localhost:6379",
        "redis://",
        "redis://:hunter2/half@localhost",
        "redis://:hunter2#half@localhost",
        "redis://:hunter2@localhost:hunter2",
        "unix://",
    ],
)
def test_a_url_that_is_none_is_refused_without_being_shown(url):
    with pytest.raises(SettingsError, match="rate_limit_redis_url isn't a URL") as caught:
        make_settings(rate_limit_redis_url=url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", ["rediss://:a%2Fb@redis.internal/1", "unix:///run/redis.sock", ""])
def test_a_url_with_tls_or_of_a_socket_is_taken_and_an_empty_one_is_none(url):
    assert make_settings(rate_limit_redis_url=url).rate_limit_redis_url == (url or None)


def test_without_the_package_it_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "redis", None)  # as if it weren't there
    with pytest.raises(SettingsError, match=r"pip install 'target-workos-users\[redis\]'"):
        make_settings(rate_limit_redis_url="redis://localhost")


def test_without_the_setting_redis_is_not_even_imported():
    code = "import sys, target_workos_users.target as _; sys.exit('redis' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
