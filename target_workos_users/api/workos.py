"""The few WorkOS calls that an import needs, on the ``workos`` SDK.

Plain dicts in and out: the SDK's models refuse a success that lacks one of their keys, when the
user exists already (measured, workos 10.8.0). Nothing but ``id`` is needed here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from target_workos_users.api.answers import entities, entity, roles
from target_workos_users.api.refusals import membership_reason, organization_reason, user_reason
from target_workos_users.exceptions import ApiError, Reason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from target_workos_users.api.client import Client

_USERS = ("user_management", "users")
_MEMBERSHIPS = ("user_management", "organization_memberships")
_ORGANIZATIONS = ("organizations",)
_PAGE = 100  # the most that WorkOS lists at a time (WorkOS OpenAPI spec)


class WorkOS:
    """WorkOS, as far as an import needs it. Answers are WorkOS's JSON objects.

    Every method raises what :meth:`.Client.call` raises.

    Args:
        client: Sends the requests; closed by :meth:`close`.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    async def create_user(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Create a user from the fields of ``POST /user_management/users``."""
        answer = await self._client.call("POST", _USERS, body=dict(fields), meaning=user_reason)
        created = entity(answer, "create_user", writes=True)
        if str(created.get("email") or fields["email"]).lower() != fields["email"].lower():
            message = "create_user: WorkOS answered with a user of another email"
            raise ApiError(Reason.GAVE_UP, message, ambiguous=True)
        return created

    async def update_user(self, user_id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Change the given fields of a user; the others stay."""
        path = (*_USERS, user_id)
        answer = await self._client.call("PUT", path, body=dict(fields), meaning=user_reason)
        return entity(answer, "update_user", writes=True, id=user_id)

    async def delete_user(self, user_id: str) -> None:
        """Delete a user; one that is gone already is fine."""
        try:
            await self._client.call("DELETE", (*_USERS, user_id))
        except ApiError as error:
            if error.reason is not Reason.NOT_FOUND:
                raise

    async def find_user_by_email(self, email: str) -> dict[str, Any] | None:
        """The user with this email, or None; WorkOS keeps emails trimmed and in lower case."""
        email = email.strip().lower()
        answer = await self._client.call("GET", _USERS, params={"email": email})
        for user in entities(answer, "find_user_by_email"):
            if str(user.get("email") or email).lower() == email:
                return user
        return None

    async def find_user_by_external_id(self, external_id: str) -> dict[str, Any] | None:
        """The user with this external id, or None."""
        path = (*_USERS, "external_id", external_id)
        return await self._get(path, "find_user_by_external_id", external_id=external_id)

    async def get_user(self, user_id: str) -> dict[str, Any] | None:
        """The user with this WorkOS id, or None."""
        return await self._get((*_USERS, user_id), "get_user", id=user_id)

    async def get_organization(self, organization_id: str) -> dict[str, Any] | None:
        """The organization with this WorkOS id, or None."""
        path = (*_ORGANIZATIONS, organization_id)
        return await self._get(path, "get_organization", id=organization_id)

    async def get_organization_by_external_id(self, external_id: str) -> dict[str, Any] | None:
        """The organization with this external id, or None."""
        path = (*_ORGANIZATIONS, "external_id", external_id)
        return await self._get(path, "get_organization_by_external_id", external_id=external_id)

    async def create_organization(self, *, name: str, external_id: str) -> dict[str, Any]:
        """Create an organization; EXTERNAL_ID_EXISTS if the external id is taken."""
        body = {"name": name, "external_id": external_id}
        answer = await self._client.call(
            "POST", _ORGANIZATIONS, body=body, meaning=organization_reason
        )
        return entity(answer, "create_organization", writes=True, external_id=external_id)

    async def create_membership(
        self, *, user_id: str, organization_id: str, role_slugs: Sequence[str]
    ) -> dict[str, Any]:
        """Make a user a member; without role slugs WorkOS gives the environment's default role."""
        ids = {"user_id": user_id, "organization_id": organization_id}
        body = {**ids, **_roles(role_slugs)}
        answer = await self._client.call("POST", _MEMBERSHIPS, body=body, meaning=membership_reason)
        return entity(answer, "create_membership", writes=True, **ids)

    async def list_memberships(
        self, *, user_id: str, organization_id: str | None = None
    ) -> list[dict[str, Any]]:
        """A user's memberships, or the one in an organization; active, inactive and pending."""
        params = {"user_id": user_id, "statuses": "active,inactive,pending", "limit": _PAGE}
        if organization_id is not None:
            params["organization_id"] = organization_id
        found: list[dict[str, Any]] = []
        while True:
            answer = await self._client.call("GET", _MEMBERSHIPS, params=params)
            found += entities(answer, "list_memberships")
            after = (answer.get("list_metadata") or {}).get("after")
            if not after or after == params.get("after"):
                break
            params["after"] = after
        return [
            membership
            for membership in found
            if membership.get("user_id", user_id) == user_id
            and organization_id in {None, membership.get("organization_id", organization_id)}
        ]

    async def update_membership(
        self, membership_id: str, *, role_slugs: Sequence[str]
    ) -> dict[str, Any]:
        """Give a membership these roles instead of those it has."""
        path = (*_MEMBERSHIPS, membership_id)
        answer = await self._client.call(
            "PUT", path, body=_roles(role_slugs), meaning=membership_reason
        )
        return entity(answer, "update_membership", writes=True, id=membership_id)

    async def deactivate_membership(self, membership_id: str) -> dict[str, Any]:
        """Deactivate a membership; one that is inactive already is fine (OpenAPI spec)."""
        path = (*_MEMBERSHIPS, membership_id, "deactivate")
        answer = await self._client.call("PUT", path)
        return entity(answer, "deactivate_membership", writes=True, id=membership_id)

    async def list_organization_roles(self, organization_id: str) -> list[dict[str, Any]]:
        """The environment's roles and the organization's own."""
        path = ("authorization", "organizations", organization_id, "roles")
        answer = await self._client.call("GET", path)
        return roles(answer, "list_organization_roles")

    async def list_auth_factors(self, user_id: str) -> list[dict[str, Any]]:
        """A user's authentication factors, without their secrets."""
        answer = await self._client.call("GET", (*_USERS, user_id, "auth_factors"))
        return entities(answer, "list_auth_factors", user_id=user_id)

    async def enroll_totp(
        self, user_id: str, *, secret: str, issuer: str | None, user: str | None
    ) -> dict[str, Any]:
        """Add a TOTP factor with this Base32 secret. Not retried once it may have taken effect."""
        given = {"totp_secret": secret, "totp_issuer": issuer, "totp_user": user}
        body = {"type": "totp", **{name: value for name, value in given.items() if value}}
        path = (*_USERS, user_id, "auth_factors")
        answer = await self._client.call("POST", path, body=body, repeatable=False)
        if isinstance(answer, dict):  # WorkOS's emulator doesn't wrap it
            answer = answer.get("authentication_factor", answer)
        return entity(answer, "enroll_totp", writes=True, user_id=user_id)

    async def delete_auth_factor(self, factor_id: str) -> None:
        """Delete an authentication factor; one that is gone already is fine."""
        try:
            await self._client.call("DELETE", ("auth", "factors", factor_id))
        except ApiError as error:
            if error.reason is not Reason.NOT_FOUND:
                raise

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _get(
        self, path: tuple[str, ...], call: str, **expected: str
    ) -> dict[str, Any] | None:
        try:
            answer = await self._client.call("GET", path)
        except ApiError as error:
            if error.reason is Reason.NOT_FOUND:
                return None
            raise
        return entity(answer, call, writes=False, **expected)


def _roles(role_slugs: Sequence[str]) -> dict[str, Any]:
    """One role in the singular: environments without multiple roles take that only."""
    match list(role_slugs):
        case []:
            return {}
        case [slug]:
            return {"role_slug": slug}
        case slugs:
            return {"role_slugs": slugs}
