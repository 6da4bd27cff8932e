from __future__ import annotations

import pytest

from workos_sandbox import Sandbox, SandboxError

MEMBERSHIPS = "/user_management/organization_memberships"


def test_admin_member_and_the_roles_asked_for_are_there_from_the_start(db, run):
    for _ in range(2):  # and once only when the file is opened again
        with run(db, roles=["billing-admin"]) as (_, api):
            listed = api.get("/authorization/roles").body["data"]
            assert [role["slug"] for role in listed] == ["admin", "member", "billing-admin"]


def test_a_role_that_workos_would_not_take_is_refused_at_the_start(db):
    with pytest.raises(SandboxError, match="'No Slug' isn't a role slug"):
        Sandbox(db, roles=["No Slug"])


def test_a_created_role_can_be_given(api):
    body = {"slug": "editor", "name": "Editor", "description": "Edits"}
    created = api.post("/authorization/roles", body)
    assert created.status == 201
    assert created.body | body == created.body
    assert created.body["type"] == "EnvironmentRole"
    assert api.get("/authorization/roles/editor").body == created.body
    assert api.member(role_slug="editor")["role"] == {"slug": "editor"}


def test_a_role_of_an_organization_is_given_there_only(api):
    member, stranger = api.member(), api.member()
    roles = f"/authorization/organizations/{member['organization_id']}/roles"
    created = api.post(roles, {"slug": "org-lead", "name": "Lead"})
    assert (created.status, created.body["type"]) == (201, "OrganizationRole")
    assert api.get(f"{roles}/org-lead").body == created.body
    listed = api.get(roles).body["data"]
    assert [role["slug"] for role in listed] == ["admin", "member", "org-lead"]
    given = api.put(f"{MEMBERSHIPS}/{member['id']}", {"role_slug": "org-lead"})
    assert given.body["role"] == {"slug": "org-lead"}
    refused = api.put(f"{MEMBERSHIPS}/{stranger['id']}", {"role_slug": "org-lead"})
    assert refused.error == (422, "invalid_role")


def test_a_slug_that_is_left_out_is_made_from_the_name(api):
    organization = api.organization()
    path = f"/authorization/organizations/{organization['id']}/roles"
    slug = api.post(path, {"name": "Team Lead"}).body["slug"]
    assert slug.startswith("org-team-lead-")


def test_a_taken_slug_is_a_409(api):
    organization = api.organization()
    path = f"/authorization/organizations/{organization['id']}/roles"
    body = {"slug": "org-lead", "name": "Lead"}
    assert api.post(path, body).status == 201
    assert api.post(path, body).error == (409, "organization_role_slug_conflict")
    environment = api.post("/authorization/roles", {"slug": "admin", "name": "A"})
    assert environment.error == (409, "role_slug_conflict")


@pytest.mark.parametrize(
    "body", [{"slug": "No", "name": "A"}, {"slug": "a"}, {"slug": "a", "name": "x" * 49}]
)
def test_a_malformed_role_is_a_422(api, body):
    reply = api.post("/authorization/roles", body)
    assert reply.error == (422, "invalid_request_parameters")


def test_a_role_of_an_organization_needs_its_prefix(api):
    organization = api.organization()
    path = f"/authorization/organizations/{organization['id']}/roles"
    reply = api.post(path, {"slug": "lead", "name": "Lead"})
    assert reply.error_codes == ["slug_invalid"]


def test_a_role_or_organization_that_is_not_there_is_a_404(api):
    assert api.get("/authorization/roles/owner").error == (404, "entity_not_found")
    reply = api.get("/authorization/organizations/org_0/roles")
    assert reply.body["entity_id"] == "org_0"


def test_an_update_leaves_what_it_omits(api):
    api.post("/authorization/roles", {"slug": "editor", "name": "Editor", "description": "Edits"})
    updated = api.patch("/authorization/roles/editor", {"name": "Writer", "slug": "other"})
    assert updated.status == 200
    role = updated.body
    assert (role["slug"], role["name"], role["description"]) == ("editor", "Writer", "Edits")
    assert api.patch("/authorization/roles/editor", {"name": ""}).error_codes == [
        "name_string_required"
    ]


def test_the_environments_roles_are_read_in_an_organization_and_not_changed_there(api):
    path = f"/authorization/organizations/{api.organization()['id']}/roles/admin"
    assert api.get(path).body["type"] == "EnvironmentRole"
    assert api.patch(path, {"name": "Boss"}).error == (404, "entity_not_found")
    assert api.put(f"{path}/permissions", {"permissions": []}).error == (404, "entity_not_found")
