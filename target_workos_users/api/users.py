"""Users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from target_workos_users.api.calls import PAGE, Calls, Page, senseless
from target_workos_users.api.error_responses import user_reason

if TYPE_CHECKING:
    from collections.abc import Mapping

_USERS = ("user_management", "users")


class UserCalls(Calls):
    """Calls about users."""

    async def create_user(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Create a user from the fields of ``POST /user_management/users``."""
        created = await self._entity("POST", _USERS, body=fields, meaning=user_reason)
        if str(created.get("email") or fields["email"]).lower() != fields["email"].lower():
            raise senseless("POST", _USERS, "WorkOS answered with a user of another email")
        return created

    async def update_user(self, user_id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Change the given fields of a user; the others stay."""
        path = (*_USERS, user_id)
        return await self._entity("PUT", path, body=fields, meaning=user_reason, id=user_id)

    async def delete_user(self, user_id: str) -> None:
        """Delete a user; one that is gone already is fine."""
        await self._delete((*_USERS, user_id))

    async def get_user(self, user_id: str) -> dict[str, Any] | None:
        """The user with this WorkOS id, or None."""
        return await self._find((*_USERS, user_id), id=user_id)

    async def find_user_by_email(self, email: str) -> dict[str, Any] | None:
        """The user with this email, or None; WorkOS keeps emails trimmed and in lower case."""
        email = email.strip().lower()
        found, _ = await self._list(_USERS, {"email": email})
        users = (user for user in found if str(user.get("email") or email).lower() == email)
        return next(users, None)

    async def find_user_by_external_id(self, external_id: str) -> dict[str, Any] | None:
        """The user with this external id, or None."""
        return await self._find((*_USERS, "external_id", external_id), external_id=external_id)

    async def list_users(
        self, *, after: str | None = None, order: Literal["asc", "desc"] = "desc"
    ) -> Page:
        """A page of all users.

        Args:
            after: ``after`` of the page before.
            order: Newest first, or oldest.
        """
        return await self._list(_USERS, {"limit": PAGE, "after": after, "order": order})
