from __future__ import annotations

import asyncio
import json
import random
from datetime import UTC, datetime, timedelta

import pytest

from target_workos_users.exceptions import AccessDenied, ErrorType
from target_workos_users.loading.loader import Loader
from target_workos_users.loading.organizations import OrganizationCache
from target_workos_users.loading.outcome import REMARKS, Result, Tally
from target_workos_users.loading.queue import LoadQueue
from target_workos_users.loading.recent_users import RecentUsers
from target_workos_users.records.parse import OrganizationRef, Totp, UserRow
from tests.unit.loading.conftest import api_of
from workos_sandbox import Action, Faults, Sandbox, ScriptedFault, read_world
from workos_sandbox.memberships import set_status

USERS = "/user_management/users$"
MEMBERSHIPS = "/organization_memberships$"
FACTORS = "/auth_factors$"
ACME = OrganizationRef(id=None, external_id="acme", name="Acme")
SECRET = "JBSWY3DPEHPK3PXP"
LOST = [
    pytest.param(Action("drop_after"), id="connection_lost"),
    pytest.param(Action("answer_after_write"), id="500"),
    pytest.param(Action("answer_after_write", status=201, body="<html>"), id="no_json"),
]


def row(email="ann@example.com", organization=None, roles=(), totp=None, **fields):
    return UserRow(
        email=email,
        fields={"email": email, **fields},
        organization=organization,
        role_slugs=tuple(roles),
        totp=totp,
        remarks=(),
    )


def failing(path, status, body="{}", method=None, **more):
    action = Action("answer", status=status, body=body)
    return Faults(script=[ScriptedFault(path, action, method, **more)])


def lost(path, action, method="POST", **more):
    return Faults(script=[ScriptedFault(path, action, method, **more)])


class Environment:
    """A sandbox with a client of its own, and loaders to load into it."""

    def __init__(self, sandbox, path):
        self.sandbox = sandbox
        self.path = path
        self.api = api_of(sandbox)
        self._caches = []

    def loader(self, existing_users="keep", *, began=timedelta(minutes=-5), **options):
        """A loader of an import that began ``began`` from now, which knows nothing yet."""
        self.organizations = OrganizationCache(
            self.api, create_missing=True, state=options.pop("state", None), delays=(0, 0, 0)
        )
        self._caches.append(self.organizations)
        options = {"require_membership": False, "delays": (0, 0, 0)} | options
        return Loader(
            self.api,
            self.organizations,
            existing_users=existing_users,
            started_at=datetime.now(UTC) + began,
            **options,
        )

    async def load_all(self, loader, rows, concurrency=20):
        """Load rows as an import does; the outcomes in the rows' order."""
        outcomes = [None] * len(rows)
        finished, left = asyncio.Event(), len(rows)
        queue = LoadQueue(loader.load, concurrency=concurrency)

        def done(index):
            def callback(outcome):
                nonlocal left
                outcomes[index] = outcome
                left -= 1
                if not left:
                    finished.set()

            return callback

        for index, each in enumerate(rows):
            queue.submit(each, done(index))
        assert not rows or await queue.wait(finished)
        return outcomes

    @property
    def world(self):
        return read_world(self.path)

    @property
    def members(self):
        """(email, external id of the organization) -> roles of the active memberships."""
        return {
            (each["email"], each["organization_external_id"]): set(each["role_slugs"])
            for each in self.world.memberships
            if each["status"] == "active"
        }

    def requests(self):
        """Requests since the last call, by method and route."""
        counts = {
            route.replace("/user_management", ""): counter.total()
            for route, counter in self.sandbox.stats.requests.items()
        }
        self.sandbox.stats.reset()
        return counts

    async def close(self):
        for cache in self._caches:
            await cache.close()
        await self.api.close()


@pytest.fixture
def options():
    """What a test module or class wants of its sandbox."""
    return {}


@pytest.fixture
async def workos(tmp_path, options):
    path = tmp_path / "sandbox.db"
    async with Sandbox(path, roles=["editor", "viewer"], **options) as sandbox:
        environment = Environment(sandbox, path)
        yield environment
        await environment.close()


OLD = {"began": timedelta(hours=1)}  # as if the users that the test makes had long been there


# Fresh users


async def test_a_fresh_user_and_membership_cost_a_request_each(workos):
    loader = workos.loader()
    await loader.load(row("first@example.com", ACME))
    workos.requests()
    outcome = await loader.load(
        row(organization=ACME, roles=["editor", "viewer"], first_name="Ann", external_id="7")
    )
    assert outcome.result is Result.CREATED
    assert outcome.tallies == [Tally.USERS_CREATED, Tally.MEMBERSHIPS]
    assert workos.requests() == {"POST /users": 1, "POST /organization_memberships": 1}
    user = workos.world.users[-1]
    assert (user["id"], user["first_name"], user["external_id"]) == (outcome.user_id, "Ann", "7")
    assert workos.members["ann@example.com", "acme"] == {"editor", "viewer"}


async def test_a_row_without_an_organization_makes_a_user_only(workos):
    outcome = await workos.loader().load(row())
    assert outcome.result is Result.CREATED
    assert outcome.org_id is None
    assert workos.requests() == {"POST /users": 1}


async def test_a_further_row_of_a_user_costs_its_membership_only(workos):
    loader = workos.loader()
    globex = OrganizationRef(id=None, external_id="globex", name="Globex")
    await loader.load(row("first@example.com", globex))
    first = await loader.load(row(organization=ACME))
    workos.requests()
    second = await loader.load(row(organization=globex))
    assert second.result is Result.MERGED
    assert second.user_id == first.user_id
    assert workos.requests() == {"POST /organization_memberships": 1}


async def test_the_first_rows_fields_win_and_the_others_are_remarked(workos):
    loader = workos.loader("update")
    await loader.load(row(first_name="Ann"))
    outcome = await loader.load(row(first_name="Anna", external_id="7"))
    assert outcome.remarks == ["conflicting_first_name", "conflicting_external_id"]
    assert set(outcome.remarks) <= set(REMARKS)
    (user,) = workos.world.users
    assert (user["first_name"], user["external_id"]) == ("Ann", None)


async def test_a_user_that_workos_refuses_is_one_error_and_later_rows_try_themselves(workos):
    loader = workos.loader()
    workos.sandbox.faults = failing(
        USERS, 400, '{"message":"Password is too weak.","code":"password_strength_error"}'
    )
    failed, later = [await loader.load(row(organization=ACME)) for _ in range(2)]
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
    outcome = await workos.loader().load(row())
    assert [(each.error_type, each.retryable) for each in outcome.errors] == [
        (ErrorType.USER_CREATE, True)
    ]


async def test_a_conflict_that_names_no_cause_is_no_membership_until_one_is_found(workos):
    conflict = '{"message":"Conflict."}'
    workos.sandbox.faults = failing(MEMBERSHIPS, 409, conflict, method="POST")
    outcome = await workos.loader().load(row(organization=ACME))
    assert [(each.error_type, each.retryable) for each in outcome.errors] == [
        (ErrorType.MEMBERSHIP_CREATE, True)
    ]
    outcome = await workos.loader(**OLD).load(row(organization=ACME))
    assert (outcome.result, outcome.tallies) == (Result.EXISTING, [Tally.MEMBERSHIPS])
    workos.sandbox.faults = failing(MEMBERSHIPS, 409, conflict, method="POST")
    outcome = await workos.loader(**OLD).load(row(organization=ACME))
    assert outcome.tallies == [Tally.MEMBERSHIPS_EXISTING]


async def test_a_refused_key_stops_the_run(workos):
    workos.sandbox.faults = failing(USERS, 401, '{"message":"Unauthorized"}')
    with pytest.raises(AccessDenied):
        await workos.loader().load(row())


# Users that exist


async def test_keep_leaves_the_fields_and_completes_the_membership(workos):
    made = await workos.api.create_user({"email": "ann@example.com", "first_name": "Ann"})
    outcome = await workos.loader(**OLD).load(row(organization=ACME, first_name="Anna"))
    assert outcome.result is Result.EXISTING
    assert outcome.user_id == made["id"]
    assert workos.world.users[0]["first_name"] == "Ann"
    assert workos.members == {("ann@example.com", "acme"): {"member"}}


async def test_update_sends_what_differs_and_nothing_if_nothing_does(workos):
    fields = {"first_name": "Ann", "metadata": {"plan": "pro"}, "external_id": "7"}
    await workos.api.create_user({"email": "ann@example.com", **fields})
    for first_name, result in (("Anna", Result.UPDATED), ("Anna", Result.EXISTING)):
        outcome = await workos.loader("update").load(row(**fields | {"first_name": first_name}))
        assert outcome.result is Result.EXISTING  # made since the import began: left alone
        outcome = await workos.loader("update", **OLD).load(
            row(**fields | {"first_name": first_name})
        )
        assert outcome.result is result
    (user,) = workos.world.users
    assert (user["first_name"], user["metadata"]) == ("Anna", {"plan": "pro"})
    assert workos.requests()["PUT /users/{id}"] == 1


async def test_an_update_that_workos_refuses_leaves_the_membership_to_be_made(workos):
    made = await workos.api.create_user({"email": "ann@example.com"})
    workos.sandbox.faults = failing(".", 400, '{"message":"No.","code":"no"}', "PUT")
    outcome = await workos.loader("update", **OLD).load(row(organization=ACME, first_name="Ann"))
    (error,) = outcome.errors
    assert (error.error_type, error.user_id) == (ErrorType.USER_UPDATE, made["id"])
    assert outcome.result is Result.FAILED
    assert outcome.tallies == [Tally.MEMBERSHIPS]


async def test_an_update_to_another_users_external_id_names_both(workos):
    fillers = [row(f"{i}@example.com") for i in range(30)]
    await workos.load_all(workos.loader(), fillers)
    ann = await workos.api.create_user({"email": "ann@example.com"})
    bob = await workos.api.create_user({"email": "bob@example.com", "external_id": "7"})
    loader = workos.loader("update", **OLD)
    await workos.load_all(loader, fillers)  # from now on it looks first, so it won't create
    (error,) = (await loader.load(row(external_id="7"))).errors
    assert error.error_type is ErrorType.USER_UPDATE
    assert f"bob@example.com ({bob['id']})" in error.message
    assert f"ann@example.com ({ann['id']})" in error.message


async def test_an_external_id_of_another_user_is_an_error_that_names_both(workos):
    bob = await workos.api.create_user({"email": "bob@example.com", "external_id": "7"})
    outcome = await workos.loader().load(row(external_id="7", organization=ACME))
    (error,) = outcome.errors
    assert error.error_type is ErrorType.USER_CREATE
    assert "'7'" in error.message
    assert f"bob@example.com ({bob['id']})" in error.message
    assert "ann@example.com" in error.message
    assert not error.retryable
    assert len(workos.world.users) == 1


async def test_a_holder_of_the_external_id_without_an_email_is_not_taken_for_the_user(
    workos,
):
    bob = await workos.api.create_user({"email": "bob@example.com", "external_id": "7"})
    body = json.dumps({**bob, "email": None})
    workos.sandbox.faults = failing("/external_id/7$", 200, body, method="GET")
    (error,) = (await workos.loader().load(row(external_id="7", organization=ACME))).errors
    assert f"belongs to another user ({bob['id']})" in error.message
    assert workos.world.memberships == []


@pytest.mark.parametrize("mode", ["keep", "update"])
async def test_an_external_id_of_another_user_is_an_error_if_the_email_exists_too(workos, mode):
    ann = await workos.api.create_user({"email": "ann@example.com"})
    bob = await workos.api.create_user({"email": "bob@example.com", "external_id": "7"})
    outcome = await workos.loader(mode, **OLD).load(row(external_id="7"))
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
    outcome = await workos.loader(**OLD).load(row(external_id="7"))
    assert (outcome.result, outcome.user_id) == (Result.EXISTING, made["id"])


async def test_a_user_that_does_not_show_yet_is_looked_for_again(workos):
    made = await workos.api.create_user({"email": "ann@example.com"})
    workos.sandbox.faults = failing(USERS, 200, '{"data":[],"list_metadata":{}}', "GET", count=3)
    outcome = await workos.loader(**OLD).load(row())
    assert (outcome.result, outcome.user_id) == (Result.EXISTING, made["id"])


async def test_a_user_that_exists_but_never_shows_is_worth_another_run(workos):
    await workos.api.create_user({"email": "ann@example.com"})
    workos.sandbox.faults = failing(USERS, 200, '{"data":[],"list_metadata":{}}', "GET", count=9)
    (error,) = (await workos.loader(**OLD).load(row())).errors
    assert error.retryable
    assert "ann@example.com" in error.message


async def test_fail_refuses_a_user_from_before_the_import(workos):
    made = await workos.api.create_user({"email": "ann@example.com"})
    outcome = await workos.loader("fail", **OLD).load(row(organization=ACME))
    (error,) = outcome.errors
    assert error.error_type is ErrorType.USER_CREATE
    assert "existing_users" in error.message
    assert error.user_id == made["id"]
    assert workos.members == {}


async def test_fail_takes_a_user_that_the_import_made_before_it_was_killed(workos):
    await workos.loader("fail").load(row())
    outcome = await workos.loader("fail").load(row(organization=ACME))
    assert outcome.result is Result.EXISTING
    assert workos.members == {("ann@example.com", "acme"): {"member"}}


async def test_update_after_a_kill_leaves_the_first_rows_fields(workos):
    await workos.loader("update").load(row(first_name="Ann"))
    outcome = await workos.loader("update").load(row(first_name="Anna"))
    assert outcome.result is Result.EXISTING
    assert outcome.remarks == ["conflicting_first_name"]
    assert workos.world.users[0]["first_name"] == "Ann"


@pytest.mark.parametrize("mode", ["keep", "update", "fail"])
@pytest.mark.parametrize("action", LOST)
async def test_a_user_whose_answer_was_lost_is_created(workos, mode, action):
    workos.sandbox.faults = lost(USERS, action)
    outcome = await workos.loader(mode).load(row(organization=ACME, external_id="7"))
    assert outcome.errors == []
    assert outcome.result is Result.CREATED
    assert outcome.tallies == [Tally.USERS_CREATED, Tally.MEMBERSHIPS]
    assert len(workos.world.users) == 1


async def test_a_lost_answer_does_not_make_an_old_user_ours(workos):
    await workos.api.create_user({"email": "ann@example.com"})
    workos.sandbox.faults = lost(USERS, Action("drop_before"))
    (error,) = (await workos.loader("fail", **OLD).load(row())).errors
    assert "existing_users" in error.message


async def test_a_rerun_without_state_looks_before_it_writes(workos):
    rows = [row(f"{i}@example.com", ACME, ["editor"]) for i in range(300)]
    await workos.load_all(workos.loader(), rows)
    workos.requests()
    loader = workos.loader()
    outcomes = await workos.load_all(loader, [*rows, row("new@example.com", ACME)])
    requests = workos.requests()
    assert requests["POST /users"] < 60
    assert requests["POST /organization_memberships"] < 60
    assert [each.result for each in outcomes] == [Result.EXISTING] * 300 + [Result.CREATED]
    assert sum(each.tallies == [Tally.MEMBERSHIPS_EXISTING] for each in outcomes) == 300


async def test_a_run_of_existing_users_that_ends_creates_again_without_looking(workos):
    rows = [row(f"{i}@example.com") for i in range(100)]
    await workos.load_all(workos.loader(), rows)
    loader = workos.loader()
    await workos.load_all(loader, rows)
    await workos.load_all(loader, [row(f"fresh-{i}@example.com") for i in range(100)])
    workos.requests()
    await workos.load_all(loader, [row(f"fresher-{i}@example.com") for i in range(100)])
    assert workos.requests() == {"POST /users": 100}


# Memberships


async def test_a_membership_that_exists_is_no_error_and_gets_the_roles_it_lacks(workos):
    await workos.loader().load(row(organization=ACME, roles=["viewer"]))
    outcome = await workos.loader(**OLD).load(row(organization=ACME, roles=["editor"]))
    assert outcome.errors == []
    assert outcome.tallies == [Tally.MEMBERSHIPS_EXISTING, Tally.ROLES_ADDED]
    assert workos.members["ann@example.com", "acme"] == {"viewer", "editor"}


async def test_a_repeated_row_with_other_roles_adds_them(workos):
    loader = workos.loader()
    await loader.load(row(organization=ACME, roles=["viewer"]))
    same = await loader.load(row(organization=ACME, roles=["viewer"]))
    other = await loader.load(row(organization=ACME, roles=["editor"]))
    assert same.tallies == [Tally.MEMBERSHIPS_EXISTING]
    assert other.tallies == [Tally.MEMBERSHIPS_EXISTING, Tally.ROLES_ADDED]
    assert workos.members["ann@example.com", "acme"] == {"viewer", "editor"}


async def test_update_adds_the_roles_that_a_membership_lacks(workos):
    await workos.loader().load(row(organization=ACME, roles=["viewer"]))
    loader = workos.loader("update", **OLD)
    outcome = await loader.load(row(organization=ACME, roles=["editor", "viewer"]))
    assert outcome.tallies == [Tally.MEMBERSHIPS_EXISTING, Tally.ROLES_ADDED]
    assert workos.members["ann@example.com", "acme"] == {"viewer", "editor"}
    workos.requests()
    again = await loader.load(row(organization=ACME, roles=["editor"]))
    assert again.tallies == [Tally.MEMBERSHIPS_EXISTING]
    assert "PUT /organization_memberships/{id}" not in workos.requests()


@pytest.mark.parametrize("looking_first", [False, True])
async def test_an_inactive_membership_is_reactivated_and_counted_so(workos, looking_first):
    fillers = [row(f"{i}@example.com") for i in range(30)]
    await workos.load_all(workos.loader(), [row(organization=ACME), *fillers])
    (membership,) = workos.world.memberships
    await asyncio.sleep(0.002)  # WorkOS's stamps are in milliseconds
    set_status(workos.sandbox.store, membership["id"], "inactive")
    loader = workos.loader(**OLD)
    await workos.load_all(loader, fillers if looking_first else [])
    outcome = await loader.load(row(organization=ACME, roles=["editor"]))
    assert outcome.tallies == [Tally.MEMBERSHIPS_REACTIVATED]
    assert workos.members["ann@example.com", "acme"] == {"editor"}


@pytest.mark.parametrize("looking_first", [False, True])
async def test_a_pending_membership_is_an_error_that_says_what_to_do(workos, looking_first):
    fillers = [row(f"{i}@example.com") for i in range(30)]
    await workos.load_all(workos.loader(), [row(organization=ACME), *fillers])
    (membership,) = workos.world.memberships
    set_status(workos.sandbox.store, membership["id"], "pending")
    loader = workos.loader(**OLD)
    await workos.load_all(loader, fillers if looking_first else [])
    outcome = await loader.load(row(organization=ACME))
    (error,) = outcome.errors
    assert error.error_type is ErrorType.MEMBERSHIP_CREATE
    assert "invitation" in error.message
    assert (error.user_id, error.org_id) == (outcome.user_id, outcome.org_id)


@pytest.mark.parametrize("action", LOST)
async def test_a_membership_whose_answer_was_lost_is_ours(workos, action):
    workos.sandbox.faults = lost(MEMBERSHIPS, action)
    outcome = await workos.loader().load(row(organization=ACME, roles=["editor"]))
    assert outcome.errors == []
    assert outcome.tallies == [Tally.USERS_CREATED, Tally.MEMBERSHIPS]
    assert workos.members == {("ann@example.com", "acme"): {"editor"}}


async def test_a_membership_that_workos_refuses_leaves_the_user(workos):
    workos.sandbox.faults = failing(MEMBERSHIPS, 400, '{"message":"No.","code":"no"}', "POST")
    outcome = await workos.loader().load(row(organization=ACME))
    (error,) = outcome.errors
    assert (error.error_type, error.workos_code) == (ErrorType.MEMBERSHIP_CREATE, "no")
    assert outcome.result is Result.FAILED
    assert outcome.tallies == [Tally.USERS_CREATED]
    assert workos.world.users[0]["id"] == error.user_id


async def test_an_organization_that_does_not_exist_leaves_the_user(workos):
    missing = OrganizationRef(id="org_none", external_id=None, name=None)
    outcome = await workos.loader().load(row(organization=missing))
    (error,) = outcome.errors
    assert error.error_type is ErrorType.ORG_RESOLUTION
    assert (error.org_id, error.user_id) == ("org_none", workos.world.users[0]["id"])


async def test_an_organization_deleted_in_the_meantime_is_resolved_again(workos):
    loader = workos.loader(state={"acme": "org_deleted"})
    outcome = await loader.load(row(organization=ACME))
    assert outcome.errors == []
    (organization,) = workos.world.organizations
    assert outcome.org_id == organization["id"]
    assert workos.members == {("ann@example.com", "acme"): {"member"}}
    assert workos.organizations.to_state() == {"acme": organization["id"]}


async def test_a_user_deleted_in_the_meantime_is_made_again(workos):
    loader = workos.loader()
    first = await loader.load(row(first_name="Ann"))
    await workos.api.delete_user(first.user_id)
    again = await loader.load(row(organization=ACME, first_name="Ann"))
    assert again.errors == []
    assert again.result is Result.CREATED
    assert workos.world.users[0]["id"] == again.user_id != first.user_id
    assert workos.members == {("ann@example.com", "acme"): {"member"}}


# Roles


async def test_an_unknown_role_is_left_out_and_named(workos):
    outcome = await workos.loader().load(row(organization=ACME, roles=["editor", "boss", "chief"]))
    (error,) = outcome.errors
    assert (error.error_type, error.http_status) == (ErrorType.ROLE_ASSIGNMENT, 422)
    assert "'boss', 'chief'" in error.message
    assert Tally.MEMBERSHIPS in outcome.tallies
    assert workos.members == {("ann@example.com", "acme"): {"editor"}}


async def test_a_refusal_that_names_no_role_leaves_them_all_out(workos):
    workos.sandbox.faults = failing(
        MEMBERSHIPS, 422, '{"message":"Invalid role.","code":"invalid_role"}', "POST"
    )
    outcome = await workos.loader().load(row(organization=ACME, roles=["editor", "viewer"]))
    (error,) = outcome.errors
    assert "'editor', 'viewer'" in error.message
    assert workos.members == {("ann@example.com", "acme"): {"member"}}


@pytest.mark.parametrize("mostly_existing", [False, True])
async def test_a_role_refused_in_a_run_that_was_killed_is_named_by_the_next(
    workos, mostly_existing
):
    refused = row(organization=ACME, roles=["editor", "boss"])
    others = [row(f"user-{i}@example.com") for i in range(40)]
    await workos.load_all(workos.loader(), [*others, refused])
    loader = workos.loader()
    await workos.load_all(loader, others if mostly_existing else [])
    outcome = await loader.load(refused)
    (error,) = outcome.errors
    assert error.error_type is ErrorType.ROLE_ASSIGNMENT
    assert "'boss'" in error.message
    assert outcome.tallies == [Tally.MEMBERSHIPS_EXISTING]
    assert workos.members == {("ann@example.com", "acme"): {"editor"}}


async def test_a_role_that_a_membership_from_before_the_import_lacks_is_named(workos):
    await workos.loader().load(row(organization=ACME, roles=["viewer"]))
    others = [row(f"user-{i}@example.com") for i in range(40)]
    await workos.load_all(workos.loader(), others)
    loader = workos.loader(**OLD)
    await workos.load_all(loader, others)
    outcome = await loader.load(row(organization=ACME, roles=["boss"]))
    (error,) = outcome.errors
    assert "'boss'" in error.message
    assert workos.members == {("ann@example.com", "acme"): {"viewer"}}


async def test_update_says_which_role_it_could_not_add(workos):
    await workos.loader().load(row(organization=ACME, roles=["viewer"]))
    outcome = await workos.loader("update", **OLD).load(
        row(organization=ACME, roles=["editor", "boss"])
    )
    (error,) = outcome.errors
    assert "'boss'" in error.message
    assert outcome.tallies == [Tally.MEMBERSHIPS_EXISTING, Tally.ROLES_ADDED]
    assert workos.members == {("ann@example.com", "acme"): {"viewer", "editor"}}


class TestAnEnvironmentWithMultipleRolesOff:
    @pytest.fixture
    def options(self):
        return {"multiple_roles": False}

    async def test_gets_the_first_role_and_is_asked_once(self, workos):
        loader = workos.loader()
        first = await loader.load(row(organization=ACME, roles=["editor", "viewer", "admin"]))
        (error,) = first.errors
        assert error.error_type is ErrorType.ROLE_ASSIGNMENT
        assert "'viewer', 'admin'" in error.message
        workos.requests()
        second = await loader.load(row("bob@example.com", ACME, ["viewer", "editor"]))
        assert len(second.errors) == 1
        assert workos.requests()["POST /organization_memberships"] == 1
        assert workos.members == {
            ("ann@example.com", "acme"): {"editor"},
            ("bob@example.com", "acme"): {"viewer"},
        }

    async def test_gets_the_first_role_that_exists(self, workos):
        outcome = await workos.loader().load(row(organization=ACME, roles=["boss", "viewer"]))
        assert [each.error_type for each in outcome.errors] == [ErrorType.ROLE_ASSIGNMENT]
        assert workos.members == {("ann@example.com", "acme"): {"viewer"}}

    async def test_keeps_the_role_of_an_existing_membership(self, workos):
        await workos.loader().load(row(organization=ACME, roles=["viewer"]))
        loader = workos.loader("update", **OLD)
        for _ in range(2):
            outcome = await loader.load(row(organization=ACME, roles=["editor"]))
            (error,) = outcome.errors
            assert "'editor'" in error.message
        assert workos.members == {("ann@example.com", "acme"): {"viewer"}}
        assert workos.requests()["PUT /organization_memberships/{id}"] == 1


# TOTP


async def test_a_totp_factor_is_enrolled_once_however_often_the_row_comes(workos):
    totp = Totp(SECRET, "Acme", "ann")
    loader = workos.loader()
    fresh = await loader.load(row(totp=totp))
    assert fresh.tallies == [Tally.USERS_CREATED, Tally.FACTORS]
    assert workos.requests() == {"POST /users": 1, "POST /users/{user_id}/auth_factors": 1}
    for again in (await loader.load(row(totp=totp)), await workos.loader().load(row(totp=totp))):
        assert again.tallies == [Tally.FACTORS_EXISTING]
    (factor,) = workos.world.auth_factors
    assert (factor["secret"], factor["issuer"], factor["user"]) == (SECRET, "Acme", "ann")


@pytest.mark.parametrize("action", LOST)
async def test_a_factor_whose_answer_was_lost_is_not_enrolled_twice(workos, action):
    workos.sandbox.faults = lost(FACTORS, action)
    outcome = await workos.loader().load(row(totp=Totp(SECRET, None, None)))
    assert outcome.errors == []
    assert Tally.FACTORS in outcome.tallies
    assert len(workos.world.auth_factors) == 1


async def test_a_factor_that_was_lost_on_the_way_is_enrolled_all_the_same(workos):
    workos.sandbox.faults = lost(FACTORS, Action("drop_before"))
    outcome = await workos.loader().load(row(totp=Totp(SECRET, None, None)))
    assert outcome.tallies == [Tally.USERS_CREATED, Tally.FACTORS]
    assert len(workos.world.auth_factors) == 1


async def test_a_factor_that_was_not_enrolled_is_worth_another_run(workos):
    workos.sandbox.faults = lost(FACTORS, Action("drop_before"), text="totp", count=None)
    loader = workos.loader()
    (error,) = (await loader.load(row(totp=Totp(SECRET, None, None)))).errors
    assert (error.error_type, error.retryable) == (ErrorType.TOTP_ENROLL, True)
    assert SECRET not in error.message
    workos.sandbox.faults = Faults()
    assert (await loader.load(row(totp=Totp(SECRET, None, None)))).tallies == [Tally.FACTORS]


# require_membership


async def test_require_membership_takes_back_a_user_without_one(workos):
    loader = workos.loader(require_membership=True)
    refusal = '{"message":"No.","code":"no"}'
    workos.sandbox.faults = failing(MEMBERSHIPS, 400, refusal, "POST")
    outcome = await loader.load(row(organization=ACME, totp=Totp(SECRET, None, None)))
    assert [each.error_type for each in outcome.errors] == [ErrorType.MEMBERSHIP_CREATE]
    assert outcome.tallies == [Tally.USERS_CREATED, Tally.USERS_DELETED]
    assert workos.world.users == []
    again = await loader.load(row(organization=ACME))
    assert again.result is Result.CREATED


async def test_require_membership_makes_no_user_for_an_organization_that_is_not_there(workos):
    missing = OrganizationRef(id=None, external_id="none", name=None)
    outcome = await workos.loader(require_membership=True).load(row(organization=missing))
    assert [each.error_type for each in outcome.errors] == [ErrorType.ORG_RESOLUTION]
    assert workos.world.users == []


async def test_require_membership_never_deletes_a_user_that_existed(workos):
    await workos.api.create_user({"email": "ann@example.com"})
    loader = workos.loader(require_membership=True)
    await loader.load(row("bob@example.com"))
    workos.sandbox.faults = failing(MEMBERSHIPS, 400, "{}", "POST", count=None)
    for email in ("ann@example.com", "bob@example.com"):
        assert (await loader.load(row(email, ACME))).result is Result.FAILED
    assert len(workos.world.users) == 2


async def test_require_membership_deletes_no_user_of_which_it_is_not_sure(workos):
    loader = workos.loader(require_membership=True, began=timedelta(seconds=30))
    workos.sandbox.faults = Faults(
        script=[
            ScriptedFault(USERS, Action("drop_after"), "POST"),
            ScriptedFault(MEMBERSHIPS, Action("answer", status=400), "POST"),
        ]
    )
    assert (await loader.load(row(organization=ACME))).result is Result.FAILED
    assert len(workos.world.users) == 1


async def test_a_user_that_cannot_be_taken_back_is_a_second_error(workos):
    loader = workos.loader(require_membership=True)
    workos.sandbox.faults = Faults(
        script=[
            ScriptedFault(MEMBERSHIPS, Action("answer", status=400), "POST"),
            ScriptedFault(".", Action("answer", status=409), "DELETE"),
        ]
    )
    outcome = await loader.load(row(organization=ACME))
    assert [each.error_type for each in outcome.errors] == [
        ErrorType.MEMBERSHIP_CREATE,
        ErrorType.USER_CREATE,
    ]
    assert outcome.errors[1].user_id == workos.world.users[0]["id"]


async def test_a_refusal_after_a_lost_answer_is_final(workos):
    refusal = Action("answer", status=400, body='{"message":"No.","code":"no"}')
    for path, error_type in (
        (USERS, ErrorType.USER_CREATE),
        (MEMBERSHIPS, ErrorType.MEMBERSHIP_CREATE),
    ):
        workos.sandbox.faults = Faults(
            script=[
                ScriptedFault(path, Action("drop_before"), "POST"),
                ScriptedFault(path, refusal, "POST"),
            ]
        )
        (error,) = (await workos.loader().load(row(organization=ACME))).errors
        assert (error.error_type, error.workos_code) == (error_type, "no")
        assert not error.retryable


# All of it at once


def random_rows(rng, count):
    """Rows of few users in several organizations, with fields that contradict each other."""
    return [
        row(
            f"user-{(user := rng.randrange(count // 4))}@example.com",
            OrganizationRef(None, f"org-{(org := rng.randrange(7))}", f"Org {org}"),
            rng.sample(["admin", "editor", "viewer"], rng.randrange(3)),
            Totp(SECRET, None, None) if user % 5 == 0 else None,
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
    outcomes = await workos.load_all(workos.loader(mode), rows)
    assert [each.errors for each in outcomes if each.errors] == []
    check(workos, rows)
    results = [each.result for each in outcomes]
    assert results.count(Result.CREATED) == len(workos.world.users)
    assert results.count(Result.MERGED) == len(rows) - len(workos.world.users)
    members = sum(each.tallies.count(Tally.MEMBERSHIPS) for each in outcomes)
    assert members == len(workos.world.memberships)


@pytest.mark.parametrize("mode", ["keep", "update", "fail"])
async def test_an_import_cut_off_again_and_again_ends_the_same(workos, mode):
    rng = random.Random(f"cut {mode}")
    rows = random_rows(rng, 400)
    position = 0
    while position < len(rows):
        end = position + rng.randrange(20, 120)
        recent = RecentUsers(capacity=rng.choice([5, 1000]))
        outcomes = await workos.load_all(workos.loader(mode, recent=recent), rows[position:end])
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
    left = rows
    for _ in range(10):
        outcomes = await workos.load_all(workos.loader(mode), left)
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
