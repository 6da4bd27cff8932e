"""Which handler answers which method and path.

aiohttp's own router would do, but answers 404 and 405 by itself, in its own words, where live
WorkOS has one 404.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import unquote

from workos_sandbox import (
    factors,
    memberships,
    organizations,
    permissions,
    remote_control,
    roles,
    users,
)
from workos_sandbox.request import Request
from workos_sandbox.response import ErrorResponse, Response

Handler = Callable[[Request], Response]


class Endpoint(NamedTuple):
    """A handler with the template of its path, e.g. ``/user_management/users/{id}``."""

    method: str
    path: str
    handler: Handler


_USERS = "/user_management/users"
_MEMBERSHIPS = "/user_management/organization_memberships"
_ROLES = "/authorization/roles"
_ORGANIZATION_ROLES = "/authorization/organizations/{organization_id}/roles"
_PERMISSIONS = "/authorization/permissions"
_CONTROL = remote_control.PREFIX

# Of two that fit a path, the first is taken: names before variables.
ENDPOINTS = (
    Endpoint("POST", _USERS, users.create_user),
    Endpoint("GET", _USERS, users.list_users),
    Endpoint("GET", _USERS + "/external_id/{external_id}", users.get_user_by_external_id),
    Endpoint("GET", _USERS + "/{id}", users.get_user),
    Endpoint("PUT", _USERS + "/{id}", users.update_user),
    Endpoint("DELETE", _USERS + "/{id}", users.delete_user),
    Endpoint("POST", _USERS + "/{user_id}/auth_factors", factors.enroll_factor),
    Endpoint("GET", _USERS + "/{user_id}/auth_factors", factors.list_factors),
    Endpoint("GET", "/auth/factors/{id}", factors.get_factor),
    Endpoint("DELETE", "/auth/factors/{id}", factors.delete_factor),
    Endpoint("POST", _MEMBERSHIPS, memberships.create_membership),
    Endpoint("GET", _MEMBERSHIPS, memberships.list_memberships),
    Endpoint("GET", _MEMBERSHIPS + "/{id}", memberships.get_membership),
    Endpoint("PUT", _MEMBERSHIPS + "/{id}", memberships.update_membership),
    Endpoint("DELETE", _MEMBERSHIPS + "/{id}", memberships.delete_membership),
    Endpoint("PUT", _MEMBERSHIPS + "/{id}/deactivate", memberships.deactivate_membership),
    Endpoint("PUT", _MEMBERSHIPS + "/{id}/reactivate", memberships.reactivate_membership),
    Endpoint("POST", "/organizations", organizations.create_organization),
    Endpoint("GET", "/organizations", organizations.list_organizations),
    Endpoint(
        "GET",
        "/organizations/external_id/{external_id}",
        organizations.get_organization_by_external_id,
    ),
    Endpoint("GET", "/organizations/{id}", organizations.get_organization),
    Endpoint("PUT", "/organizations/{id}", organizations.update_organization),
    Endpoint("DELETE", "/organizations/{id}", organizations.delete_organization),
    Endpoint("POST", _ROLES, roles.create_environment_role),
    Endpoint("POST", _ORGANIZATION_ROLES, roles.create_organization_role),
    *(
        Endpoint(method, prefix + path, handler)
        for prefix in (_ROLES, _ORGANIZATION_ROLES)
        for method, path, handler in (
            ("GET", "", roles.list_roles),
            ("GET", "/{slug}", roles.get_role),
            ("PATCH", "/{slug}", roles.update_role),
            ("PUT", "/{slug}/permissions", roles.set_permissions),
            ("POST", "/{slug}/permissions", roles.add_permission),
        )
    ),
    Endpoint("POST", _PERMISSIONS, permissions.create_permission),
    Endpoint("GET", _PERMISSIONS, permissions.list_permissions),
    Endpoint("GET", _PERMISSIONS + "/{slug}", permissions.get_permission),
    Endpoint("PATCH", _PERMISSIONS + "/{slug}", permissions.update_permission),
    Endpoint("GET", _CONTROL + "faults", remote_control.get_faults),
    Endpoint("PUT", _CONTROL + "faults", remote_control.set_faults),
    Endpoint("GET", _CONTROL + "limits", remote_control.get_limits),
    Endpoint("PUT", _CONTROL + "limits", remote_control.set_limits),
    Endpoint("GET", _CONTROL + "settings", remote_control.get_settings),
    Endpoint("PUT", _CONTROL + "settings", remote_control.set_settings),
    Endpoint("GET", _CONTROL + "counts", remote_control.get_counts),
    Endpoint("POST", _CONTROL + "counts/reset", remote_control.reset_counts),
    Endpoint("POST", _CONTROL + "users", remote_control.sign_up),
    Endpoint("PUT", _CONTROL + "users/{id}", remote_control.edit_user),
    Endpoint("PUT", _CONTROL + "memberships/{id}", remote_control.edit_membership),
)


def _split(path: str) -> list[str]:
    return path.lstrip("/").split("/")


_BY_SHAPE: dict[tuple[str, int], list[tuple[list[str], Endpoint]]] = {}
for _endpoint in ENDPOINTS:
    _parts = _split(_endpoint.path)
    _BY_SHAPE.setdefault((_endpoint.method, len(_parts)), []).append((_parts, _endpoint))


def find_endpoint(method: str, path: str) -> tuple[Endpoint, dict[str, str]]:
    """The endpoint of a request and the variable parts of its path.

    A path that none fits gets one of its own, which answers 404.

    Args:
        method: HTTP method, upper case.
        path: As sent, still percent-encoded, without the query: an external id may hold a slash.
    """
    sent = _split(path)
    for wanted, endpoint in _BY_SHAPE.get((method, len(sent)), ()):
        pairs = list(zip(wanted, sent, strict=True))
        if all(name == part or (name[0] == "{" and part) for name, part in pairs):
            variables = {name[1:-1]: unquote(part) for name, part in pairs if name[0] == "{"}
            return endpoint, variables
    return Endpoint(method, path, _unknown_path), {}


def _unknown_path(_: Request) -> Response:
    raise ErrorResponse(404, "Not Found")
