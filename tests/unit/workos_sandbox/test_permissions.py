from __future__ import annotations

import pytest

PERMISSIONS = "/authorization/permissions"


@pytest.fixture
def permission(api):
    """Creates a permission."""

    def create(slug, **fields):
        reply = api.post(PERMISSIONS, {"slug": slug, "name": "A permission"} | fields)
        assert reply.status == 201, reply.text
        return reply.body

    return create


def test_a_created_permission_is_found_by_its_slug(api, permission):
    created = permission("docs:read.all*", name="Read", description="All of it")
    assert created.pop("id").startswith("perm_")
    assert created.pop("created_at")
    assert created.pop("updated_at")
    assert created == {
        "object": "permission",
        "slug": "docs:read.all*",
        "name": "Read",
        "description": "All of it",
        "system": False,
        "resource_type_slug": "organization",
    }
    assert api.get(f"{PERMISSIONS}/docs:read.all*").body | created == (
        api.get(f"{PERMISSIONS}/docs%3Aread.all*").body
    )


def test_a_taken_slug_is_a_409(api, permission):
    permission("read")
    reply = api.post(PERMISSIONS, {"slug": "read", "name": "Other"})
    assert reply.error == (409, "permission_slug_conflict")


@pytest.mark.parametrize(
    "body",
    [
        {"slug": "Read", "name": "A"},
        {"slug": "read all", "name": "A"},
        {"slug": "r" * 49, "name": "A"},
        {"name": "A"},
        {"slug": "read"},
        {"slug": "read", "name": "A" * 49},
        {"slug": "read", "name": "A", "description": "d" * 151},
    ],
)
def test_a_malformed_permission_is_a_422(api, body):
    reply = api.post(PERMISSIONS, body)
    assert reply.error == (422, "invalid_request_parameters")


def test_an_update_leaves_what_it_omits_and_the_slug(api, permission):
    permission("read", name="Read", description="All")
    updated = api.patch(f"{PERMISSIONS}/read", {"name": "Read all", "slug": "other"}).body
    assert (updated["slug"], updated["name"], updated["description"]) == ("read", "Read all", "All")
    assert api.patch(f"{PERMISSIONS}/read", {"description": None}).body["description"] is None


def test_a_permission_that_is_not_there_is_a_404(api):
    for method in ("GET", "PATCH"):
        reply = api.call(method, f"{PERMISSIONS}/read")
        assert reply.error == (404, "entity_not_found")


@pytest.mark.parametrize("owner", ["environment", "organization"])
def test_a_role_gets_permissions(api, permission, owner):
    for slug in ("read", "write", "delete"):
        permission(slug)
    roles = "/authorization/roles"
    if owner == "organization":
        roles = f"/authorization/organizations/{api.organization()['id']}/roles"
    assert api.post(roles, {"slug": "org-lead", "name": "Lead"}).body["permissions"] == []
    path = f"{roles}/org-lead/permissions"
    both = api.put(path, {"permissions": ["write", "read", "write"]})
    assert (both.status, both.body["permissions"]) == (200, ["write", "read"])
    for _ in range(2):  # once more has no effect
        assert api.post(path, {"slug": "delete"}).body["permissions"] == ["write", "read", "delete"]
    assert api.put(path, {"permissions": ["read"]}).body["permissions"] == ["read"]
    assert api.get(f"{roles}/org-lead").body["permissions"] == ["read"]


def test_permissions_that_are_not_there_leave_a_role_as_it_is(api, permission):
    permission("read")
    path = "/authorization/roles/member/permissions"
    api.put(path, {"permissions": ["read"]})
    reply = api.put(path, {"permissions": ["read", "write"]})
    assert (reply.error, reply.body["entity_id"]) == ((404, "entity_not_found"), "write")
    assert api.post(path, {"slug": "write"}).status == 404
    assert api.put(path, {"permissions": "read"}).error_codes == ["permissions_array_required"]
    assert api.get("/authorization/roles/member").body["permissions"] == ["read"]
