"""Records of roles and permissions: created, completed, never taken away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from target_workos_users.exceptions import (
    LOAD_AGAIN,
    ApiError,
    ErrorType,
    Reason,
    RecordError,
    Waits,
)
from target_workos_users.loading.outcome import Outcome, Tally
from target_workos_users.loading.roles import listed
from target_workos_users.records.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_workos_users.api.workos import WorkOS
    from target_workos_users.loading.organizations import OrganizationCache
    from target_workos_users.loading.task import EntityTask
    from target_workos_users.records.entities import EntityRow

Entity = dict[str, Any]


class AuthorizationRecords:
    """Makes sure that the role or permission of a record is in WorkOS.

    What is there is completed: a role gets the permissions that it lacks, and a description where
    it has none. What WorkOS has otherwise stays, and is remarked. A permission that only roles name
    is made, once all records came.

    Args:
        organizations: Resolves those whose roles they are.
    """

    def __init__(self, api: WorkOS, organizations: OrganizationCache) -> None:
        self._api = api
        self._organizations = organizations
        self._all_came = False

    def look_again(self) -> None:
        """All records came: a permission that isn't there by now has none of its own."""
        self._all_came = True

    async def load(self, task: EntityTask, outcome: Outcome) -> None:
        """Load one record.

        Raises:
            RecordError: It can't be loaded.
            ApiError: WorkOS answered with an error.
        """
        if task.row.kind is Kind.PERMISSIONS:
            await self._load_permission(task, outcome)
            return
        if task.row.organization is not None:
            outcome.org_id = await self._organizations.resolve(task.row.organization)
        await self._load_role(task, outcome)

    async def _load_permission(self, task: EntityTask, outcome: Outcome) -> None:
        row = task.row
        try:
            await self._api.create_permission(row.fields)
        except ApiError as error:
            if error.reason is not Reason.SLUG_EXISTS:
                raise
            found = await self._api.get_permission(row.key)
            if body := self._completed(found or {}, row.fields, outcome):
                await self._api.update_permission(row.key, body)
            outcome.tallies.append(Tally.PERMISSIONS_EXISTING)
        else:
            outcome.tallies.append(Tally.PERMISSIONS_CREATED)

    async def _load_role(self, task: EntityTask, outcome: Outcome) -> None:
        row, of = task.row, outcome.org_id
        found: Entity = {}
        try:
            await self._api.create_role(row.fields, organization_id=of)
        except ApiError as error:
            if error.reason is not Reason.SLUG_EXISTS:
                raise
            roles = await self._api.list_roles(organization_id=of)
            found = next((role for role in roles if role.get("slug") == row.key), {})
            if body := self._completed(found, row.fields, outcome):
                await self._api.update_role(row.key, body, organization_id=of)
            if not task.past.has_come:  # else it was counted before it had to wait
                outcome.tallies.append(Tally.ROLES_EXISTING)
        else:
            outcome.tallies.append(Tally.ROLES_CREATED)
        held = [str(slug) for slug in found.get("permissions") or ()]
        if row.permissions and any(slug not in row.permissions for slug in held):
            outcome.remarks.append("permissions_left")
        if missing := [slug for slug in row.permissions if slug not in held]:
            await self._give(row, held + missing, of)

    async def _give(self, row: EntityRow, slugs: list[str], of: str | None) -> None:
        try:
            await self._api.set_role_permissions(row.key, slugs, organization_id=of)
        except ApiError as error:
            named = [slug for slug in row.permissions if f"'{slug}'" in error.message]
            if error.reason is not Reason.NOT_FOUND and not named:
                raise
            if not self._all_came:
                raise _unknown(named or row.permissions, error) from error
            for slug in row.permissions:
                await self._make_permission(slug)
            await self._api.set_role_permissions(row.key, slugs, organization_id=of)

    async def _make_permission(self, slug: str) -> None:
        """Make one that has no record of its own: a package of WorkOS's tool has none of any."""
        try:
            await self._api.create_permission({"slug": slug, "name": slug})
        except ApiError as error:
            if error.reason is not Reason.SLUG_EXISTS:
                raise

    @staticmethod
    def _completed(found: Entity, fields: dict[str, Any], outcome: Outcome) -> dict[str, Any]:
        """What of a record's texts is blank in WorkOS; what differs is remarked."""
        texts = {name: fields[name] for name in ("name", "description") if name in fields}
        if any(found.get(name) not in (None, "", text) for name, text in texts.items()):
            outcome.remarks.append("definition_left")
        return {name: text for name, text in texts.items() if not found.get(name)} if found else {}


def _unknown(slugs: Sequence[str], error: ApiError) -> RecordError:
    record_error = error.as_record_error(
        ErrorType.ROLE_WRITE,
        f"permissions {listed(slugs)}: no such permission in this WorkOS environment ({error}); "
        f"{LOAD_AGAIN}",
    )
    record_error.waits = Waits.FOR_OTHER_KINDS
    return record_error


def as_record_error(kind: Kind, error: ApiError) -> RecordError:
    """What a record of an organization, a role or a permission failed on."""
    types = {Kind.ROLES: ErrorType.ROLE_WRITE, Kind.PERMISSIONS: ErrorType.PERMISSION_WRITE}
    return error.as_record_error(types.get(kind, ErrorType.ORGANIZATION_CREATE))
