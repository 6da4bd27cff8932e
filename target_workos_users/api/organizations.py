"""Organizations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from target_workos_users.api.calls import PAGE, Calls
from target_workos_users.api.error_responses import organization_reason

if TYPE_CHECKING:
    from collections.abc import Mapping

_ORGANIZATIONS = ("organizations",)


class OrganizationCalls(Calls):
    """Calls about organizations."""

    async def get_organization(self, organization_id: str) -> dict[str, Any] | None:
        """The organization with this WorkOS id, or None."""
        return await self._find((*_ORGANIZATIONS, organization_id), id=organization_id)

    async def get_organization_by_external_id(self, external_id: str) -> dict[str, Any] | None:
        """The organization with this external id, or None."""
        path = (*_ORGANIZATIONS, "external_id", external_id)
        return await self._find(path, external_id=external_id)

    async def find_organizations_by_name(self, name: str) -> list[dict[str, Any]]:
        """The organizations of just this name, of the first hundred that have it in theirs."""
        found = (await self._list(_ORGANIZATIONS, {"limit": PAGE, "search": name})).data
        return [organization for organization in found if organization.get("name") == name]

    async def find_organizations_by_domain(self, domain: str) -> list[dict[str, Any]]:
        """The organizations that have a domain."""
        return (await self._list(_ORGANIZATIONS, {"limit": PAGE, "domains": domain})).data

    async def create_organization(
        self, *, name: str, external_id: str | None = None, **fields: Any
    ) -> dict[str, Any]:
        """Create an organization; EXTERNAL_ID_EXISTS if the external id is taken.

        Args:
            name: Its name, which needn't be unique.
            external_id: Keeps a request that is sent again from making a second one.
            fields: Others of ``POST /organizations``: ``domain_data``, ``metadata``,
                ``allow_profiles_outside_organization``.
        """
        given = {"external_id": external_id} if external_id else {}
        return await self._entity(
            "POST",
            _ORGANIZATIONS,
            body={"name": name, **given, **fields},
            meaning=organization_reason,
            **given,
        )

    async def update_organization(
        self, organization_id: str, fields: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Change the given fields of an organization; the others stay."""
        return await self._entity(
            "PUT",
            (*_ORGANIZATIONS, organization_id),
            body=fields,
            meaning=organization_reason,
            id=organization_id,
        )

    async def delete_organization(self, organization_id: str) -> None:
        """Delete an organization; one that is gone already is fine."""
        await self._delete((*_ORGANIZATIONS, organization_id))
