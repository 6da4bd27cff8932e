from __future__ import annotations

import pytest
import requests

from tests.support.sandbox import client
from workos_sandbox import EnvironmentSettings, Faults, Limits

USERS = "/user_management/users"


@pytest.fixture
def control(sandbox, api):
    """A client without the key."""
    with client() as session:
        del session.headers["Authorization"]
        yield type(api)(sandbox, session)


def test_faults_are_set_and_read_without_a_key(sandbox, control):
    script = [{"path": "/users$", "method": "POST", "action": {"kind": "drop_after"}}]
    reply = control.put("/_sandbox/faults", {"latency_ms": 5, "script": script})
    assert reply.status == 200
    assert sandbox.faults.latency_ms == 5
    assert sandbox.faults.script[0].action.kind == "drop_after"
    assert control.get("/_sandbox/faults").body == reply.body
    control.put("/_sandbox/faults", {})
    assert sandbox.faults == Faults()


def test_limits_are_set_and_read(sandbox, control):
    reply = control.put("/_sandbox/limits", {"writes": 5, "reads": None})
    assert sandbox.limits == Limits(writes=5, reads=None)
    assert control.get("/_sandbox/limits").body == reply.body
    assert reply.body["requests"] == 6_000


def test_settings_are_set_and_read(sandbox, control):
    denied = {"ada@example.com": "policy_denied"}
    reply = control.put("/_sandbox/settings", {"radar_denies": denied})
    assert sandbox.settings == EnvironmentSettings(radar_denies=denied)
    assert control.get("/_sandbox/settings").body == reply.body


def test_counts_are_by_endpoint_and_status_until_reset(api, control):
    user = api.user()
    for user_id in (user["id"], "user_0"):
        api.get(f"{USERS}/{user_id}")
    counts = control.get("/_sandbox/counts").body
    assert counts == {
        "total": 3,
        "writes": 1,
        "max_writes_in_10_s": 1,
        "write_seconds": 0.0,
        "requests": {
            "POST /user_management/users": {"201": 1},
            "GET /user_management/users/{id}": {"200": 1, "404": 1},
        },
    }
    control.post("/_sandbox/counts/reset", None)
    assert control.get("/_sandbox/counts").body["total"] == 0


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("faults", {"share_500": 2}, "Expected `float` <= 1.0 - at `$.share_500`"),
        ("faults", {"typo": 1}, "Object contains unknown field `typo`"),
        ("limits", {"writes": 0}, "Expected `int` >= 1 - at `$.writes`"),
        ("settings", {"radar_denies": {"a": "b"}}, "Invalid enum value 'b' - at `$.radar_denies"),
        ("memberships/om_0", {"status": "gone"}, "Invalid enum value 'gone' - at `$.status`"),
        ("users/user_0", {"last_sign_in_at": "now"}, "Invalid RFC3339 encoded datetime - at `$."),
    ],
)
def test_a_mistake_is_told_and_changes_nothing(sandbox, control, path, body, message):
    before = sandbox.faults, sandbox.limits, sandbox.settings
    reply = control.put(f"/_sandbox/{path}", body)
    assert reply.status == 400
    assert reply.body["message"].startswith(message)
    assert (sandbox.faults, sandbox.limits, sandbox.settings) == before


def test_what_is_not_there_is_a_404(control):
    assert control.get("/_sandbox/nothing").status == 404
    for path in ("memberships/om_0", "users/user_0"):
        assert control.put(f"/_sandbox/{path}", {}).error == (404, "entity_not_found")


@pytest.mark.parametrize("path", ["counts", "nothing"])
def test_a_page_with_another_host_name_stays_out(control, path):
    reply = control.call("GET", f"/_sandbox/{path}", headers={"Host": "evil.example:4100"})
    assert reply.status == 403


def test_control_works_while_every_answer_is_dropped(api, control):
    control.put("/_sandbox/faults", {"share_drop_before": 1})
    with pytest.raises(requests.ConnectionError):
        api.get("/organizations")
    control.put("/_sandbox/faults", {})
    assert api.get("/organizations").status == 200
