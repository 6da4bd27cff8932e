from __future__ import annotations

import aiohttp
import pytest

from workos_sandbox import Faults, Limits


@pytest.fixture
async def control(sandbox, connect):
    """A client without the key."""
    async with connect(sandbox) as api:
        api.session.headers.clear()
        yield api


async def test_faults_are_set_and_read_without_a_key(sandbox, control):
    script = [{"path": "/users$", "method": "POST", "action": {"kind": "drop_after"}}]
    reply = await control.put("/_sandbox/faults", {"latency_ms": 5, "script": script})
    assert reply.status == 200
    assert sandbox.faults.latency_ms == 5
    assert sandbox.faults.script[0].action.kind == "drop_after"
    assert (await control.get("/_sandbox/faults")).body == reply.body
    await control.put("/_sandbox/faults", {})
    assert sandbox.faults == Faults()


async def test_limits_are_set_and_read(sandbox, control):
    reply = await control.put("/_sandbox/limits", {"writes": 5, "reads": None})
    assert sandbox.limits == Limits(writes=5, reads=None)
    assert (await control.get("/_sandbox/limits")).body == reply.body
    assert reply.body["requests"] == 6_000


async def test_counts_are_by_route_and_status_until_reset(api, control):
    user = await api.user()
    for user_id in (user["id"], "user_0"):
        await api.get(f"/user_management/users/{user_id}")
    stats = (await control.get("/_sandbox/stats")).body
    assert stats == {
        "total": 3,
        "writes": 1,
        "max_writes_in_10_s": 1,
        "write_seconds": 0.0,
        "requests": {
            "POST /user_management/users": {"201": 1},
            "GET /user_management/users/{id}": {"200": 1, "404": 1},
        },
    }
    await control.post("/_sandbox/stats/reset", None)
    assert (await control.get("/_sandbox/stats")).body["total"] == 0


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("faults", {"share_500": 2}, "Expected `float` <= 1.0 - at `$.share_500`"),
        ("faults", {"typo": 1}, "Object contains unknown field `typo`"),
        ("limits", {"writes": 0}, "Expected `int` >= 1 - at `$.writes`"),
        ("memberships/om_0", {"status": "gone"}, "Invalid enum value 'gone' - at `$.status`"),
    ],
)
async def test_a_mistake_is_told_and_changes_nothing(sandbox, control, path, body, message):
    faults, limits = sandbox.faults, sandbox.limits
    reply = await control.put(f"/_sandbox/{path}", body)
    assert (reply.status, reply.body) == (400, {"message": message})
    assert (sandbox.faults, sandbox.limits) == (faults, limits)


async def test_what_is_not_there_is_a_404(control):
    assert (await control.get("/_sandbox/nothing")).status == 404
    reply = await control.put("/_sandbox/memberships/om_0", {"status": "pending"})
    assert reply.error == (404, "entity_not_found")


async def test_a_page_with_another_host_name_stays_out(control):
    reply = await control.call("GET", "/_sandbox/stats", headers={"Host": "evil.example:4100"})
    assert reply.status == 403


async def test_control_works_while_every_answer_is_dropped(api, control):
    await control.put("/_sandbox/faults", {"share_drop_before": 1})
    with pytest.raises(aiohttp.ClientError):
        await api.get("/organizations")
    await control.put("/_sandbox/faults", {})
    assert (await api.get("/organizations")).status == 200
