"""Organizations: create, get, list, update, delete, and their domains.

Sources: bodies and codes are those of the WorkOS OpenAPI spec; names need not be unique (its
field text). The 409 for a domain is recorded in workos-ruby's VCR cassettes. The wording of an
external id that is taken isn't recorded; it holds "already been assigned", which the public
import tools for WorkOS look for.
"""

from __future__ import annotations

import sqlite3
from typing import Any

import msgspec

from workos_sandbox.exchange import (
    Answer,
    Call,
    Refusal,
    invalid_parameters,
    not_found,
)
from workos_sandbox.paging import list_page
from workos_sandbox.store import Store, timestamp
from workos_sandbox.validation import (
    external_id,
    flag,
    merge_metadata,
    required_text,
    text,
)

_INSERT = """
INSERT INTO organizations VALUES (:id, :name, :external_id, :metadata, :stripe_customer_id,
  :allow_profiles_outside_organization, :created_at, :updated_at)
RETURNING *
"""
_UPDATE = """
UPDATE organizations SET name = :name, external_id = :external_id, metadata = :metadata,
  stripe_customer_id = :stripe_customer_id,
  allow_profiles_outside_organization = :allow_profiles_outside_organization,
  updated_at = :updated_at
WHERE id = :id
RETURNING *
"""
_INSERT_DOMAIN = """
INSERT INTO organization_domains
VALUES (:id, :organization_id, :domain, :state, :now, :now)
"""
_DOMAIN_STATES = ("pending", "verified")


def find_organization(store: Store, organization_id: str) -> sqlite3.Row:
    """The organization's row; 404 if there is none."""
    row = store.one("SELECT * FROM organizations WHERE id = ?", organization_id)
    if row is None:
        raise not_found("Organization", organization_id)
    return row


def create_organization(call: Call) -> Answer:
    """POST /organizations."""
    now = timestamp()
    organization: dict[str, Any] = {
        "id": call.store.new_id("org"),
        "external_id": None,
        "metadata": "{}",
        "stripe_customer_id": None,
        "allow_profiles_outside_organization": False,
        "created_at": now,
    }
    organization["name"] = required_text(call.body, "name")
    return Answer(201, _save(call, _INSERT, organization))


def get_organization(call: Call) -> Answer:
    """GET /organizations/{id}."""
    return Answer(200, _present(call.store, find_organization(call.store, call.params["id"])))


def get_organization_by_external_id(call: Call) -> Answer:
    """GET /organizations/external_id/{external_id}."""
    wanted = call.params["external_id"]
    row = call.store.one("SELECT * FROM organizations WHERE external_id = ?", wanted)
    if row is None:
        raise not_found("Organization", wanted)
    return Answer(200, _present(call.store, row))


def list_organizations(call: Call) -> Answer:
    """GET /organizations, by ``search`` in the name and by ``domains``, comma-joined."""
    filters: list[tuple[str, list[object]]] = []
    if search := call.query.get("search"):
        filters.append(("instr(lower(name), lower(?)) > 0", [search]))
    if domains := call.query.get("domains"):
        wanted: list[object] = [domain.strip().lower() for domain in domains.split(",")]
        marks = ", ".join("?" * len(wanted))
        owners = "SELECT organization_id FROM organization_domains WHERE domain IN"
        filters.append((f"id IN ({owners} ({marks}))", wanted))
    return list_page(call, "organizations", filters, lambda row: _present(call.store, row))


def update_organization(call: Call) -> Answer:
    """PUT /organizations/{id}: what is left out stays; domains that are sent replace the list."""
    organization = dict(find_organization(call.store, call.params["id"]))
    if "name" in call.body:
        organization["name"] = required_text(call.body, "name")
    if "stripe_customer_id" in call.body:
        organization["stripe_customer_id"] = text(call.body, "stripe_customer_id")
    return Answer(200, _save(call, _UPDATE, organization))


def delete_organization(call: Call) -> Answer:
    """DELETE /organizations/{id}: 200 without a body; its memberships and roles go too."""
    row = find_organization(call.store, call.params["id"])
    with call.store.transaction():
        call.store.write("DELETE FROM roles WHERE organization_id = :id", {"id": row["id"]})
        call.store.write("DELETE FROM organizations WHERE id = :id", {"id": row["id"]})
    return Answer(200)


def _save(call: Call, statement: str, organization: dict[str, Any]) -> dict[str, Any]:
    """Write the organization with the fields of the body; returns the API object."""
    body = call.body
    if "external_id" in body:
        organization["external_id"] = external_id(body)
    outside = flag(body, "allow_profiles_outside_organization")
    if outside is not None:
        organization["allow_profiles_outside_organization"] = outside
    metadata = merge_metadata(msgspec.json.decode(organization["metadata"]), body)
    organization["metadata"] = msgspec.json.encode(metadata).decode()
    organization["updated_at"] = timestamp()
    domains = _read_domains(body)
    with call.store.transaction():
        try:
            row = call.store.write(statement, organization)
        except sqlite3.IntegrityError:
            raise _clash(call.store, organization) from None
        if domains is not None:
            _replace_domains(call.store, organization["id"], domains)
    assert row is not None
    return _present(call.store, row)


def _clash(store: Store, organization: dict[str, Any]) -> Refusal:
    taken = store.one(
        "SELECT 1 FROM organizations WHERE id != ? AND external_id = ?",
        organization["id"],
        organization["external_id"],
    )
    field = "external_id" if taken else "stripe_customer_id"
    message = f"This {field} has already been assigned to another organization."
    return Refusal(400, message, f"{field}_already_used")


def _read_domains(body: dict[str, Any]) -> dict[str, str] | None:
    """State by domain, from ``domain_data`` or the older ``domains``; None if neither is sent."""
    if body.get("domain_data") is not None:
        items = body["domain_data"]
    elif body.get("domains") is not None:
        items = body["domains"]
        if isinstance(items, list):
            items = [{"domain": domain, "state": "verified"} for domain in items]
    else:
        return None
    if not isinstance(items, list) or not all(_is_domain(item) for item in items):
        message = "Domain data must be a list of domains, each with a state pending or verified."
        raise invalid_parameters(("domain_data_invalid", message))
    return {item["domain"].strip().lower(): item["state"] for item in items}


def _is_domain(item: object) -> bool:
    if not isinstance(item, dict):
        return False
    domain = item.get("domain")
    return isinstance(domain, str) and "." in domain and item.get("state") in _DOMAIN_STATES


def _replace_domains(store: Store, organization_id: str, domains: dict[str, str]) -> None:
    store.write(
        "DELETE FROM organization_domains WHERE organization_id = :id", {"id": organization_id}
    )
    for domain, state in domains.items():
        try:
            store.write(
                _INSERT_DOMAIN,
                {
                    "id": store.new_id("org_domain"),
                    "organization_id": organization_id,
                    "domain": domain,
                    "state": state,
                    "now": timestamp(),
                },
            )
        except sqlite3.IntegrityError:
            message = f"An Organization with the domain {domain} already exists."
            raise Refusal(409, message) from None


def _present(store: Store, row: sqlite3.Row) -> dict[str, Any]:
    domains = store.all(
        "SELECT * FROM organization_domains WHERE organization_id = ? ORDER BY id", [row["id"]]
    )
    return {
        "object": "organization",
        "id": row["id"],
        "name": row["name"],
        "external_id": row["external_id"],
        "metadata": msgspec.Raw(row["metadata"].encode()),
        "stripe_customer_id": row["stripe_customer_id"],
        "allow_profiles_outside_organization": bool(row["allow_profiles_outside_organization"]),
        "domains": [
            {
                "object": "organization_domain",
                "verification_strategy": "manual",
                **dict(domain),
            }
            for domain in domains
        ],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }
