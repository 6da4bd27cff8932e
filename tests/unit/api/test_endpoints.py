from __future__ import annotations

import pytest

from target_workos_users.api.endpoints import endpoint_of, path_to_nobody
from target_workos_users.api.pacing import Lane
from tests.support.scripted_api import NOBODY

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
        ("DELETE", "/organizations/org_1", "/organizations/{id}", Lane.ORGANIZATION_DELETES),
        (
            "PUT",
            "/user_management/organization_memberships/om_1/deactivate",
            "/user_management/organization_memberships/{id}/deactivate",
            Lane.WRITES,
        ),
        (
            "PUT",
            "/authorization/organizations/org_1/roles/org-admin/permissions",
            "/authorization/organizations/{id}/roles/{id}/permissions",
            Lane.OTHERS,
        ),
        ("PATCH", "/authorization/permissions/a:b", "/authorization/permissions/{id}", Lane.OTHERS),
        ("DELETE", "/auth/factors/auth_factor_1", "/auth/factors/{id}", Lane.OTHERS),
    ],
)
def test_a_request_is_known_by_its_template_and_budget(method, path, template, lane):
    endpoint = endpoint_of(method, BASE + path)
    assert (endpoint.name, endpoint.lane) == (f"{method} {template}", lane)
    assert endpoint.writes == (method != "GET")
    assert endpoint.repeatable


def test_only_a_totp_enrollment_is_not_repeatable():
    path = "/user_management/users/user_1/auth_factors"
    assert not endpoint_of("POST", BASE + path).repeatable
    assert endpoint_of("GET", BASE + path).repeatable


def test_a_path_to_nobody_keeps_the_endpoint_and_names_no_id():
    path = ("user_management", "users", "user_1", "auth_factors")
    assert path_to_nobody(path) == f"/user_management/users/{NOBODY}/auth_factors"
    assert path_to_nobody(("organizations",)) == "/organizations"
