"""The pacer against model servers, in virtual time."""

from __future__ import annotations

import asyncio
import random
from collections import deque

import pytest

from target_workos_users.api.pacing import Lane, Pacer
from target_workos_users.api.transport import longest_backoff
from tests.support.virtual_time import most_in_a_window, run


class ModelServer:
    """Counts what arrives and refuses what is over its limit.

    Args:
        limit: Requests per 10 s.
        window: "sliding", or the offset of fixed windows in seconds.
        says_when: Whether Retry-After tells the truth; else it is 0.
        share: Of the requests that it refuses by chance.
    """

    def __init__(self, limit, window="sliding", *, says_when=True, share=0.0):
        self.limit, self.window, self.says_when, self.share = limit, window, says_when, share
        self.chance = random.Random(1)
        self.counted = deque()
        self.arrived, self.accepted, self.refused = [], [], []

    def answer(self, now):
        """Seconds of Retry-After of a 429, or None if it's accepted."""
        self.arrived.append(now)
        if self.chance.random() < self.share:
            self.refused.append(now)
            return 0
        start = now - 10 if self.window == "sliding" else now - (now - self.window) % 10
        while self.counted and self.counted[0] <= start:
            self.counted.popleft()
        if len(self.counted) < self.limit:
            self.counted.append(now)
            self.accepted.append(now)
            return None
        self.refused.append(now)
        frees_at = (self.counted[0] if self.window == "sliding" else start) + 10
        return int(frees_at - now) + 1 if self.says_when else 0


async def load(pacer, server, seconds, *, workers, lane=Lane.WRITES, jitter=0.09, round_trip=0.2):
    """Send without end, each request after the answer to the one before, as Transport does."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds

    async def worker(rng):
        refusals = 0
        while loop.time() < end:
            if refusals:
                await asyncio.sleep(2 * longest_backoff(refusals - 1))
            sent_at = await pacer.acquire(lane)
            took = rng.uniform(0.5, 1.5) * round_trip
            way_there = min(rng.uniform(0, jitter), took)
            if way_there:
                await asyncio.sleep(way_there)
            retry_after = server.answer(loop.time())
            await asyncio.sleep(took - way_there)
            if retry_after is None:
                refusals = 0
                pacer.accepted(lane, sent_at=sent_at)
            else:
                refusals += 1
                pacer.refused(lane, sent_at=sent_at, retry_after=retry_after)
            pacer.release(sent_at=sent_at)

    await asyncio.gather(*(worker(random.Random(number)) for number in range(workers)))


def make_pacer(rate_limit=50, in_flight=20):
    return Pacer(rate_limit=rate_limit, in_flight=in_flight)


@pytest.mark.parametrize(("rate", "in_flight"), [(5, 20), (50, 20), (200, 100)])
def test_the_write_budget_is_used_and_never_overdrawn(rate, in_flight):
    server = ModelServer(10 * rate)

    async def main():
        await load(make_pacer(rate, in_flight), server, 120, workers=in_flight + 5)

    run(main())
    assert server.refused == []
    assert most_in_a_window(server.arrived) <= 10 * rate
    assert len(server.accepted) >= 0.985 * 120 * rate


def test_stalls_of_the_process_are_caught_up_with_and_never_overdraw():
    server = ModelServer(500)

    async def main():
        loop = asyncio.get_running_loop()
        loading = asyncio.create_task(load(make_pacer(), server, 120, workers=30, jitter=0))
        for _ in range(100):
            await asyncio.sleep(1)
            loop.stall(0.2)
        await loading

    run(main())
    assert server.refused == []
    assert most_in_a_window(server.arrived) <= 500
    assert len(server.accepted) >= 0.98 * 50 * 120


@pytest.mark.parametrize("says_when", [True, False])
@pytest.mark.parametrize("window", ["sliding", 0, 3, 6])
def test_a_limit_lower_than_configured_is_found_and_kept_to(window, says_when):
    server = ModelServer(300, window, says_when=says_when)

    async def main():
        await load(make_pacer(), server, 100, workers=20)

    run(main())
    assert len(server.refused) < 0.02 * len(server.arrived)
    assert len(server.accepted) >= 0.90 * 30 * 100


@pytest.mark.parametrize("says_when", [True, False])
@pytest.mark.parametrize("window", ["sliding", 0, 3, 6])
def test_a_limit_that_falls_is_found_at_the_cost_of_few_refusals(window, says_when):
    random.seed(1)  # of the pauses
    server = ModelServer(300, window, says_when=says_when)

    async def main():
        pacer = make_pacer()
        await load(pacer, server, 120, workers=20)
        server.limit = 100
        await load(pacer, server, 120, workers=20)

    run(main())
    assert len(server.refused) < 0.025 * len(server.arrived)
    assert len(server.accepted) >= 0.92 * (30 + 10) * 120


@pytest.mark.parametrize("round_trip", [0.02, 0.2])
@pytest.mark.parametrize(
    ("share", "rate"), [(0.0003, 49), (0.001, 49), (0.003, 49), (0.01, 46), (0.03, 15)]
)
def test_refusals_by_chance_cost_little(share, rate, round_trip):
    random.seed(1)  # of the pauses
    server = ModelServer(500, share=share)

    async def main():
        await load(make_pacer(), server, 300, workers=20, round_trip=round_trip)

    run(main())
    assert len(server.accepted) >= rate * 300


def test_a_limit_is_kept_to_among_refusals_by_chance():
    random.seed(1)  # of the pauses
    server = ModelServer(300, share=0.01)

    async def main():
        await load(make_pacer(), server, 300, workers=20)

    run(main())
    assert len(server.accepted) >= 0.85 * 30 * 300
    assert len(server.refused) < 0.025 * len(server.arrived)


def test_a_limit_that_rises_again_is_used_again():
    server = ModelServer(150)

    async def main():
        pacer = make_pacer()
        await load(pacer, server, 60, workers=20)
        server.limit = 500
        await load(pacer, server, 90, workers=20)
        server.accepted.clear()
        await load(pacer, server, 20, workers=20)

    run(main())
    assert len(server.accepted) >= 0.98 * 50 * 20


def test_reads_and_organizations_leave_the_write_budget_alone():
    writes, reads, organizations = ModelServer(500), ModelServer(1_000), ModelServer(1_000)

    async def main():
        pacer = make_pacer(in_flight=100)
        await asyncio.gather(
            load(pacer, writes, 60, workers=20),
            load(pacer, reads, 60, workers=40, lane=Lane.READS),
            load(pacer, organizations, 60, workers=40, lane=Lane.OTHERS),
        )

    run(main())
    everything = writes.arrived + reads.arrived + organizations.arrived
    assert len(writes.accepted) >= 0.97 * 50 * 60
    assert most_in_a_window(everything) <= 1_000
    assert len(everything) >= 0.985 * 100 * 60
    assert min(len(reads.accepted), len(organizations.accepted)) >= 0.15 * 100 * 60


def test_a_refused_read_slows_reads_only():
    writes, reads = ModelServer(500), ModelServer(200)

    async def main():
        pacer = make_pacer(in_flight=100)
        await load(pacer, reads, 30, workers=20, lane=Lane.READS)
        await asyncio.gather(
            load(pacer, writes, 30, workers=20),
            load(pacer, reads, 30, workers=20, lane=Lane.READS),
        )

    run(main())
    assert reads.refused
    assert len(writes.accepted) >= 0.85 * 50 * 30


def test_a_hundred_waiting_requests_are_served_in_order_by_one_timer_each():
    async def main():
        pacer, loop, served = make_pacer(in_flight=100), asyncio.get_running_loop(), []

        async def one(number):
            await pacer.acquire(Lane.WRITES)
            served.append(number)

        before = loop.timers
        await asyncio.gather(*(one(number) for number in range(100)))
        assert served == list(range(100))
        assert loop.timers - before <= 100

    run(main())


def test_a_write_overtakes_reads_that_have_not_waited_long():
    async def main():
        pacer, served = make_pacer(rate_limit=5, in_flight=100), []

        async def one(lane):
            await pacer.acquire(lane)
            served.append(lane)

        reads = [asyncio.create_task(one(Lane.READS)) for _ in range(30)]
        await asyncio.sleep(0.05)
        await asyncio.gather(*reads, *(one(Lane.WRITES) for _ in range(3)))
        assert Lane.WRITES in served[:4]
        assert served.index(Lane.READS) == 0

    run(main())


def test_no_more_are_in_flight_than_allowed():
    async def main():
        pacer = make_pacer(rate_limit=1e6, in_flight=3)
        sent = [await pacer.acquire(Lane.READS) for _ in range(3)]
        fourth = asyncio.create_task(pacer.acquire(Lane.READS))
        await asyncio.sleep(1)
        assert not fourth.done()
        pacer.release(sent_at=sent[0])
        await fourth

    run(main())


async def refuse_one(pacer):
    """Let a request be refused; returns when the next one is sent, whose refusal is a limit's."""
    sent_at = await pacer.acquire(Lane.WRITES)
    pacer.refused(Lane.WRITES, sent_at=sent_at, retry_after=0)
    pacer.release(sent_at=sent_at)
    return await pacer.acquire(Lane.WRITES)


def test_a_single_refusal_pauses_nothing():
    async def main():
        pacer, loop = make_pacer(), asyncio.get_running_loop()
        began = loop.time()
        await refuse_one(pacer)
        await pacer.acquire(Lane.READS)
        assert loop.time() - began < 0.03

    run(main())


def refusals(count, retry_after):
    """Seconds from each of several refusals in a row, after a first one, to the next attempt."""

    async def main():
        pacer, loop, waits = make_pacer(), asyncio.get_running_loop(), []
        sent_at = await refuse_one(pacer)
        for _ in range(count):
            refused_at = loop.time()
            pacer.refused(Lane.WRITES, sent_at=sent_at, retry_after=retry_after)
            pacer.release(sent_at=sent_at)
            sent_at = await pacer.acquire(Lane.WRITES)
            waits.append(sent_at - refused_at)
        return waits

    return run(main())


def test_retry_after_zero_pauses_for_a_second_and_then_ever_longer():
    waits = refusals(8, retry_after=0)
    assert [round(wait / 1.05) for wait in waits[:4]] == [1, 2, 4, 8]
    assert all(30 <= wait <= 33 for wait in waits[5:])


def test_a_longer_retry_after_is_obeyed():
    assert 20 <= refusals(1, retry_after=20)[0] <= 22


def test_the_refusals_of_one_burst_make_one_pause():
    async def main():
        pacer, loop = make_pacer(), asyncio.get_running_loop()
        sent = [await pacer.acquire(Lane.WRITES) for _ in range(10)]
        began = loop.time()
        for sent_at in sent:
            pacer.refused(Lane.WRITES, sent_at=sent_at, retry_after=0)
            pacer.release(sent_at=sent_at)
        assert 1 <= await pacer.acquire(Lane.WRITES) - began <= 1.1

    run(main())


@pytest.mark.parametrize("lane", list(Lane))
def test_everything_pauses_and_then_one_goes_first(lane):
    async def main():
        pacer, loop, served = make_pacer(), asyncio.get_running_loop(), []
        refused = await refuse_one(pacer)
        pacer.refused(Lane.WRITES, sent_at=refused, retry_after=3)
        pacer.release(sent_at=refused)

        async def one():
            served.append(await pacer.acquire(lane))

        waiting = asyncio.gather(*(one() for _ in range(5)))
        paused_at = loop.time()
        await asyncio.sleep(10)
        assert len(served) == 1
        assert served[0] >= paused_at + 3
        pacer.accepted(lane, sent_at=served[0])
        pacer.release(sent_at=served[0])
        await waiting
        assert len(served) == 5

    run(main())


def test_a_probe_that_is_given_up_makes_way_for_the_next():
    async def main():
        pacer = make_pacer()
        refused = await refuse_one(pacer)
        pacer.refused(Lane.WRITES, sent_at=refused, retry_after=0)
        pacer.release(sent_at=refused)
        pacer.release(sent_at=await pacer.acquire(Lane.WRITES))
        await pacer.acquire(Lane.WRITES)

    run(main())


@pytest.mark.parametrize("served_first", [True, False])
def test_a_canceled_request_holds_up_nobody(served_first):
    async def main():
        pacer = make_pacer(in_flight=1)
        sent_at = await pacer.acquire(Lane.WRITES)
        canceled = asyncio.create_task(pacer.acquire(Lane.WRITES))
        await asyncio.sleep(1)
        if served_first:  # its turn and its end come in the same instant
            pacer.release(sent_at=sent_at)
            canceled.cancel()
        else:
            canceled.cancel()
            pacer.release(sent_at=sent_at)
        await asyncio.wait_for(pacer.acquire(Lane.WRITES), 1)
        with pytest.raises(asyncio.CancelledError):
            await canceled

    run(main())


def test_how_long_nothing_but_429_has_come_is_known():
    async def main():
        pacer = make_pacer()
        assert pacer.refused_for() < 0
        sent_at = await refuse_one(pacer)
        await asyncio.sleep(5)
        pacer.refused(Lane.WRITES, sent_at=sent_at, retry_after=0)
        assert pacer.refused_for() == pytest.approx(5, abs=0.1)
        pacer.accepted(Lane.READS, sent_at=sent_at)
        assert pacer.refused_for() < 0

    run(main())


def test_deleted_organizations_have_a_limit_of_their_own():
    async def main():
        pacer, loop, sent = make_pacer(in_flight=100), asyncio.get_running_loop(), []
        for _ in range(100):
            sent.append(await pacer.acquire(Lane.ORGANIZATION_DELETES))
            pacer.release(sent_at=sent[-1])
            pacer.release(sent_at=await pacer.acquire(Lane.WRITES))
        assert most_in_a_window(sent, 60) <= 50
        assert loop.time() < 1_000 + 130

    run(main())
