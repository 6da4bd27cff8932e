from __future__ import annotations
import pytest
from tests.unit.ledger.test_cases import *

@pytest.mark.parametrize("size", [1, 2, 10])
@pytest.mark.parametrize("first", [0, 1])
def test_roles(world, size, first):
    rows = [at(role_slugs="admin"), at(role_slugs="viewer")]
    source(world, *rows)
    run(world, size=size)
    (m,) = world.workos.memberships.values()
    assert set(m["slugs"]) == {"admin", "viewer"}
    rows[first] = at(role_slugs="editor")
    world.workos.roles.append("editor")
    source(world, *rows)
    run(world, size=size)
    (m,) = world.workos.memberships.values()
    print("after 1", m["slugs"])
    want = {"editor", "viewer"} if first == 0 else {"admin", "editor"}
    after1 = set(m["slugs"])
    for n in range(2):
        run(world, size=size)
        (m,) = world.workos.memberships.values()
        print("later", m["slugs"], sent(world, "update_membership"))
    assert after1 == want

@pytest.mark.parametrize("size", [1, 2, 10])
@pytest.mark.parametrize("first", [0, 1])
def test_names(world, size, first):
    rows = [at(first_name="A", password="P"), at(first_name="B", password="Q")]
    source(world, *rows)
    run(world, size=size, existing_users="update")
    rows[first] = at(first_name="C", password="R")
    source(world, *rows)
    run(world, size=size, existing_users="update")
    u = world.workos.users["a@x.example"]
    got = u["first_name"], u["password"]
    run(world, size=size, existing_users="update")
    assert got == (("C","R") if first == 0 else ("A","P"))
