"""Which handler answers which method and path."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import unquote

from workos_sandbox import factors, memberships, organizations, roles, users
from workos_sandbox.exchange import Answer, Call, Refusal

Handler = Callable[[Call], Answer]


class Route(NamedTuple):
    """A handler with the template of its path, e.g. ``/user_management/users/{id}``."""

    method: str
    template: str
    handler: Handler


_USERS = "/user_management/users"
_MEMBERSHIPS = "/user_management/organization_memberships"
_ORGANIZATION_ROLES = "/authorization/organizations/{organization_id}/roles"

# Of two that fit a path, the first is taken: names before variables.
ROUTES = (
    Route("POST", _USERS, users.create_user),
    Route("GET", _USERS, users.list_users),
    Route("GET", _USERS + "/external_id/{external_id}", users.get_user_by_external_id),
    Route("GET", _USERS + "/{id}", users.get_user),
    Route("PUT", _USERS + "/{id}", users.update_user),
    Route("DELETE", _USERS + "/{id}", users.delete_user),
    Route("POST", _USERS + "/{user_id}/auth_factors", factors.enroll_factor),
    Route("GET", _USERS + "/{user_id}/auth_factors", factors.list_factors),
    Route("DELETE", "/auth/factors/{id}", factors.delete_factor),
    Route("POST", _MEMBERSHIPS, memberships.create_membership),
    Route("GET", _MEMBERSHIPS, memberships.list_memberships),
    Route("GET", _MEMBERSHIPS + "/{id}", memberships.get_membership),
    Route("PUT", _MEMBERSHIPS + "/{id}", memberships.update_membership),
    Route("DELETE", _MEMBERSHIPS + "/{id}", memberships.delete_membership),
    Route("PUT", _MEMBERSHIPS + "/{id}/deactivate", memberships.deactivate_membership),
    Route("PUT", _MEMBERSHIPS + "/{id}/reactivate", memberships.reactivate_membership),
    Route("POST", "/organizations", organizations.create_organization),
    Route("GET", "/organizations", organizations.list_organizations),
    Route(
        "GET",
        "/organizations/external_id/{external_id}",
        organizations.get_organization_by_external_id,
    ),
    Route("GET", "/organizations/{id}", organizations.get_organization),
    Route("PUT", "/organizations/{id}", organizations.update_organization),
    Route("DELETE", "/organizations/{id}", organizations.delete_organization),
    Route("POST", "/authorization/roles", roles.create_environment_role),
    Route("GET", "/authorization/roles", roles.list_environment_roles),
    Route("GET", "/authorization/roles/{slug}", roles.get_environment_role),
    Route("POST", _ORGANIZATION_ROLES, roles.create_organization_role),
    Route("GET", _ORGANIZATION_ROLES, roles.list_organization_roles),
    Route("GET", _ORGANIZATION_ROLES + "/{slug}", roles.get_organization_role),
)


def _split(path: str) -> list[str]:
    return path.lstrip("/").split("/")


_BY_SHAPE: dict[tuple[str, int], list[tuple[list[str], Route]]] = {}
for _route in ROUTES:
    _parts = _split(_route.template)
    _BY_SHAPE.setdefault((_route.method, len(_parts)), []).append((_parts, _route))


def match(method: str, path: str) -> tuple[Route, dict[str, str]]:
    """The route of a request and the variable parts of its path.

    A path that no route fits gets one of its own, whose handler answers 404.

    Args:
        method: HTTP method, upper case.
        path: As sent, still percent-encoded, without the query: an external id may hold a slash.
    """
    sent = _split(path)
    for wanted, route in _BY_SHAPE.get((method, len(sent)), ()):
        pairs = list(zip(wanted, sent, strict=True))
        if all(name == part or (name[0] == "{" and part) for name, part in pairs):
            params = {name[1:-1]: unquote(part) for name, part in pairs if name[0] == "{"}
            return route, params
    return Route(method, path, _unknown_path), {}


def _unknown_path(_: Call) -> Answer:
    raise Refusal(404, "Not Found")
