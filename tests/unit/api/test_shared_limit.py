"""Several jobs, one rate limit, one real Redis server."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis

from target_workos_users.api import bookings as redis_bookings
from target_workos_users.api.bookings import Bookings
from target_workos_users.api.pacing import Lane
from target_workos_users.api.shared_limit import SharedPacer
from target_workos_users.exceptions import SettingsError, SharedLimitLost
from tests.support.model import make_settings
from tests.support.redis_server import running_redis
from tests.support.virtual_time import most_in_a_window


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running_redis(tmp_path_factory.mktemp("redis")) as (port, _):
        yield port


@pytest.fixture
async def redis(server):
    async with Redis(port=server) as client:
        yield client


@pytest.fixture
async def port(server, redis):
    await redis.flushall()
    return server


def url_of(port, password=""):
    return f"redis://{f':{password}@' if password else ''}127.0.0.1:{port}/0"


@asynccontextmanager
async def a_job(port, *, rate_limit=50.0, name="api.workos.com#3f9a1c0b", in_flight=20):
    bookings = await Bookings.open(url_of(port), name, rate_limit=rate_limit)
    pacer = SharedPacer(bookings, rate_limit=rate_limit, in_flight=in_flight)
    try:
        yield pacer
    finally:
        await pacer.close()


@asynccontextmanager
async def bookings_of(port, **options):
    async with a_job(port, **options) as pacer:
        yield pacer._bookings


async def calls_of(redis, command):
    stats = await redis.info("commandstats")
    return stats.get(f"cmdstat_{command}", {}).get("calls", 0)


# Turns


@pytest.mark.parametrize("rate_limit", [0.25, 1, 7.5, 50, 200])
@pytest.mark.parametrize(
    ("lane", "times"), [(Lane.WRITES, 1), (Lane.READS, 2), (Lane.OTHERS, 2)], ids=str
)
async def test_no_ten_seconds_hold_more_turns_than_the_limit(port, rate_limit, lane, times):
    limit = max(1, int(times * rate_limit * 10))
    async with bookings_of(port, rate_limit=rate_limit) as bookings:
        turns = await bookings.book(lane, min(3 * limit, 6_000))
    assert turns == sorted(turns)
    assert 0.95 * limit - 1 <= most_in_a_window(turns) <= limit


async def test_writes_and_reads_share_the_budget_of_all_requests(port):
    async with bookings_of(port) as bookings:
        began = time.monotonic()
        for lane in (Lane.READS, Lane.OTHERS, Lane.WRITES):
            await bookings.book(lane, 200)
        [turn] = await bookings.book(Lane.OTHERS, 1)
        assert turn > 0.95 * (200 / 100 + 200 / 100 + 200 / 50) - (time.monotonic() - began)


async def test_what_one_job_has_booked_another_one_waits_for(port):
    async with bookings_of(port) as first, bookings_of(port) as second:
        began = time.monotonic()
        mine = await first.book(Lane.WRITES, 300)
        yours = await second.book(Lane.WRITES, 300)
        between = time.monotonic() - began
    assert yours[0] > mine[-1] - between
    assert yours[0] + between > 300 / 50
    assert yours[-1] > 2 * 299 / 50 - between


async def test_jobs_of_another_destination_do_not_wait(port):
    async with bookings_of(port) as one, bookings_of(port, name="another#1") as other:
        await one.book(Lane.WRITES, 300)
        assert await other.book(Lane.WRITES, 1) == [0]


async def test_time_in_which_nobody_booked_is_not_saved_up(port):
    async with bookings_of(port) as bookings:
        await bookings.book(Lane.WRITES, 1)
        await asyncio.sleep(0.5)
        assert sum(turn == 0 for turn in await bookings.book(Lane.WRITES, 100)) <= 6


async def test_a_line_that_nobody_stands_in_leaves_nothing_behind(redis, port):
    async with bookings_of(port) as bookings:
        await bookings.book(Lane.WRITES, 2)
        keys = await redis.keys()
        assert {key.decode().rsplit(":", 1)[1] for key in keys} == {"writes", "requests"}
        for key in keys:
            assert 0 < await redis.pttl(key) < 100
        await asyncio.sleep(0.2)
        assert not await redis.keys()


async def test_a_redis_whose_clock_was_set_back_does_not_make_jobs_wait_for_it(redis, port):
    async with bookings_of(port) as bookings:
        await bookings.book(Lane.WRITES, 300)
        for key in await redis.keys():
            await redis.incrby(key, 3_600_000_000)
        assert await bookings.book(Lane.WRITES, 1) == [0]


# The pacer


async def take(pacer, lane, number, log):
    for _ in range(number):
        sent_at = await pacer.acquire(lane)
        log.append(sent_at)
        pacer.accept(sent_at=sent_at)
        pacer.release(sent_at=sent_at)


async def test_requests_that_wait_do_not_poll(redis, port):
    log = []
    before = await calls_of(redis, "evalsha")
    async with (
        a_job(port, rate_limit=200) as first,
        a_job(port, rate_limit=200) as second,
        asyncio.TaskGroup() as tasks,
    ):
        for pacer in (first, second):
            for _ in range(20):
                tasks.create_task(take(pacer, Lane.WRITES, 5, log))
    assert len(log) == 200
    assert await calls_of(redis, "evalsha") - before <= len(log)


async def test_no_turn_is_booked_during_the_pause_after_a_429(redis, port):
    async with a_job(port) as pacer:
        pacer.pause(0.3)
        until = pacer.paused_until()
        before = await calls_of(redis, "evalsha")
        waiting = asyncio.create_task(pacer.acquire(Lane.WRITES))
        await asyncio.sleep(0.05)
        booked, now = await calls_of(redis, "evalsha") - before, time.monotonic()
        assert booked == 0 or now > until
        assert await waiting >= until


async def test_a_canceled_request_leaves_its_turn_to_the_next_one(port):
    async with a_job(port, in_flight=1) as pacer:
        waiting = [asyncio.create_task(pacer.acquire(Lane.WRITES)) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        waiting[1].cancel()
        sent_at = await waiting[2]
        pacer.release(sent_at=sent_at)
        await pacer.acquire(Lane.WRITES)


# Redis is not there


async def test_a_redis_that_becomes_slower_for_good_is_gone_on_with(port, monkeypatch):
    async with a_job(port) as job:
        book = job._bookings.book

        async def slowly(*args):
            await asyncio.sleep(0.08)
            return await book(*args)

        job.release(sent_at=await job.acquire(Lane.WRITES))
        monkeypatch.setattr(job._bookings, "book", slowly)
        async with asyncio.timeout(20):
            for _ in range(20):
                job.release(sent_at=await job.acquire(Lane.WRITES))


async def test_a_fault_in_the_booking_reaches_those_that_wait(port, monkeypatch):
    async def faulty(*_):
        raise RuntimeError("unexpected")

    async with a_job(port) as job:
        monkeypatch.setattr(job._bookings, "book", faulty)
        async with asyncio.timeout(20):
            with pytest.raises(RuntimeError):
                await job.acquire(Lane.WRITES)


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(redis_bookings, "_PATIENCE", 0.3)


@pytest.mark.usefixtures("impatient")
async def test_a_redis_that_is_not_there_is_named_without_the_password(tmp_path):
    with running_redis(tmp_path) as (port, _):
        pass
    with pytest.raises(SharedLimitLost) as caught:
        await Bookings.open(url_of(port, "hunter2"), "a", rate_limit=50)
    assert f"rate_limit_redis_url: the Redis server at 127.0.0.1:{port}" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.usefixtures("impatient")
async def test_a_redis_that_refuses_the_password_is_named_without_it(tmp_path):
    with running_redis(tmp_path, "--requirepass", "hunter2") as (port, _):
        for password in ("", "hunter3"):
            with pytest.raises(SharedLimitLost, match=r"uthentication|invalid") as caught:
                await Bookings.open(url_of(port, password), "a", rate_limit=50)
            assert "hunter" not in str(caught.value)
        bookings = await Bookings.open(url_of(port, "hunter2"), "a", rate_limit=50)
        assert await bookings.book(Lane.WRITES, 1) == [0]
        await bookings.close()


@pytest.mark.usefixtures("impatient")
async def test_all_requests_end_when_redis_is_lost(tmp_path):
    with running_redis(tmp_path) as (port, process):
        async with a_job(port) as pacer:
            await take(pacer, Lane.WRITES, 2, [])
            process.kill()
            process.wait()
            waiting = [pacer.acquire(lane) for lane in Lane for _ in range(3)]
            ends = await asyncio.gather(*waiting, return_exceptions=True)
            assert [type(end) for end in ends] == [SharedLimitLost] * len(ends)
            with pytest.raises(SharedLimitLost, match="Nothing is sent without it"):
                await pacer.acquire(Lane.WRITES)


async def test_a_redis_that_comes_back_in_time_is_gone_on_with(tmp_path):
    with running_redis(tmp_path) as (port, process):
        async with a_job(port) as pacer:
            await take(pacer, Lane.WRITES, 2, [])
            process.kill()
            process.wait()
            waiting = asyncio.create_task(take(pacer, Lane.WRITES, 10, log := []))
            await asyncio.sleep(0.2)
            assert not log
            with running_redis(tmp_path, port=port):
                await waiting
            assert len(log) == 10


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
    with pytest.raises(SettingsError, match="rate_limit_redis_url is no URL") as caught:
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
