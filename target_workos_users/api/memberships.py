"""Memberships of users in organizations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from target_workos_users.api.calls import PAGE, Calls, Page
from target_workos_users.api.error_responses import membership_reason

if TYPE_CHECKING:
    from collections.abc import Sequence

_MEMBERSHIPS = ("user_management", "organization_memberships")
_STATUSES = "active,inactive,pending"  # without them WorkOS lists the active ones (OpenAPI spec)


class MembershipCalls(Calls):
    """Calls about memberships."""

    async def create_membership(
        self, *, user_id: str, organization_id: str, role_slugs: Sequence[str]
    ) -> dict[str, Any]:
        """Make a user a member; without role slugs WorkOS gives the environment's default role."""
        ids = {"user_id": user_id, "organization_id": organization_id}
        body = {**ids, **_roles(role_slugs)}
        return await self._entity("POST", _MEMBERSHIPS, body=body, meaning=membership_reason, **ids)

    async def list_memberships(
        self, *, user_id: str, organization_id: str | None = None
    ) -> list[dict[str, Any]]:
        """A user's memberships, or the one in an organization; active, inactive and pending."""
        params: dict[str, Any] = {"user_id": user_id, "statuses": _STATUSES, "limit": PAGE}
        params |= {"organization_id": organization_id}
        found: list[dict[str, Any]] = []
        while True:
            data, after = await self._list(_MEMBERSHIPS, params)
            found += data
            if not after or after == params.get("after"):
                break
            params["after"] = after
        return [
            membership
            for membership in found
            if membership.get("user_id", user_id) == user_id
            and organization_id in {None, membership.get("organization_id", organization_id)}
        ]

    async def list_members(self, organization_id: str, *, after: str | None = None) -> Page:
        """A page of the memberships in an organization, oldest first; of any status.

        Args:
            organization_id: The organization.
            after: ``after`` of the page before.
        """
        params = {"organization_id": organization_id, "statuses": _STATUSES, "limit": PAGE}
        query = {**params, "order": "asc", "after": after}
        return await self._list(_MEMBERSHIPS, query, organization_id=organization_id)

    async def update_membership(
        self, membership_id: str, *, role_slugs: Sequence[str]
    ) -> dict[str, Any]:
        """Give a membership these roles instead of those it has."""
        path, body = (*_MEMBERSHIPS, membership_id), _roles(role_slugs)
        return await self._entity(
            "PUT", path, body=body, meaning=membership_reason, id=membership_id
        )

    async def deactivate_membership(self, membership_id: str) -> dict[str, Any]:
        """Deactivate a membership; one that is inactive already is fine."""
        path = (*_MEMBERSHIPS, membership_id, "deactivate")
        return await self._entity("PUT", path, id=membership_id)

    async def delete_membership(self, membership_id: str) -> None:
        """Delete a membership; one that is gone already is fine."""
        await self._delete((*_MEMBERSHIPS, membership_id))


def _roles(role_slugs: Sequence[str]) -> dict[str, Any]:
    """One role in the singular: environments without multiple roles take that only."""
    match list(role_slugs):
        case []:
            return {}
        case [slug]:
            return {"role_slug": slug}
        case slugs:
            return {"role_slugs": slugs}
