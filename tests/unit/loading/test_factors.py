"""TOTP factors: one per user, whatever is lost or sent twice."""

from __future__ import annotations

import json

import pytest

from target_workos_users.exceptions import ErrorType
from target_workos_users.loading.outcome import Result, Tally
from target_workos_users.records.totp import Totp
from tests.support.loading import ACME, FACTORS, SECRET, TOTP, failing, lost, row
from workos_sandbox import Action, Faults, ScriptedFault

ANOTHER = Totp("KRSXG5CTMVRXEZLU", None, None)
ENROLL, LIST = "POST /users/{user_id}/auth_factors", "GET /users/{user_id}/auth_factors"
LOST = [
    pytest.param(Action("drop_after"), id="connection_lost"),
    pytest.param(Action("answer_after_write"), id="500"),
    pytest.param(Action("answer_after_write", status=201, body="<html>"), id="no_json"),
]


def secrets(workos):
    return [factor["secret"] for factor in workos.world.auth_factors]


async def test_a_factor_is_enrolled_once_however_often_the_row_comes(workos):
    totp = Totp(SECRET, "Acme", "ann")
    run = workos.run()
    fresh = await run.load(row(totp=totp))
    assert fresh.tallies == [Tally.USERS_CREATED, Tally.FACTORS]
    assert workos.requests() == {"POST /users": 1, ENROLL: 1, LIST: 1}
    for knows in (run, workos.run(after=run)):
        assert (await knows.load(row(totp=totp))).result is Result.UNCHANGED
    assert workos.requests() == {}
    assert (await workos.run().load(row(totp=totp))).tallies == [Tally.FACTORS_EXISTING]
    (factor,) = workos.world.auth_factors
    assert (factor["secret"], factor["issuer"], factor["user"]) == (SECRET, "Acme", "ann")


async def test_a_further_row_with_the_same_secret_asks_for_nothing(workos):
    run = workos.run()
    await run.load(row(totp=TOTP))
    workos.requests()
    outcome = await run.load(row(organization=ACME, totp=TOTP))
    assert outcome.tallies == [Tally.MEMBERSHIPS]
    assert not workos.requests().keys() & {ENROLL, LIST}


async def test_a_second_accounts_secret_does_not_come_to_the_first(workos):
    run = workos.run()
    await run.load(row(first_name="Ann"))
    outcome = await run.load(row(organization=ACME, totp=TOTP))
    assert outcome.remarks == ["conflicting totp_secret"]
    assert Tally.CONFLICTS in outcome.tallies
    assert secrets(workos) == []


async def test_a_later_rows_secret_comes_to_a_user_of_whom_only_the_email_was_known(workos):
    run = workos.run()
    await run.load(row(organization=ACME))
    outcome = await run.load(row(totp=TOTP))
    assert Tally.FACTORS in outcome.tallies
    assert secrets(workos) == [SECRET]


async def test_a_factor_that_the_user_has_stays_whatever_the_source_says_later(workos):
    run = workos.run()
    await run.load(row(totp=TOTP))
    outcome = await workos.run("update", after=run).load(row(totp=ANOTHER))
    assert outcome.tallies == [Tally.FACTORS_EXISTING]
    assert secrets(workos) == [SECRET]


@pytest.mark.parametrize("action", LOST)
async def test_a_factor_whose_answer_was_lost_is_not_enrolled_twice(workos, action):
    workos.sandbox.faults = lost(FACTORS, action)
    outcome = await workos.run().load(row(totp=TOTP))
    assert outcome.errors == []
    assert Tally.FACTORS in outcome.tallies
    assert len(workos.world.auth_factors) == 1


async def test_a_factor_that_was_lost_on_the_way_is_enrolled_all_the_same(workos):
    workos.sandbox.faults = lost(FACTORS, Action("drop_before"))
    outcome = await workos.run().load(row(totp=TOTP))
    assert outcome.tallies == [Tally.USERS_CREATED, Tally.FACTORS]
    assert len(workos.world.auth_factors) == 1


async def test_a_factor_that_was_not_enrolled_is_worth_another_run(workos):
    workos.sandbox.faults = lost(FACTORS, Action("drop_before"), text="totp", count=None)
    run = workos.run()
    (error,) = (await run.load(row(totp=TOTP))).errors
    assert (error.error_type, error.retryable) == (ErrorType.TOTP_ENROLL, True)
    assert SECRET not in error.message
    workos.sandbox.faults = Faults()
    workos.requests()
    outcome = await workos.run(after=run).load(row(totp=TOTP))
    assert outcome.tallies == [Tally.FACTORS]
    assert workos.requests() == {ENROLL: 1, LIST: 2}


async def test_a_factor_that_workos_refuses_leaves_user_and_membership(workos):
    workos.sandbox.faults = failing(FACTORS, 422, '{"message":"No.","code":"no"}', "POST")
    outcome = await workos.run().load(row(organization=ACME, totp=TOTP))
    (error,) = outcome.errors
    assert (error.error_type, error.workos_code) == (ErrorType.TOTP_ENROLL, "no")
    assert outcome.tallies == [Tally.USERS_CREATED, Tally.MEMBERSHIPS]
    assert workos.members == {("ann@example.com", "acme"): {"member"}}


@pytest.mark.parametrize("ours_is_older", [False, True])
async def test_of_two_factors_enrolled_at_one_time_the_older_one_stays(workos, ours_is_older):
    """Two jobs find none, and enroll one each: each leaves the older one."""
    made = await workos.api.create_user({"email": "ann@example.com"})
    theirs = await workos.api.enroll_totp(made["id"], secret=ANOTHER.secret, issuer=None, user=None)
    if ours_is_older:
        workos.set_created_at("auth_factors", theirs["id"], "2999-01-01T00:00:00.000Z")
    none = Action("answer", status=200, body=json.dumps({"data": [], "list_metadata": {}}))
    workos.sandbox.faults = Faults(script=[ScriptedFault(FACTORS, none, "GET")])
    outcome = await workos.run().load(row(totp=TOTP))
    assert outcome.errors == []
    if ours_is_older:
        assert outcome.tallies == [Tally.FACTORS]
        assert sorted(secrets(workos)) == sorted([SECRET, ANOTHER.secret])
    else:
        assert outcome.tallies == [Tally.FACTORS_EXISTING]
        assert secrets(workos) == [ANOTHER.secret]


async def test_a_user_deleted_before_its_factor_is_made_again_with_it(workos):
    run = workos.run()
    made = await run.load(row())
    await workos.api.delete_user(made.user_id)
    outcome = await run.load(row(organization=None, totp=TOTP, first_name="Ann"))
    assert outcome.errors == []
    assert Tally.FACTORS in outcome.tallies
    assert [each["email"] for each in workos.world.auth_factors] == ["ann@example.com"]
