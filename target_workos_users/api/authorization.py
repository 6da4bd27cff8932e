"""Roles and permissions: of the environment, or an organization's own roles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from target_workos_users.api.calls import Calls
from target_workos_users.api.error_responses import slug_reason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from target_workos_users.api.client import Path

_PERMISSIONS = ("authorization", "permissions")


class AuthorizationCalls(Calls):
    """Calls about roles and permissions. Without an organization, a role is the environment's."""

    async def list_roles(self, *, organization_id: str | None = None) -> list[dict[str, Any]]:
        """The environment's roles, and with an organization its own as well."""
        return (await self._list(_roles(organization_id), {})).data  # it has no pages

    async def create_role(
        self, fields: Mapping[str, Any], *, organization_id: str | None = None
    ) -> dict[str, Any]:
        """Create a role of ``slug``, ``name`` and ``description``; SLUG_EXISTS if it is taken."""
        path = _roles(organization_id)
        return await self._entity("POST", path, body=fields, meaning=slug_reason)

    async def update_role(
        self, slug: str, fields: Mapping[str, Any], *, organization_id: str | None = None
    ) -> dict[str, Any]:
        """Change a role's ``name`` or ``description``."""
        path = (*_roles(organization_id), slug)
        return await self._entity("PATCH", path, body=fields, slug=slug)

    async def set_role_permissions(
        self, slug: str, permissions: Sequence[str], *, organization_id: str | None = None
    ) -> dict[str, Any]:
        """Give a role these permissions, by their slugs, instead of those it has."""
        path = (*_roles(organization_id), slug, "permissions")
        return await self._entity("PUT", path, body={"permissions": [*permissions]}, slug=slug)

    async def get_permission(self, slug: str) -> dict[str, Any] | None:
        """The permission with this slug, or None."""
        return await self._find((*_PERMISSIONS, slug), slug=slug)

    async def create_permission(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Create a permission of ``slug``, ``name``, ``description``; SLUG_EXISTS if taken."""
        return await self._entity("POST", _PERMISSIONS, body=fields, meaning=slug_reason)

    async def update_permission(self, slug: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Change a permission's ``name`` or ``description``."""
        return await self._entity("PATCH", (*_PERMISSIONS, slug), body=fields, slug=slug)


def _roles(organization_id: str | None) -> Path:
    if organization_id is None:
        return ("authorization", "roles")
    return ("authorization", "organizations", organization_id, "roles")
