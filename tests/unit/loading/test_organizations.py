from __future__ import annotations

import asyncio

import pytest

from target_workos_users.exceptions import ErrorType, RecordError
from target_workos_users.ledger import Ledger
from target_workos_users.loading import organizations as module
from target_workos_users.loading.organization_lookup import OrganizationCounts, OrganizationLookup
from target_workos_users.loading.organizations import OrganizationCache
from target_workos_users.records.organizations import OrganizationRef
from tests.support.loading import api_of
from workos_sandbox import Action, Faults, Sandbox, ScriptedFault, read_contents

NOT_FOUND = Action("answer", status=404, body='{"message":"Not Found"}')


def by_id(organization_id):
    return OrganizationRef(id=organization_id, external_id=None, name=None)


def by_external_id(external_id, name=None):
    return OrganizationRef(id=None, external_id=external_id, name=name)


@pytest.fixture
async def sandbox(tmp_path):
    async with Sandbox(tmp_path / "sandbox.db") as sandbox:
        sandbox.path = tmp_path / "sandbox.db"
        yield sandbox


@pytest.fixture
async def api(sandbox):
    api = api_of(sandbox, max_retries=1)
    yield api
    await api.close()


@pytest.fixture
async def open_cache(api):
    caches = []

    def open_cache(*, state=None, capacity=10_000, **options):
        options = {"create_missing": True, "delays": (0, 0, 0)} | options
        lookup = OrganizationLookup(api, Ledger.open(None, print), **options)
        caches.append(OrganizationCache(lookup, state=state, capacity=capacity))
        return caches[-1]

    yield open_cache
    for cache in caches:
        await cache.close()


async def refusal(cache, ref):
    with pytest.raises(RecordError) as caught:
        await cache.resolve(ref)
    assert caught.value.error_type is ErrorType.ORG_RESOLUTION
    return caught.value


async def test_a_new_organization_costs_two_requests_and_then_none(sandbox, open_cache):
    cache = open_cache()
    acme = by_external_id("acme", "Acme Inc")
    organization_id = await cache.resolve(acme)
    assert await cache.resolve(by_external_id("acme")) == organization_id
    assert sandbox.counts.total() == 2
    assert cache.counts == OrganizationCounts(hits=1, found=0, created=1)
    (made,) = read_contents(sandbox.path).organizations
    assert (made["id"], made["external_id"], made["name"]) == (organization_id, "acme", "Acme Inc")


async def test_an_organization_that_is_there_is_found_and_keeps_its_name(sandbox, api, open_cache):
    made = await api.create_organization(name="Acme", external_id="acme")
    cache = open_cache()
    assert await cache.resolve(by_external_id("acme", "Acme Holding")) == made["id"]
    assert sandbox.counts.total("GET") == 1
    assert cache.counts == OrganizationCounts(found=1)
    assert [each["name"] for each in read_contents(sandbox.path).organizations] == ["Acme"]


async def test_an_org_id_is_verified_once(sandbox, api, open_cache):
    made = await api.create_organization(name="Acme", external_id="acme")
    cache = open_cache()
    for _ in range(3):
        assert await cache.resolve(by_id(made["id"])) == made["id"]
    assert sandbox.counts.total("GET") == 1


async def test_an_org_id_that_does_not_exist_is_an_error_of_each_record_for_one_request(
    sandbox, open_cache
):
    cache = open_cache()
    first, second = [await refusal(cache, by_id("org_none")) for _ in range(2)]
    assert "org_id 'org_none' isn't an organization" in first.message
    assert not first.retryable
    assert first is not second
    assert sandbox.counts.total() == 1


async def test_an_unknown_external_id_without_a_name_says_what_to_give(open_cache):
    error = await refusal(open_cache(), by_external_id("acme"))
    assert "org_external_id 'acme'" in error.message
    assert "org_name" in error.message


async def test_with_create_missing_orgs_off_nothing_is_created(sandbox, open_cache):
    cache = open_cache(create_missing=False)
    error = await refusal(cache, by_external_id("acme", "Acme"))
    assert "create_missing_orgs is off" in error.message
    assert read_contents(sandbox.path).organizations == []


async def test_a_failure_is_forgotten_after_a_while(api, open_cache, monkeypatch):
    monkeypatch.setattr(module, "_FAILURE_SECONDS", 0)
    cache = open_cache()
    await refusal(cache, by_external_id("acme"))
    made = await api.create_organization(name="Acme", external_id="acme")
    assert await cache.resolve(by_external_id("acme")) == made["id"]


async def test_a_record_with_a_name_creates_what_one_without_could_not(sandbox, open_cache):
    sandbox.faults = Faults(latency_ms=20)
    cache = open_cache()
    nameless, named = await asyncio.gather(
        cache.resolve(by_external_id("acme")),
        cache.resolve(by_external_id("acme", "Acme")),
        return_exceptions=True,
    )
    assert isinstance(nameless, RecordError)
    assert named == read_contents(sandbox.path).organizations[0]["id"]


async def test_concurrent_records_of_one_organization_share_two_requests(sandbox, open_cache):
    cache = open_cache()
    ids = await asyncio.gather(*(cache.resolve(by_external_id("acme", "Acme")) for _ in range(50)))
    assert len(set(ids)) == 1
    assert sandbox.counts.total() == 2


async def test_concurrent_records_share_an_error_but_not_its_object(sandbox, open_cache):
    cache = open_cache()
    errors = await asyncio.gather(
        *(cache.resolve(by_id("org_none")) for _ in range(5)), return_exceptions=True
    )
    assert len({id(error) for error in errors}) == 5
    assert len({error.message for error in errors}) == 1
    assert sandbox.counts.total() == 1


async def test_a_cancelled_record_leaves_the_others_their_organization(sandbox, open_cache):
    sandbox.faults = Faults(latency_ms=50)
    cache = open_cache()
    first = asyncio.ensure_future(cache.resolve(by_external_id("acme", "Acme")))
    await asyncio.sleep(0)
    second = asyncio.ensure_future(cache.resolve(by_external_id("acme", "Acme")))
    await asyncio.sleep(0)
    first.cancel()
    assert await second
    assert sandbox.counts.total() == 2


@pytest.mark.parametrize("unseen", [1, 2, 4])
async def test_a_creation_that_loses_the_race_finds_the_winners(sandbox, api, open_cache, unseen):
    made = await api.create_organization(name="Acme", external_id="acme")
    sandbox.faults = Faults(
        script=[ScriptedFault("/organizations/external_id/", NOT_FOUND, count=unseen)]
    )
    cache = open_cache()
    assert await cache.resolve(by_external_id("acme", "Acme")) == made["id"]
    assert cache.counts == OrganizationCounts(found=1)


async def test_a_race_whose_winner_never_shows_is_worth_another_run(sandbox, api, open_cache):
    await api.create_organization(name="Acme", external_id="acme")
    sandbox.faults = Faults(
        script=[ScriptedFault("/organizations/external_id/", NOT_FOUND, count=None)]
    )
    error = await refusal(open_cache(), by_external_id("acme", "Acme"))
    assert error.retryable
    assert "'acme'" in error.message


@pytest.mark.parametrize(
    "action",
    [
        Action("drop_after"),
        Action("answer_after_write"),
        Action("answer_after_write", status=201, body="<html>", content_type="text/html"),
    ],
    ids=["connection_lost", "500", "no_json"],
)
async def test_a_creation_whose_answer_is_lost_is_ours(sandbox, open_cache, action):
    sandbox.faults = Faults(script=[ScriptedFault("/organizations$", action, method="POST")])
    cache = open_cache()
    organization_id = await cache.resolve(by_external_id("acme", "Acme"))
    assert [each["id"] for each in read_contents(sandbox.path).organizations] == [organization_id]
    assert cache.counts == OrganizationCounts(created=1)


async def test_an_outage_is_not_remembered(sandbox, api, open_cache):
    made = await api.create_organization(name="Acme", external_id="acme")
    sandbox.faults = Faults(script=[ScriptedFault(".", Action("answer", status=503), count=2)])
    cache = open_cache()
    error = await refusal(cache, by_external_id("acme"))
    assert error.retryable
    assert await cache.resolve(by_external_id("acme")) == made["id"]


async def test_the_state_holds_the_latest_organizations_and_spares_their_requests(
    sandbox, open_cache
):
    cache = open_cache(capacity=2)
    ids = {}
    for external_id in ("a", "b"):
        ids[external_id] = await cache.resolve(by_external_id(external_id, external_id))
    await cache.resolve(by_external_id("a"))
    ids["c"] = await cache.resolve(by_external_id("c", "c"))
    state = cache.to_state()
    assert list(state.items()) == [("a", ids["a"]), ("c", ids["c"])]

    requests = sandbox.counts.total()
    later = open_cache(state=state)
    assert await later.resolve(by_external_id("a")) == ids["a"]
    assert sandbox.counts.total() == requests


async def test_an_organization_that_was_deleted_is_resolved_anew(open_cache):
    cache = open_cache(state={"acme": "org_deleted", "other": "org_other"})
    cache.forget("org_deleted")
    organization_id = await cache.resolve(by_external_id("acme", "Acme"))
    assert organization_id != "org_deleted"
    assert cache.to_state() == {"acme": organization_id, "other": "org_other"}


async def test_organizations_are_resolved_ahead_of_the_rows_that_need_them(sandbox, open_cache):
    cache = open_cache()
    refs = [by_external_id(f"org-{i % 30}", f"Org {i % 30}") for i in range(90)]
    cache.prefetch([*refs, by_id("org_none")])
    await asyncio.gather(*cache._prefetchers)
    requests = sandbox.counts.total()
    assert requests == 61
    for ref in refs:
        await cache.resolve(ref)
    assert sandbox.counts.total() == requests


async def test_closing_ends_what_is_under_way(sandbox, open_cache):
    sandbox.faults = Faults(script=[ScriptedFault(".", Action("hang"), count=None)])
    cache = open_cache()
    cache.prefetch(by_external_id(f"org-{i}", "Org") for i in range(30))
    waiting = asyncio.ensure_future(cache.resolve(by_external_id("org-0", "Org")))
    await asyncio.sleep(0.05)
    await cache.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not cache._prefetchers


async def test_a_refusal_after_a_lost_answer_is_final(sandbox, open_cache):
    refusal_of_name = Action("answer", status=400, body='{"message":"Bad name.","code":"bad_name"}')
    sandbox.faults = Faults(
        script=[
            ScriptedFault("/organizations$", Action("drop_before"), method="POST"),
            ScriptedFault("/organizations$", refusal_of_name, method="POST"),
        ]
    )
    error = await refusal(open_cache(), by_external_id("acme", "Acme"))
    assert (error.workos_code, error.retryable) == ("bad_name", False)
    assert "'acme'" in error.message
