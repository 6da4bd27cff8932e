from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest
import requests

from workos_sandbox import Action, Faults, ScriptedFault, read_contents
from workos_sandbox.faults import FaultInjector

USERS = "/user_management/users"
SHORT = 0.3


def scripted(kind, **fields):
    fault = {name: fields.pop(name) for name in ("method", "skip", "count") if name in fields}
    return Faults(script=[ScriptedFault(path="/users$", action=Action(kind, **fields), **fault)])


def drawn(faults, number, method="POST", path=USERS):
    injector = FaultInjector(faults)
    actions = [injector.draw(method, path) for _ in range(number)]
    return [action and action.kind for action in actions]


def test_the_same_seed_deals_the_same_faults():
    faults = Faults(share_500=0.1, share_drop_after=0.1, share_hang=0.1, seed=7)
    assert drawn(faults, 500) == drawn(faults, 500)
    assert drawn(faults, 500) != drawn(msgspec.structs.replace(faults, seed=8), 500)


def test_shares_are_kept():
    kinds = Counter(drawn(Faults(share_drop_before=0.25, share_drop_after=0.5, seed=1), 4_000))
    assert kinds["drop_before"] == pytest.approx(1_000, rel=0.1)
    assert kinds["drop_after"] == pytest.approx(2_000, rel=0.1)
    assert kinds[None] == pytest.approx(1_000, rel=0.1)


def test_a_share_of_one_is_every_request():
    assert set(drawn(Faults(share_503=1), 100)) == {"answer"}


@pytest.mark.parametrize(
    "text",
    [
        '{"share_500": 1.1}',
        '{"share_500": 0.6, "share_hang": 0.6}',
        '{"latency_ms": -1}',
        '{"share_501": 0.1}',
        '{"script": [{"path": "(", "action": {"kind": "hang"}}]}',
        '{"script": [{"path": "x", "action": {"kind": "explode"}}]}',
        '{"script": [{"path": "x", "text": "(", "action": {"kind": "hang"}}]}',
        '{"script": [{"path": "x", "action": {"kind": "answer", "body": null}}]}',
    ],
)
def test_faults_that_make_no_sense_are_refused(text):
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(text, type=Faults)


def test_a_scripted_fault_skips_then_counts():
    faults = scripted("hang", skip=1, count=2)
    assert drawn(faults, 5) == [None, "hang", "hang", None, None]
    assert drawn(scripted("hang", count=None), 3) == ["hang"] * 3


def test_a_scripted_fault_is_for_its_method_and_path():
    faults = scripted("hang", method="POST", count=None)
    assert drawn(faults, 1, method="PUT") == [None]
    assert drawn(faults, 1, path=f"{USERS}/user_0") == [None]


def test_a_scripted_fault_is_for_its_text_in_query_or_body():
    script = [ScriptedFault(path="", text="ada@example", action=Action("hang"), count=None)]
    injector = FaultInjector(Faults(script=script))
    assert injector.draw("GET", USERS, "email=ada@example.com").kind == "hang"
    assert injector.draw("POST", USERS, "", b'{"email":"ada@example.com"}').kind == "hang"
    assert injector.draw("POST", USERS, "", b'{"email":"bob@example.com"}') is None


def test_the_next_entry_of_a_script_takes_over():
    kinds = ("hang", "cut_off")
    faults = Faults(script=[ScriptedFault(path="", action=Action(kind)) for kind in kinds])
    assert drawn(faults, 3) == ["hang", "cut_off", None]


def test_latency_varies_by_the_jitter_and_never_is_negative():
    injector = FaultInjector(Faults(latency_ms=10, jitter_ms=20, seed=1))
    delays = [injector.latency() for _ in range(1_000)]
    assert min(delays) == 0
    assert 0.025 < max(delays) <= 0.030


def emails(db):
    return [user["email"] for user in read_contents(db).users]


@pytest.mark.parametrize(("kind", "stored"), [("answer", 0), ("answer_after_write", 1)])
def test_a_scripted_answer_is_sent_as_written(sandbox, api, db, kind, stored):
    sandbox.faults = scripted(
        kind, status=520, body="<html>", headers={"Retry-After": "3"}, content_type="text/html"
    )
    reply = api.post(USERS, {"email": "ada@example.com"})
    assert (reply.status, reply.text) == (520, "<html>")
    assert (reply.headers["Retry-After"], reply.headers["Content-Type"]) == ("3", "text/html")
    assert reply.headers["X-Request-Id"]
    assert len(emails(db)) == stored
    assert sandbox.counts.total(f"POST {USERS}", "520") == 1


def test_a_true_answer_is_sent_under_other_headers(sandbox, api):
    sandbox.faults = scripted("answer_after_write", body=None, content_type="text/plain")
    reply = api.post(USERS, {"email": "ada@example.com"})
    assert reply.status == 201
    assert reply.headers["Content-Type"] == "text/plain"
    assert reply.text.startswith('{"object":"user","id":"user_')
    assert sandbox.counts.total(f"POST {USERS}", "201") == 1


@pytest.mark.parametrize(("kind", "stored"), [("drop_before", 0), ("drop_after", 1)])
def test_a_dropped_connection_is_no_answer(sandbox, api, db, kind, stored):
    sandbox.faults = scripted(kind)
    with pytest.raises(requests.ConnectionError):
        api.post(USERS, {"email": "ada@example.com"})
    assert len(emails(db)) == stored
    assert sandbox.counts.requests[f"POST {USERS}"] == {kind: 1}
    again = api.post(USERS, {"email": "ada@example.com"})
    assert again.status == (400 if stored else 201)


@pytest.mark.parametrize(("kind", "stored"), [("hang", 0), ("hang_after_write", 1)])
def test_an_answer_that_never_comes_ends_with_the_clients_patience(sandbox, api, db, kind, stored):
    sandbox.faults = scripted(kind)
    with pytest.raises(requests.ReadTimeout):
        api.call("POST", USERS, {"email": "ada@example.com"}, timeout=SHORT)
    assert len(emails(db)) == stored


def test_an_answer_that_is_cut_off_took_effect(sandbox, api, db):
    sandbox.faults = scripted("cut_off")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        api.post(USERS, {"email": "ada@example.com"})
    assert emails(db) == ["ada@example.com"]


def test_a_hanging_request_does_not_keep_the_sandbox_open(db, run, until):
    with ThreadPoolExecutor() as pool:
        with run(db, faults=scripted("hang")) as (sandbox, api):
            hanging = pool.submit(api.post, USERS, {"email": "ada@example.com"})
            until(lambda: sandbox.counts.total(outcome="hang"))
        assert isinstance(hanging.exception(), requests.ConnectionError)


def test_random_faults_come_through_as_such(sandbox, api):
    sandbox.faults = Faults(share_503=0.3, share_429=0.3, share_500_after_write=0.3, seed=3)
    replies = [api.post("/organizations", {"name": "A"}) for _ in range(60)]
    statuses = Counter(str(reply.status) for reply in replies)
    assert statuses.keys() == {"201", "429", "500", "503"}
    assert sandbox.counts.requests == {"POST /organizations": statuses}
    unavailable = next(reply for reply in replies if reply.status == 503)
    assert unavailable.headers["Content-Type"] == "text/html"
    limited = next(reply for reply in replies if reply.status == 429)
    assert limited.headers["Retry-After"] == "0"
    sandbox.faults = Faults()
    created = api.get("/organizations", limit=100).body["data"]
    assert len(created) == statuses["201"] + statuses["500"]


def test_latency_holds_an_answer_back(sandbox, api):
    sandbox.faults = Faults(latency_ms=2_000)
    with pytest.raises(requests.ReadTimeout):
        api.call("GET", "/organizations", timeout=SHORT)
