from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workos_sandbox import NO_LIMITS, Limits
from workos_sandbox.limits import RateBudgets, SlidingWindow

USERS = "/user_management/users"
LIVE_MESSAGE = (
    "Rate limit exceeded. See the WorkOS docs for more information: "
    "https://workos.com/docs/reference/rate-limits"
)


def accepted(budgets, method, path, number, now=0.0):
    return sum(budgets.refuse(method, path, now) is None for _ in range(number))


def test_the_default_is_what_workos_publishes():
    budgets = RateBudgets(Limits())
    assert accepted(budgets, "POST", USERS, 600) == 500
    assert accepted(budgets, "PUT", f"{USERS}/user_0", 1) == 0
    assert accepted(budgets, "GET", USERS, 1_100) == 1_000
    assert accepted(budgets, "DELETE", "/organizations/org_0", 60) == 50
    assert accepted(budgets, "GET", "/organizations", 6_000) == 6_000 - 500 - 1_000 - 50


def test_a_refused_request_uses_up_nothing():
    budgets = RateBudgets(Limits(writes=1, requests=3))
    assert accepted(budgets, "POST", USERS, 10) == 1
    assert accepted(budgets, "GET", USERS, 10) == 2


def test_retry_after_is_when_the_next_one_fits():
    budgets = RateBudgets(Limits(writes=2))
    for now in (0.0, 4.0):
        assert budgets.refuse("POST", USERS, now) is None
    assert budgets.refuse("POST", USERS, 4.5) == 6  # 5.5 s, in whole seconds
    assert budgets.refuse("POST", USERS, 10.0) is None


def test_retry_after_can_be_what_live_workos_was_seen_to_send():
    budgets = RateBudgets(Limits(writes=1, retry_after=0))
    assert accepted(budgets, "POST", USERS, 1) == 1
    assert budgets.refuse("POST", USERS, 0.0) == 0


def test_no_limits_refuses_nothing():
    assert accepted(RateBudgets(NO_LIMITS), "POST", USERS, 10_000) == 10_000


@given(st.integers(1, 5), st.lists(st.floats(0, 3, allow_nan=False), max_size=60))
def test_no_span_of_the_window_ever_holds_more_than_the_limit(limit, gaps):
    window, now, taken = SlidingWindow(limit, 10), 0.0, []
    for gap in gaps:
        now += gap
        if window.wait(now) == 0:
            window.take(now)
            taken.append(now)
    for start in taken:
        in_span = [time for time in taken if start <= time and time - 10 < start]
        assert len(in_span) <= limit


def test_over_http_it_is_a_429_as_live_workos_sends_it(db, run):
    with run(db, limits=Limits(writes=2)) as (sandbox, api):
        for _ in range(2):
            api.user()
        reply = api.post(USERS, {"email": "ada@example.com"})
        assert (reply.status, reply.body) == (429, {"message": LIVE_MESSAGE})
        assert 1 <= int(reply.headers["Retry-After"]) <= 10
        assert api.get(USERS, email="ada@example.com").body["data"] == []
        sandbox.limits = NO_LIMITS
        api.user()


def test_a_wrong_key_uses_up_nothing(db, run):
    with run(db, limits=Limits(writes=1)) as (_, api):
        wrong = {"Authorization": "Bearer no"}
        assert api.call("POST", USERS, json={}, headers=wrong).status == 401
        api.user()


@pytest.mark.parametrize("limits", [None, Limits(writes=3)])
def test_the_busiest_ten_seconds_of_writes_count_refused_ones_too(db, run, limits):
    with run(db, limits=limits or NO_LIMITS) as (sandbox, api):
        for number in range(5):
            api.post(USERS, {"email": f"user{number}@example.com"})
            api.get(USERS)
        assert sandbox.counts.writes == sandbox.counts.max_writes_in_10_s == 5
