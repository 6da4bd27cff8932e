"""Records about no user, compared with WorkOS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from target_workos_users.loading.organization_records import organization_differences
from target_workos_users.plan.difference import Difference, pair
from target_workos_users.records.kinds import Kind

if TYPE_CHECKING:
    from target_workos_users.api.workos import WorkOS
    from target_workos_users.plan.source import Entity, Source


async def compare_entity(api: WorkOS, source: Source, entity: Entity) -> list[Difference]:
    """Compare a record of an organization, a role or a permission with WorkOS.

    Raises:
        ApiError: WorkOS answered with an error.
    """
    missing, about = f"{entity.kind.removesuffix('s')}_missing", {"key": entity.key}
    place = (entity.stream, entity.number)
    found, fields = None, entity.fields
    if entity.kind is Kind.ORGANIZATIONS:
        found = await _find_organization(api, entity)
        lacking = organization_differences(found or {}, fields)
    elif entity.kind is Kind.PERMISSIONS:
        found, lacking = await api.get_permission(entity.key), {}
    else:
        found = await _find_role(api, source, entity)
        held = (found or {}).get("permissions") or ()
        lacking = {"permissions": [each for each in entity.permissions if each not in held]}
    if found is None:
        return [Difference(missing, *place, about)]
    shown = {name: pair(name, value, found) for name, value in lacking.items() if value}
    kind = f"{entity.kind.removesuffix('s')}_differs"
    return [Difference(kind, *place, {**about, "fields": shown})] if shown else []


async def _find_organization(api: WorkOS, entity: Entity) -> dict[str, Any] | None:
    if external_id := entity.fields.get("external_id"):
        return await api.get_organization_by_external_id(external_id)
    named = await api.find_organizations_by_name(entity.fields["name"])
    return named[0] if named else None


async def _find_role(api: WorkOS, source: Source, entity: Entity) -> dict[str, Any] | None:
    of = {each.key: each.workos_id for each in source.organizations()}
    organization_id = of.get(entity.organization or "")
    if entity.organization and organization_id is None:
        return None
    roles = await api.list_roles(organization_id=organization_id)
    return next((role for role in roles if role.get("slug") == entity.key), None)
