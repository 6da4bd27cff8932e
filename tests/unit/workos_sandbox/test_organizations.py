from __future__ import annotations

import pytest

from workos_sandbox import read_world


async def test_a_created_organization_is_found_by_id_and_external_id(api):
    created = await api.organization(name="Acme", external_id="acme corp", metadata={"a": "1"})
    assert created["id"].startswith("org_")
    assert created["allow_profiles_outside_organization"] is False
    assert (await api.get(f"/organizations/{created['id']}")).body == created
    by_external_id = await api.get("/organizations/external_id/acme%20corp")
    assert by_external_id.body == created


async def test_names_need_not_be_unique(api):
    first, second = await api.organization(name="Acme"), await api.organization(name="Acme")
    found = await api.get("/organizations", search="acme")
    assert [item["id"] for item in found.body["data"]] == [second["id"], first["id"]]


async def test_a_taken_external_id_is_told_at_the_top_level(api):
    await api.organization(external_id="acme")
    reply = await api.post("/organizations", {"name": "Other", "external_id": "acme"})
    assert reply.error == (400, "external_id_already_used")
    assert "already been assigned" in reply.body["message"]


@pytest.mark.parametrize("name", [None, "", " ", 1])
async def test_a_name_is_required(api, name):
    reply = await api.post("/organizations", {"name": name})
    assert reply.error == (422, "invalid_request_parameters")
    assert reply.error_codes == ["name_string_required"]


@pytest.mark.parametrize("path", ["/organizations/org_0", "/organizations/external_id/org_0"])
async def test_an_organization_that_is_not_there_is_a_404_with_its_id(api, path):
    reply = await api.get(path)
    assert reply.status == 404
    assert reply.body == {
        "message": "Organization not found: 'org_0'.",
        "code": "entity_not_found",
        "entity_id": "org_0",
    }


async def test_a_domain_belongs_to_one_organization(api, db):
    verified = {"domain": "Example.com", "state": "verified"}
    owner = await api.organization(domain_data=[verified])
    assert [domain["domain"] for domain in owner["domains"]] == ["example.com"]
    reply = await api.post("/organizations", {"name": "Other", "domains": ["example.com"]})
    assert reply.status == 409
    assert reply.body == {"message": "An Organization with the domain example.com already exists."}
    assert [item["id"] for item in read_world(db).organizations] == [owner["id"]]
    found = await api.get("/organizations", domains="example.org,example.com")
    assert [item["id"] for item in found.body["data"]] == [owner["id"]]


async def test_malformed_domains_are_refused(api):
    reply = await api.post("/organizations", {"name": "A", "domain_data": [{"domain": "a.com"}]})
    assert reply.error_codes == ["domain_data_invalid"]


async def test_an_update_leaves_what_it_omits(api):
    created = await api.organization(
        external_id="acme", metadata={"a": "1"}, domains=["example.com"]
    )
    path = f"/organizations/{created['id']}"
    updated = (await api.put(path, {"name": "New", "metadata": {"b": "2"}})).body
    assert (updated["name"], updated["external_id"]) == ("New", "acme")
    assert updated["metadata"] == {"a": "1", "b": "2"}
    assert updated["domains"] == created["domains"]
    assert (await api.put(path, {"domain_data": []})).body["domains"] == []


async def test_a_stripe_customer_has_one_organization(api):
    first, second = await api.organization(), await api.organization()
    body = {"stripe_customer_id": "cus_1"}
    assert (await api.put(f"/organizations/{first['id']}", body)).status == 200
    reply = await api.put(f"/organizations/{second['id']}", body)
    assert reply.error == (400, "stripe_customer_id_already_used")


async def test_a_deleted_organization_takes_its_memberships_along(api, db):
    member = await api.member()
    path = f"/organizations/{member['organization_id']}"
    assert (await api.delete(path)).status == 200
    assert (await api.get(path)).error == (404, "entity_not_found")
    world = read_world(db)
    assert (world.organizations, world.memberships) == ([], [])
    assert [user["id"] for user in world.users] == [member["user_id"]]
