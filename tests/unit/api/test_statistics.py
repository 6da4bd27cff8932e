from __future__ import annotations

from target_workos_users.api.endpoints import endpoint_of
from target_workos_users.api.statistics import TransportStats

BASE = "https://api.workos.com"


def test_writes_are_those_that_count_against_their_budget():
    stats = TransportStats()
    requests = [
        ("GET", "/user_management/users"),
        ("POST", "/user_management/users"),
        ("POST", "/organizations"),
        ("DELETE", "/user_management/users/user_1"),
        ("GET", "/organizations/org_1"),
    ]
    for at, (method, path) in enumerate(requests):
        stats.add_sent(endpoint_of(method, BASE + path), at)
    assert (stats.writes, stats.first_write_at, stats.last_write_at) == (2, 1, 3)


def test_the_counts_add_up():
    stats = TransportStats()
    create = endpoint_of("POST", BASE + "/organizations")
    for status in (201, 429, 201, 429, 429):
        stats.add_answer(create, status, seconds=0.5)
    stats.add_lost(endpoint_of("GET", BASE + "/organizations/org_1"), seconds=2)
    assert (stats.attempts, stats.refused) == (6, 3)
    assert stats.seconds == {"POST /organizations": 2.5, "GET /organizations/{id}": 2}
