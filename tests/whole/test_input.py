"""Input as taps, shells and databases really send it: what is loaded, what fails, what is told."""

from __future__ import annotations

import json

import pytest

from target_workos_users.target import encode_state
from tests.support.whole_target import FAST, records, run_target, schema
from workos_sandbox import read_contents

DEEP = "[" * 980 + "]" * 980


def line(message):
    return json.dumps(message) + "\n"


def record(email, stream="users", **columns):
    return line(*records([{"email": email, **columns}], stream))


@pytest.fixture
def load(sandbox, tmp_path):
    """Loads lines, after the state that an SDK tap hands back first."""

    def run(*lines, state=None, state_file=None, **config):
        sandbox.requests.clear()
        early = [line({"type": "STATE", "value": state})] if state else []
        file = tmp_path / "messages"
        file.write_text("".join([*early, *lines]))
        errors = tmp_path / "errors.jsonl"
        settings = {
            **FAST,
            "base_url": sandbox.base_url,
            "api_key": sandbox.api_key,
            "errors_path": str(errors),
            **config,
        }
        return run_target(settings, file, errors, state_file)

    return run


def emails(sandbox):
    return sorted(user["email"] for user in read_contents(sandbox.path).users)


# Lines that can't be read


@pytest.mark.parametrize(
    "bad",
    [
        '{"type": "RECORD", "stream": "users", "record": {"email": "b@example.com", "x": }}\n',
        '{"stream": "users", "type": "RECORD", "record": null}\n',
        f'{{"type": "RECORD", "stream": "users", "record": {{"bio": {DEEP}}}}}\n',
    ],
    ids=["broken", "null", "deep"],
)
def test_a_record_that_cannot_be_read_fails_alone_and_the_run_resumes_over_it(load, sandbox, bad):
    lines = [line(schema()), record("a@example.com"), bad, record("c@example.com")]
    first = load(*lines, batch_size_rows=1)
    (error,) = first.errors
    assert first.exit_code == 0
    assert (error["record_number"], error["error_type"]) == (2, "invalid_record")
    assert error["error_message"].startswith("line 3 of the input: ")
    assert emails(sandbox) == ["a@example.com", "c@example.com"]
    interrupted = first.states[2]  # of the second chunk; the state handed back moves the lines
    again = load(*lines, state=interrupted, batch_size_rows=1)
    assert again.exit_code == 0
    assert again.said("1 loaded + 1 unchanged + 1 failed")
    assert len(again.errors) == 1
    planned = load(*lines, dry_run=True)
    assert planned.said("3 records, 1 would fail")


def test_a_state_that_cannot_be_read_is_told_and_not_stored(load):
    good = {"users": {"replication_key_value": 1}}
    finished = load(
        line(schema()),
        record("a@example.com"),
        line({"type": "STATE", "value": {"bookmarks": good}}),
        record("b@example.com"),
        *[line({"type": "STATE", "value": {"bookmarks": [1]}})] * 3,
    )
    assert finished.exit_code == 0
    assert finished.said("isn't stored", "WARNING") == 1
    assert finished.states[-1]["bookmarks"]["users"] == good["users"]


def test_a_state_without_bookmarks_is_a_state(load):
    null = line({"type": "STATE", "value": {"bookmarks": None}})
    finished = load(null, line(schema()), record("a@example.com"), null)
    assert finished.exit_code == 0
    assert not finished.said("isn't stored")


def test_a_state_file_without_a_checkpoint_of_this_target_is_told(load, tmp_path):
    file = tmp_path / "state.json"
    file.write_text(line({"type": "STATE", "value": {"bookmarks": {"users": {"at": 1}}}}))
    lines = [line(schema()), record("a@example.com")]
    first = load(*lines, state_file=file)
    assert first.said("state.json has no checkpoint of target-workos-users") == 1
    file.write_text(line({"type": "STATE", "value": first.states[-1]}))
    again = load(*lines, state_file=file)
    assert not again.said("has no checkpoint of target-workos-users")
    assert again.said("1 unchanged")


# Stream maps for streams that don't come

MAP = {"password_hash": "record.get('encrypted_password')"}
HASH = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"


def test_a_map_whose_stream_is_called_otherwise_stops_the_run_before_its_first_write(load, sandbox):
    columns = ("email", "encrypted_password")
    lines = [
        line(schema("public-users", columns)),
        record("a@example.com", "public-users", encrypted_password=HASH),
    ]
    for config in ({}, {"dry_run": True}):
        finished = load(*lines, stream_maps={"users": MAP}, **config)
        assert finished.exit_code == 1
        assert finished.said("no stream has come for the map of 'users'", "WARNING") == 1
        assert finished.said("stream_maps: no stream 'users' has come", "ERROR") == 1
        assert not sandbox.requests
    assert load(*lines, stream_maps={"public-users": MAP}).exit_code == 0
    assert load(*lines, stream_maps={"public-*": MAP}).exit_code == 0


def test_a_map_without_a_stream_is_an_error_at_the_end(load, sandbox):
    finished = load(
        line(schema()), record("a@example.com"), stream_maps={"users": {}, "staff": MAP}
    )
    assert finished.exit_code == 1
    assert finished.said("no stream came for the map of 'staff'", "ERROR") == 1
    assert emails(sandbox) == ["a@example.com"]
    entry = finished.states[-1]["bookmarks"]["target-workos-users"]
    assert entry["streams"]["users"]["complete"]


@pytest.mark.parametrize(
    "maps",
    [
        {"users": MAP, "staff": {}},
        {"*": MAP},
        {"people": {"__source__": "users", **MAP}, "staff": {}},
        {"users": {"__alias__": "people", **MAP}, "staff": None, "orders": None},
        {"users": MAP, "__else__": None},
        {"users": MAP, "__else__": "__NULL__"},
    ],
)
def test_maps_that_have_their_streams_are_none_of_its_business(load, maps):
    finished = load(
        line(schema("staff")),
        line(schema()),
        record("a@example.com", "staff"),
        record("b@example.com"),
        stream_maps=maps,
    )
    assert finished.exit_code == 0, finished.log


def test_a_stream_that_no_map_is_for_waits_for_those_that_one_is_for(load):
    schemas = [line(schema("staff")), line(schema())]
    finished = load(*schemas, record("a@example.com", "staff"), stream_maps={"users": MAP})
    assert finished.exit_code == 0


def test_a_map_of_another_stream_says_nothing_of_unmapped_columns(load):
    finished = load(
        line(schema("users", ("email", "encrypted_password"))),
        record("a@example.com", encrypted_password=HASH),
        stream_maps={"users": {}, "staff": MAP},
    )
    assert finished.said("aren't known and are ignored: encrypted_password", "WARNING") == 1


@pytest.mark.parametrize(
    ("setting", "value"),
    [("streams", ["users", "staff"]), ("stream_kinds", {"staff": "memberships"})],
)
def test_a_stream_that_a_setting_names_and_that_never_comes_is_an_error(load, setting, value):
    finished = load(line(schema()), record("a@example.com"), **{setting: value})
    assert finished.exit_code == 1
    assert finished.said(f"{setting}: no stream came that is called 'staff'", "ERROR") == 1


def test_a_filter_that_drops_everyone_is_told(load):
    finished = load(
        line(schema(columns=("email", "disabled_at"))),
        record("a@example.com", disabled_at="NULL"),
        record("b@example.com", disabled_at="NULL"),
        stream_maps={"users": {"__filter__": "not disabled_at"}},
    )
    assert finished.said("The stream map of 'users' left out every record", "WARNING") == 1
    assert finished.said("0 read = 0 loaded + 0 unchanged + 0 failed; 2 others left out") == 1
    assert finished.said("2 x NULL", "WARNING") == 1


# Deleted rows


@pytest.mark.parametrize("column", ["_sdc_deleted_at", "_sdc_lsn_deleted_at"])
@pytest.mark.parametrize("maps", [{}, {"users": {"email": "email.lower()", "__else__": None}}])
def test_a_row_deleted_at_the_source_is_counted_and_never_sent(load, sandbox, column, maps):
    lines = [line(schema(columns=("email", column)))]
    alive = [record("a@example.com", **{column: None}), record("b@example.com", **{column: ""})]
    gone = line(*records([{"email": None, column: "2026-10-01T00:00:00Z"}]))
    first = load(*lines, *alive, gone, stream_maps=maps)
    assert emails(sandbox) == ["a@example.com", "b@example.com"]
    assert first.said("3 read = 2 loaded + 0 unchanged + 0 failed + 1 deleted at the source") == 1
    assert first.tally["deleted"] == 1
    assert not first.errors
    now_gone = record("b@example.com", **{column: "2026-10-02T00:00:00Z"})
    second = load(*lines, alive[0], now_gone, gone, state=first.states[-1], stream_maps=maps)
    assert not sandbox.requests
    assert second.said("3 read = 0 loaded + 1 unchanged + 0 failed + 2 deleted") == 1
    third = load(*lines, *alive, gone, state=second.states[-1], stream_maps=maps)
    assert third.exit_code == 0
    assert not [each for each in sandbox.requests if each.method != "GET"]
    planned = load(*lines, *alive, gone, stream_maps=maps, dry_run=True)
    assert planned.said("3 read = 2 to be loaded + 0 unchanged + 0 failed + 1 deleted") == 1


# Texts that mean no value


def test_null_values_are_null_before_stream_maps(load, sandbox):
    maps = {"users": {"email_verified": "confirmed_at is not None"}}
    lines = [
        line(schema(columns=("email", "confirmed_at", "last_name"))),
        record("a@example.com", confirmed_at="0000-00-00 00:00:00", last_name="Null"),
        record("b@example.com", confirmed_at="\\N", last_name=r"\N"),
        record("c@example.com", confirmed_at="2026-01-01", last_name="NULL"),
    ]
    zero = "0000-00-00 00:00:00"
    finished = load(*lines, stream_maps=maps, null_values=[r"\N", zero])
    users = {user["email"]: user for user in read_contents(sandbox.path).users}
    assert [users[f"{name}@example.com"]["email_verified"] for name in "abc"] == [
        False,
        False,
        True,
    ]
    assert [users[f"{name}@example.com"]["last_name"] for name in "abc"] == ["Null", None, "NULL"]
    (told,) = [text for level, text in finished.log if level == "WARNING"]
    assert "kept as text: 1 x NULL." in told
    assert json.dumps(sorted(["NULL", r"\N", zero])) in told


def test_null_values_are_of_use_by_default_and_may_be_turned_off(load, sandbox):
    lines = [line(schema(columns=("email", "first_name"))), record("a@b.co", first_name=r"\N")]
    assert not load(*lines, dry_run=True).said("kept as text")
    assert load(*lines, null_values=[]).said(r"1 x \N", "WARNING") == 1
    assert read_contents(sandbox.path).users[0]["first_name"] == r"\N"


# Columns and schemas without end


def test_ever_new_columns_are_a_few_warnings(load):
    rows = [
        record(f"user{i}@example.com", **{f"Person Number{chr(97 + i % 26)} {i}": 1})
        for i in range(500)
    ]
    finished = load(line(schema()), *rows, dry_run=True)
    warnings = [text for level, text in finished.log if level == "WARNING"]
    assert len(warnings) == 3
    assert "and so are others that may come" in warnings[-1]


def test_a_schema_that_changes_with_each_record_is_no_line_in_the_log(load):
    lines = []
    for i in range(200):
        lines += [line(schema(columns=("email", f"metadata{i}"))), record(f"user{i}@example.com")]
    finished = load(*lines, dry_run=True)
    assert len(finished.log) < 20
    assert finished.said("200 records, 0 would fail")


def test_a_schema_without_email_stops_nothing_if_its_records_have_one(load):
    bare = {"type": "SCHEMA", "stream": "app-users", "schema": {"type": "object"}}
    for i, columns in enumerate([{}, {"x": {"anyOf": [{"type": "number"}, {}]}}]):
        schema_line = line({**bare, "schema": {"properties": columns}, "key_properties": []})
        finished = load(schema_line, record(f"mongo{i}@example.com", "app-users"))
        assert finished.exit_code == 0
    no_email = line(*records([{"_id": 1}], "app-users"))
    finished = load(line({**bare, "key_properties": ["_id"]}), *[no_email] * 3, dry_run=True)
    assert finished.exit_code == 1
    assert finished.said("Stream 'app-users' can't be loaded as users: it has no column email") == 1


def test_a_streams_name_commands_no_terminal_in_state_and_summary_either(load, tmp_path):
    name = "us\x9b2Jers\u202e"
    finished = load(line(schema(name)), record("none", name), record("a@example.com", name))
    written = (tmp_path / "workos-users-summary.json").read_text()
    for text in (written, encode_state(finished.states[-1]).decode()):
        assert "us\\u009b2Jers\\u202e" in text
        assert not {"\x9b", "\u202e"} & {*text}


def test_a_csv_without_email_stops_the_run_though_the_tap_may_report_rows_and_does(load, sandbox):
    rows = [{"_sdc_error": "users.csv, line 2: 1 fields, the header has 2"}, {"mail": "a@b.c"}]
    of_tap_csv = line(schema(columns=("mail", "_sdc_error")))
    finished = load(of_tap_csv, *(line(each) for each in records(rows)))
    assert finished.exit_code == 1
    assert finished.said("Stream 'users' can't be loaded as users: it has no column email") == 1
    assert finished.said("(its columns: mail)")
    assert not sandbox.requests


def test_an_empty_input_is_said(load):
    finished = load()
    assert finished.exit_code == 0
    assert finished.said("The input is empty: the tap sent nothing, so nothing was loaded.") == 1


# Organizations of several names


@pytest.mark.parametrize("size", [1, 2, 1000])
def test_the_first_of_several_names_of_an_organization_holds_and_is_said_once(load, sandbox, size):
    rows = [
        record("o0@example.com", org_external_id="acme", org_name="Acme Inc"),
        record("o1@example.com", org_external_id="ACME", org_name="Acme Inc"),
        record("o2@example.com", org_external_id=" acme ", org_name="Acme Other"),
        record("o3@example.com", org_external_id="acme", org_name="Acme Third"),
    ]
    finished = load(line(schema()), *rows, batch_size_rows=size)
    organizations = read_contents(sandbox.path).organizations
    assert {each["external_id"]: each["name"] for each in organizations} == {
        "acme": "Acme Inc",
        "ACME": "Acme Inc",
    }
    assert finished.said("several names; the first one holds", "WARNING") == 1


# Every record ends somewhere


def test_the_counts_of_a_mixed_input_add_up(load, sandbox, tmp_path):
    def rows(changed=""):
        return [
            line(schema(columns=("email", "first_name", "_sdc_deleted_at", "skip"))),
            line(schema("orders")),
            *[record(f"user{i}@example.com", first_name=changed) for i in range(5)],
            record("not an address"),
            line({"type": "RECORD", "stream": "users", "record": None}),
            '{"type": "RECORD", "stream": "users", "record": {"email": "\n',
            record("gone@example.com", _sdc_deleted_at="2026-01-01"),
            *[record(f"skip{i}@example.com", skip="yes") for i in range(4)],
            *[record(f"order{i}@example.com", "orders") for i in range(3)],
            record("same@example.com"),
            *[record(f"late{i}@example.com") for i in range(2)],
        ]

    config = {
        "stream_maps": {"users": {"__filter__": "not record.get('skip')"}},
        "streams": ["users"],
        "limit": 10,
        "summary_path": str(tmp_path / "summary.json"),
        "batch_size_rows": 4,
        "abort_error_rate": 1.0,
    }
    total = "15 read = {} + 3 failed + 1 deleted at the source + 5 left out; 4 others left out by"
    planned = load(*rows(), **config, dry_run=True)
    assert planned.said(total.format("6 to be loaded + 0 unchanged"))
    first = load(*rows(), **config)
    assert first.said(total.format("6 loaded + 0 unchanged"))
    check_summary(tmp_path, read=15, loaded=6, failed=3, deleted=1, left_out=5, dropped=4)
    again = load(*rows(), **config, state=first.states[-1])
    assert not sandbox.requests
    check_summary(tmp_path, read=15, unchanged=6, failed=3, deleted=1, left_out=5, dropped=4)
    config |= {"on_source_change": "reload", "existing_users": "update"}
    load(*rows("Ann"), **config, state=again.states[-1])
    check_summary(
        tmp_path, read=15, loaded=5, unchanged=1, failed=3, deleted=1, left_out=5, dropped=4
    )


def check_summary(folder, *, dropped, **expected):
    found = json.loads((folder / "summary.json").read_text())["records"]
    assert {name: count for name, count in found.items() if count} == {
        **expected,
        "dropped": dropped,
    }
    places = ("loaded", "unchanged", "failed", "deleted", "left_out")
    assert found["read"] == sum(found[place] for place in places)
