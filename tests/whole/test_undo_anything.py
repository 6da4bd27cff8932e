"""A random world, a random source: diff, import, diff; then undo, and the world is as it was."""

from __future__ import annotations

import json
import signal
import sqlite3
import tempfile
from collections import Counter
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from target_workos_users.undo import Undo
from tests.support.whole_target import (
    FAST,
    call,
    records,
    run_target,
    running_sandbox,
    schema,
    write_messages,
)
from workos_sandbox import Faults, read_contents

USERS, MEMBERSHIPS = "/user_management/users", "/user_management/organization_memberships"
HASH = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"
STAMPS = {"created_at", "updated_at"}

person = st.integers(0, 4).map("user{}@example.com".format)
organization = st.integers(0, 2).map("org-{}".format)
roles = st.lists(st.sampled_from(["admin", "member"]), unique=True)


@st.composite
def row(draw):
    """A record of a user; now and then one that fails, wholly or in part."""
    content = {"email": draw(person)}
    optional = {
        "first_name": st.sampled_from(["Ann", "Bea"]),
        "metadata": st.dictionaries(st.sampled_from("ab"), st.sampled_from("xy"), min_size=1),
        "password_hash": st.just(HASH),
        "totp_secret": st.just("JBSWY3DPEHPK3PXP"),
        "email_verified": st.sampled_from(["maybe", True]),
    }
    for name, values in optional.items():
        if draw(st.integers(0, 3)) == 0:
            content[name] = draw(values)
    if draw(st.booleans()):
        content["org_external_id"] = draw(organization)
        if draw(st.integers(0, 3)):
            content["org_name"] = content["org_external_id"].title()
        content["role_slugs"] = draw(roles) + ["nobody"] * (draw(st.integers(0, 5)) == 5)
        if draw(st.integers(0, 4)) == 0:
            content["status"] = draw(st.sampled_from(["active", "inactive"]))
    return content


@dataclass
class Outsider:
    """Somebody else who works in the same environment: what is here isn't the import's."""

    sandbox: object
    users: dict[str, str] = field(default_factory=dict)
    organizations: dict[str, str] = field(default_factory=dict)
    memberships: set[str] = field(default_factory=set)
    signed_in: set[str] = field(default_factory=set)

    def do(self, deed, email, organization):
        """A deed, if it can be done."""
        world = read_contents(self.sandbox.path)
        user = next((each for each in world.users if each["email"] == email), None)
        org = next((e for e in world.organizations if e["external_id"] == organization), None)
        if deed == "user" and not user:
            body = {"email": email, "first_name": "Before"}
            self.users[email] = call(self.sandbox, "POST", USERS, body)["id"]
        elif deed == "organization" and not org:
            body = {"name": "Before", "external_id": organization}
            made = call(self.sandbox, "POST", "/organizations", body)
            self.organizations[organization] = made["id"]
        elif deed in {"membership", "departure"} and user and org:
            self._belong(deed, {"user_id": user["id"], "organization_id": org["id"]}, world)
        elif user:
            self._change(deed, user["id"])

    def _belong(self, deed, pair, world):
        held = [each["id"] for each in world.memberships if pair.items() <= each.items()]
        if deed == "departure":
            for each in held:
                call(self.sandbox, "DELETE", f"{MEMBERSHIPS}/{each}")
        elif not held:
            self.memberships.add(call(self.sandbox, "POST", MEMBERSHIPS, pair)["id"])

    def _change(self, deed, user_id):
        if deed == "deletion":
            call(self.sandbox, "DELETE", f"{USERS}/{user_id}")
        elif deed == "change":
            call(self.sandbox, "PUT", f"{USERS}/{user_id}", {"first_name": "Since"})
        elif deed == "sign-in":
            self.signed_in.add(user_id)
            with closing(sqlite3.connect(self.sandbox.path)) as database, database:
                statement = "UPDATE users SET last_sign_in_at = updated_at WHERE id = ?"
                database.execute(statement, (user_id,))


deeds = st.lists(
    st.tuples(
        st.sampled_from(["user", "organization", "membership", "membership", "change"]),
        person,
        organization,
    ),
    max_size=8,
)
later_deeds = st.lists(
    st.tuples(
        st.sampled_from(["user", "membership", "deletion", "departure", "change", "sign-in"]),
        person,
        organization,
    ),
    max_size=3,
)


@contextmanager
def a_job(**config):
    """A folder, a sandbox, and what runs there: the target over rows; the undo."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with running_sandbox(folder / "sandbox.db") as sandbox:
            config |= {**FAST, "base_url": sandbox.base_url, "api_key": sandbox.api_key}
            config |= {"errors_path": str(folder / "errors.jsonl"), "abort_error_rate": 1.0}
            config |= {"differences_path": str(folder / "differences.jsonl")}
            yield Job(folder, sandbox, config)


@dataclass
class Job:
    folder: Path
    sandbox: object
    config: dict

    def load(self, rows, state=None, **changes):
        before = [{"type": "STATE", "value": state}] if state else []
        path = write_messages(self.folder / "in", [*before, schema(), *records(rows)])
        return run_target(self.config | changes, path, self.folder / "errors.jsonl")

    def diff(self, rows):
        self.load(rows, diff=True)
        text = (self.folder / "differences.jsonl").read_text()
        return [json.loads(line) for line in text.splitlines()]

    def undo(self, *, also_active=False):
        (self.folder / "config.json").write_text(json.dumps(self.config))
        handlers = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
        try:
            code = Undo(
                self.folder / "errors.jsonl.ledger",
                self.folder / "config.json",
                also_active=also_active,
                say=lambda _: None,
            ).delete()
        finally:
            for each, handler in handlers.items():
                signal.signal(each, handler)
        summary = json.loads((self.folder / "workos-users-summary.undo.json").read_text())
        assert (summary["mode"], summary["exit_code"]) == ("undo", code)
        return Counter(summary["counts"])

    @property
    def world(self):
        return read_contents(self.sandbox.path)


def ids(things):
    return {each["id"] for each in things}


def only(things, kept, name="id"):
    return [each for each in things if each[name] in kept]


def check_undone(before, loaded, after, others, *, also_active=False):
    """What the import made is gone; all else is as it was just before the undo.

    Args:
        before: The world before the import.
        loaded: Just before the undo.
        after: After it.
        others: The outsider.
        also_active: Users who have signed in were to be deleted, too.
    """
    active = set() if also_active else others.signed_in
    strangers = ids(before.users) | set(others.users.values())
    kept_users = ids(loaded.users) & (strangers | active)
    assert after.users == only(loaded.users, kept_users)  # stamps and all: none was written to
    made_elsewhere = ids(before.memberships) | others.memberships
    kept = [
        each
        for each in loaded.memberships
        if each["user_id"] in kept_users
        and (each["id"] in made_elsewhere or each["user_id"] not in strangers)
    ]
    assert after.memberships == kept
    kept_organizations = ids(before.organizations) | set(others.organizations.values())
    kept_organizations |= {each["organization_id"] for each in kept}
    assert after.organizations == only(loaded.organizations, kept_organizations)
    assert after.auth_factors == only(loaded.auth_factors, kept_users, "user_id")
    assert (after.roles, after.permissions) == (loaded.roles, loaded.permissions)


def check_harmless(before, after, rows, *, existing_users):
    """What is left of the import in what was there: just what the documents say.

    Fields that ``update`` changed, never a password; roles added to memberships, memberships
    deactivated; factors. All of them are what the source gives.
    """
    assert ids(before.users) == ids(after.users)
    for was, now in zip(before.users, after.users, strict=True):
        given = {name for row in rows if row["email"] == was["email"] for name in row}
        given &= {"first_name", "metadata", "email_verified"}
        assert changed(was, now) <= (given if existing_users == "update" else set())
    assert ids(before.memberships) == ids(after.memberships)
    for was, now in zip(before.memberships, after.memberships, strict=True):
        pair = was["email"], was["organization_external_id"]
        asked = [row for row in rows if (row["email"], row.get("org_external_id")) == pair]
        assert changed(was, now) <= {"role_slugs", "status"}
        gained = {slug for row in asked for slug in row["role_slugs"]}
        assert set(was["role_slugs"]) <= set(now["role_slugs"])
        assert set(now["role_slugs"]) <= set(was["role_slugs"]) | gained
        if was["status"] != now["status"]:
            assert now["status"] in {row.get("status") for row in asked}
    given = {row["email"] for row in rows if row.get("totp_secret")}
    assert {each["email"] for each in after.auth_factors} <= given
    assert before.organizations == after.organizations
    assert (before.roles, before.permissions) == (after.roles, after.permissions)


def changed(was, now):
    return {name for name in was if was[name] != now[name]} - STAMPS


@given(
    deeds=deeds,
    rows=st.lists(row(), min_size=1, max_size=8),
    existing_users=st.sampled_from(["keep", "update"]),
    unknown_roles=st.sampled_from(["fail", "ignore"]),
)
def from_diff_to_undo(deeds, rows, existing_users, unknown_roles):
    with a_job(existing_users=existing_users, unknown_roles=unknown_roles) as job:
        others = Outsider(job.sandbox)
        for deed in deeds:
            others.do(*deed)
        before = job.world
        planned = job.diff(rows)
        assert job.world == before
        done = job.load(rows)
        loaded = job.world
        check_plan(planned, before, loaded, done)
        left = job.diff(rows)
        assert job.world == loaded
        ignored = unknown_roles == "ignore"
        check_proof(left, done, before, rows, existing_users=existing_users, ignored=ignored)
        counts = job.undo()
        after = job.world
        check_undone(before, loaded, after, others)
        check_harmless(before, after, rows, existing_users=existing_users)
        assert counts["users"] == len(loaded.users) - len(after.users)
        assert counts["organizations"] == len(loaded.organizations) - len(after.organizations)
        assert (+counts).keys() <= {"users", "memberships", "organizations"}


def check_plan(planned, before, loaded, done):
    """The import did what the diff had said, but for what failed."""
    failed = {error["email"] for error in done.errors}

    def said(kind):
        return {line["email"] for line in planned if line["difference"] == kind}

    def new(things):
        return {each["email"] for each in things if each["id"] not in ids(getattr(before, name))}

    name = "users"
    assert new(loaded.users) == said("user_missing")
    name = "memberships"
    assert new(loaded.memberships) <= said("membership_missing")
    assert said("membership_missing") - new(loaded.memberships) <= failed


def check_proof(left, done, before, rows, *, existing_users, ignored):
    """The second diff finds nothing but what errors.jsonl lists, and what is kept on purpose.

    Of users who were there, that is every field under ``keep``; under ``update``, what only a
    later row gives: blanks are filled in users of the import only. Roles that WorkOS doesn't know
    are missing for ever, if they are ignored.
    """
    failed = {error["email"] for error in done.errors}
    of_failed = {error["record_number"] for error in done.errors}
    were_there = {user["email"] for user in before.users}
    for line in left:
        if line["difference"] == "only_in_workos":
            assert line["email"] in were_there
        elif line["difference"] == "user_differs" and line["email"] not in failed:
            assert line["email"] in were_there
            first = next(row for row in rows if row["email"] == line["email"])
            if existing_users == "update":
                assert not line["fields"].keys() - {"metadata"} & first.keys()
                keys = line["fields"].get("metadata", {}).get("keys", [])
                assert not set(keys) & first.get("metadata", {}).keys()
        elif line["difference"] == "roles_missing" and ignored and line["email"] not in failed:
            assert line["role_slugs"] == ["nobody"]
        elif line.get("email"):
            assert line["email"] in failed
        else:
            assert line["record_number"] in of_failed


@given(
    deeds=deeds,
    sources=st.lists(st.lists(row(), min_size=1, max_size=6), min_size=1, max_size=3),
    between=later_deeds,
    since=later_deeds,
    config=st.fixed_dictionaries(
        {
            "existing_users": st.sampled_from(["keep", "update"]),
            "require_membership": st.booleans(),
        }
    ),
    forgets=st.booleans(),
    also_active=st.booleans(),
)
def several_imports(*, deeds, sources, between, since, config, forgets, also_active):
    with a_job(**config) as job:
        others = Outsider(job.sandbox)
        for deed in deeds:
            others.do(*deed)
        before, state = job.world, None
        for rows in sources:
            finished = job.load(rows, None if forgets else state, on_source_change="reload")
            state = finished.states[-1]
            for deed in between:
                others.do(*deed)
        for deed in since:
            others.do(*deed)
        loaded = job.world
        job.undo(also_active=also_active)
        check_undone(before, loaded, job.world, others, also_active=also_active)


@given(rows=st.lists(row(), min_size=5, max_size=12), deeds=deeds, seed=st.integers(0, 99))
def lost_answers(rows, deeds, seed):
    with a_job() as job:
        others = Outsider(job.sandbox)
        for deed in deeds:
            others.do(*deed)
        before = job.world
        job.sandbox.faults = Faults(share_500=0.1, share_drop_after=0.2, seed=seed)
        job.load(rows)
        loaded = job.world
        counts = job.undo()
        job.sandbox.faults = Faults()
        last, after = job.undo(), job.world
        assert ids(before.users) <= ids(after.users)
        assert only(after.users, ids(before.users)) == only(loaded.users, ids(before.users))
        assert ids(before.organizations) <= ids(after.organizations)
        assert ids(before.memberships) <= ids(after.memberships)
        left = len(after.users) - len(before.users)
        named = {row["email"] for row in rows} & {user["email"] for user in before.users}
        assert left <= last["uncertain_users"] <= left + len(named)
        assert counts["uncertain_users"] == last["uncertain_users"]


@pytest.fixture
def many(request):
    """Runs a check on as many examples as ``--fuzz`` says."""
    return lambda check: settings(max_examples=request.config.getoption("--fuzz"))(check)()


def test_diff_import_diff_undo_and_the_world_is_as_it_was(many):
    many(from_diff_to_undo)


def test_any_number_of_imports_are_undone_whatever_others_did_meanwhile(many):
    many(several_imports)


@pytest.mark.usefixtures("_retries_come_soon")
def test_after_lost_answers_nobody_else_is_touched_and_what_may_be_ours_is_counted(many):
    many(lost_answers)
