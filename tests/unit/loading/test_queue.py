from __future__ import annotations

import asyncio
import random
from collections import defaultdict

import pytest

from target_workos_users.api.transport import Stopped
from target_workos_users.exceptions import AccessDenied
from target_workos_users.loading.outcome import Outcome, Result
from target_workos_users.loading.queue import LoadQueue
from target_workos_users.loading.task import Task
from target_workos_users.records.parse import parse_record


def task(email, number=0):
    row = parse_record({"email": f"{email}@example.com"})
    return Task("users", 1, number, b"", row, identity=0, prints={})


def names(tasks):
    return [each.row.email.removesuffix("@example.com") for each in tasks]


class Work:
    """Loads rows by waiting for a gate, and keeps a diary."""

    def __init__(self):
        self.started = []
        self.running = defaultdict(int)
        self.most_running = 0
        self.finished = []
        self.gate = asyncio.Event()

    async def load(self, task):
        email = task.row.email
        self.started.append(task)
        self.running[email] += 1
        assert self.running[email] == 1, "two rows of one user in flight"
        self.most_running = max(self.most_running, sum(self.running.values()))
        try:
            await self.gate.wait()
        finally:
            self.running[email] -= 1
        return Outcome(Result.CREATED)

    def done(self, task):
        return lambda _outcome: self.finished.append(task)


def all_of(queue, tasks, work):
    """Submit rows; the event is set when all are finished."""
    event, left = asyncio.Event(), len(tasks)

    def done(finish):
        def callback(outcome):
            nonlocal left
            finish(outcome)
            left -= 1
            if not left:
                event.set()

        return callback

    for each in tasks:
        queue.submit(each, done(work.done(each)))
    return event


async def settle():
    for _ in range(20):
        await asyncio.sleep(0)


async def test_rows_start_in_order_and_no_more_than_the_concurrency_at_once():
    work = Work()
    queue = LoadQueue(work.load, concurrency=3)
    tasks = [task(str(number)) for number in range(10)]
    finished = all_of(queue, tasks, work)
    await settle()
    assert work.started == tasks[:3]
    work.gate.set()
    assert await queue.wait(finished)
    assert work.started == tasks
    assert work.most_running == 3


async def test_a_row_behind_its_user_takes_no_ones_place():
    work = Work()
    queue = LoadQueue(work.load, concurrency=2)
    all_of(queue, [task("a", 1), task("a", 2), task("a", 3), task("b")], work)
    await settle()
    assert names(work.started) == ["a", "b"]


async def test_rows_of_one_user_keep_their_order_across_chunks():
    rng = random.Random(7)

    async def load(_task):
        for _ in range(rng.randrange(4)):
            await asyncio.sleep(0)
        return Outcome(Result.CREATED)

    work = Work()
    queue = LoadQueue(load, concurrency=20)
    tasks = [task(rng.randrange(9), i) for i in range(600)]
    chunks = [all_of(queue, tasks[:300], work), all_of(queue, tasks[300:], work)]
    for finished in chunks:
        assert await queue.wait(finished)
    by_user = defaultdict(list)
    for each in work.finished:
        by_user[each.row.email].append(each.number)
    assert sum(map(len, by_user.values())) == 600
    assert all(numbers == sorted(numbers) for numbers in by_user.values())


async def test_a_queue_that_ran_empty_takes_rows_again():
    work = Work()
    work.gate.set()
    queue = LoadQueue(work.load, concurrency=2)
    for number in range(3):
        assert await queue.wait(all_of(queue, [task("a", number), task("b", number)], work))
    assert len(work.finished) == 6


async def test_after_stop_rows_in_flight_finish_and_no_other_starts():
    work = Work()
    queue = LoadQueue(work.load, concurrency=2)
    finished = all_of(queue, [task("a", 1), task("a", 2), task("b"), task("c")], work)
    await settle()
    queue.stop()
    work.gate.set()
    assert not await queue.wait(finished)
    assert names(work.finished) == ["a", "b"]
    assert queue.failure is None


async def test_drain_cuts_off_what_takes_too_long():
    work = Work()
    queue = LoadQueue(work.load, concurrency=2)
    finished = all_of(queue, [task("a"), task("b"), task("c")], work)
    await settle()
    await queue.drain(0.01)
    assert not await queue.wait(finished)
    assert work.finished == []
    assert sum(work.running.values()) == 0


async def test_drain_of_rows_that_had_no_time_to_start_leaves_nothing_running():
    work = Work()
    queue = LoadQueue(work.load, concurrency=2)
    finished = all_of(queue, [task("a"), task("b")], work)
    await queue.drain(0)
    assert not await queue.wait(finished)
    assert work.finished == []


async def test_what_stops_the_run_reaches_whoever_waits_once_the_rest_in_flight_is_finished():
    work = Work()

    async def load(task):
        if names([task]) == ["bad"]:
            await asyncio.sleep(0)
            raise AccessDenied("no")
        return await work.load(task)

    queue = LoadQueue(load, concurrency=3)
    finished = all_of(queue, [task("a"), task("bad"), task("b"), task("c")], work)
    await settle()
    waiting = asyncio.ensure_future(queue.wait(finished))
    await settle()
    assert not waiting.done()
    work.gate.set()
    with pytest.raises(AccessDenied):
        await waiting
    assert names(work.finished) == ["a", "b"]
    assert "c" not in names(work.started)


async def test_an_error_in_a_callback_stops_the_queue_too():
    work = Work()
    work.gate.set()
    queue = LoadQueue(work.load, concurrency=1)

    def done(_outcome):
        raise OSError("disk full")

    queue.submit(task("a"), done)
    with pytest.raises(OSError, match="disk full"):
        await queue.wait(asyncio.Event())


async def test_a_row_that_the_transport_cut_off_has_no_outcome_and_is_no_failure():
    async def load(_task):
        raise Stopped

    work = Work()
    queue = LoadQueue(load, concurrency=1)
    finished = all_of(queue, [task("a"), task("b")], work)
    assert not await queue.wait(finished)
    assert work.finished == []
    assert queue.failure is None
