from __future__ import annotations

import pytest

from target_workos_users.api.pacing import Lane
from target_workos_users.api.statistics import TransportStats, route_of

BASE = "https://api.workos.com"


@pytest.mark.parametrize(
    ("method", "path", "template", "lane"),
    [
        ("POST", "/user_management/users", "/user_management/users", Lane.WRITES),
        ("PUT", "/user_management/users/user_1", "/user_management/users/{id}", Lane.WRITES),
        ("DELETE", "/user_management/users/user_1", "/user_management/users/{id}", Lane.WRITES),
        ("GET", "/user_management/users?email=a%40b.c", "/user_management/users", Lane.READS),
        (
            "GET",
            "/user_management/users/external_id/a%2Fusers",
            "/user_management/users/external_id/{id}",
            Lane.READS,
        ),
        (
            "POST",
            "/user_management/organization_memberships",
            "/user_management/organization_memberships",
            Lane.WRITES,
        ),
        ("GET", "/organizations/org_1", "/organizations/{id}", Lane.OTHERS),
        ("POST", "/organizations", "/organizations", Lane.OTHERS),
    ],
)
def test_a_request_is_known_by_its_template_and_budget(method, path, template, lane):
    route = route_of(method, BASE + path)
    assert (route.kind, route.lane) == (f"{method} {template}", lane)
    assert route.writes == (method != "GET")
    assert route.repeatable


def test_only_a_totp_enrollment_is_not_repeatable():
    path = "/user_management/users/user_1/auth_factors"
    assert not route_of("POST", BASE + path).repeatable
    assert route_of("GET", BASE + path).repeatable


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
        stats.add_sent(route_of(method, BASE + path), at)
    assert (stats.writes, stats.first_write_at, stats.last_write_at) == (2, 1, 3)


def test_the_counts_add_up():
    stats = TransportStats()
    create = route_of("POST", BASE + "/organizations")
    for status in (201, 429, 201, 429, 429):
        stats.add_answer(create, status, seconds=0.5)
    stats.add_lost(route_of("GET", BASE + "/organizations/org_1"), seconds=2)
    assert (stats.attempts, stats.refused) == (6, 3)
    assert stats.seconds == {"POST /organizations": 2.5, "GET /organizations/{id}": 2}
