"""The organization that a record names. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from target_workos_users.records import values
from target_workos_users.records.values import invalid

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class OrganizationRef:
    """The organization that a record or the settings name.

    Attributes:
        id: WorkOS's id. Excludes ``external_id``.
        external_id: The id in the source.
        name: The name to create it with, if it isn't found by ``external_id``.
    """

    id: str | None
    external_id: str | None
    name: str | None


def organization_of(
    record: Mapping[str, Any], default: OrganizationRef | None, remarks: list[str]
) -> OrganizationRef | None:
    """The organization that a record names, unless the settings name one; None if none is named.

    Raises:
        RecordError: ``invalid_record``: it names two, or none for certain.
    """
    org_id = values.text(record, "org_id")
    external_id = values.text(record, "org_external_id")
    name = values.text(record, "org_name")
    if default is not None:
        own = (org_id, external_id, name)
        settings = (default.id, default.external_id, default.name)
        if any(mine and mine != theirs for mine, theirs in zip(own, settings, strict=True)):
            remarks.append("organization_overridden")
        return default
    if org_id and external_id:
        raise invalid(
            "org_id",
            "filled in together with org_external_id, and they may name two organizations: leave "
            "one of them empty",
        )
    if external_id:
        values.check_external_id("org_external_id", external_id)
    elif not org_id:
        if name:
            raise invalid(
                "org_name",
                "a name alone doesn't say which organization is meant, since names needn't be "
                "unique; fill in org_external_id too (the organization is then created under that "
                "name if it isn't there), or org_id",
            )
        return None
    return OrganizationRef(org_id, external_id, name)
