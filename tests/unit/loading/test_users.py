"""The user of a row: created, found, updated, refused."""

from __future__ import annotations

import json

import pytest

from target_workos_users.exceptions import AccessDenied, ErrorType
from target_workos_users.ledger import Made
from target_workos_users.loading.outcome import REMARKS, Result, Tally
from tests.support.loading import ACME, GLOBEX, USERS, failing, lost, row
from workos_sandbox import Action, Faults, ScriptedFault

LOST = [
    pytest.param(Action("drop_after"), id="connection_lost"),
    pytest.param(Action("answer_after_write"), id="500"),
    pytest.param(Action("answer_after_write", status=201, body="<html>"), id="no_json"),
]
BCRYPT = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"
ANOTHER = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWu"
NOBODY = '{"data":[],"list_metadata":{}}'


def hashed(password_hash=BCRYPT):
    return {"password_hash": password_hash, "password_hash_type": "bcrypt"}


# Fresh users


async def test_a_fresh_user_and_membership_cost_a_request_each(workos):
    run = workos.run()
    await run.load(row("first@example.com", ACME, ["viewer"]))
    workos.requests()
    outcome = await run.load(
        row(organization=ACME, roles=["editor", "viewer"], first_name="Ann", external_id="7")
    )
    assert outcome.result is Result.CREATED
    assert outcome.tallies == [Tally.USERS_CREATED, Tally.MEMBERSHIPS, Tally.ROLES_ASSIGNED]
    assert workos.requests() == {"POST /users": 1, "POST /organization_memberships": 1}
    user = workos.world.users[-1]
    assert (user["id"], user["first_name"], user["external_id"]) == (outcome.user_id, "Ann", "7")
    assert workos.members["ann@example.com", "acme"] == {"editor", "viewer"}


async def test_a_row_without_an_organization_makes_a_user_only(workos):
    outcome = await workos.run().load(row())
    assert outcome.result is Result.CREATED
    assert outcome.org_id is None
    assert workos.requests() == {"POST /users": 1}


async def test_a_further_row_of_a_user_costs_its_membership_only(workos):
    run = workos.run()
    await run.load(row("first@example.com", GLOBEX))
    first = await run.load(row(organization=ACME))
    workos.requests()
    second = await run.load(row(organization=GLOBEX))
    assert second.result is Result.MERGED
    assert second.user_id == first.user_id
    assert workos.requests() == {"POST /organization_memberships": 1}


async def test_a_row_that_was_loaded_costs_nothing_in_this_run_and_in_the_next(workos):
    run = workos.run()
    await run.load(row(organization=ACME, first_name="Ann"))
    workos.requests()
    for each in (run, workos.run(after=run)):
        outcome = await each.load(row(organization=ACME, first_name="Ann"))
        assert outcome.result is Result.UNCHANGED
    assert workos.requests() == {}


@pytest.mark.parametrize("mode", ["keep", "update"])
async def test_the_first_rows_fields_win_and_the_others_are_remarked(workos, mode):
    run = workos.run(mode)
    await run.load(row(first_name="Ann", last_name="Lee"))
    outcome = await run.load(row(first_name="Anna", last_name="Lea"))
    assert outcome.remarks == ["conflicting first_name", "conflicting last_name"]
    assert {each.split()[0] for each in outcome.remarks} <= set(REMARKS)
    assert outcome.tallies == [Tally.CONFLICTS]
    (user,) = workos.world.users
    assert (user["first_name"], user["last_name"]) == ("Ann", "Lee")


@pytest.mark.parametrize("mode", ["keep", "update"])
async def test_what_a_later_row_fills_costs_one_look_and_one_write(workos, mode):
    run = workos.run(mode)
    await run.load(row(first_name="Ann"))
    workos.requests()
    outcome = await run.load(
        row(first_name="Anna", external_id="7", metadata={"plan": "pro"}, email_verified=True)
    )
    assert outcome.result is Result.UPDATED
    assert outcome.tallies == [Tally.CONFLICTS, Tally.USERS_UPDATED]
    assert workos.requests() == {"GET /users/{id}": 1, "PUT /users/{id}": 1}
    (user,) = workos.world.users
    assert (user["first_name"], user["external_id"]) == ("Ann", "7")
    assert (user["metadata"], user["email_verified"]) == ({"plan": "pro"}, True)


async def test_a_user_that_workos_refuses_is_one_error_and_later_rows_try_themselves(workos):
    run = workos.run()
    workos.sandbox.faults = failing(
        USERS, 400, '{"message":"Password is too weak.","code":"password_strength_error"}'
    )
    failed, later = [await run.load(row(organization=ACME)) for _ in range(2)]
    (error,) = failed.errors
    assert failed.result is Result.FAILED
    assert (error.error_type, error.http_status) == (ErrorType.USER_CREATE, 400)
    assert error.workos_code == "password_strength_error"
    assert not error.retryable
    assert error.org_id == failed.org_id
    assert later.result is Result.CREATED
    assert workos.members == {("ann@example.com", "acme"): {"member"}}


async def test_a_record_that_is_always_refused_with_a_503_is_an_error_worth_another_run(workos):
    workos.sandbox.faults = failing(USERS, 503, method="POST", text="email", count=None)
    outcome = await workos.run().load(row())
    assert [(each.error_type, each.retryable) for each in outcome.errors] == [
        (ErrorType.USER_CREATE, True)
    ]


async def test_a_refused_key_stops_the_run(workos):
    workos.sandbox.faults = failing(USERS, 401, '{"message":"Unauthorized"}')
    with pytest.raises(AccessDenied):
        await workos.run().load(row())


# Users that exist


async def test_keep_leaves_the_fields_and_completes_the_membership(workos):
    made = await workos.api.create_user({"email": "ann@example.com", "first_name": "Ann"})
    outcome = await workos.run().load(row(organization=ACME, first_name="Anna", **hashed()))
    assert outcome.result is Result.EXISTING
    assert outcome.user_id == made["id"]
    (user,) = workos.world.users
    assert (user["first_name"], user["password_hash"]) == ("Ann", None)
    assert workos.members == {("ann@example.com", "acme"): {"member"}}


async def test_update_sends_what_differs_and_nothing_if_nothing_does(workos):
    fields = {"metadata": {"plan": "pro"}, "external_id": "7"}
    await workos.api.create_user({"email": "ann@example.com", "first_name": "Ann", **fields})
    for result in (Result.UPDATED, Result.EXISTING):
        outcome = await workos.run("update").load(row(first_name="Anna", **fields))
        assert outcome.result is result
    (user,) = workos.world.users
    assert (user["first_name"], user["metadata"]) == ("Anna", {"plan": "pro"})
    assert workos.requests()["PUT /users/{id}"] == 1


async def test_update_moves_what_the_source_moved_and_nothing_that_others_did(workos):
    run = workos.run("update")
    made = await run.load(row(first_name="Ann", last_name="Lee", metadata={"plan": "free"}))
    await workos.api.update_user(made.user_id, {"last_name": "Changed by hand"})
    workos.requests()
    moved = row(first_name="Anna", last_name="Lee", metadata={"plan": "pro"})
    outcome = await workos.run("update", after=run).load(moved)
    assert outcome.result is Result.UPDATED
    assert workos.requests() == {"PUT /users/{id}": 1}
    (user,) = workos.world.users
    assert (user["first_name"], user["last_name"]) == ("Anna", "Changed by hand")
    assert user["metadata"] == {"plan": "pro"}


async def test_keep_moves_nothing_that_the_source_moved(workos):
    run = workos.run()
    await run.load(row(first_name="Ann"))
    workos.requests()
    outcome = await workos.run(after=run).load(row(first_name="Anna"))
    assert outcome.result is Result.EXISTING
    assert workos.requests() == {}
    assert workos.world.users[0]["first_name"] == "Ann"


async def test_an_update_that_workos_refuses_leaves_the_membership_to_be_made(workos):
    made = await workos.api.create_user({"email": "ann@example.com"})
    workos.sandbox.faults = failing(".", 400, '{"message":"No.","code":"no"}', "PUT")
    outcome = await workos.run("update").load(row(organization=ACME, first_name="Ann"))
    (error,) = outcome.errors
    assert (error.error_type, error.user_id) == (ErrorType.USER_UPDATE, made["id"])
    assert outcome.result is Result.FAILED
    assert outcome.tallies == [Tally.MEMBERSHIPS]


@pytest.mark.parametrize("known", [False, True])
async def test_an_update_that_was_refused_is_sent_again_by_the_next_run(workos, known):
    run = workos.run("update")
    if known:
        await run.load(row(first_name="Ann"))
    else:
        await workos.api.create_user({"email": "ann@example.com", "first_name": "Ann"})
    for _ in range(2):
        workos.sandbox.faults = failing(".", 400, '{"message":"No.","code":"no"}', "PUT")
        run = workos.run("update", after=run)
        (error,) = (await run.load(row(first_name="Anna"))).errors
        assert error.error_type is ErrorType.USER_UPDATE
    outcome = await workos.run("update", after=run).load(row(first_name="Anna"))
    assert outcome.result is Result.UPDATED
    assert workos.world.users[0]["first_name"] == "Anna"


async def test_an_update_to_another_users_external_id_names_both(workos):
    fillers = [row(f"{i}@example.com") for i in range(30)]
    await workos.run().load_all(fillers)
    ann = await workos.api.create_user({"email": "ann@example.com"})
    bob = await workos.api.create_user({"email": "bob@example.com", "external_id": "7"})
    run = workos.run("update")
    await run.load_all(fillers)  # from now on it looks first, so it won't create
    (error,) = (await run.load(row(external_id="7"))).errors
    assert error.error_type is ErrorType.USER_UPDATE
    assert f"bob@example.com ({bob['id']})" in error.message
    assert f"ann@example.com ({ann['id']})" in error.message


async def test_an_external_id_of_another_user_is_an_error_that_names_both(workos):
    bob = await workos.api.create_user({"email": "bob@example.com", "external_id": "7"})
    outcome = await workos.run().load(row(external_id="7", organization=ACME))
    (error,) = outcome.errors
    assert error.error_type is ErrorType.USER_CREATE
    assert "'7'" in error.message
    assert f"bob@example.com ({bob['id']})" in error.message
    assert "ann@example.com" in error.message
    assert not error.retryable
    assert len(workos.world.users) == 1


async def test_a_holder_of_the_external_id_without_an_email_is_not_taken_for_the_user(workos):
    bob = await workos.api.create_user({"email": "bob@example.com", "external_id": "7"})
    body = json.dumps({**bob, "email": None})
    workos.sandbox.faults = failing("/external_id/7$", 200, body, method="GET")
    (error,) = (await workos.run().load(row(external_id="7", organization=ACME))).errors
    assert f"belongs to another user ({bob['id']})" in error.message
    assert workos.world.memberships == []


@pytest.mark.parametrize("mode", ["keep", "update"])
async def test_an_external_id_of_another_user_is_an_error_if_the_email_exists_too(workos, mode):
    ann = await workos.api.create_user({"email": "ann@example.com"})
    bob = await workos.api.create_user({"email": "bob@example.com", "external_id": "7"})
    outcome = await workos.run(mode).load(row(external_id="7"))
    (error,) = outcome.errors
    assert f"bob@example.com ({bob['id']})" in error.message
    assert f"ann@example.com ({ann['id']})" in error.message


@pytest.mark.parametrize(
    ("status", "code", "errors"),
    [
        (409, "user_already_exists", []),
        (400, "user_creation_error", []),
        (400, "user_creation_error", [{"code": "email_not_available"}]),
        (400, "user_creation_error", [{"code": "external_id_already_used"}]),
    ],
)
async def test_every_way_to_say_exists_finds_the_user(workos, status, code, errors):
    body = json.dumps({"message": "Could not create user.", "code": code, "errors": errors})
    made = await workos.api.create_user({"email": "ann@example.com", "external_id": "7"})
    workos.sandbox.faults = failing(USERS, status, body, "POST")
    outcome = await workos.run().load(row(external_id="7"))
    assert (outcome.result, outcome.user_id) == (Result.EXISTING, made["id"])


async def test_a_user_that_does_not_show_yet_is_looked_for_again(workos):
    made = await workos.api.create_user({"email": "ann@example.com"})
    workos.sandbox.faults = failing(USERS, 200, NOBODY, "GET", count=3)
    outcome = await workos.run().load(row())
    assert (outcome.result, outcome.user_id) == (Result.EXISTING, made["id"])


async def test_a_user_that_exists_but_never_shows_is_worth_another_run(workos):
    await workos.api.create_user({"email": "ann@example.com"})
    workos.sandbox.faults = failing(USERS, 200, NOBODY, "GET", count=9)
    (error,) = (await workos.run().load(row())).errors
    assert error.retryable
    assert "ann@example.com" in error.message


async def test_fail_refuses_a_user_that_this_import_did_not_make(workos):
    made = await workos.api.create_user({"email": "ann@example.com"})
    run = workos.run("fail")
    for each in (run, run, workos.run("fail", after=run)):
        outcome = await each.load(row(organization=ACME))
        (error,) = outcome.errors
        assert error.error_type is ErrorType.USER_CREATE
        assert "existing_users" in error.message
        assert error.user_id == made["id"]
    assert workos.members == {}


async def test_fail_takes_a_user_that_the_import_made_before_it_was_killed(workos):
    run = workos.run("fail")
    await run.load(row())
    outcome = await workos.run("fail", after=run).load(row(organization=ACME))
    assert outcome.result is Result.EXISTING
    assert workos.members == {("ann@example.com", "acme"): {"member"}}


@pytest.mark.parametrize("mode", ["keep", "update"])
async def test_after_a_kill_the_first_rows_fields_and_hash_stay(workos, mode):
    run = workos.run(mode)
    await run.load(row(first_name="Ann", **hashed()))
    run = workos.run(mode, after=run)
    run.skip(1)
    outcome = await run.load(row(first_name="Anna", **hashed(ANOTHER)))
    assert outcome.result is Result.EXISTING
    assert "conflicting first_name" in outcome.remarks
    (user,) = workos.world.users
    assert (user["first_name"], user["password_hash"]) == ("Ann", BCRYPT)


async def test_fail_takes_a_user_whose_create_was_sent_before_a_kill(workos):
    run = workos.run("fail")
    run.ledger.attempt("ann@example.com")
    made = await workos.api.create_user({"email": "ann@example.com"})
    outcome = await workos.run("fail", after=run).load(row(organization=ACME))
    assert (outcome.errors, outcome.user_id) == ([], made["id"])


async def test_of_a_create_sent_before_a_kill_the_password_is_left_and_counted_if_in_doubt(workos):
    run = workos.run("update")
    run.ledger.attempt("ann@example.com")
    await workos.api.create_user({"email": "ann@example.com", "first_name": "Somebody else"})
    outcome = await workos.run("update", after=run).load(row(first_name="Ann", **hashed()))
    assert outcome.tallies == [Tally.USERS_UPDATED, Tally.PASSWORDS_LEFT]
    assert outcome.remarks == ["password_left"]
    (user,) = workos.world.users
    assert (user["first_name"], user["password_hash"]) == ("Ann", None)


@pytest.mark.parametrize("mode", ["keep", "update", "fail"])
@pytest.mark.parametrize("action", LOST)
async def test_a_user_whose_answer_was_lost_is_created(workos, mode, action):
    workos.sandbox.faults = lost(USERS, action)
    outcome = await workos.run(mode).load(row(organization=ACME, external_id="7", **hashed()))
    assert outcome.errors == []
    assert outcome.result is Result.CREATED
    assert outcome.tallies == [Tally.USERS_CREATED, Tally.MEMBERSHIPS]
    assert len(workos.world.users) == 1


@pytest.mark.parametrize("mode", ["keep", "update"])
async def test_after_a_lost_answer_later_rows_fill_what_is_blank(workos, mode):
    workos.sandbox.faults = lost(USERS, Action("drop_after"))
    run = workos.run(mode)
    await run.load(row(first_name="Ann"))
    await run.load(row(organization=ACME, last_name="Lee", external_id="7"))
    (user,) = workos.world.users
    assert (user["last_name"], user["external_id"]) == ("Lee", "7")


@pytest.mark.parametrize(
    ("name", "last_sign_in_at"), [("Anna", None), ("Ann", "2026-11-01T00:00:00Z")]
)
async def test_after_a_lost_answer_a_user_who_may_be_somebody_elses_stays(
    workos, name, last_sign_in_at
):
    made = await workos.api.create_user({"email": "ann@example.com", "first_name": name})
    workos.sandbox.edit_user(made["id"], last_sign_in_at=last_sign_in_at)
    workos.sandbox.faults = lost(USERS, Action("drop_before"))
    run = workos.run()
    await run.load(row(first_name="Ann"))
    await run.load(row(organization=ACME, last_name="Lee"))
    assert workos.world.users[0]["last_name"] is None


async def test_after_a_lost_answer_no_address_is_verified_by_a_later_row(workos):
    await workos.api.create_user({"email": "ann@example.com", "first_name": "Ann"})
    workos.sandbox.faults = lost(USERS, Action("drop_before"))
    run = workos.run()
    await run.load(row(first_name="Ann"))
    await run.load(row(organization=ACME, email_verified=True))
    assert not workos.world.users[0]["email_verified"]


async def test_a_lost_answer_makes_an_old_user_ours_for_fail_and_for_nothing_else(workos):
    """It may have been our create: the record isn't refused, and no harm is done."""
    await workos.api.create_user({"email": "ann@example.com", "first_name": "Ann"})
    workos.sandbox.faults = lost(USERS, Action("drop_before"))
    run = workos.run("fail", require_membership=True)
    outcome = await run.load(row(first_name="Anna", **hashed()))
    assert outcome.errors == []
    assert Tally.PASSWORDS_LEFT in outcome.tallies
    workos.sandbox.faults = failing("memberships$", 400, method="POST")
    refused = await run.load(row(organization=ACME))
    assert refused.result is Result.FAILED
    (user,) = workos.world.users
    assert (user["first_name"], user["password_hash"]) == ("Ann", None)


async def test_a_rerun_without_a_ledger_looks_before_it_writes(workos):
    rows = [row(f"{i}@example.com", ACME, ["editor"]) for i in range(300)]
    await workos.run().load_all(rows)
    workos.requests()
    run = workos.run()
    outcomes = await run.load_all([*rows, row("new@example.com", ACME)])
    requests = workos.requests()
    assert requests["POST /users"] < 60
    assert requests["POST /organization_memberships"] < 60
    assert [each.result for each in outcomes] == [Result.EXISTING] * 300 + [Result.CREATED]
    assert sum(each.tallies == [Tally.MEMBERSHIPS_EXISTING] for each in outcomes) == 300


async def test_a_run_of_existing_users_that_ends_creates_again_without_looking(workos):
    rows = [row(f"{i}@example.com") for i in range(100)]
    await workos.run().load_all(rows)
    run = workos.run()
    await run.load_all(rows)
    await run.load_all([row(f"fresh-{i}@example.com") for i in range(100)])
    workos.requests()
    await run.load_all([row(f"fresher-{i}@example.com") for i in range(100)])
    assert workos.requests() == {"POST /users": 100}


# What the ledger knows of them


async def test_after_a_reset_a_user_is_looked_for_once_and_its_fields_stay(workos):
    run = workos.run("update")
    made = await run.load(row(first_name="Ann"))
    await workos.api.update_user(made.user_id, {"first_name": "Changed by hand"})
    workos.requests()
    run = workos.run("update", after=run, cleared=True)
    outcome = await run.load(row(first_name="Ann"))
    assert (outcome.result, outcome.user_id) == (Result.EXISTING, made.user_id)
    assert workos.requests() == {"GET /users": 1}
    assert workos.world.users[0]["first_name"] == "Changed by hand"
    assert (await run.load(row(first_name="Ann"))).result is Result.UNCHANGED


async def test_after_a_reset_a_user_that_was_deleted_is_made_again(workos):
    run = workos.run()
    made = await run.load(row(organization=ACME))
    await workos.api.delete_user(made.user_id)
    outcome = await workos.run(after=run, cleared=True).load(row(organization=ACME))
    assert outcome.tallies == [Tally.USERS_CREATED, Tally.MEMBERSHIPS]
    assert workos.members == {("ann@example.com", "acme"): {"member"}}


async def test_after_a_reset_another_user_of_the_same_email_is_somebody_elses(workos):
    run = workos.run()
    first = await run.load(row(first_name="Ann"))
    await workos.api.delete_user(first.user_id)
    other = await workos.api.create_user({"email": "ann@example.com", "first_name": "Another"})
    run = workos.run("update", after=run, cleared=True)
    outcome = await run.load(row(first_name="Ann", organization=ACME, **hashed()))
    assert outcome.user_id == other["id"]
    assert run.ledger.person("ann@example.com").made is Made.NO
    assert workos.world.users[0]["password_hash"] is None
    assert Tally.PASSWORDS_LEFT in outcome.tallies


async def test_a_user_deleted_in_the_meantime_is_made_again(workos):
    run = workos.run()
    first = await run.load(row(first_name="Ann"))
    await workos.api.delete_user(first.user_id)
    again = await run.load(row(organization=ACME, first_name="Ann"))
    assert again.errors == []
    assert again.result is Result.CREATED
    assert workos.world.users[0]["id"] == again.user_id != first.user_id
    assert workos.members == {("ann@example.com", "acme"): {"member"}}


async def test_a_user_that_is_deleted_again_and_again_is_an_error_worth_another_run(workos):
    gone = json.dumps(
        {"message": "User not found: 'user_1'.", "code": "entity_not_found", "entity_id": "user_1"}
    )
    workos.sandbox.faults = Faults(
        script=[
            ScriptedFault(
                USERS, Action("answer", status=201, body='{"id":"user_1"}'), "POST", count=2
            ),
            ScriptedFault("memberships$", Action("answer", status=404, body=gone), "POST", count=2),
        ]
    )
    (error,) = (await workos.run().load(row(organization=ACME))).errors
    assert (error.error_type, error.retryable) == (ErrorType.USER_CREATE, True)
    assert "twice" in error.message


# Passwords


@pytest.mark.parametrize("signed_in", [False, True])
async def test_a_changed_hash_is_written_for_a_user_of_this_import_who_has_not_signed_in(
    workos, signed_in
):
    run = workos.run("update")
    made = await run.load(row(**hashed()))
    if signed_in:
        workos.sandbox.edit_user(made.user_id, last_sign_in_at="2026-11-01T00:00:00Z")
    workos.requests()
    outcome = await workos.run("update", after=run).load(row(**hashed(ANOTHER)))
    written = {} if signed_in else {"PUT /users/{id}": 1}
    assert workos.requests() == {"GET /users/{id}": 1, **written}
    assert workos.world.users[0]["password_hash"] == (BCRYPT if signed_in else ANOTHER)
    assert (Tally.PASSWORDS_LEFT in outcome.tallies) is signed_in


@pytest.mark.parametrize(
    ("mode", "setting", "written"),
    [
        ("keep", "changed", False),
        ("keep", "always", False),
        ("update", "never", False),
        ("update", "changed", False),
        ("update", "always", True),
    ],
)
async def test_the_hash_of_a_user_that_was_there_is_written_only_if_always(
    workos, mode, setting, written
):
    await workos.api.create_user({"email": "ann@example.com"})
    run = workos.run(mode, update_passwords=setting)
    outcome = await run.load(row(**hashed()))
    assert (workos.world.users[0]["password_hash"] == BCRYPT) is written
    assert (Tally.PASSWORDS_LEFT in outcome.tallies) is (mode == "update" and not written)


@pytest.mark.parametrize("signed_in", [False, True])
async def test_a_later_rows_hash_comes_to_a_user_of_an_email_who_has_not_signed_in(
    workos, signed_in
):
    run = workos.run()
    made = await run.load(row(organization=ACME))
    if signed_in:
        workos.sandbox.edit_user(made.user_id, last_sign_in_at="2026-11-01T00:00:00Z")
    outcome = await run.load(row(organization=GLOBEX, **hashed()))
    assert (workos.world.users[0]["password_hash"] is None) is signed_in
    assert (Tally.PASSWORDS_LEFT in outcome.tallies) is signed_in


async def test_a_second_accounts_hash_does_not_come_to_the_first(workos):
    run = workos.run()
    await run.load(row(first_name="Ann"))
    workos.requests()
    outcome = await run.load(row(organization=ACME, **hashed()))
    assert "PUT /users/{id}" not in workos.requests()
    assert Tally.PASSWORDS_LEFT in outcome.tallies


async def test_a_refusal_after_a_lost_answer_is_final(workos):
    refusal = Action("answer", status=400, body='{"message":"No.","code":"no"}')
    for path, error_type in (
        (USERS, ErrorType.USER_CREATE),
        ("memberships$", ErrorType.MEMBERSHIP_CREATE),
    ):
        workos.sandbox.faults = Faults(
            script=[
                ScriptedFault(path, Action("drop_before"), "POST"),
                ScriptedFault(path, refusal, "POST"),
            ]
        )
        (error,) = (await workos.run().load(row(organization=ACME))).errors
        assert (error.error_type, error.workos_code) == (error_type, "no")
        assert not error.retryable
