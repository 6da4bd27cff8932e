from __future__ import annotations

import pytest

from target_workos_users.exceptions import Reason
from tests.support.scripted_api import failure, page

ROLE = {"id": "role_1", "slug": "admin", "permissions": ["a:b"]}
PERMISSION = {"id": "perm_1", "slug": "a:b"}
FIELDS = {"slug": "admin", "name": "Admin"}


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("/authorization/roles", {}),
        ("/authorization/organizations/org_1/roles", {"organization_id": "org_1"}),
    ],
)
async def test_roles_of_the_environment_or_an_organization_are_read_and_written(
    workos, api, path, where
):
    workos.says(f"GET {path}", 200, page(ROLE))
    workos.says(f"POST {path}", 201, ROLE, sent=FIELDS)
    workos.says(f"PATCH {path}/admin", 200, ROLE, sent={"name": "Admin"})
    workos.says(f"PUT {path}/admin/permissions", 200, ROLE, sent={"permissions": ["a:b"]})
    assert await api.list_roles(**where) == [ROLE]
    assert await api.create_role(FIELDS, **where) == ROLE
    assert await api.update_role("admin", {"name": "Admin"}, **where) == ROLE
    assert await api.set_role_permissions("admin", ["a:b"], **where) == ROLE


async def test_permissions_are_read_and_written(workos, api):
    path = "/authorization/permissions"
    workos.says(f"GET {path}/a:b", 200, PERMISSION)
    workos.says(f"POST {path}", 201, PERMISSION, sent={"slug": "a:b", "name": "B"})
    workos.says(f"PATCH {path}/a:b", 200, PERMISSION, sent={"name": "B"})
    assert await api.get_permission("a:b") == PERMISSION
    assert await api.create_permission({"slug": "a:b", "name": "B"}) == PERMISSION
    assert await api.update_permission("a:b", {"name": "B"}) == PERMISSION


async def test_a_slug_that_is_taken_is_known(workos, api):
    workos.says(
        "POST /authorization/roles", 409, {"code": "role_slug_conflict", "message": "Taken."}
    )
    assert (await failure(api.create_role(FIELDS))).reason is Reason.SLUG_EXISTS
