from __future__ import annotations

import pytest

USERS = "/user_management/users"


@pytest.fixture
def ids(api):
    """Ids of seven users, newest first."""
    return [(api.user())["id"] for _ in range(7)][::-1]


def pages(api, cursor, **query):
    """Ids of every page, following one of the two cursors."""
    found = []
    while True:
        page = (api.get(USERS, **query)).body
        found.append([user["id"] for user in page["data"]])
        if page["list_metadata"][cursor] is None:
            return found
        query[cursor] = page["list_metadata"][cursor]


def test_after_leads_through_all_pages_newest_first(api, ids):
    assert pages(api, "after", limit=3) == [ids[:3], ids[3:6], ids[6:]]


def test_ascending_order_begins_with_the_oldest(api, ids):
    oldest_first = ids[::-1]
    found = pages(api, "after", limit=4, order="asc")
    assert found == [oldest_first[:4], oldest_first[4:]]


def test_before_leads_back_and_keeps_the_order_within_a_page(api, ids):
    found = pages(api, "before", limit=3, before=ids[6])
    assert found == [ids[3:6], ids[:3]]


def test_normal_order_swaps_the_cursors(api, ids):
    assert pages(api, "before", limit=3, order="normal") == [ids[:3], ids[3:6], ids[6:]]
    assert pages(api, "after", limit=3, order="normal", after=ids[6]) == [ids[3:6], ids[:3]]


def test_a_page_that_holds_everything_has_no_cursors(api, ids):
    page = (api.get(USERS)).body
    assert [user["id"] for user in page["data"]] == ids
    assert page["list_metadata"] == {"before": None, "after": None}


def test_a_cursor_outlives_its_object(api, ids):
    api.delete(f"{USERS}/{ids[2]}")
    page = (api.get(USERS, after=ids[2])).body
    assert [user["id"] for user in page["data"]] == ids[3:]


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 101}, {"limit": "x"}, {"order": "up"}])
def test_a_limit_or_order_that_workos_does_not_have_is_a_422(api, query):
    reply = api.get(USERS, **query)
    assert reply.error == (422, "invalid_request_parameters")
