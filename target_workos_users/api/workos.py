"""WorkOS, as far as an import needs it: each call of its API is a method."""

from __future__ import annotations

from target_workos_users.api.authorization import AuthorizationCalls
from target_workos_users.api.factors import FactorCalls
from target_workos_users.api.memberships import MembershipCalls
from target_workos_users.api.organizations import OrganizationCalls
from target_workos_users.api.users import UserCalls


class WorkOS(UserCalls, OrganizationCalls, MembershipCalls, AuthorizationCalls, FactorCalls):
    """All calls of WorkOS's API that are used, over one client, which :meth:`close` closes."""

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()
