"""Rows as a whole: what fails apart, what is taken back, and all of it at once."""

from __future__ import annotations

import random

import pytest

from target_workos_users.exceptions import ErrorType
from target_workos_users.loading.outcome import Result, Tally
from target_workos_users.records.organizations import OrganizationRef
from tests.support.loading import ACME, GLOBEX, MEMBERSHIPS, TOTP, USERS, failing, row
from workos_sandbox import Action, Faults, ScriptedFault

REFUSED = '{"message":"No.","code":"no"}'


async def test_an_organization_that_does_not_exist_leaves_the_user(workos):
    missing = OrganizationRef(id="org_none", external_id=None, name=None)
    outcome = await workos.run().load(row(organization=missing))
    (error,) = outcome.errors
    assert error.error_type is ErrorType.ORG_RESOLUTION
    assert (error.org_id, error.user_id) == ("org_none", workos.world.users[0]["id"])


async def test_each_step_that_fails_is_an_error_of_its_own_with_the_ids_that_are_known(workos):
    made = await workos.api.create_user({"email": "ann@example.com"})
    workos.sandbox.faults = Faults(
        script=[
            ScriptedFault("/users/", Action("answer", status=400, body=REFUSED), "PUT"),
            ScriptedFault(MEMBERSHIPS, Action("answer", status=400, body=REFUSED), "POST"),
            ScriptedFault("/auth_factors$", Action("answer", status=400, body=REFUSED), "POST"),
        ]
    )
    run = workos.run("update")
    outcome = await run.load(row(organization=ACME, totp=TOTP, first_name="Ann"))
    assert [each.error_type for each in outcome.errors] == [
        ErrorType.USER_UPDATE,
        ErrorType.MEMBERSHIP_CREATE,
        ErrorType.TOTP_ENROLL,
    ]
    assert {(each.user_id, each.org_id) for each in outcome.errors} == {
        (made["id"], outcome.org_id)
    }
    assert outcome.organization == "acme"
    outcome = await workos.run("update", after=run).load(
        row(organization=ACME, totp=TOTP, first_name="Ann")
    )
    assert outcome.errors == []
    assert outcome.tallies == [Tally.USERS_UPDATED, Tally.MEMBERSHIPS, Tally.FACTORS]


# require_membership


async def test_require_membership_takes_back_a_user_without_one(workos):
    run = workos.run(require_membership=True)
    workos.sandbox.faults = failing(MEMBERSHIPS, 400, REFUSED, "POST")
    outcome = await run.load(row(organization=ACME, totp=TOTP))
    assert [each.error_type for each in outcome.errors] == [ErrorType.MEMBERSHIP_CREATE]
    assert outcome.tallies == [Tally.USERS_CREATED, Tally.USERS_DELETED]
    assert outcome.user_id is None
    assert workos.world.users == []
    again = await run.load(row(organization=ACME))
    assert again.result is Result.CREATED


async def test_require_membership_makes_no_user_for_an_organization_that_is_not_there(workos):
    missing = OrganizationRef(id=None, external_id="none", name=None)
    outcome = await workos.run(require_membership=True).load(row(organization=missing))
    assert [each.error_type for each in outcome.errors] == [ErrorType.ORG_RESOLUTION]
    assert workos.world.users == []


async def test_require_membership_never_deletes_a_user_that_existed(workos):
    await workos.api.create_user({"email": "ann@example.com"})
    run = workos.run(require_membership=True)
    await run.load(row("bob@example.com"))
    workos.sandbox.faults = failing(MEMBERSHIPS, 400, "{}", "POST", count=None)
    for email in ("ann@example.com", "bob@example.com"):
        for each in (run, workos.run(after=run, require_membership=True)):
            outcome = await each.load(row(email, ACME))
            assert outcome.result is Result.FAILED
            assert "The user stays" in outcome.errors[0].message
    assert len(workos.world.users) == 2


async def test_require_membership_deletes_no_user_that_has_a_membership(workos):
    run = workos.run(require_membership=True)
    await run.load(row(organization=ACME))
    workos.sandbox.faults = failing(MEMBERSHIPS, 400, "{}", "POST", count=None)
    assert (await run.load(row(organization=GLOBEX))).result is Result.FAILED
    assert workos.members == {("ann@example.com", "acme"): {"member"}}


async def test_require_membership_deletes_no_user_of_which_it_is_not_sure(workos):
    run = workos.run(require_membership=True)
    workos.sandbox.faults = Faults(
        script=[
            ScriptedFault(USERS, Action("drop_after"), "POST"),
            ScriptedFault(MEMBERSHIPS, Action("answer", status=400), "POST"),
        ]
    )
    assert (await run.load(row(organization=ACME))).result is Result.FAILED
    assert len(workos.world.users) == 1


async def test_a_user_that_cannot_be_taken_back_is_a_second_error(workos):
    run = workos.run(require_membership=True)
    workos.sandbox.faults = Faults(
        script=[
            ScriptedFault(MEMBERSHIPS, Action("answer", status=400), "POST"),
            ScriptedFault(".", Action("answer", status=409), "DELETE"),
        ]
    )
    outcome = await run.load(row(organization=ACME))
    assert [each.error_type for each in outcome.errors] == [
        ErrorType.MEMBERSHIP_CREATE,
        ErrorType.USER_CREATE,
    ]
    assert outcome.errors[1].user_id == workos.world.users[0]["id"]


# All of it at once


def random_rows(rng, count):
    """Rows of few users in several organizations, with fields that contradict each other."""
    return [
        row(
            f"user-{(user := rng.randrange(count // 4))}@example.com",
            OrganizationRef(None, f"org-{(org := rng.randrange(7))}", f"Org {org}"),
            rng.sample(["admin", "editor", "viewer"], rng.randrange(3)),
            TOTP if user % 5 == 0 else None,
            first_name=f"Name {rng.randrange(3)}",
            external_id=str(user),
        )
        for _ in range(count)
    ]


def model(rows):
    """What the rows ask for: first names by email, and roles by email and organization."""
    names, members = {}, {}
    for each in rows:
        names.setdefault(each.email, each.fields["first_name"])
        key = each.email, each.organization.external_id
        if key not in members:
            members[key] = set(each.role_slugs) or {"member"}
        else:
            members[key] |= set(each.role_slugs)
    return names, members


def check(workos, rows):
    names, members = model(rows)
    world = workos.world
    assert {each["email"]: each["first_name"] for each in world.users} == names
    assert len(world.users) == len(names)
    assert workos.members == members
    assert len(world.memberships) == len(members)
    factors = sorted(each["email"] for each in world.auth_factors)
    assert factors == sorted({each.email for each in rows if each.totp})


@pytest.mark.parametrize("mode", ["keep", "update", "fail"])
async def test_rows_in_any_order_make_each_user_and_membership_once(workos, mode):
    rows = random_rows(random.Random(f"order {mode}"), 800)
    outcomes = await workos.run(mode).load_all(rows)
    assert [each.errors for each in outcomes if each.errors] == []
    check(workos, rows)
    results = [each.result for each in outcomes]
    assert results.count(Result.CREATED) == len(workos.world.users)
    assert results.count(Result.MERGED) == len(rows) - len(workos.world.users)
    members = sum(each.tallies.count(Tally.MEMBERSHIPS) for each in outcomes)
    assert members == len(workos.world.memberships)


@pytest.mark.parametrize(
    ("mode", "knows"), [("keep", True), ("keep", False), ("update", True), ("fail", True)]
)
async def test_an_import_cut_off_again_and_again_ends_the_same(workos, mode, knows):
    rng = random.Random(f"cut {mode}")
    rows = random_rows(rng, 400)
    position, run = 0, None
    while position < len(rows):
        end = position + rng.randrange(20, 120)
        run = workos.run(mode, after=run if knows else None)
        run.skip(position)
        outcomes = await run.load_all(rows[position:end])
        assert [each.errors for each in outcomes if each.errors] == []
        position = end if end >= len(rows) else end - rng.randrange(20)
    check(workos, rows)


@pytest.mark.parametrize("mode", ["keep", "fail"])
async def test_faults_of_all_kinds_change_nothing_but_the_number_of_runs(workos, mode):
    rng = random.Random(f"faults {mode}")
    rows = random_rows(rng, 300)
    workos.sandbox.faults = Faults(
        share_500=0.02,
        share_500_after_write=0.02,
        share_drop_before=0.02,
        share_drop_after=0.02,
        seed=1,
    )
    left, run = rows, None
    for _ in range(10):
        run = workos.run(mode, after=run)
        outcomes = await run.load_all(left)
        errors = [error for each in outcomes for error in each.errors]
        assert all(error.retryable for error in errors), [str(error) for error in errors]
        left = [each for each, outcome in zip(left, outcomes, strict=True) if outcome.errors]
        if not left:
            break
    names, members = model(rows)
    assert not left
    assert {each["email"] for each in workos.world.users} == names.keys()
    assert workos.members.keys() == members.keys()
    assert len(workos.world.auth_factors) == len({each.email for each in rows if each.totp})
