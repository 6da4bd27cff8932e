"""When it makes no sense to go on, the run stops after what it has, and the next one goes on."""

from __future__ import annotations

import json
from collections import Counter
from itertools import count

import pytest

from tests.stress.faults.wire import Wire, wired
from tests.support.whole_target import records, schema
from workos_sandbox import Action, Faults, ScriptedFault

HTML = "<html><body><h1>We'll be right back</h1></body></html>\n"
OTHERS = 7  # users that are there before
USERS = "/user_management/users$"
CHUNK, BEFORE = 300, 180  # records a chunk, and how many are loaded when the trouble begins


@pytest.fixture
def lab(lab):
    lab.settings |= {"batch_size_rows": CHUNK, "concurrency": 20}
    lab.settings |= {"existing_users": "keep", "require_membership": False}
    lab.sandbox.faults = Faults()
    return lab


def email(number):
    return f"user{number}@example.com"


def run(lab, rows=CHUNK, organizations=0):
    """Run the target over so many users, with the state that Meltano would have.

    Args:
        lab: The lab.
        rows: Users.
        organizations: New ones that the users are in turn members of.
    """
    states = [state for finished in lab.runs for state in finished.states]
    start = [{"type": "STATE", "value": states[-1]}] if states else []
    end = {"type": "STATE", "value": {"bookmarks": {"users": {}}}}
    people = [{"email": email(number), "first_name": "Ada"} for number in range(1, rows + 1)]
    for number, person in enumerate(people if organizations else []):
        place = number % organizations
        person |= {"org_external_id": f"org-{place}", "org_name": f"Organization {place}"}
    lab.sandbox.counts.reset()
    return lab.run_messages([*start, schema(columns=people[0]), *records(people), end])


def answer(status, body='{"message":"No."}', *, after_write=False, **more):
    kind = "answer_after_write" if after_write else "answer"
    content_type = "text/html" if body.startswith("<") else "application/json"
    return Action(kind, status=status, body=body, content_type=content_type, **more)


def scripted(action, *, path="", **more):
    return Faults(script=[ScriptedFault(path=path, action=action, **{"count": None, **more})])


def covered(finished):
    """How many records the last STATE line covers."""
    stream = finished.states[-1]["bookmarks"]["target-workos-users"]["streams"].get("users", {})
    return sum(size for size, *_ in stream.get("chunks", []))


def check_stop(lab, finished, message):
    """It has stopped with a message, without an error line, and with a true STATE."""
    assert finished.exit_code == 1
    assert finished.said(message, "ERROR") == 1, finished.log
    assert finished.errors == []
    there = {user["email"] for user in lab.world.users}
    assert covered(finished) >= BEFORE - 20
    assert {email(number) for number in range(1, covered(finished) + 1)} <= there


def check_resumed(lab, rows=CHUNK):
    """The next run loads the rest, and sends again only what was in flight."""
    finished = run(lab, rows)
    assert (finished.exit_code, finished.errors) == (0, [])
    assert Counter(user["email"] for user in lab.world.users if "user" in user["email"]) == {
        email(number): 1 for number in range(1, rows + 1)
    }
    assert lab.sandbox.counts.total("POST") <= rows - BEFORE + 2 * 20
    assert "failed" not in finished.tally


OUTAGES = {
    "500": answer(500),
    "500 with effect": answer(500, after_write=True),
    "503 in HTML": answer(503, HTML),
    "520 in HTML": answer(520, HTML),
    "429 for ever": answer(429),
    "429 with Retry-After": answer(429, headers={"Retry-After": "5"}),
    "HTML with 200": answer(200, HTML),
    "HTML with 404": answer(404, HTML),
    "empty bodies": answer(200, ""),
    "resets": Action("drop_before"),
    "resets after effect": Action("drop_after"),
}


@pytest.mark.parametrize("action", OUTAGES.values(), ids=OUTAGES)
def test_an_outage_in_the_middle_of_a_chunk_is_a_stop_and_no_error_line(lab, action):
    lab.sandbox.faults = scripted(action, skip=BEFORE)
    check_stop(lab, run(lab), "WorkOS can't be reached: ")
    lab.sandbox.faults = Faults()
    check_resumed(lab)


def test_what_workos_says_in_an_outage_stays_out_of_the_log(lab):
    lab.settings |= {"max_retries": 0}
    told = {"message": "boom for ann@example.com Ann Lee", "code": "internal"}
    lab.sandbox.faults = scripted(answer(500, json.dumps(told)))
    finished = run(lab)
    assert finished.said("WorkOS can't be reached: HTTP 500; then HTTP 500", "ERROR") == 1
    assert finished.said("Ann Lee") == finished.said("ann@example.com") == 0


def test_a_silent_api_is_a_stop(lab):
    lab.settings |= {"request_timeout": 0.2, "max_retries": 2, "concurrency": 3}
    lab.sandbox.faults = scripted(Action("hang"), skip=BEFORE)
    check_stop(lab, run(lab), "WorkOS can't be reached: no answer within 0.2 s")
    lab.sandbox.faults = Faults()
    lab.settings |= {"request_timeout": 30}
    check_resumed(lab)


def test_an_api_that_goes_away_is_a_stop(lab):
    arrived = count(1)
    wire = Wire(lab.base_url, away=lambda _: float("inf") if next(arrived) > BEFORE else 0)
    with wired(lab, wire):
        check_stop(lab, run(lab), "WorkOS can't be reached: can't connect to 127.0.0.1")
    check_resumed(lab)


def test_an_api_that_was_never_there_is_a_stop_before_the_first_record(lab):
    lab.base_url = "http://127.0.0.1:9"
    finished = run(lab)
    assert finished.exit_code == 1
    assert finished.said("WorkOS can't be reached: can't connect to 127.0.0.1", "ERROR") == 1
    assert (finished.errors, covered(finished)) == ([], 0)
    assert lab.seconds[-1] < 2 * 31  # the retries of a record, and those of the look after it


def test_an_outage_stops_small_chunks_too(lab):
    lab.settings |= {"batch_size_rows": 5, "concurrency": 3}
    lab.sandbox.faults = scripted(answer(503, HTML), skip=BEFORE)
    check_stop(lab, run(lab), "WorkOS can't be reached: ")
    lab.sandbox.faults = Faults()
    check_resumed(lab)


@pytest.mark.parametrize("seconds", [1, 5, 10, 20])
def test_an_outage_that_ends_in_time_costs_no_record(lab, seconds):
    arrived = count(1)
    wire = Wire(lab.base_url, away=lambda _: seconds if next(arrived) == BEFORE else 0)
    with wired(lab, wire):
        finished = run(lab)
    assert (finished.exit_code, finished.errors) == (0, [])
    assert finished.tally["created"] == CHUNK


@pytest.mark.parametrize("concurrency", [1, 20])
@pytest.mark.parametrize(
    "action", [OUTAGES["500"], OUTAGES["HTML with 200"], Action("drop_before")], ids=str
)
def test_one_record_that_always_fails_is_one_error_line(lab, action, concurrency):
    lab.settings |= {"batch_size_rows": 10, "concurrency": concurrency}
    lab.sandbox.faults = scripted(action, path=USERS, method="POST", text=email(10))
    finished = run(lab, 10)  # the last one, alone in flight
    assert finished.exit_code == 0
    assert [(e["record_number"], e["error_type"], e["retryable"]) for e in finished.errors] == [
        (10, "user_create", True)
    ]
    assert finished.tally["created"] == 9


def test_a_revoked_key_stops_at_once(lab):
    lab.sandbox.faults = scripted(answer(401, '{"message":"Unauthorized"}'), skip=BEFORE)
    check_stop(lab, run(lab), "WorkOS refuses the API key")
    assert lab.sandbox.counts.total() <= BEFORE + 20
    lab.sandbox.faults = Faults()
    check_resumed(lab)


USER_CREATES = {"path": USERS, "method": "POST"}
MEMBERSHIP_CREATES = {"path": "/organization_memberships$", "method": "POST"}
ORGANIZATION_CREATES = {"path": "^/organizations$", "method": "POST"}


@pytest.mark.parametrize("action", OUTAGES.values(), ids=OUTAGES)
def test_writes_that_are_down_while_reads_work_are_an_outage(lab, action):
    lab.sandbox.faults = scripted(action, **USER_CREATES, skip=BEFORE)
    check_stop(lab, run(lab), "WorkOS can't be reached: ")
    lab.sandbox.faults = Faults()
    check_resumed(lab)


@pytest.mark.parametrize("endpoint", [MEMBERSHIP_CREATES, ORGANIZATION_CREATES])
@pytest.mark.parametrize(
    "kind", ["500 with effect", "429 for ever", "HTML with 200", "resets", "empty bodies"]
)
def test_one_endpoint_that_is_down_while_others_work_is_an_outage(lab, kind, endpoint):
    lab.sandbox.faults = scripted(OUTAGES[kind], **endpoint, skip=10)
    before = len(lab.world.memberships)
    stopped = run(lab, 100, organizations=40)
    assert (stopped.exit_code, stopped.errors) == (1, [])
    assert stopped.said("WorkOS can't be reached: ", "ERROR") == 1
    assert lab.seconds[-1] < 5 * 60
    lab.sandbox.faults = Faults()
    resumed = run(lab, 100, organizations=40)
    assert (resumed.exit_code, resumed.errors) == (0, [])
    assert len(lab.world.memberships) == before + 100


def test_a_429_to_everything_is_an_outage_after_minutes(lab):
    lab.sandbox.faults = scripted(OUTAGES["429 for ever"], skip=BEFORE)
    check_stop(lab, run(lab), "WorkOS can't be reached: HTTP 429; then nothing else")
    assert 2 * 60 < lab.seconds[-1] < 5 * 60


@pytest.mark.parametrize("seconds", [10, 30, 60])
def test_nothing_but_429_for_a_minute_costs_no_record(lab, seconds):
    lab.sandbox.faults = scripted(OUTAGES["429 for ever"])
    lab.loop.call_later(seconds, setattr, lab.sandbox, "faults", Faults())
    finished = run(lab)
    assert (finished.exit_code, finished.errors) == (0, [])
    assert finished.tally["created"] == CHUNK


@pytest.mark.parametrize("seconds", [10, 30, 60])
def test_429_from_one_endpoint_for_a_minute_costs_no_record(lab, seconds):
    lab.sandbox.faults = scripted(OUTAGES["429 for ever"], **MEMBERSHIP_CREATES)
    lab.loop.call_later(seconds, setattr, lab.sandbox, "faults", Faults())
    finished = run(lab, 100, organizations=40)
    assert (finished.exit_code, finished.errors) == (0, [])
    assert finished.tally["memberships"] == 100


def test_a_key_without_a_permission_stops_at_the_first_refusal(lab):
    forbidden = answer(403, '{"message":"Forbidden"}')
    lab.sandbox.faults = scripted(forbidden, skip=BEFORE)
    check_stop(lab, run(lab), "WorkOS doesn't let the API key POST /user_management/users")
    assert lab.sandbox.counts.total() <= BEFORE + 2 * 20
    lab.sandbox.faults = Faults()
    check_resumed(lab)


def test_a_key_that_may_only_read_stops_at_the_first_refusal(lab):
    lab.sandbox.faults = scripted(answer(403, '{"message":"Forbidden"}'), **USER_CREATES)
    finished = run(lab)
    assert (finished.exit_code, finished.errors) == (1, [])
    assert finished.said("Check in the WorkOS dashboard that the key may write", "ERROR") == 1


def test_a_403_about_one_record_is_one_error_line(lab):
    lab.sandbox.faults = scripted(answer(403), path=USERS, text=email(7))
    finished = run(lab)
    assert finished.exit_code == 0
    assert [error["record_number"] for error in finished.errors] == [7]


def test_users_whom_radar_denies_are_error_lines_however_many(lab):
    denied = answer(403, '{"message":"Denied.","code":"policy_denied"}')
    lab.sandbox.faults = scripted(denied, path=USERS, text=r"user1\d@")
    finished = run(lab)
    assert finished.exit_code == 0
    assert [error["record_number"] for error in finished.errors] == list(range(10, 20))
    assert {error["workos_code"] for error in finished.errors} == {"policy_denied"}


def test_records_that_all_fail_stop_after_the_first_chunk_that_tells(lab):
    lab.settings |= {"batch_size_rows": 40}
    refused = answer(422, '{"message":"No such thing."}')
    lab.sandbox.faults = scripted(refused, path=USERS, method="POST", skip=BEFORE)
    finished = run(lab)
    assert finished.exit_code == 1
    assert finished.said("more than abort_error_rate = 0.5 allows", "ERROR") == 1
    assert covered(finished) == 200  # 20 of the fifth chunk failed: no more than half
    lab.sandbox.faults = Faults()
    resumed = run(lab)
    assert resumed.exit_code == 0
    assert not resumed.errors  # what failed was tried again
    assert len(lab.world.users) - OTHERS == CHUNK


def test_small_chunks_are_judged_together(lab):
    lab.settings |= {"batch_size_rows": 5, "concurrency": 1}
    refused = answer(422, '{"message":"No such thing."}')
    lab.sandbox.faults = scripted(refused, path=USERS, method="POST", skip=BEFORE)
    finished = run(lab)
    assert finished.exit_code == 1
    assert finished.said("20 of 20 records up to chunk 40 failed", "ERROR") == 1
    assert covered(finished) == BEFORE + 15
    lab.sandbox.faults = Faults()
    assert run(lab).exit_code == 0
    assert len(lab.world.users) - OTHERS == CHUNK  # what failed was tried again
