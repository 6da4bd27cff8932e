"""Authentication factors of users."""

from __future__ import annotations

from typing import Any

from target_workos_users.api.calls import Calls, check_entity


class FactorCalls(Calls):
    """Calls about authentication factors."""

    async def list_auth_factors(self, user_id: str) -> list[dict[str, Any]]:
        """A user's authentication factors, without their secrets."""
        path = ("user_management", "users", user_id, "auth_factors")
        return (await self._list(path, {}, user_id=user_id)).data

    async def enroll_totp(
        self, user_id: str, *, secret: str, issuer: str | None, user: str | None
    ) -> dict[str, Any]:
        """Add a TOTP factor with this Base32 secret. Not retried once it may have taken effect."""
        given = {"totp_secret": secret, "totp_issuer": issuer, "totp_user": user}
        body = {"type": "totp", **{name: value for name, value in given.items() if value}}
        path = ("user_management", "users", user_id, "auth_factors")
        answer = await self._client.call("POST", path, body=body)
        if isinstance(answer, dict):  # WorkOS's emulator doesn't wrap it
            answer = answer.get("authentication_factor", answer)
        return check_entity(answer, "POST", path, {"user_id": user_id})

    async def delete_auth_factor(self, factor_id: str) -> None:
        """Delete a factor; one that is gone already is fine."""
        await self._delete(("auth", "factors", factor_id))
