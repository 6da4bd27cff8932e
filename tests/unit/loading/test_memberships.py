"""The membership of a row, with its roles and its status."""

from __future__ import annotations

import asyncio

import pytest

from target_workos_users.exceptions import ErrorType
from target_workos_users.loading.outcome import Result, Tally
from tests.support.loading import ACME, GLOBEX, MEMBERSHIPS, failing, lost, row
from workos_sandbox import Action

LOST = [
    pytest.param(Action("drop_after"), id="connection_lost"),
    pytest.param(Action("answer_after_write"), id="500"),
    pytest.param(Action("answer_after_write", status=201, body="<html>"), id="no_json"),
]
FILLERS = [row(f"{i}@example.com") for i in range(30)]
LOOKING_FIRST = pytest.mark.parametrize("looking_first", [False, True])


async def another_import(workos, *, looking_first, **options):
    """A run that knows nothing; it looks before it creates if most of its users were there."""
    run = workos.run(**options)
    await run.load_all(FILLERS if looking_first else [])
    return run


def status_of_the_only_membership(workos, status):
    (membership,) = workos.world.memberships
    workos.sandbox.edit_membership(membership["id"], status=status)


async def test_a_membership_that_exists_is_no_error_and_gets_the_roles_it_lacks(workos):
    await workos.run().load(row(organization=ACME, roles=["viewer"]))
    outcome = await workos.run().load(row(organization=ACME, roles=["editor"]))
    assert outcome.errors == []
    assert outcome.tallies == [Tally.MEMBERSHIPS_EXISTING, Tally.ROLES_ADDED]
    assert workos.members["ann@example.com", "acme"] == {"viewer", "editor"}


async def test_a_further_row_with_other_roles_adds_them(workos):
    run = workos.run()
    await run.load(row(organization=ACME, roles=["viewer"]))
    same = await run.load(row(organization=ACME, roles=["viewer"]))
    other = await run.load(row(organization=ACME, roles=["editor"]))
    assert (same.result, same.tallies) == (Result.UNCHANGED, [])
    assert other.tallies == [Tally.MEMBERSHIPS_EXISTING, Tally.ROLES_ADDED]
    assert workos.members["ann@example.com", "acme"] == {"viewer", "editor"}


@pytest.mark.parametrize("mode", ["keep", "update"])
async def test_roles_that_a_membership_lacks_are_added_once(workos, mode):
    await workos.run().load(row(organization=ACME, roles=["viewer"]))
    run = workos.run(mode)
    outcome = await run.load(row(organization=ACME, roles=["editor", "viewer"]))
    assert outcome.tallies == [Tally.MEMBERSHIPS_EXISTING, Tally.ROLES_ADDED]
    assert workos.members["ann@example.com", "acme"] == {"viewer", "editor"}
    workos.requests()
    again = await run.load(row(organization=ACME, roles=["editor"]))
    assert again.tallies == [Tally.MEMBERSHIPS_EXISTING]
    assert workos.requests() == {}
    another = await workos.run(mode).load(row(organization=ACME, roles=["editor"]))
    assert another.tallies == [Tally.MEMBERSHIPS_EXISTING]
    assert "PUT /organization_memberships/{id}" not in workos.requests()


async def test_a_role_that_the_source_takes_away_is_taken_from_a_membership_of_this_import(workos):
    run = workos.run()
    await run.load(row(organization=ACME, roles=["editor", "viewer"]))
    run = workos.run(after=run)
    await run.load(row(organization=ACME, roles=["viewer"]))
    assert workos.members["ann@example.com", "acme"] == {"viewer"}


# Which of two rows changed is guessed where rows were put in before them, and each has a chunk of
# its own.
HOW = pytest.mark.parametrize(("in_one_chunk", "more_in_front"), [(True, 0), (True, 1), (False, 0)])


async def two_nights(workos, mode, first_night, second_night, *, in_one_chunk, more_in_front):
    """What the rows of each night leave."""
    run = None
    for rows in (first_night, FILLERS[:more_in_front] + second_night):
        run = workos.run(mode, after=run)
        for chunk in [rows] if in_one_chunk else [[each] for each in rows]:
            outcomes = await run.load_all(chunk)
            assert [each.errors for each in outcomes if each.errors] == []


@HOW
@pytest.mark.parametrize("changed", [0, 1])
async def test_of_two_rows_of_a_membership_one_may_change_its_role(
    workos, changed, in_one_chunk, more_in_front
):
    rows = [row(organization=ACME, roles=[role]) for role in ("viewer", "editor")]
    other = {"viewer", "editor"} - set(rows[changed].role_slugs)
    second = [*rows]
    second[changed] = row(organization=ACME, roles=["admin"])
    how = {"in_one_chunk": in_one_chunk, "more_in_front": more_in_front}
    await two_nights(workos, "keep", rows, second, **how)
    assert workos.members["ann@example.com", "acme"] == {"admin"} | other


@HOW
@pytest.mark.parametrize("changed", [0, 1])
async def test_of_two_rows_of_a_membership_the_first_one_may_change_the_name(
    workos, changed, in_one_chunk, more_in_front
):
    rows = [row(organization=ACME, first_name=name) for name in ("Ann", "Anna")]
    second = [*rows]
    second[changed] = row(organization=ACME, first_name="Annie")
    how = {"in_one_chunk": in_one_chunk, "more_in_front": more_in_front}
    await two_nights(workos, "update", rows, second, **how)
    user = workos.world.users[0]
    assert user["first_name"] == ("Annie" if changed == 0 else "Ann")


async def test_a_role_that_another_row_still_gives_stays(workos):
    rows = [row(organization=ACME, roles=roles) for roles in (["editor"], ["viewer", "editor"])]
    second = [rows[0], row(organization=ACME, roles=["viewer"])]
    await two_nights(workos, "keep", rows, second, in_one_chunk=True, more_in_front=0)
    assert workos.members["ann@example.com", "acme"] == {"editor", "viewer"}


async def test_two_rows_of_a_membership_that_come_at_once_cost_one(workos):
    rows = [row(organization=ACME, roles=[role]) for role in ("viewer", "editor", "viewer")]
    outcomes = await workos.run().load_all(rows)
    assert [Tally.ROLES_ADDED in each.tallies for each in outcomes] == [False, True, False]
    assert workos.requests()["POST /organization_memberships"] == 1


async def test_a_role_given_by_hand_and_a_membership_made_by_hand_lose_nothing(workos):
    run = workos.run()
    await run.load(row(organization=ACME, roles=["editor"]))
    (membership,) = workos.world.memberships
    await workos.api.update_membership(membership["id"], role_slugs=["editor", "admin"])
    ann = await workos.api.create_user({"email": "bob@example.com"})
    org_id = membership["organization_id"]
    ids = {"user_id": ann["id"], "organization_id": org_id}
    await workos.api.create_membership(**ids, role_slugs=["editor"])
    await run.load(row("bob@example.com", ACME, ["editor", "viewer"]))
    run = workos.run(after=run)
    for email in ("ann@example.com", "bob@example.com"):
        await run.load(row(email, ACME, ["viewer"]))
    assert workos.members == {
        ("ann@example.com", "acme"): {"admin", "viewer"},
        ("bob@example.com", "acme"): {"editor", "viewer"},
    }


async def test_a_row_that_moves_to_another_organization_leaves_its_old_membership(workos):
    run = workos.run()
    await run.load(row(organization=ACME))
    await workos.run(after=run).load(row(organization=GLOBEX))
    assert workos.members.keys() == {("ann@example.com", "acme"), ("ann@example.com", "globex")}


@LOOKING_FIRST
async def test_an_inactive_membership_is_reactivated_and_counted_so(workos, looking_first):
    await workos.run().load_all([row(organization=ACME), *FILLERS])
    await asyncio.sleep(0.002)  # WorkOS's stamps are in milliseconds
    status_of_the_only_membership(workos, "inactive")
    run = await another_import(workos, looking_first=looking_first)
    outcome = await run.load(row(organization=ACME, roles=["editor"]))
    assert outcome.tallies == [Tally.MEMBERSHIPS_REACTIVATED]
    assert workos.members["ann@example.com", "acme"] == {"editor"}


@LOOKING_FIRST
async def test_a_pending_membership_is_an_error_that_says_what_to_do(workos, looking_first):
    await workos.run().load_all([row(organization=ACME), *FILLERS])
    status_of_the_only_membership(workos, "pending")
    run = await another_import(workos, looking_first=looking_first)
    outcome = await run.load(row(organization=ACME))
    (error,) = outcome.errors
    assert error.error_type is ErrorType.MEMBERSHIP_CREATE
    assert "invitation" in error.message
    assert (error.user_id, error.org_id) == (outcome.user_id, outcome.org_id)


@pytest.mark.parametrize("action", LOST)
async def test_a_membership_whose_answer_was_lost_is_ours(workos, action):
    workos.sandbox.faults = lost(MEMBERSHIPS, action)
    run = workos.run()
    outcome = await run.load(row(organization=ACME, roles=["editor"]))
    assert outcome.errors == []
    assert outcome.tallies == [Tally.USERS_CREATED, Tally.MEMBERSHIPS]
    assert workos.members == {("ann@example.com", "acme"): {"editor"}}


async def test_a_membership_that_workos_refuses_leaves_the_user(workos):
    workos.sandbox.faults = failing(MEMBERSHIPS, 400, '{"message":"No.","code":"no"}', "POST")
    outcome = await workos.run().load(row(organization=ACME))
    (error,) = outcome.errors
    assert (error.error_type, error.workos_code) == (ErrorType.MEMBERSHIP_CREATE, "no")
    assert outcome.result is Result.FAILED
    assert outcome.tallies == [Tally.USERS_CREATED]
    assert workos.world.users[0]["id"] == error.user_id


async def test_a_membership_that_was_refused_is_all_that_the_next_run_sends(workos):
    run = workos.run()
    workos.sandbox.faults = failing(MEMBERSHIPS, 400, '{"message":"No.","code":"no"}', "POST")
    await run.load(row(organization=ACME))
    workos.requests()
    outcome = await workos.run(after=run).load(row(organization=ACME))
    assert outcome.tallies == [Tally.MEMBERSHIPS]
    assert workos.requests() == {"POST /organization_memberships": 1}


async def test_a_conflict_that_names_no_cause_is_no_membership_until_one_is_found(workos):
    conflict = '{"message":"Conflict."}'
    workos.sandbox.faults = failing(MEMBERSHIPS, 409, conflict, method="POST")
    outcome = await workos.run().load(row(organization=ACME))
    assert [(each.error_type, each.retryable) for each in outcome.errors] == [
        (ErrorType.MEMBERSHIP_CREATE, True)
    ]
    outcome = await workos.run().load(row(organization=ACME))
    assert (outcome.result, outcome.tallies) == (Result.EXISTING, [Tally.MEMBERSHIPS])
    workos.sandbox.faults = failing(MEMBERSHIPS, 409, conflict, method="POST")
    outcome = await workos.run().load(row(organization=ACME))
    assert outcome.tallies == [Tally.MEMBERSHIPS_EXISTING]


async def test_an_organization_deleted_in_the_meantime_is_resolved_again(workos):
    run = workos.run(state={"acme": "org_deleted"})
    outcome = await run.load(row(organization=ACME))
    assert outcome.errors == []
    (organization,) = workos.world.organizations
    assert outcome.org_id == organization["id"]
    assert workos.members == {("ann@example.com", "acme"): {"member"}}
    assert run.organizations.to_state() == {"acme": organization["id"]}


# Status


async def test_a_record_that_says_inactive_has_its_membership_deactivated_once(workos):
    run = workos.run()
    outcome = await run.load(row(organization=ACME, roles=["editor"], status="inactive"))
    assert Tally.MEMBERSHIPS_DEACTIVATED in outcome.tallies
    assert [each["status"] for each in workos.world.memberships] == ["inactive"]
    workos.requests()
    outcome = await run.load(row(organization=ACME, roles=["editor"], status="inactive"))
    assert (outcome.result, workos.requests()) == (Result.UNCHANGED, {})


async def test_a_record_that_becomes_active_again_has_its_membership_reactivated(workos):
    run = workos.run()
    await run.load(row(organization=ACME, status="inactive"))
    await asyncio.sleep(0.002)
    outcome = await workos.run(after=run).load(row(organization=ACME, status="active"))
    assert outcome.tallies == [Tally.MEMBERSHIPS_REACTIVATED]
    assert [each["status"] for each in workos.world.memberships] == ["active"]


@LOOKING_FIRST
async def test_a_membership_made_active_by_one_row_keeps_the_roles_of_another(
    workos, looking_first
):
    run = await another_import(workos, looking_first=looking_first)
    left = row(organization=ACME, roles=["admin"], status="inactive")
    back = row(organization=ACME, roles=["editor"], status="active")
    await run.load(left)
    await asyncio.sleep(0.002)
    assert (await run.load(back)).errors == []
    assert workos.members == {("ann@example.com", "acme"): {"admin", "editor"}}
    left = row(organization=ACME, roles=["member"], status="inactive")
    for changed in (back, row(organization=ACME, roles=["editor"], status="active", name="Ann")):
        run = workos.run(after=run)
        await run.load(left)
        await run.load(changed)
    assert workos.members == {("ann@example.com", "acme"): {"member", "editor"}}


async def test_a_membership_that_is_made_active_again_is_this_imports_still(workos):
    run = workos.run()
    for status in ("inactive", "active", "inactive"):
        run = workos.run(after=run)
        await run.load(row(organization=ACME, roles=["admin"], status=status))
        await asyncio.sleep(0.002)
        (membership,) = workos.world.memberships
        assert (membership["status"], membership["role_slugs"]) == (status, ["admin"])
    await workos.run(after=run).load(row(organization=ACME, status="active"))
    assert workos.members == {("ann@example.com", "acme"): {"admin"}}


async def test_a_row_that_gives_no_role_holds_none_that_another_gives_up(workos):
    run, beside = workos.run(), row(organization=ACME, first_name="Ann")
    await run.load_all([row(organization=ACME, roles=["admin"]), beside])
    await workos.run(after=run).load_all([row(organization=ACME, roles=["editor"]), beside])
    assert workos.members == {("ann@example.com", "acme"): {"editor"}}


async def test_a_record_that_says_nothing_of_it_leaves_a_deactivated_membership_so(workos):
    run = workos.run()
    await run.load(row(organization=ACME, status="inactive"))
    for roles in ([], ["editor"]):
        run = workos.run(after=run)
        await run.load(row(organization=ACME, roles=roles))
        assert [each["status"] for each in workos.world.memberships] == ["inactive"]
        assert set(workos.world.memberships[0]["role_slugs"]) >= set(roles)


@LOOKING_FIRST
async def test_a_membership_that_was_inactive_before_is_so_afterwards(workos, looking_first):
    await workos.run().load_all([row(organization=ACME), *FILLERS])
    await asyncio.sleep(0.002)
    status_of_the_only_membership(workos, "inactive")
    run = await another_import(workos, looking_first=looking_first)
    outcome = await run.load(row(organization=ACME, roles=["editor"], status="inactive"))
    assert outcome.errors == []
    assert outcome.remarks == []
    (before,) = [each for each in workos.world.memberships if each["status"] == "inactive"]
    assert before["email"] == "ann@example.com"
    assert "editor" in before["role_slugs"]


async def test_a_membership_that_was_there_stays_active_whatever_the_record_says(workos):
    await workos.run().load(row(organization=ACME))
    outcome = await workos.run().load(row(organization=ACME, status="inactive"))
    assert outcome.remarks == ["status_left"]
    assert Tally.MEMBERSHIPS_DEACTIVATED not in outcome.tallies
    assert [each["status"] for each in workos.world.memberships] == ["active"]


@LOOKING_FIRST
async def test_a_membership_that_one_row_revives_is_inactive_again_by_another(
    workos, looking_first
):
    rows = [row(organization=ACME, roles=["editor"]), row(organization=ACME, status="inactive")]
    first = workos.run()
    for each in rows:
        await first.load(each)
    await asyncio.sleep(0.002)
    run = await another_import(workos, looking_first=looking_first)
    for each in rows:
        assert (await run.load(each)).remarks == []
    (membership,) = [each for each in workos.world.memberships if "editor" in each["role_slugs"]]
    assert membership["status"] == "inactive"


async def test_a_deactivation_that_fails_is_tried_again_by_the_next_run(workos):
    run = workos.run()
    left = row(organization=ACME, status="inactive")
    for _ in range(2):
        workos.sandbox.faults = failing("deactivate$", 400, '{"message":"No."}', "PUT")
        (error,) = (await run.load(left)).errors
        assert error.error_type is ErrorType.MEMBERSHIP_CREATE
        assert "could not be deactivated" in error.message
        run = workos.run(after=run)
    outcome = await run.load(left)
    assert outcome.errors == []
    assert Tally.MEMBERSHIPS_DEACTIVATED in outcome.tallies
    assert [each["status"] for each in workos.world.memberships] == ["inactive"]
