from __future__ import annotations

import pytest

USERS = "/user_management/users"


@pytest.fixture
async def ids(api):
    """Ids of seven users, newest first."""
    return [(await api.user())["id"] for _ in range(7)][::-1]


async def pages(api, cursor, **query):
    """Ids of every page, following one of the two cursors."""
    found = []
    while True:
        page = (await api.get(USERS, **query)).body
        found.append([user["id"] for user in page["data"]])
        if page["list_metadata"][cursor] is None:
            return found
        query[cursor] = page["list_metadata"][cursor]


async def test_after_leads_through_all_pages_newest_first(api, ids):
    assert await pages(api, "after", limit=3) == [ids[:3], ids[3:6], ids[6:]]


async def test_ascending_order_begins_with_the_oldest(api, ids):
    oldest_first = ids[::-1]
    found = await pages(api, "after", limit=4, order="asc")
    assert found == [oldest_first[:4], oldest_first[4:]]


async def test_before_leads_back_and_keeps_the_order_within_a_page(api, ids):
    found = await pages(api, "before", limit=3, before=ids[6])
    assert found == [ids[3:6], ids[:3]]


async def test_normal_order_swaps_the_cursors(api, ids):
    assert await pages(api, "before", limit=3, order="normal") == [ids[:3], ids[3:6], ids[6:]]
    assert await pages(api, "after", limit=3, order="normal", after=ids[6]) == [ids[3:6], ids[:3]]


async def test_a_page_that_holds_everything_has_no_cursors(api, ids):
    page = (await api.get(USERS)).body
    assert [user["id"] for user in page["data"]] == ids
    assert page["list_metadata"] == {"before": None, "after": None}


async def test_a_cursor_outlives_its_object(api, ids):
    await api.delete(f"{USERS}/{ids[2]}")
    page = (await api.get(USERS, after=ids[2])).body
    assert [user["id"] for user in page["data"]] == ids[3:]


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 101}, {"limit": "x"}, {"order": "up"}])
async def test_a_limit_or_order_that_workos_does_not_have_is_a_422(api, query):
    reply = await api.get(USERS, **query)
    assert reply.error == (422, "invalid_request_parameters")
