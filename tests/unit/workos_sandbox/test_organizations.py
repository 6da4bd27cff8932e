from __future__ import annotations

import pytest

from workos_sandbox import read_contents


def test_a_created_organization_is_found_by_id_and_external_id(api):
    created = api.organization(name="Acme", external_id="acme corp", metadata={"a": "1"})
    assert created["id"].startswith("org_")
    assert created["allow_profiles_outside_organization"] is False
    assert api.get(f"/organizations/{created['id']}").body == created
    by_external_id = api.get("/organizations/external_id/acme%20corp")
    assert by_external_id.body == created


def test_names_need_not_be_unique(api):
    first, second = api.organization(name="Acme"), api.organization(name="Acme")
    found = api.get("/organizations", search="acme")
    assert [item["id"] for item in found.body["data"]] == [second["id"], first["id"]]


def test_a_taken_external_id_is_told_at_the_top_level(api):
    api.organization(external_id="acme")
    reply = api.post("/organizations", {"name": "Other", "external_id": "acme"})
    assert reply.error == (400, "external_id_already_used")
    assert "already been assigned" in reply.body["message"]
    other = api.organization()
    reply = api.put(f"/organizations/{other['id']}", {"external_id": "acme"})
    assert reply.error == (400, "external_id_already_used")


@pytest.mark.parametrize("name", [None, "", " ", 1])
def test_a_name_is_required(api, name):
    reply = api.post("/organizations", {"name": name})
    assert reply.error == (422, "invalid_request_parameters")
    assert reply.error_codes == ["name_string_required"]


@pytest.mark.parametrize("path", ["/organizations/org_0", "/organizations/external_id/org_0"])
def test_an_organization_that_is_not_there_is_a_404_with_its_id(api, path):
    reply = api.get(path)
    assert reply.status == 404
    assert reply.body == {
        "message": "Organization not found: 'org_0'.",
        "code": "entity_not_found",
        "entity_id": "org_0",
    }


def test_a_domain_belongs_to_one_organization(api, db):
    verified = {"domain": "Example.com", "state": "verified"}
    owner = api.organization(domain_data=[verified])
    assert [domain["domain"] for domain in owner["domains"]] == ["example.com"]
    reply = api.post("/organizations", {"name": "Other", "domains": ["example.com"]})
    assert reply.status == 409
    assert reply.body == {"message": "An Organization with the domain example.com already exists."}
    assert [item["id"] for item in read_contents(db).organizations] == [owner["id"]]
    found = api.get("/organizations", domains="example.org,example.com")
    assert [item["id"] for item in found.body["data"]] == [owner["id"]]


def test_a_domain_of_another_organization_changes_nothing_on_update_either(api):
    api.organization(domains=["example.com"])
    mine = api.organization(name="Mine", domains=["mine.com"])
    path = f"/organizations/{mine['id']}"
    domains = [{"domain": name, "state": "verified"} for name in ("new.com", "example.com")]
    reply = api.put(path, {"name": "New", "domain_data": domains})
    assert reply.status == 409
    assert api.get(path).body == mine


def test_malformed_domains_are_refused(api):
    reply = api.post("/organizations", {"name": "A", "domain_data": [{"domain": "a.com"}]})
    assert reply.error_codes == ["domain_data_invalid"]


def test_an_update_leaves_what_it_omits(api):
    created = api.organization(external_id="acme", metadata={"a": "1"}, domains=["example.com"])
    path = f"/organizations/{created['id']}"
    updated = api.put(path, {"name": "New", "metadata": {"b": "2"}}).body
    assert (updated["name"], updated["external_id"]) == ("New", "acme")
    assert updated["metadata"] == {"a": "1", "b": "2"}
    assert updated["domains"] == created["domains"]
    assert api.put(path, {"domain_data": []}).body["domains"] == []


def test_a_stripe_customer_has_one_organization(api):
    first, second = api.organization(), api.organization()
    assert "stripe_customer_id" not in first  # optional, and not nullable
    body = {"stripe_customer_id": "cus_1"}
    reply = api.put(f"/organizations/{first['id']}", body)
    assert (reply.status, reply.body["stripe_customer_id"]) == (200, "cus_1")
    reply = api.put(f"/organizations/{second['id']}", body)
    assert reply.error == (400, "stripe_customer_id_already_used")


def test_a_deleted_organization_takes_its_memberships_along(api, db):
    member = api.member()
    path = f"/organizations/{member['organization_id']}"
    reply = api.delete(path)
    assert (reply.status, reply.text) == (202, "Accepted")
    assert reply.headers["Content-Type"].startswith("text/plain")
    assert api.get(path).error == (404, "entity_not_found")
    world = read_contents(db)
    assert (world.organizations, world.memberships) == ([], [])
    assert [user["id"] for user in world.users] == [member["user_id"]]


def test_pages_are_in_normal_order_unless_another_is_asked_for(api):
    ids = [api.organization()["id"] for _ in range(3)][::-1]
    page = api.get("/organizations", limit=2).body
    assert [each["id"] for each in page["data"]] == ids[:2]
    assert page["list_metadata"] == {"before": ids[1], "after": None}
    page = api.get("/organizations", limit=2, order="desc").body
    assert page["list_metadata"] == {"before": None, "after": ids[1]}
