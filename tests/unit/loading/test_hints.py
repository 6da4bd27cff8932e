from __future__ import annotations

import asyncio
from functools import partial

import pytest

from target_workos_users.api.calls import Page
from target_workos_users.loading.hints import Hints
from tests.support.loading import ACME, GLOBEX, row
from tests.support.sandbox import call

NUMBER = 300


def rows_of(numbers):
    return [row(f"user{n}@example.com", ACME, first_name="Ann") for n in numbers]


async def change(workos, method, path, body=None):
    return await asyncio.to_thread(call, workos.sandbox, method, path, body)


async def a_run_that_has_read_all(workos):
    """A run without memory of an import that is in WorkOS, once it has read its lists."""
    await workos.run().load_all(rows_of(range(NUMBER)))
    workos.requests()
    run = workos.run()
    await run.load_all(rows_of(range(60)))
    async with asyncio.timeout(10):
        while run.hints._lists:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
    workos.requests()
    return run


async def test_what_was_listed_is_not_asked_for(workos):
    run = await a_run_that_has_read_all(workos)
    outcomes = await run.load_all(rows_of(range(60, NUMBER)))
    assert {outcome.result for outcome in outcomes} == {"existing"}
    assert workos.requests() == {}


async def test_a_user_who_was_deleted_meanwhile_is_made_again(workos):
    run = await a_run_that_has_read_all(workos)
    (user,) = (each for each in workos.world.users if each["email"] == "user100@example.com")
    await change(workos, "DELETE", f"/user_management/users/{user['id']}")
    workos.requests()
    (outcome,) = await run.load_all([row("user100@example.com", GLOBEX, first_name="Ann")])
    assert (outcome.result, outcome.errors) == ("created", [])
    assert len(workos.members) == NUMBER


async def test_a_user_and_a_membership_made_meanwhile_are_found(workos):
    run = await a_run_that_has_read_all(workos)
    body = {"email": "user999@example.com"}
    user = await change(workos, "POST", "/user_management/users", body)
    (organization,) = workos.world.organizations
    ids = {"user_id": user["id"], "organization_id": organization["id"]}
    await change(workos, "POST", "/user_management/organization_memberships", ids)
    (outcome,) = await run.load_all(rows_of([999]))
    assert (outcome.result, outcome.errors) == ("existing", [])
    assert len(workos.members) == NUMBER + 1


async def test_a_membership_that_was_removed_meanwhile_is_made_again_in_the_next_run(workos):
    """Within one run a list is believed for ten minutes."""
    run = await a_run_that_has_read_all(workos)
    left = workos.world.memberships[200]
    path = f"/user_management/organization_memberships/{left['id']}"
    await change(workos, "DELETE", path)
    number = int(left["email"].removeprefix("user").partition("@")[0])
    await run.load_all(rows_of([number]))
    again = workos.run()
    await again.load_all(rows_of([number]))
    assert len(workos.members) == NUMBER


async def test_few_records_are_asked_for_one_by_one(workos):
    await workos.run().load_all(rows_of(range(NUMBER)))
    workos.requests()
    await workos.run().load_all(rows_of(range(10)))
    assert workos.requests()["GET /users"] == 10


class Organizations:
    """Organizations of so many members each; every call is counted."""

    def __init__(self, members: int) -> None:
        self.members = members
        self.requests = 0

    async def list_members(self, organization_id: str, *, after: str | None = None) -> Page:
        self.requests += 1
        start = int(after or 0)
        end = min(start + 100, self.members)
        data = [self.membership(organization_id, n) for n in range(start, end)]
        return Page(data, str(end) if end < self.members else None)

    async def ask(self, organization_id: str, number: int) -> dict[str, str]:
        self.requests += 1
        return self.membership(organization_id, number)

    @staticmethod
    def membership(organization_id: str, number: int) -> dict[str, str]:
        user_id = f"user_{organization_id}_{number}"
        return {
            "id": f"om_{user_id}",
            "user_id": user_id,
            "organization_id": organization_id,
            "status": "active",
        }


@pytest.mark.parametrize(
    ("members", "asked", "most"),
    [
        (1, [0], 300),  # one request each, as by asking
        (100, range(100), 300),
        (10_000, [9_999], 1.2 * 300 + 2),  # a first page that answers nothing is one too many
    ],
)
async def test_an_organization_is_asked_about_by_its_first_page_as_long_as_that_pays(
    members, asked, most
):
    api = Organizations(members)
    hints = Hints(api)
    for organization_id in (f"org_{n}" for n in range(300)):
        for number in asked:
            expected = api.membership(organization_id, number)
            ask = partial(api.ask, organization_id, number)
            found = await hints.member(expected["user_id"], organization_id, ask)
            assert found["id"] == expected["id"]
    await hints.close()
    assert api.requests <= most
