"""Pacers of several jobs that share a rate limit, on one real Redis server."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager

import pytest

from target_workos_users.api.pacing import Lane
from target_workos_users.api.redis_limit import RedisLimit
from target_workos_users.api.shared_pacing import SharedPacer
from target_workos_users.exceptions import SharedLimitLost
from tests.support.redis_server import running_redis


@asynccontextmanager
async def a_job(port, *, rate_limit=50.0, in_flight=20):
    url = f"redis://127.0.0.1:{port}/0"
    shared = await RedisLimit.open(url, "api.workos.com#3f9a1c0b", rate_limit=rate_limit)
    pacer = SharedPacer(shared, rate_limit=rate_limit, in_flight=in_flight)
    try:
        yield pacer
    finally:
        await pacer.close()


async def calls_of(redis, command):
    stats = await redis.info("commandstats")
    return stats.get(f"cmdstat_{command}", {}).get("calls", 0)


async def take(pacer, lane, number, log):
    for _ in range(number):
        sent_at = await pacer.acquire(lane)
        log.append(sent_at)
        pacer.accepted(lane, sent_at=sent_at)
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
        until = pacer.paused_until
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
    book = RedisLimit.book

    async def slowly(*args):
        await asyncio.sleep(0.08)
        return await book(*args)

    async with a_job(port) as job:
        job.release(sent_at=await job.acquire(Lane.WRITES))
        monkeypatch.setattr(RedisLimit, "book", slowly)
        async with asyncio.timeout(20):
            for _ in range(20):
                job.release(sent_at=await job.acquire(Lane.WRITES))


async def test_a_fault_in_the_booking_reaches_those_that_wait(port, monkeypatch):
    async def faulty(*_):
        raise RuntimeError("unexpected")

    async with a_job(port) as job:
        monkeypatch.setattr(RedisLimit, "book", faulty)
        async with asyncio.timeout(20):
            with pytest.raises(RuntimeError):
                await job.acquire(Lane.WRITES)


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
