from __future__ import annotations

import pytest

from workos_sandbox import EnvironmentSettings, read_contents

MEMBERSHIPS = "/user_management/organization_memberships"


@pytest.fixture
def pair(api):
    """Ids of a user and an organization, as the body of a membership."""
    user, organization = api.user(), api.organization(name="Acme")
    return {"user_id": user["id"], "organization_id": organization["id"]}


def test_a_membership_has_every_key_of_the_api(api, pair):
    membership = api.membership(**pair, role_slug="admin")
    assert membership.pop("id").startswith("om_")
    assert membership.pop("created_at")
    assert membership.pop("updated_at")
    assert membership.pop("user") == api.get(f"/user_management/users/{pair['user_id']}").body
    assert membership == pair | {
        "object": "organization_membership",
        "organization_name": "Acme",
        "status": "active",
        "directory_managed": False,
        "custom_attributes": {},
        "role": {"slug": "admin"},
        "roles": [{"slug": "admin"}],
    }


def test_a_member_without_roles_is_a_member(api, pair):
    assert api.membership(**pair)["role"] == {"slug": "member"}


def test_several_roles_are_kept_once_each(api, pair, db):
    membership = api.membership(**pair, role_slugs=["admin", "member", "admin"])
    assert membership["roles"] == [{"slug": "admin"}, {"slug": "member"}]
    (stored,) = read_contents(db).memberships
    assert stored["role_slugs"] == ["admin", "member"]


def test_an_active_membership_is_a_409(api, pair):
    api.membership(**pair)
    reply = api.post(MEMBERSHIPS, pair)
    assert reply.error == (409, "organization_membership_already_exists")


def test_creating_an_inactive_membership_revives_it_with_the_given_roles(api, pair):
    first = api.membership(**pair, role_slug="admin")
    api.put(f"{MEMBERSHIPS}/{first['id']}/deactivate")
    again = api.membership(**pair, role_slug="member")
    assert (again["id"], again["status"]) == (first["id"], "active")
    assert again["roles"] == [{"slug": "member"}]


def test_a_pending_membership_stays_as_it_is(api, pair):
    membership = api.membership(**pair)
    path = f"{MEMBERSHIPS}/{membership['id']}"
    api.put(f"/_sandbox/memberships/{membership['id']}", {"status": "pending"})
    reactivate = (400, "cannot_reactivate_pending_organization_membership")
    assert api.post(MEMBERSHIPS, pair).error == reactivate
    assert api.put(f"{path}/reactivate").error == reactivate
    deactivate = (400, "cannot_deactivate_pending_organization_membership")
    assert api.put(f"{path}/deactivate").error == deactivate
    assert api.get(path).body["status"] == "pending"


def test_deactivating_and_reactivating_twice_changes_nothing_more(api, pair):
    membership = api.membership(**pair, role_slug="admin")
    path = f"{MEMBERSHIPS}/{membership['id']}"
    for verb, status in [("deactivate", "inactive"), ("reactivate", "active")]:
        once = api.put(f"{path}/{verb}")
        twice = api.put(f"{path}/{verb}")
        assert (once.status, twice.status) == (200, 200)
        assert once.body == twice.body
        assert (once.body["status"], once.body["role"]) == (status, {"slug": "admin"})


@pytest.mark.parametrize("roles", [{"role_slug": "owner"}, {"role_slugs": ["admin", "owner"]}])
def test_a_role_that_is_not_there_is_a_422(api, pair, roles):
    reply = api.post(MEMBERSHIPS, pair | roles)
    assert reply.error == (422, "invalid_role")
    assert reply.body["message"] == "Role 'owner' is not a valid role."


@pytest.mark.parametrize(
    ("roles", "code"),
    [
        ({"role_slug": "admin", "role_slugs": ["admin"]}, "role_slug_and_role_slugs_provided"),
        ({"role_slugs": []}, "role_slugs_array_required"),
        ({"role_slugs": "admin"}, "role_slugs_array_required"),
        ({"role_slug": 1}, "role_slug_string_required"),
    ],
)
def test_roles_of_the_wrong_kind_are_a_422(api, pair, roles, code):
    assert api.post(MEMBERSHIPS, pair | roles).error_codes == [code]


def test_several_roles_are_refused_where_they_are_not_enabled(db, run):
    with run(db, settings=EnvironmentSettings(multiple_roles=False)) as (_, api):
        member = api.member(role_slugs=["admin"])
        path = f"{MEMBERSHIPS}/{member['id']}"
        reply = api.put(path, {"role_slugs": ["admin", "member"]})
    assert reply.status == 422
    assert reply.body == {
        "message": "Multiple roles is not enabled for this environment.",
        "code": "multiple_roles_not_enabled",
    }


@pytest.mark.parametrize("name", ["user_id", "organization_id"])
def test_an_empty_id_is_a_422_and_an_unknown_one_a_404(api, pair, name):
    empty = api.post(MEMBERSHIPS, pair | {name: ""})
    assert empty.error == (422, "invalid_request_parameters")
    assert empty.error_codes == [f"{name}_string_required"]
    unknown = api.post(MEMBERSHIPS, pair | {name: "x_0"})
    assert unknown.error == (404, "entity_not_found")
    assert unknown.body["entity_id"] == "x_0"


def test_an_update_replaces_the_roles_and_ignores_the_rest(api, pair):
    membership = api.membership(**pair, role_slugs=["admin", "member"])
    path = f"{MEMBERSHIPS}/{membership['id']}"
    body = {"id": membership["id"], "role_slug": "member"}  # as recorded, with an id
    assert api.put(path, body).body["roles"] == [{"slug": "member"}]
    assert api.put(path, {}).body["roles"] == [{"slug": "member"}]
    assert api.put(path, {"role_slug": "owner"}).error == (422, "invalid_role")


def test_memberships_are_listed_by_user_organization_and_status(api):
    active, inactive = api.member(), api.member()
    both = api.membership(user_id=active["user_id"], organization_id=inactive["organization_id"])
    api.put(f"{MEMBERSHIPS}/{inactive['id']}/deactivate")

    def listed(**query):
        reply = api.get(MEMBERSHIPS, **query)
        assert reply.status == 200
        return [item["id"] for item in reply.body["data"]]

    organization_id = inactive["organization_id"]
    assert listed(user_id=active["user_id"]) == [both["id"], active["id"]]
    assert listed(organization_id=organization_id) == [both["id"]]
    assert listed(organization_id=organization_id, statuses="inactive") == [inactive["id"]]
    assert listed(organization_id=organization_id, statuses="active,inactive,pending") == [
        both["id"],
        inactive["id"],
    ]
    assert listed(user_id=active["user_id"], organization_id=organization_id) == [both["id"]]


def test_a_list_needs_a_user_or_an_organization_and_known_statuses(api):
    missing = api.get(MEMBERSHIPS, statuses="active")
    assert missing.error == (400, "missing_user_id_or_organization_id")
    unknown = api.get(MEMBERSHIPS, user_id="user_0", statuses="active,gone")
    assert unknown.error == (400, "invalid_request_parameters")


def test_a_deleted_membership_is_gone(api):
    member = api.member()
    path = f"{MEMBERSHIPS}/{member['id']}"
    assert api.delete(path).status == 200
    for method in ("GET", "PUT", "DELETE"):
        reply = api.call(method, path)
        assert reply.error == (404, "entity_not_found")
        assert reply.body["message"] == f"Organization Membership not found: '{member['id']}'."


def test_several_roles_can_be_switched_on_while_it_runs(db, run):
    with run(db, settings=EnvironmentSettings(multiple_roles=False)) as (sandbox, api):
        member = api.member(role_slugs=["admin"])
        sandbox.settings = EnvironmentSettings()
        body = {"role_slugs": ["admin", "member"]}
        both = api.put(f"{MEMBERSHIPS}/{member['id']}", body).body
    assert [role["slug"] for role in both["roles"]] == ["admin", "member"]
