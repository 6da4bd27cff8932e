"""Roles: none that WorkOS doesn't know, none that the source doesn't give."""

from __future__ import annotations

import json

import pytest

from target_workos_users.exceptions import ErrorType
from target_workos_users.loading import roles as module
from target_workos_users.loading.outcome import Tally
from tests.support.loading import ACME, GLOBEX, MEMBERSHIPS, failing, row
from workos_sandbox import Action, EnvironmentSettings, Faults, ScriptedFault

INVALID_ROLE = '{"message":"Invalid role.","code":"invalid_role"}'
ROLES = "/authorization/organizations/[^/]+/roles$"
READ_ROLES = "GET /authorization/organizations/{organization_id}/roles"
FILLERS = [row(f"user-{i}@example.com") for i in range(40)]


async def test_a_role_that_workos_does_not_know_makes_no_membership(workos):
    outcome = await workos.run().load(row(organization=ACME, roles=["editor", "boss", "chief"]))
    (error,) = outcome.errors
    assert error.error_type is ErrorType.ROLE_ASSIGNMENT
    assert "'boss', 'chief'" in error.message
    assert "so there is no membership" in error.message
    assert outcome.tallies == [Tally.USERS_CREATED]
    assert workos.members == {}
    assert "POST /organization_memberships" not in workos.requests()


async def test_an_unknown_role_that_is_to_be_ignored_is_left_out_and_remarked(workos):
    run = workos.run(unknown_roles="ignore")
    outcome = await run.load(row(organization=ACME, roles=["editor", "boss", "chief"]))
    assert outcome.errors == []
    assert outcome.remarks == ["role_ignored"]
    assert workos.members == {("ann@example.com", "acme"): {"editor"}}


async def test_nobody_gets_the_default_role_for_want_of_any_that_is_known(workos):
    run = workos.run(unknown_roles="ignore")
    (error,) = (await run.load(row(organization=ACME, roles=["boss"]))).errors
    assert error.error_type is ErrorType.ROLE_ASSIGNMENT
    assert "default role" in error.message
    assert workos.members == {}


@pytest.mark.parametrize("setting", ["fail", "ignore"])
async def test_a_refusal_that_names_no_role_is_one_of_them_all(workos, setting):
    workos.sandbox.faults = failing(MEMBERSHIPS, 422, INVALID_ROLE, "POST")
    run = workos.run(unknown_roles=setting)
    outcome = await run.load(row(organization=ACME, roles=["editor", "viewer"]))
    (error,) = outcome.errors
    assert (error.error_type, error.http_status) == (ErrorType.ROLE_ASSIGNMENT, 422)
    assert "'editor', 'viewer'" in error.message
    assert workos.members == {}


@pytest.mark.parametrize("setting", ["fail", "ignore"])
async def test_a_role_that_is_refused_though_it_is_listed_is_named(workos, setting):
    body = json.dumps({"message": "Role 'viewer' is not valid.", "code": "invalid_role"})
    workos.sandbox.faults = failing(MEMBERSHIPS, 422, body, "POST")
    run = workos.run(unknown_roles=setting)
    outcome = await run.load(row(organization=ACME, roles=["editor", "viewer"]))
    if setting == "fail":
        assert "'viewer'" in outcome.errors[0].message
        assert "'editor'" not in outcome.errors[0].message
    assert workos.members.get(("ann@example.com", "acme")) == (
        {"editor"} if setting == "ignore" else None
    )


@pytest.mark.parametrize("mostly_existing", [False, True])
@pytest.mark.parametrize("knows", [False, True])
async def test_a_role_that_workos_does_not_know_is_named_by_each_run(
    workos, mostly_existing, knows
):
    refused = row(organization=ACME, roles=["editor", "boss"])
    run = workos.run()
    await run.load_all([*FILLERS, refused])
    run = workos.run(after=run if knows else None)
    await run.load_all(FILLERS if mostly_existing else [])
    (error,) = (await run.load(refused)).errors
    assert error.error_type is ErrorType.ROLE_ASSIGNMENT
    assert "'boss'" in error.message
    assert workos.members == {}
    await workos.add_role("boss")
    outcome = await workos.run(after=run).load(refused)
    assert outcome.tallies == [Tally.MEMBERSHIPS, Tally.ROLES_ASSIGNED]
    assert workos.members == {("ann@example.com", "acme"): {"editor", "boss"}}


@pytest.mark.parametrize("mostly_existing", [False, True])
async def test_a_role_that_a_membership_which_was_there_lacks_is_named(workos, mostly_existing):
    await workos.run().load_all([row(organization=ACME, roles=["viewer"]), *FILLERS])
    run = workos.run()
    await run.load_all(FILLERS if mostly_existing else [])
    for each in (run, run, workos.run(after=run)):
        outcome = await each.load(row(organization=ACME, roles=["boss"]))
        (error,) = outcome.errors
        assert error.error_type is ErrorType.ROLE_ASSIGNMENT
        assert "'boss'" in error.message
        assert "no membership" not in error.message
        assert workos.members == {("ann@example.com", "acme"): {"viewer"}}


@pytest.mark.parametrize("mode", ["keep", "update"])
@pytest.mark.parametrize("mostly_existing", [False, True])
async def test_a_membership_that_was_there_gets_the_roles_that_are_known(
    workos, mode, mostly_existing
):
    await workos.run().load_all([row(organization=ACME, roles=["viewer"]), *FILLERS])
    run = workos.run(mode)
    await run.load_all(FILLERS if mostly_existing else [])
    outcome = await run.load(row(organization=ACME, roles=["editor", "boss"]))
    (error,) = outcome.errors
    assert "'boss'" in error.message
    assert outcome.tallies == [Tally.MEMBERSHIPS_EXISTING, Tally.ROLES_ADDED]
    assert workos.members == {("ann@example.com", "acme"): {"viewer", "editor"}}


async def test_a_role_whose_writing_fails_is_written_by_the_next_run(workos):
    await workos.run().load(row(organization=ACME, roles=["viewer"]))
    run = workos.run()
    for _ in range(2):
        workos.sandbox.faults = failing("memberships/", 400, '{"message":"No."}', "PUT")
        (error,) = (await run.load(row(organization=ACME, roles=["editor"]))).errors
        assert error.error_type is ErrorType.ROLE_ASSIGNMENT
        run = workos.run(after=run)
    outcome = await run.load(row(organization=ACME, roles=["editor"]))
    assert outcome.tallies == [Tally.MEMBERSHIPS_EXISTING, Tally.ROLES_ADDED]
    assert workos.members == {("ann@example.com", "acme"): {"viewer", "editor"}}


async def test_a_role_whose_removal_fails_is_removed_by_the_next_run(workos):
    run = workos.run()
    await run.load(row(organization=ACME, roles=["editor", "viewer"]))
    run = workos.run(after=run)
    for _ in range(2):
        workos.sandbox.faults = failing("memberships/", 400, '{"message":"No."}', "PUT")
        (error,) = (await run.load(row(organization=ACME, roles=["viewer"]))).errors
        assert error.error_type is ErrorType.ROLE_ASSIGNMENT
        run = workos.run(after=run)
    assert (await run.load(row(organization=ACME, roles=["viewer"]))).errors == []
    assert workos.members == {("ann@example.com", "acme"): {"viewer"}}


async def test_roles_that_something_else_takes_away_again_are_an_error_in_each_run(workos):
    await workos.run().load(row(organization=ACME, roles=["viewer"]))
    run = workos.run()
    (membership,) = workos.world.memberships
    body = json.dumps({"id": membership["id"]})
    ignored = Action("answer", status=200, body=body)
    for _ in range(2):
        workos.sandbox.faults = Faults(
            script=[ScriptedFault("memberships/", ignored, "PUT", count=3)]
        )
        (error,) = (await run.load(row(organization=ACME, roles=["editor"]))).errors
        assert (error.error_type, error.retryable) == (ErrorType.ROLE_ASSIGNMENT, True)
        assert "'editor'" in error.message
        run = workos.run(after=run)
    await run.load(row(organization=ACME, roles=["editor"]))
    assert workos.members == {("ann@example.com", "acme"): {"viewer", "editor"}}


# What reading them costs


async def test_the_roles_of_an_organization_are_read_once(workos):
    run = workos.run()
    rows = [row(f"{i}@example.com", ACME, ["viewer"]) for i in range(50)]
    outcomes = await run.load_all([*rows, row(organization=GLOBEX, roles=["editor"])])
    assert all(each.errors == [] for each in outcomes)
    assert workos.requests()[READ_ROLES] == 2


async def test_rows_without_roles_read_none(workos):
    await workos.run().load(row(organization=ACME))
    assert READ_ROLES not in workos.requests()


async def test_an_unknown_role_is_looked_for_again_after_a_while_only(workos, monkeypatch):
    run = workos.run()
    await run.load_all([row(f"{i}@example.com", ACME, ["boss"]) for i in range(50)])
    assert workos.requests()[READ_ROLES] == 1
    await workos.add_role("boss")
    assert (await run.load(row(organization=ACME, roles=["boss"]))).errors
    monkeypatch.setattr(module, "_SECONDS_TO_LOOK_AGAIN", 0)
    assert not (await run.load(row(organization=ACME, roles=["boss"]))).errors


async def test_where_the_key_may_not_read_roles_the_answer_to_the_membership_tells(workos):
    forbidden = Action("answer", status=404, body='{"message":"Not Found"}')
    workos.sandbox.faults = Faults(script=[ScriptedFault(ROLES, forbidden, "GET", count=None)])
    run = workos.run()
    fine = await run.load(row("bob@example.com", ACME, ["editor"]))
    assert fine.errors == []
    (error,) = (await run.load(row(organization=ACME, roles=["boss", "editor"]))).errors
    assert (error.error_type, error.http_status) == (ErrorType.ROLE_ASSIGNMENT, 422)
    assert "'boss'" in error.message
    assert workos.members == {("bob@example.com", "acme"): {"editor"}}


@pytest.mark.parametrize("setting", ["fail", "ignore"])
async def test_where_the_key_may_not_read_roles_an_old_membership_gets_those_that_are_taken(
    workos, setting
):
    await workos.run().load(row(organization=ACME, roles=["viewer"]))
    forbidden = Action("answer", status=404, body='{"message":"Not Found"}')
    conflict = Action("answer", status=409, body='{"message":"Conflict."}')
    workos.sandbox.faults = Faults(
        script=[
            ScriptedFault(ROLES, forbidden, "GET", count=None),
            ScriptedFault(MEMBERSHIPS, conflict, "POST"),
        ]
    )
    run = workos.run(unknown_roles=setting)
    outcome = await run.load(row(organization=ACME, roles=["boss", "editor"]))
    assert [each.http_status for each in outcome.errors] == ([422] if setting == "fail" else [])
    assert outcome.tallies == [Tally.MEMBERSHIPS_EXISTING, Tally.ROLES_ADDED]
    assert workos.members == {("ann@example.com", "acme"): {"viewer", "editor"}}


# Environments with one role per membership


class TestAnEnvironmentWithMultipleRolesOff:
    @pytest.fixture
    def options(self):
        return {"settings": EnvironmentSettings(multiple_roles=False)}

    async def test_gets_the_first_role_and_is_asked_once(self, workos):
        run = workos.run()
        first = await run.load(row(organization=ACME, roles=["editor", "viewer", "admin"]))
        (error,) = first.errors
        assert error.error_type is ErrorType.ROLE_ASSIGNMENT
        assert "'viewer', 'admin'" in error.message
        workos.requests()
        second = await run.load(row("bob@example.com", ACME, ["viewer", "editor"]))
        assert len(second.errors) == 1
        assert workos.requests()["POST /organization_memberships"] == 1
        assert workos.members == {
            ("ann@example.com", "acme"): {"editor"},
            ("bob@example.com", "acme"): {"viewer"},
        }

    @pytest.mark.parametrize(("setting", "members"), [("fail", []), ("ignore", ["viewer"])])
    async def test_gets_the_first_role_that_exists_if_the_others_are_ignored(
        self, workos, setting, members
    ):
        run = workos.run(unknown_roles=setting)
        outcome = await run.load(row(organization=ACME, roles=["boss", "viewer"]))
        assert [each.error_type for each in outcome.errors] == (
            [] if members else [ErrorType.ROLE_ASSIGNMENT]
        )
        assert list(workos.members.values()) == ([set(members)] if members else [])

    @pytest.mark.parametrize("mode", ["keep", "update"])
    async def test_keeps_the_role_of_an_existing_membership(self, workos, mode):
        await workos.run().load(row(organization=ACME, roles=["viewer"]))
        run = workos.run(mode)
        for each in (run, run, workos.run(mode, after=run)):
            outcome = await each.load(row(organization=ACME, roles=["editor"]))
            (error,) = outcome.errors
            assert "'editor'" in error.message
            assert outcome.tallies == [Tally.MEMBERSHIPS_EXISTING]
        assert workos.members == {("ann@example.com", "acme"): {"viewer"}}
        assert workos.requests()["PUT /organization_memberships/{id}"] == 2  # once a run

    async def test_has_its_role_replaced_by_the_sources_next_one(self, workos):
        run = workos.run()
        await run.load(row(organization=ACME, roles=["viewer"]))
        outcome = await workos.run(after=run).load(row(organization=ACME, roles=["editor"]))
        assert outcome.errors == []
        assert workos.members == {("ann@example.com", "acme"): {"editor"}}
