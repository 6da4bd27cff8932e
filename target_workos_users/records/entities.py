"""Records about no user: organizations, roles and permissions. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from target_workos_users.records import values
from target_workos_users.records.kinds import Kind
from target_workos_users.records.metadata import metadata
from target_workos_users.records.organizations import OrganizationRef, organization_of
from target_workos_users.records.parse import checked
from target_workos_users.records.values import decoded, invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from target_workos_users.records.rules import RecordRules

_DOMAIN = re.compile(r"(?:[^\s@/:,;.]+\.)+[^\s@/:,;.]+")
# This and the next two: WorkOS OpenAPI spec.
_PERMISSION = re.compile(r"[a-z0-9_:.*-]{1,48}")
_MAX_NAME = 48
_MAX_DESCRIPTION = 150
OF_AN_ORGANIZATION = "org-"  # how slugs of their roles begin


@dataclass(frozen=True, slots=True)
class EntityRow:
    """What one record asks for.

    Attributes:
        kind: Of the record.
        key: What tells it from others of its kind: external id or name; slug.
        fields: The body of the ``POST`` that makes it.
        organization: Itself; or whose role it is, None for the environment's.
        permissions: Slugs of those that a role gives.
        remarks: As of a :class:`.UserRow`.
    """

    kind: Kind
    key: str
    fields: dict[str, Any]
    organization: OrganizationRef | None = None
    permissions: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def identity(self) -> tuple[object, ...]:
        """What the ledger remembers the record by."""
        of = self.organization and (self.organization.id or self.organization.external_id)
        return str(self.kind), self.key, of


def organization_row(record: Mapping[str, Any], rules: RecordRules) -> EntityRow:
    """An organization.

    Raises:
        RecordError: ``invalid_record``.
    """
    record = checked(record)
    name = _either(record, "name", "org_name")
    org_id = values.text(record, "org_id")
    external_id = _either(record, "external_id", "org_external_id")
    if external_id:
        values.check_external_id("external_id", external_id)
    if not name:
        raise invalid("name", "missing; an organization needs one")
    fields: dict[str, Any] = {"name": name}
    if external_id:
        fields["external_id"] = external_id
    if texts := metadata(record):
        fields["metadata"] = texts
    outside = values.boolean(record, "allow_profiles_outside_organization")
    if outside is not None:
        fields["allow_profiles_outside_organization"] = outside
    if domains := _items(record, "domains"):
        state = rules.domain_state
        fields["domain_data"] = [{"domain": _domain(each), "state": state} for each in domains]
    ref = OrganizationRef(org_id, None if org_id else external_id, name)
    return EntityRow(Kind.ORGANIZATIONS, org_id or external_id or name, fields, ref)


def role_row(record: Mapping[str, Any], rules: RecordRules) -> EntityRow:
    """A role of the environment, or of an organization.

    Raises:
        RecordError: ``invalid_record``.
    """
    record = checked(record)
    slug, fields = _slug_and_texts(record, "role", values.ROLE_SLUG)
    own = slug.startswith(OF_AN_ORGANIZATION)
    role_type = (values.text(record, "role_type") or "").lower()
    organization = organization_of(record, rules.default_organization if own else None, [])
    if role_type not in {"", "environment", "organization"}:
        raise invalid("role_type", "expected environment, organization or nothing")
    if own != (organization is not None) or (role_type and own != (role_type == "organization")):
        raise invalid(
            "slug",
            "roles of an organization have one that begins with 'org-', and name the organization "
            "(org_id or org_external_id); the environment's have neither",
        )
    permissions = tuple(_items(record, "permissions"))
    for permission in permissions:
        _check_slug("permissions", permission, _PERMISSION)
    return EntityRow(Kind.ROLES, slug, fields, organization, permissions)


def permission_row(record: Mapping[str, Any], _: RecordRules) -> EntityRow:
    """A permission.

    Raises:
        RecordError: ``invalid_record``.
    """
    record = checked(record)
    slug, fields = _slug_and_texts(record, "permission", _PERMISSION)
    return EntityRow(Kind.PERMISSIONS, slug, fields)


def _slug_and_texts(
    record: Mapping[str, Any], kind: str, form: re.Pattern[str]
) -> tuple[str, dict[str, Any]]:
    slug = _either(record, "slug", f"{kind}_slug")
    if not slug:
        raise invalid("slug", f"missing; a {kind} needs one")
    _check_slug("slug", slug, form)
    name = _either(record, "name", f"{kind}_name") or slug
    values.check_text("name", name, _MAX_NAME)
    fields = {"slug": slug, "name": name}
    if description := values.text(record, "description"):
        values.check_text("description", description, _MAX_DESCRIPTION)
        fields["description"] = description
    return slug, fields


def _check_slug(column: str, slug: str, form: re.Pattern[str]) -> None:
    if not form.fullmatch(slug):
        also = ", ':', '.' and '*'" if form is _PERMISSION else ""
        raise invalid(
            column,
            "not a slug; expected up to 48 lower-case letters, digits, hyphens, underscores" + also,
        )


def _either(record: Mapping[str, Any], column: str, other: str) -> str | None:
    return values.text(record, column) or values.text(record, other)


def _items(record: Mapping[str, Any], column: str) -> list[str]:
    """A list, its JSON text, or texts separated by commas, semicolons or spaces; each once."""
    value = record.get(column)
    if isinstance(value, str):
        text = value.strip()
        value = decoded(text) if text.startswith("[") else re.split(r"[\s,;|]+", text)
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        raise invalid(column, f"{values.kind(value)}; expected a list, its JSON text, or commas")
    texts = (values.text({column: item}, column) for item in value)
    return list(dict.fromkeys(text.lower() for text in texts if text))


def _domain(text: str) -> str:
    if not _DOMAIN.fullmatch(text):
        raise invalid("domains", "an item isn't a domain like example.com")
    return text
