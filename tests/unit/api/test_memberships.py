from __future__ import annotations

import pytest

from tests.support.scripted_api import MEMBERSHIPS, page

IDS = {"user_id": "user_1", "organization_id": "org_1"}
MEMBERSHIP = {"id": "om_1", **IDS}
STATUSES = "statuses=active%2Cinactive%2Cpending&limit=100"


@pytest.mark.parametrize(
    ("slugs", "sent"),
    [([], {}), (["admin"], {"role_slug": "admin"}), (["a", "b"], {"role_slugs": ["a", "b"]})],
)
async def test_one_role_goes_in_the_singular(workos, api, slugs, sent):
    workos.says(f"POST {MEMBERSHIPS}", 201, MEMBERSHIP, sent=IDS | sent)
    workos.says(f"PUT {MEMBERSHIPS}/om_1", 200, MEMBERSHIP, sent=sent)
    assert await api.create_membership(**IDS, role_slugs=slugs) == MEMBERSHIP
    assert await api.update_membership("om_1", role_slugs=slugs) == MEMBERSHIP


async def test_all_pages_of_a_users_memberships_are_read_and_strangers_left_out(workos, api):
    first = [{"id": "om_1", "user_id": "user_1"}, {"id": "om_2"}]
    second = [{"id": "om_3", "user_id": "user_2"}, {"id": "om_4"}]
    others = [{"id": "om_1", "organization_id": "org_1"}, {"id": "om_2", "organization_id": "o"}]
    of_user = f"GET {MEMBERSHIPS}?user_id=user_1&{STATUSES}"
    workos.says(of_user, 200, page(*first, after="om_2"))
    workos.says(f"{of_user}&after=om_2", 200, page(*second, after="om_2"))
    workos.says(f"{of_user}&organization_id=org_1", 200, page(*others))
    found = await api.list_memberships(user_id="user_1")
    one = await api.list_memberships(user_id="user_1", organization_id="org_1")
    assert [membership["id"] for membership in found] == ["om_1", "om_2", "om_4"]
    assert [membership["id"] for membership in one] == ["om_1"]


async def test_the_members_of_an_organization_are_listed_page_by_page(workos, api):
    of_organization = f"GET {MEMBERSHIPS}?organization_id=org_1&{STATUSES}&order=asc"
    workos.says(of_organization, 200, page(MEMBERSHIP, after="om_1"))
    workos.says(f"{of_organization}&after=om_1", 200, page())
    assert await api.list_members("org_1") == ([MEMBERSHIP], "om_1")
    assert await api.list_members("org_1", after="om_1") == ([], None)


async def test_a_membership_is_deactivated_and_deleted(workos, api):
    workos.says(f"PUT {MEMBERSHIPS}/om_1/deactivate", 200, MEMBERSHIP | {"status": "inactive"})
    workos.says(f"DELETE {MEMBERSHIPS}/om_1", 200, b"")
    assert (await api.deactivate_membership("om_1"))["status"] == "inactive"
    await api.delete_membership("om_1")
