from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from statistics import median

import pytest

MEMBERSHIPS = "/user_management/organization_memberships"
USERS = "/user_management/users"


@pytest.fixture
def ids(api):
    """Ids of seven users, newest first."""
    return [api.user()["id"] for _ in range(7)][::-1]


def test_a_page_that_holds_everything_has_no_cursors(api, ids):
    page = api.get(USERS).body
    assert [user["id"] for user in page["data"]] == ids
    assert page["list_metadata"] == {"before": None, "after": None}


def test_a_cursor_outlives_its_object(api, ids):
    api.delete(f"{USERS}/{ids[2]}")
    page = api.get(USERS, after=ids[2]).body
    assert [user["id"] for user in page["data"]] == ids[3:]


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 101}, {"limit": "x"}, {"order": "up"}])
def test_a_limit_or_order_that_workos_does_not_have_is_a_422(api, query):
    reply = api.get(USERS, **query)
    assert reply.error == (422, "invalid_request_parameters")


def test_a_page_of_a_long_list_takes_no_longer_than_one_of_a_short_list(api, db):
    """Lists are answered from an index: a scan of these 60,000 rows takes many times as long."""
    small, large = api.member(), api.member()
    multiply(db, large, 60_000)
    multiply(db, small, 200)

    def seconds(path, after, **query):
        query |= {"limit": 100, "order": "asc", "after": f"{after}-0000050"}
        times = []
        for _ in range(9):
            started = time.perf_counter()
            assert len(api.get(path, **query).body["data"]) == 100
            times.append(time.perf_counter() - started)
        return median(times)

    def of_organization(path, member, key):
        return seconds(path, member[key], organization_id=member["organization_id"])

    short = of_organization(USERS, small, "user_id")
    assert of_organization(USERS, large, "user_id") < 5 * short
    assert seconds(USERS, large["user_id"]) < 5 * short
    short = of_organization(MEMBERSHIPS, small, "id")
    assert of_organization(MEMBERSHIPS, large, "id") < 5 * short


def multiply(db, member, number):
    """More members of the same organization, in the file itself: over HTTP it takes a minute."""
    with closing(sqlite3.connect(db)) as file, file:
        file.row_factory = sqlite3.Row
        for table, row_id in (("users", member["user_id"]), ("memberships", member["id"])):
            select = f"SELECT * FROM {table} WHERE id = ?"
            row = dict(file.execute(select, [row_id]).fetchone())
            rows = []
            for n in range(number):
                changed = {"id": f"{row_id}-{n:07}"}
                if table == "users":
                    changed["email"] = f"{row_id}-{n}@example.com"
                else:
                    changed["user_id"] = f"{member['user_id']}-{n:07}"
                rows.append(row | changed)
            marks = ", ".join(f":{name}" for name in row)
            file.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
