from __future__ import annotations

import pytest

from target_workos_users.exceptions import Reason
from tests.support.scripted_api import failure

ORGANIZATION = {"id": "org_1", "name": "A", "external_id": "x"}
PATH = "/organizations"


async def test_an_organization_is_found_by_id_or_external_id(workos, api):
    workos.says(f"GET {PATH}/org_1", 200, ORGANIZATION)
    workos.says(f"GET {PATH}/external_id/x", 200, ORGANIZATION)
    workos.says(f"GET {PATH}/org_9", 404, {"message": "Not Found"})
    assert await api.get_organization("org_1") == ORGANIZATION
    assert await api.get_organization_by_external_id("x") == ORGANIZATION
    assert await api.get_organization("org_9") is None


async def test_an_organization_is_created_with_what_is_given(workos, api):
    more = {
        "domain_data": [{"domain": "a.com", "state": "verified"}],
        "metadata": {"tier": "gold"},
        "allow_profiles_outside_organization": True,
    }
    sent = {"name": "A", "external_id": "x"}
    workos.says(f"POST {PATH}", 201, ORGANIZATION, sent=sent)
    workos.says(f"POST {PATH}", 201, ORGANIZATION, sent=sent | more)
    assert await api.create_organization(name="A", external_id="x") == ORGANIZATION
    assert await api.create_organization(name="A", external_id="x", **more) == ORGANIZATION


@pytest.mark.parametrize("code", ["external_id_already_used", "external_id_already_in_use"])
async def test_an_external_id_that_is_taken_is_known(workos, api, code):
    workos.says(f"POST {PATH}", 400, {"code": code, "message": "No."})
    error = await failure(api.create_organization(name="A", external_id="x"))
    assert (error.reason, error.ambiguous) == (Reason.EXTERNAL_ID_EXISTS, False)


async def test_an_organization_is_updated_and_deleted(workos, api):
    workos.says(f"PUT {PATH}/org_1", 200, ORGANIZATION, sent={"name": "A"})
    workos.says(f"DELETE {PATH}/org_1", 202, b"Accepted")
    assert await api.update_organization("org_1", {"name": "A"}) == ORGANIZATION
    await api.delete_organization("org_1")
