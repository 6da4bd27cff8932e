"""Organizations: create, get, list, update, delete, and their domains.

Sources: bodies and codes are those of the WorkOS OpenAPI spec; names need not be unique (its
field text). The 409 for a domain and the 202 of a deletion, whose body isn't JSON, are recorded in
workos-ruby's VCR cassettes. The wording of an external id that is taken isn't recorded; it holds
"already been assigned", which the public import tools for WorkOS look for.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import msgspec

from workos_sandbox.paging import list_page
from workos_sandbox.response import ErrorResponse, Response, found, invalid_parameters
from workos_sandbox.store import Store, timestamp
from workos_sandbox.validation import (
    external_id,
    flag,
    merge_metadata,
    required_text,
    text,
)

if TYPE_CHECKING:
    from workos_sandbox.paging import Filter
    from workos_sandbox.request import Request

_INSERT = """
INSERT INTO organizations VALUES (:id, :name, :external_id, :metadata, :stripe_customer_id,
  :allow_profiles_outside_organization, :now, :now)
RETURNING *
"""
_UPDATE = """
UPDATE organizations SET name = :name, external_id = :external_id, metadata = :metadata,
  stripe_customer_id = :stripe_customer_id,
  allow_profiles_outside_organization = :allow_profiles_outside_organization,
  updated_at = :now
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
    return found(row, "Organization", organization_id)


def create_organization(request: Request) -> Response:
    """POST /organizations."""
    organization: dict[str, Any] = {
        "id": request.store.new_id("org"),
        "name": required_text(request.body, "name"),
        "external_id": None,
        "metadata": "{}",
        "stripe_customer_id": None,
        "allow_profiles_outside_organization": False,
    }
    return Response(201, _save(request, _INSERT, organization))


def get_organization(request: Request) -> Response:
    """GET /organizations/{id}."""
    row = find_organization(request.store, request.variables["id"])
    return Response(200, _present(request.store, row))


def get_organization_by_external_id(request: Request) -> Response:
    """GET /organizations/external_id/{external_id}."""
    wanted = request.variables["external_id"]
    row = request.store.one("SELECT * FROM organizations WHERE external_id = ?", wanted)
    return Response(200, _present(request.store, found(row, "Organization", wanted)))


def list_organizations(request: Request) -> Response:
    """GET /organizations, by ``search`` in the name and by ``domains``, comma-joined.

    Its order is ``normal`` unless another is asked for (spec).
    """
    filters: list[Filter] = []
    if search := request.query.get("search"):
        filters.append(("instr(lower(name), lower(?)) > 0", [search]))
    if domains := request.query.get("domains"):
        wanted: list[object] = [domain.strip().lower() for domain in domains.split(",")]
        marks = ", ".join("?" * len(wanted))
        owners = "SELECT organization_id FROM organization_domains WHERE domain IN"
        filters.append((f"id IN ({owners} ({marks}))", wanted))

    def present(row: sqlite3.Row) -> dict[str, Any]:
        return _present(request.store, row)

    return list_page(request, "organizations", filters, present, default_order="normal")


def update_organization(request: Request) -> Response:
    """PUT /organizations/{id}: what is left out stays; domains that are sent replace the list."""
    organization = dict(find_organization(request.store, request.variables["id"]))
    if "name" in request.body:
        organization["name"] = required_text(request.body, "name")
    if "stripe_customer_id" in request.body:
        organization["stripe_customer_id"] = text(request.body, "stripe_customer_id")
    return Response(200, _save(request, _UPDATE, organization))


def delete_organization(request: Request) -> Response:
    """DELETE /organizations/{id}: its domains, memberships and roles go too."""
    row = find_organization(request.store, request.variables["id"])
    with request.store.transaction():
        request.store.write("DELETE FROM roles WHERE organization_id = :id", {"id": row["id"]})
        request.store.write("DELETE FROM organizations WHERE id = :id", {"id": row["id"]})
    return Response(202, b"Accepted", {"Content-Type": "text/plain; charset=utf-8"})


def _save(request: Request, statement: str, organization: dict[str, Any]) -> dict[str, Any]:
    """Write the organization with the fields of the body; returns the API object."""
    body, store = request.body, request.store
    if "external_id" in body:
        organization["external_id"] = external_id(body)
    outside = flag(body, "allow_profiles_outside_organization")
    if outside is not None:
        organization["allow_profiles_outside_organization"] = outside
    organization["metadata"] = merge_metadata(organization["metadata"], body)
    organization["now"] = timestamp()
    domains = _read_domains(body)
    with store.transaction():
        try:
            (row,) = store.write(statement, organization)
        except sqlite3.IntegrityError:
            raise _clash(request, organization) from None
        if domains is not None:
            _replace_domains(store, organization["id"], domains)
    return _present(store, row)


def _clash(request: Request, organization: dict[str, Any]) -> ErrorResponse:
    taken = request.store.one(
        "SELECT 1 FROM organizations WHERE id != ? AND external_id = ?",
        organization["id"],
        organization["external_id"],
    )
    field, code = "stripe_customer_id", "stripe_customer_id_already_used"
    if taken:
        field, code = "external_id", request.environment.settings.external_id_taken
    message = f"This {field} has already been assigned to another organization."
    return ErrorResponse(400, message, code)


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
        raise invalid_parameters("domain_data_invalid", message)
    return {item["domain"].strip().lower(): item["state"] for item in items}


def _is_domain(item: object) -> bool:
    if not isinstance(item, dict):
        return False
    domain = item.get("domain")
    return isinstance(domain, str) and "." in domain and item.get("state") in _DOMAIN_STATES


def _replace_domains(store: Store, organization_id: str, domains: dict[str, str]) -> None:
    owner = {"organization_id": organization_id, "now": timestamp()}
    store.write("DELETE FROM organization_domains WHERE organization_id = :organization_id", owner)
    for domain, state in domains.items():
        row = owner | {"id": store.new_id("org_domain"), "domain": domain, "state": state}
        try:
            store.write(_INSERT_DOMAIN, row)
        except sqlite3.IntegrityError:
            message = f"An Organization with the domain {domain} already exists."
            raise ErrorResponse(409, message) from None


def _present(store: Store, row: sqlite3.Row) -> dict[str, Any]:
    domains = "SELECT * FROM organization_domains WHERE organization_id = ? ORDER BY id"
    stripe = row["stripe_customer_id"]
    return {
        "object": "organization",
        "id": row["id"],
        "name": row["name"],
        "external_id": row["external_id"],
        "metadata": msgspec.Raw(row["metadata"].encode()),
        **({} if stripe is None else {"stripe_customer_id": stripe}),  # not nullable (spec)
        "allow_profiles_outside_organization": bool(row["allow_profiles_outside_organization"]),
        "domains": [
            {"object": "organization_domain", "verification_strategy": "manual", **dict(domain)}
            for domain in store.all(domains, row["id"])
        ],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }
