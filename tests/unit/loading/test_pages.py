from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from target_workos_users.api.calls import Page
from target_workos_users.loading.index import Index
from target_workos_users.loading.pages import Allowance, read_members, read_users
from tests.support.loading import api_of
from tests.support.sandbox import call, running_sandbox


def user(number):
    return {"id": f"user_{number:05}", "email": f"user{number}@example.com"}


class Listing:
    """Users in pages of ten, while things happen to them."""

    def __init__(self, users, between=lambda _: None, ends_after=None):
        self.users, self.between, self.ends_after, self.pages = users, between, ends_after, 0

    async def list_users(self, *, after, order):
        self.pages += 1
        self.between(self.users)
        ids = sorted(each["id"] for each in self.users)
        ordered = ids if order == "asc" else ids[::-1]
        start = 0
        if after is not None:
            start = sum((each <= after) if order == "asc" else (each >= after) for each in ordered)
        page = ordered[start : start + 10]
        last = start + 10 >= len(ordered) or (order == "desc" and self.pages == self.ends_after)
        by_id = {each["id"]: each for each in self.users}
        return Page([by_id[each] for each in page], None if last else page[-1])


async def read(listing, questions=10_000, wanted=frozenset()):
    index, allowance = Index(), Allowance(questions)
    await read_users(listing, index, allowance, lambda emails: len(wanted.intersection(emails)))
    return index, allowance


async def test_all_users_are_read_from_both_ends():
    for number in (0, 1, 9, 10, 11, 20, 95, 100, 101):
        index, allowance = await read(Listing([user(n) for n in range(number)]))
        assert index.has_all_users
        assert all(index.user(id=user(n)["id"]) for n in range(number))
        assert allowance.pages <= number / 10 + 3


async def test_users_that_come_and_go_meanwhile_are_read_as_they_are_met():
    users = [user(n) for n in range(100, 300)]

    def between(users):
        users.pop(len(users) // 3)
        users.insert(0, user(99 - len(users) % 90))
        users.append(user(10_000 + len(users)))

    listing = Listing(users, between)
    index, _ = await read(listing)
    assert index.has_all_users
    there_all_the_time = {user(n)["id"] for n in range(100, 300)} & {u["id"] for u in listing.users}
    assert all(index.user(id=each) for each in there_all_the_time)


async def test_a_list_that_ends_too_early_from_one_end_is_read_from_the_other():
    index, _ = await read(Listing([user(n) for n in range(200)], ends_after=3))
    assert index.has_all_users
    assert all(index.user(id=user(n)["id"]) for n in range(200))


@given(
    questions=st.integers(0, 3_000),
    users=st.integers(0, 3_000),
    known=st.integers(0, 3_000),
)
async def test_listing_never_costs_much_more_than_asking(questions, users, known):
    """Nor than listing, where that is a fifth of it or less."""
    known = min(known, questions, users)
    wanted = frozenset(user(n)["email"] for n in range(known))
    index, allowance = await read(Listing([user(n) for n in range(users)]), questions, wanted)
    left = 0 if index.has_all_users else questions - allowance.answers
    cost = allowance.pages + left
    assert cost <= 1.2 * questions
    if users / 10 + 3 <= questions / 5:
        assert index.has_all_users


async def test_members_of_any_status_are_read(tmp_path):
    with running_sandbox(tmp_path / "sandbox.db") as sandbox:
        organization = call(sandbox, "POST", "/organizations", {"name": "Acme"})["id"]
        ids = []
        for number in range(3):
            body = {"email": f"user{number}@example.com"}
            ids.append(call(sandbox, "POST", "/user_management/users", body)["id"])
            body = {"user_id": ids[-1], "organization_id": organization}
            made = call(sandbox, "POST", "/user_management/organization_memberships", body)
        path = f"/user_management/organization_memberships/{made['id']}/deactivate"
        call(sandbox, "PUT", path)
        index, api = Index(), api_of(sandbox)
        await read_members(api, index, organization, Allowance(100), len)
        await api.close()
    assert index.has_all_members == {organization}
    assert index.member(organization, ids[2])["status"] == "inactive"


def test_what_was_read_is_believed_for_a_while():
    index = Index(believed_for=0)
    index.add_users([user(1)])
    assert index.user(id="user_00001") is None
