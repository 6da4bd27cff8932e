"""Stream maps and flattening: what is loaded, compared and told is the mapped record."""

from __future__ import annotations

import pytest

from target_workos_users.exceptions import SettingsError
from target_workos_users.singer.stream_maps import NamedMaps
from target_workos_users.target import TargetWorkosUsers
from tests.support.whole_target import (
    FAST,
    records,
    run_target,
    write_messages,
)
from workos_sandbox import read_contents

STATE = {"type": "STATE", "value": {"bookmarks": {"users": {}}}}
ROWS = [
    {
        "id": number,
        "mail": f"USER{number}@Example.com",
        "profile": {"given": "Ann", "plan": {"name": "pro", "seats": number}},
    }
    for number in range(3)
]
COLUMNS = {
    "id": {"type": "integer"},
    "mail": {"type": "string"},
    "profile": {
        "type": "object",
        "properties": {
            "given": {"type": "string"},
            "plan": {"type": "object", "properties": {"name": {}, "seats": {"type": "integer"}}},
        },
    },
}
MAP = {
    "email": "mail.lower()",
    "first_name": "profile['given']",
    "__else__": None,
    "__key_properties__": ["email"],
}


@pytest.fixture
def load(sandbox, tmp_path):
    """Loads rows of a tap that knows other columns."""

    def run(rows, stream_map, *, state=None, key=("id",), **config):
        schema = {
            "type": "SCHEMA",
            "stream": "users",
            "schema": {"properties": COLUMNS},
            "key_properties": list(key),
        }
        early = [{"type": "STATE", "value": state}] if state else []
        messages = [*early, schema, *records(rows), STATE]
        errors = tmp_path / "errors.jsonl"
        sandbox.requests.clear()
        settings = {
            **FAST,
            "base_url": sandbox.base_url,
            "api_key": sandbox.api_key,
            "errors_path": str(errors),
            "abort_error_rate": 1,
            **({"stream_maps": {"users": stream_map}} if stream_map else {}),
            **config,
        }
        return run_target(settings, write_messages(tmp_path / "messages", messages), errors)

    return run


def users(sandbox):
    return sorted(read_contents(sandbox.path).users, key=lambda user: user["email"])


@pytest.mark.parametrize("option", ["__filter", "_filter_", "__fliter__", "__Filter__"])
def test_a_filter_that_is_misspelled_stops_the_run(load, sandbox, option):
    said = f"stream_maps: '{option}' in the map of 'users' is no option .* mean __filter__"
    with pytest.raises(SettingsError, match=said):
        load(ROWS, MAP | {option: "id > 1"})
    assert not sandbox.requests


def test_a_mapped_stream_is_compared_as_it_is_mapped(load, sandbox):
    first = load(ROWS, MAP)
    assert [user["email"] for user in users(sandbox)] == [f"user{n}@example.com" for n in range(3)]
    assert not first.said("aren't known")

    # What the map leaves out may change.
    load([{**row, "id": row["id"] + 9} for row in ROWS], MAP, state=first.states[-1])
    assert not sandbox.requests

    changed = {**MAP, "first_name": "'Bob'"}
    again = load(ROWS, changed, state=first.states[-1], existing_users="update")
    assert again.tally["users_updated"] == 3
    assert {user["first_name"] for user in users(sandbox)} == {"Bob"}


def test_flattening_leaves_metadata_one_object(load, sandbox):
    mapped = {**MAP, "metadata": "profile", "first_name": "profile['given']"}
    finished = load(ROWS[1:2], mapped, flattening_enabled=True, flattening_max_depth=3)
    assert finished.exit_code == 0
    assert not finished.said("aren't known")
    (user,) = users(sandbox)
    assert user["metadata"] == {"given": "Ann", "plan__name": "pro", "plan__seats": "1"}


def test_flattening_makes_columns_of_nested_fields(load, sandbox):
    row = {"id": 1, "mail": "x", "profile": {"given": "ann@example.com", "plan": {}}}
    mapped = {"email": "profile['given']", "__key_properties__": ["email"]}
    finished = load([row], mapped, flattening_enabled=True, flattening_max_depth=1)
    assert finished.said("are ignored: id, mail, profile__given, profile__plan.") == 1
    assert len(users(sandbox)) == 1


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("nothing", "NameNotDefined in column email, expression nothing"),
        ("mail + 1", "TypeError in column email, expression mail + 1"),
        ("float(mail)", "ValueError in column email, expression float(mail)"),
        ("mail[99]", "IndexError in column email, expression mail[99]"),
        ("profile['none']", "KeyError in column email, expression profile['none']"),
    ],
)
def test_an_expression_that_fails_is_one_error_line_that_names_it(load, expression, why):
    secret = {**ROWS[0], "mail": "hunter2"}
    finished = load([secret], {**MAP, "email": expression})
    assert finished.exit_code == 0
    (error,) = finished.errors
    assert why in error["error_message"]
    assert "hunter2" not in error["error_message"]
    assert not finished.said("hunter2")
    assert not finished.said("aren't known")


def test_a_filter_that_fails_is_named_too(load):
    (error,) = load(ROWS[:1], {**MAP, "__filter__": "mail > 1"}).errors
    assert "TypeError in column __filter__, expression mail > 1" in error["error_message"]


@pytest.mark.parametrize(
    ("stream_map", "why"),
    [
        ({"email": "mail["}, "Failed to parse expression mail[."),
        ({"email": "mail", "__else__": None}, "needs __key_properties__: [email]"),
    ],
)
def test_a_map_that_cannot_be_used_stops_the_run_and_names_the_setting(load, stream_map, why):
    finished = load(ROWS, stream_map)
    assert finished.exit_code == 1
    assert finished.said("stream_maps: the map of stream 'users' can't be used: ", "ERROR")
    assert finished.said(why, "ERROR") == 1


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"stream_maps": {"users": 5}}, "stream_maps.users: found 5, expected"),
        ({"stream_maps": {"users": {"email": 5}}}, "stream_maps.users.email: found 5"),
        ({"stream_maps": {"users": {"email": ["mail"]}}}, "stream_maps.users.email: found"),
        ({"stream_maps": {"__else__": "drop"}}, "stream_maps.__else__: found 'drop'"),
        ({"stream_maps": {"__filter__": None}}, "stream_maps: Option '__filter__:None'"),
        ({"stream_map_config": "hunter2"}, "stream_map_config: expected an object in JSON"),
        ({"batch_config": {"storage": {"root": 5}}}, "batch_config.storage.root: expected string"),
        ({"batch_config": {"storage": {"prefix": "x"}}}, "batch_config.storage: expected root"),
        ({"flattening_enabled": True}, "flattening_max_depth is required"),
    ],
)
def test_a_wrong_setting_of_the_sdk_is_named(config, why):
    with pytest.raises(SettingsError) as caught:
        TargetWorkosUsers(config={"dry_run": True, **config})
    assert why in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_columns_that_a_map_reads_are_of_use_in_its_own_stream():
    maps = NamedMaps(
        {
            "users": {"email": "mail.lower()", "first_name": "record.get('given')", "gone": None},
            "orders": None,
            "staff": {"__source__": "users", "last_name": "family"},
            "others*": {"__alias__": "not an expression", "email": "other"},
        }
    )
    assert maps.columns_used("users") == {"mail", "record", "given", "users", "family"}
    assert maps.columns_used("others_too") == {"other"}
    assert maps.columns_used("orders") == set()
