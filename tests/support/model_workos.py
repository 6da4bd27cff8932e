"""A WorkOS in memory for the property tests: what the loader may ask it, and what it answers."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import count
from typing import TYPE_CHECKING, Any

from target_workos_users.api.calls import Page
from target_workos_users.exceptions import ApiError, Reason

if TYPE_CHECKING:
    from collections.abc import Callable


class ModelWorkOS:
    """Users, memberships and factors; each call is counted, and may be the last of a process.

    Attributes:
        step: Called before a call takes effect and after it did: it may raise.
        users: By email.
        memberships: By user id and organization id.
        factors: Secrets of the TOTP factors, by user id.
        roles: Slugs of the environment's roles.
        calls: How often each method was called.
        asked: Emails of users that a call was about.
        refuses: Emails whose memberships are refused.
    """

    def __init__(self) -> None:
        self.step: Callable[[], None] = lambda: None
        self.users: dict[str, dict[str, Any]] = {}
        self.memberships: dict[tuple[str, str], dict[str, Any]] = {}
        self.factors: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        self.organizations: dict[str, dict[str, Any]] = {}
        self.roles = ["member", "admin", "viewer"]
        self.calls: Counter[str] = Counter()
        self.asked: set[str] = set()
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.refuses: set[str] = set()
        self._ids = count(1)

    # What others do

    def sign_up(self, email: str, **fields: Any) -> dict[str, Any]:
        """Somebody signs up by herself."""
        user = {"id": f"user_{next(self._ids)}", "email": email, "metadata": {}, **fields}
        self.users[email] = user
        return user

    def edit(self, email: str, **fields: Any) -> None:
        """An administrator, or the user herself, changes something."""
        self.users[email] |= fields

    # What the loader asks

    async def create_user(self, fields: dict[str, Any]) -> dict[str, Any]:
        self._begin("create_user", fields, fields["email"])
        email = fields["email"]
        if email in self.users:
            raise ApiError(Reason.EMAIL_EXISTS, "exists", 400)
        if any(
            fields.get("external_id") and user.get("external_id") == fields["external_id"]
            for user in self.users.values()
        ):
            raise ApiError(Reason.EXTERNAL_ID_EXISTS, "exists", 400)
        user = self.sign_up(email, **{k: v for k, v in fields.items() if k != "email"})
        user["made_by"] = "import"
        self.step()
        return self._shown(user)

    async def update_user(self, user_id: str, fields: dict[str, Any]) -> dict[str, Any]:
        self._begin("update_user", fields, user_id)
        user = self._user(user_id)
        metadata = user["metadata"] | fields.get("metadata", {})
        user |= {**fields, "metadata": metadata}
        self.step()
        return self._shown(user)

    async def delete_user(self, user_id: str) -> None:
        self._begin("delete_user", {})
        self.users = {e: u for e, u in self.users.items() if u["id"] != user_id}
        self.memberships = {k: m for k, m in self.memberships.items() if k[0] != user_id}
        self.step()

    async def get_user(self, user_id: str) -> dict[str, Any] | None:
        self._begin("get_user", {}, user_id)
        return next((self._shown(u) for u in self.users.values() if u["id"] == user_id), None)

    async def find_user_by_email(self, email: str) -> dict[str, Any] | None:
        self._begin("find_user_by_email", {}, email)
        return self._shown(self.users[email]) if email in self.users else None

    async def find_user_by_external_id(self, external_id: str) -> dict[str, Any] | None:
        self._begin("find_user_by_external_id", {})
        found = (u for u in self.users.values() if u.get("external_id") == external_id)
        return next(map(self._shown, found), None)

    async def list_users(self, *, after: str | None = None, order: str = "desc") -> Page:
        self._begin("list_users", {"after": after, "order": order})
        return Page([self._shown(user) for user in self.users.values()], None)

    async def list_members(self, organization_id: str, *, after: str | None = None) -> Page:
        self._begin("list_members", {"after": after})
        members = (each for key, each in self.memberships.items() if key[1] == organization_id)
        return Page([self._with_roles(each) for each in members], None)

    async def get_organization_by_external_id(self, external_id: str) -> dict[str, Any] | None:
        self._begin("get_organization_by_external_id", {})
        return self.organizations.get(external_id)

    async def create_organization(self, *, name: str, external_id: str) -> dict[str, Any]:
        self._begin("create_organization", {"name": name})
        if external_id in self.organizations:
            raise ApiError(Reason.EXTERNAL_ID_EXISTS, "exists", 400)
        self.organizations[external_id] = {"id": f"org_{external_id}", "external_id": external_id}
        self.step()
        return self.organizations[external_id]

    async def create_membership(
        self, *, user_id: str, organization_id: str, role_slugs: list[str]
    ) -> dict[str, Any]:
        self._begin("create_membership", {"role_slugs": list(role_slugs)}, user_id)
        user = self._user(user_id)
        if user["email"] in self.refuses:
            raise ApiError(Reason.REFUSED, "not allowed", 403)
        if (user_id, organization_id) in self.memberships:
            raise ApiError(Reason.MEMBER_EXISTS, "exists", 409)
        membership = {
            "id": f"om_{next(self._ids)}",
            "user_id": user_id,
            "organization_id": organization_id,
            "status": "active",
            "slugs": list(role_slugs) or ["member"],
        }
        self.memberships[user_id, organization_id] = membership
        self.step()
        return self._with_roles(membership)

    async def list_memberships(
        self, *, user_id: str, organization_id: str | None = None
    ) -> list[dict[str, Any]]:
        self._begin("list_memberships", {}, user_id)
        return [
            self._with_roles(membership)
            for key, membership in self.memberships.items()
            if key[0] == user_id and organization_id in {None, key[1]}
        ]

    async def update_membership(
        self, membership_id: str, *, role_slugs: list[str]
    ) -> dict[str, Any]:
        self._begin("update_membership", {"role_slugs": list(role_slugs)})
        (membership,) = (m for m in self.memberships.values() if m["id"] == membership_id)
        membership["slugs"] = list(role_slugs)
        self.step()
        return self._with_roles(membership)

    async def list_roles(self, *, organization_id: str) -> list[dict[str, Any]]:
        self._begin("list_roles", {"organization_id": organization_id})
        return [{"slug": slug} for slug in self.roles]

    async def list_auth_factors(self, user_id: str) -> list[dict[str, Any]]:
        self._begin("list_auth_factors", {}, user_id)
        return [factor | {"type": "totp"} for factor in self.factors[user_id]]

    async def enroll_totp(
        self, user_id: str, *, secret: str, issuer: str | None, user: str | None
    ) -> dict[str, Any]:
        self._begin("enroll_totp", {"issuer": issuer, "user": user}, user_id)
        factor = {"id": f"auth_factor_{next(self._ids)}", "secret": secret}
        self.factors[user_id].append(factor)
        self.step()
        return factor

    def _begin(self, name: str, fields: dict[str, Any], user: str | None = None) -> None:
        """A call comes; about a user, by email or id."""
        self.step()
        self.calls[name] += 1
        self.sent.append((name, fields))
        self.asked |= {email for email, each in self.users.items() if user in {email, each["id"]}}

    def _user(self, user_id: str) -> dict[str, Any]:
        for user in self.users.values():
            if user["id"] == user_id:
                return user
        raise ApiError(Reason.NOT_FOUND, f"User not found: '{user_id}'.", 404, entity_id=user_id)

    @staticmethod
    def _shown(user: dict[str, Any]) -> dict[str, Any]:
        return {k: v for k, v in user.items() if not k.startswith(("password", "made_by"))}

    @staticmethod
    def _with_roles(membership: dict[str, Any]) -> dict[str, Any]:
        return membership | {"roles": [{"slug": slug} for slug in membership["slugs"]]}
