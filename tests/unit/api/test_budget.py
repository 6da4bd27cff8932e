from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_workos_users.api.budget import WINDOW, Budget
from tests.support.virtual_time import most_in_a_window

rates = st.sampled_from([0.3, 1.0, 4.7, 50.0])
gaps = st.lists(
    st.one_of(st.just(0.0), st.floats(0, 0.05), st.floats(0, 12)), min_size=1, max_size=60
)


def send_when_ready(budget, start, seconds):
    """Send as fast as the budget allows; the times of sending."""
    sent, now = [], start
    while (now := max(now, budget.ready_at(now))) < start + seconds:
        if budget.ready_at(now) <= now:
            budget.spend(now)
            sent.append(now)
    return sent


@given(rates, gaps, st.randoms(use_true_random=False))
def test_no_ten_seconds_are_overdrawn_however_demand_comes(rate, idle, random):
    budget, now, sent = Budget(rate), 0.0, []
    for gap in idle:
        now += gap
        for _ in range(random.randrange(1, 30)):
            while (ready := budget.ready_at(now)) > now:
                now = ready
            budget.spend(now)
            sent.append(now)
    arrived = [time + random.uniform(0, 0.09) for time in sent]
    assert most_in_a_window(arrived) <= math.floor(rate * WINDOW)


@pytest.mark.parametrize("rate", [1, 5, 50, 500])
def test_a_steady_demand_uses_99_percent_of_the_rate(rate):
    sent = send_when_ready(Budget(rate), 0, 120)
    assert len(sent) >= 0.99 * 120 * rate


@pytest.mark.parametrize("rate", [5, 50])
def test_sends_are_evenly_spread_from_the_first_on(rate):
    sent = send_when_ready(Budget(rate), 0, 30)
    steps = [later - earlier for earlier, later in pairwise(sent)]
    assert min(steps) >= 1 / rate
    assert max(steps) <= 1.02 / rate


def test_half_a_second_of_a_stall_is_caught_up_with():
    budget = Budget(50)
    send_when_ready(budget, 0, 5)
    assert len(send_when_ready(budget, 5.4, 0.001)) == pytest.approx(0.4 * 50, abs=2)
    assert len(send_when_ready(budget, 9, 0.001)) == pytest.approx(0.5 * 50, abs=2)


def test_a_limit_never_reached_needs_a_bounded_log():
    budget = Budget(1e6)
    for number in range(300_000):
        assert budget.ready_at(number / 10_000) <= number / 10_000
        budget.spend(number / 10_000)
    assert len(budget._log) <= 1_020


def test_a_request_sent_late_counts_from_then_on():
    budget = Budget(1)
    sent = send_when_ready(budget, 0, 11)
    assert budget.ready_at(11) == pytest.approx(sent[10] + 1.01)
    for time in sent[1:]:
        budget.postpone(time, 11)
    assert budget.ready_at(11) == pytest.approx(21.1)


def refuse_at(budget, now, times=2):
    """So many refusals in a row: two are a limit's."""
    for earlier in range(times, 0, -1):
        sent_at = now - 0.2 - earlier / 100
        if budget.refused(now, sent_at=sent_at):
            budget.cut(now, sent_at=sent_at, resume_at=now + 1)


def accept(budget, times):
    for _ in range(times):
        budget.accepted()


def test_a_refusal_among_accepted_requests_slows_nothing():
    budget = Budget(50)
    for now in range(1, 100):
        refuse_at(budget, now, times=1)
        accept(budget, 49)
    assert budget.limit(100) == 500


def test_two_refusals_in_a_row_bring_the_limit_down_to_what_was_accepted():
    budget = Budget(50)
    sent = send_when_ready(budget, 0, 6.2)
    assert not budget.refused(6.2, sent_at=sent[300])
    assert budget.refused(6.2, sent_at=sent[301])
    budget.cut(6.2, sent_at=sent[301], resume_at=7.2)
    assert budget.limit(7) == pytest.approx(300, abs=1)


def test_refusals_that_outweigh_the_accepted_requests_between_them_are_a_limits():
    budget = Budget(50)
    for now in range(1, 10):
        refuse_at(budget, now, times=1)
        accept(budget, 4)
    assert budget.limit(10) < 500


def test_the_refusals_of_one_burst_count_once():
    budget = Budget(50)
    sent = send_when_ready(budget, 0, 6.2)
    for number in range(300, 307):
        now = 6.2 + number / 1000
        if budget.refused(now, sent_at=sent[number]):
            budget.cut(now, sent_at=sent[number], resume_at=7.2)
    assert budget.limit(7) == pytest.approx(300, abs=1)


def test_a_refusal_at_the_start_at_most_halves_the_limit():
    # The window may be full of what was sent before a restart; our own few say nothing.
    budget = Budget(50)
    send_when_ready(budget, 0, 0.3)
    refuse_at(budget, 0.4)
    assert budget.limit(1) == 250


def test_no_refusal_slows_below_one_a_second():
    budget = Budget(50)
    for number in range(100):
        refuse_at(budget, number)
    assert budget.limit(100) == 10


def test_the_limit_is_held_and_climbs_back_to_the_configured_one():
    budget = Budget(50)
    refuse_at(budget, 0)
    assert [budget.limit(now) for now in (1, 10, 11, 21, 36, 1000)] == [
        250,
        250,
        250,
        350,
        500,
        500,
    ]


def test_a_single_refusal_while_climbing_is_the_limits():
    budget = Budget(50)
    refuse_at(budget, 0)
    accept(budget, 100)
    refuse_at(budget, 14, times=1)
    assert budget.limit(15) < 280


def test_a_single_refusal_while_climbing_is_chance_if_there_were_some_before():
    budget = Budget(50)
    refuse_at(budget, 0)
    for now in (7, 10, 14):
        accept(budget, 20)
        refuse_at(budget, now, times=1)
    assert budget.limit(15) > 280


def test_a_limit_met_again_is_held_longer():
    budget, now, holds = Budget(50), 0.0, []
    for _ in range(5):
        send_when_ready(budget, now, 10)
        now += 10
        refuse_at(budget, now)
        cut = budget.limit(now + 1)
        climbing = next(s for s in range(1, 100) if budget.limit(now + s) > cut)
        holds.append(climbing - 2)
        now += climbing
    assert holds == [10, 20, 40, 60, 60]


def test_a_limit_that_has_risen_is_probed_soon_again():
    budget = Budget(50)
    send_when_ready(budget, 0, 1)
    for now in (1, 15, 30):
        refuse_at(budget, now)
    send_when_ready(budget, 200, 10)
    refuse_at(budget, 210)
    cut = budget.limit(211)
    assert budget.limit(221) == cut < budget.limit(223)
