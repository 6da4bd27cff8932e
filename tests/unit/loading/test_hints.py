from __future__ import annotations

import asyncio

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
        while run.hints.is_reading:  # noqa: ASYNC110 - it tells nobody
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
