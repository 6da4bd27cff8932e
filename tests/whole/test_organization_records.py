"""Records of organizations, roles and permissions, through the whole target into a sandbox."""

from __future__ import annotations

import pytest

from tests.support.kinds import messages_of
from tests.support.whole_target import FAST, call, run_target, write_messages
from workos_sandbox import read_contents

ACME = {"external_id": "acme", "name": "Acme"}


@pytest.fixture
def load(sandbox, tmp_path):
    """Loads streams; returns how the run ended."""

    def load(**streams):
        config = {
            name: streams.pop(name) for name in list(streams) if isinstance(streams[name], str)
        }
        file = write_messages(tmp_path / "messages", messages_of(streams))
        settings = {
            **FAST,
            "api_key": sandbox.api_key,
            "base_url": sandbox.base_url,
            "errors_path": str(tmp_path / "errors.jsonl"),
            "abort_error_rate": 1.0,
            **config,
        }
        return run_target(settings, file, tmp_path / "errors.jsonl")

    return load


def organization(sandbox, name="acme"):
    return next(
        each for each in read_contents(sandbox.path).organizations if each["external_id"] == name
    )


def test_a_domain_of_another_organization_is_an_error_that_names_it(load, sandbox):
    other = call(
        sandbox,
        "POST",
        "/organizations",
        {"name": "Other", "domain_data": [{"domain": "acme.com", "state": "verified"}]},
    )
    done = load(organizations=[{**ACME, "domains": "acme.com"}])
    [error] = done.errors
    assert error["error_type"] == "organization_create"
    assert other["id"] in error["error_message"]
    assert done.said("domains: … belongs to the organization … in WorkOS; take it out of one")


def test_two_organizations_of_one_name_need_an_external_id(load, sandbox):
    rows = [{"name": "Acme", "metadata": {"n": "1"}}, {"name": "Acme", "metadata": {"n": "2"}}]
    [error] = load(organizations=rows).errors
    assert error["error_message"].startswith("name: another record has the same one")
    assert len(read_contents(sandbox.path).organizations) == 1


def test_one_without_an_external_id_is_found_by_its_name_and_made_once(load, sandbox):
    for _ in range(2):
        assert load(organizations=[{"name": "Acme"}]).errors == []
    assert len(read_contents(sandbox.path).organizations) == 1


@pytest.mark.parametrize("existing", ["keep", "update"])
def test_one_that_exists_keeps_its_fields_or_gets_those_that_differ(load, sandbox, existing):
    fields = {
        **ACME,
        "name": "Old",
        "metadata": {"a": "1", "b": "2"},
        "domain_data": [{"domain": "old.com", "state": "verified"}],
    }
    call(sandbox, "POST", "/organizations", fields)
    row = {**ACME, "domains": ["new.com"], "metadata": {"a": "9"}}
    assert load(organizations=[row], existing_organizations=existing).errors == []
    found = organization(sandbox)
    domains = {each["domain"]: each["state"] for each in found["domains"]}
    if existing == "keep":
        assert (found["name"], found["metadata"]) == ("Old", {"a": "1", "b": "2"})
        assert domains == {"old.com": "verified"}
    else:
        assert (found["name"], found["metadata"]) == ("Acme", {"a": "9", "b": "2"})
        assert domains == {"old.com": "verified", "new.com": "pending"}


def test_domains_are_verified_where_the_setting_says_so(load, sandbox):
    load(organizations=[{**ACME, "domains": "acme.com"}], domain_state="verified")
    assert organization(sandbox)["domains"] == [{"domain": "acme.com", "state": "verified"}]


def test_a_permission_that_only_a_role_names_is_made(load, sandbox):
    done = load(roles=[{"slug": "editor", "permissions": "posts:read"}])
    assert done.errors == []
    world = read_contents(sandbox.path)
    assert [each["slug"] for each in world.permissions] == ["posts:read"]
    [role] = [each for each in world.roles if each["slug"] == "editor"]
    assert role["permissions"] == ["posts:read"]


def test_of_a_role_nothing_is_taken_away(load, sandbox):
    load(
        permissions=[{"slug": "a"}, {"slug": "b"}],
        roles=[{"slug": "editor", "name": "Editor", "permissions": "a"}],
    )
    done = load(roles=[{"slug": "editor", "name": "Writer", "permissions": "b"}])
    assert done.errors == []
    [role] = [each for each in read_contents(sandbox.path).roles if each["slug"] == "editor"]
    assert (role["name"], role["permissions"]) == ("Editor", ["a", "b"])
    assert done.said("permissions in WorkOS that their records don't give", "WARNING")


@pytest.mark.parametrize(
    ("stream", "row", "message"),
    [
        ("roles", {"slug": "org-lead"}, "slug: roles of an organization"),
        ("roles", {"slug": "Editor"}, "slug: not a slug"),
        ("memberships", {"email": "a@b.co"}, "org_external_id: missing"),
        ("memberships", {"email": "a@b.co", "org_id": "o", "status": "pending"}, "status: pending"),
        ("organizations", {"name": "A", "domains": "nodot"}, "domains: an item isn't a domain"),
        ("totp_secrets", {"email": "a@b.co", "totp_secret": ""}, "totp_secret: missing"),
    ],
)
def test_what_cannot_be_meant_is_refused(load, sandbox, stream, row, message):
    [error] = load(**{stream: [row]}).errors
    assert error["error_type"] == "invalid_record"
    assert error["error_message"].startswith(message)
    assert error["kind"] == {"totp_secrets": "totp_factors"}.get(stream, stream)
    assert not sandbox.counts.requests
