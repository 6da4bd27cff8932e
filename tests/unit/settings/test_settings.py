from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from pathlib import Path
from types import NoneType, UnionType
from typing import Literal, get_args, get_origin, get_type_hints

import pytest
from msgspec import convert
from singer_sdk.helpers.capabilities import FLATTENING_CONFIG, STREAM_MAPS_CONFIG

from target_workos_users.exceptions import SettingsError
from target_workos_users.records.kinds import Kind
from target_workos_users.settings.about import kind_of
from target_workos_users.settings.checks import with_types
from target_workos_users.settings.declare import properties_of, setting
from target_workos_users.settings.schema import SETTINGS
from target_workos_users.settings.settings import Settings
from target_workos_users.target import TargetWorkosUsers
from tests.support.model import make_settings

SANDBOX = {"sandbox_path": "unused"}


def refused(**config: object) -> str:
    with pytest.raises(SettingsError) as caught:
        TargetWorkosUsers(config={**SANDBOX, **config})
    return str(caught.value)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"batch_size_rows": 0}, "batch_size_rows: found 0, expected integer, at least 1"),
        ({"concurrency": 101}, "concurrency: found 101, expected integer"),
        ({"rate_limit": -1}, "rate_limit: found -1, expected number, more than 0"),
        ({"rate_limit": "fast"}, "rate_limit: found 'fast', expected number"),
        ({"rate_limit": "nan"}, "rate_limit: found 'nan', expected number"),
        ({"rate_limit": float("nan")}, "rate_limit: found 'nan', expected number"),
        ({"request_timeout": "inf"}, "request_timeout: found 'inf', expected number"),
        ({"request_timeout": 1e18}, "at most 3600"),
        ({"existing_users": "overwrite"}, "one of ['keep', 'update', 'fail']"),
        ({"dry_run": "maybe"}, "dry_run: found 'maybe', expected true or false"),
        ({"org_id": "a", "org_external_id": "b"}, "org_id and org_external_id are both set"),
        ({"org_name": "Acme"}, "org_name is set without org_external_id"),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_expected(config, message):
    assert message in refused(**config)


@pytest.mark.parametrize(
    "config",
    [
        {"api_key": ["sk_live_hunter2"]},
        {"api_key": "sk_live hunter2"},
        {"base_url": "https://user:hunter2@api.example.com"},
        {"base_url": "https://api.example.com?key=hunter2"},
        {"base_url": "https://api.example.com#hunter2"},
        {"rate_limit_redis_url": "redis://:hunter2@host:port"},
        {"rate_limit_redis_url": "redis://:hunter2@host/0?timeout=1"},
    ],
)
def test_a_secret_is_not_shown(config):
    assert "hunter2" not in refused(**config)


def test_without_a_key_it_says_which_ways_there_are():
    with pytest.raises(SettingsError, match=r"WORKOS_API_KEY.*sandbox_path.*dry_run"):
        Settings.from_config({**defaults()}, {})


def test_the_key_falls_back_to_workos_own_variables():
    both = {"WORKOS_API_KEY": "sk_1", "WORKOS_SECRET_KEY": "sk_2"}
    assert Settings.from_config(defaults(), both).api_key == "sk_1"
    assert Settings.from_config(defaults(), {"WORKOS_SECRET_KEY": "sk_2"}).api_key == "sk_2"
    assert Settings.from_config({**defaults(), "api_key": "sk_0"}, both).api_key == "sk_0"


def test_a_number_may_come_as_text():
    found = with_types({"rate_limit": "12.5", "concurrency": "7", "org_id": "5"})
    assert found == {"rate_limit": 12.5, "concurrency": 7, "org_id": "5"}


@pytest.mark.parametrize(
    ("name", "value", "number"),
    [
        ("rate_limit", Decimal("12.5"), 12.5),
        ("rate_limit", Decimal("50.0"), 50.0),
        ("request_timeout", 30, 30),
        ("concurrency", Decimal("7.0"), 7),
        ("concurrency", 7.0, 7),
        ("concurrency", Decimal("7.5"), 7.5),  # which the schema refuses
    ],
)
def test_a_fraction_of_a_config_file_is_a_plain_number(name, value, number):
    found = with_types({name: value})[name]
    assert (type(found), found) == (type(number), number)


def test_the_ledger_goes_beside_the_errors_file_unless_it_is_turned_off():
    assert make_settings(errors_path="x/e.jsonl").ledger_path == "x/e.jsonl.ledger"
    assert make_settings(ledger_path="l.db").ledger_path == "l.db"
    assert make_settings(ledger_path="none").ledger_path is None


@pytest.mark.parametrize("given", [None, ""])
def test_an_empty_value_is_none(given):
    names = {each.name for each in fields(Settings) if each.metadata} - {"sandbox_path"}
    assert make_settings(**dict.fromkeys(names, given)) == make_settings()


@pytest.mark.parametrize(
    ("one", "other", "more"),
    [
        ("ledger_path", "errors_path", {}),
        ("summary_path", "errors_path", {}),
        ("plan_errors_path", "errors_path", {"dry_run": True}),
        ("differences_path", "errors_path", {"diff": True}),
        ("summary_path", "sandbox_path", {}),
        ("errors_path", "sandbox_path", {}),
        ("only_errors_from", "ledger_path", {}),
    ],
)
def test_two_settings_with_one_file_are_named(one, other, more):
    config = {"sandbox_path": "sandbox.db", **more, one: "./x/../f", other: "f"}
    with pytest.raises(SettingsError, match=f"^{one} and {other} are one file"):
        Settings.from_config(config, {})


def test_what_failed_may_be_loaded_from_the_errors_file_itself():
    config = {"sandbox_path": "s", "only_errors_from": "f", "errors_path": "f"}
    assert Settings.from_config(config, {}).only_errors_from == "f"


def test_an_empty_list_of_streams_leaves_none_out():
    assert make_settings(streams=[]).streams is None


def test_a_list_has_a_default_that_an_empty_one_is_not():
    @dataclass(frozen=True)
    class Declared:
        texts: frozenset[str] = setting(title="Texts", description="Some.", default=["a", "b"])

    (declared,) = properties_of(Declared)
    assert declared.to_dict()["texts"]["default"] == ["a", "b"]
    assert Declared().texts == {"a", "b"}
    assert convert({"texts": []}, Declared).texts == frozenset()


def test_no_secret_is_in_the_text_of_the_settings():
    redis = "redis://:hunter2@localhost:6379/0"
    settings = make_settings(api_key="sk_live_hunter2", rate_limit_redis_url=redis)
    assert settings.api_key == "sk_live_hunter2"
    assert settings.rate_limit_redis_url == redis
    for text in (repr(settings), str(settings), f"{replace(settings, concurrency=1)}"):
        assert "hunter2" not in text
        assert "concurrency=" in text


# The schema and the class


def kind_and_values(annotation):
    """The JSON type that an annotation stands for, null aside, and the values that it allows."""
    plain = [each for each in get_args(annotation) if each is not NoneType]
    if get_origin(annotation) is Literal:
        return "string", plain
    if get_origin(annotation) is UnionType:
        (annotation,) = plain
    names = {str: "string", bool: "boolean", int: "integer", float: "number"}
    return names.get(annotation) or {frozenset[str]: "array", dict[str, Kind]: "object"}[
        annotation
    ], None


@pytest.mark.parametrize(
    "declared", [f for f in fields(Settings) if f.metadata], ids=lambda f: f.name
)
def test_a_setting_is_what_its_schema_says(declared):
    schema = SETTINGS["properties"][declared.name]
    annotation = get_type_hints(Settings)[declared.name]
    assert (kind_of(schema), schema.get("enum")) == kind_and_values(annotation)
    default = schema.get("default")
    assert declared.default == (frozenset(default) if isinstance(default, list) else default)
    assert declared.repr == (not schema.get("secret"))
    may_be_absent = NoneType in get_args(annotation)
    always_there = {"api_key", "base_url"}  # by the fallbacks
    assert may_be_absent == (declared.default is None and declared.name not in always_there)


def test_what_the_package_does_not_read_as_a_setting_is_read_by_the_sdk_or_by_the_batches():
    assert SETTINGS["properties"].keys() - {each.name for each in fields(Settings)} == {
        "validate_records",
        "batch_config",
        *(name for name in STREAM_MAPS_CONFIG["properties"] if name != "faker_config"),
        *FLATTENING_CONFIG["properties"],
    }


@pytest.mark.parametrize("content", ["[1]", "{", None])
def test_a_config_file_that_is_none_is_named(tmp_path, content):
    path = tmp_path / "config.json"
    if content is not None:
        path.write_text(content)
    ended = subprocess.run(
        [Path(sys.executable).parent / "target-workos-users", "--config", path],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode
    assert str(path) in ended.stderr
    assert "Traceback" not in ended.stderr


def defaults() -> dict[str, object]:
    return {
        name: schema["default"]
        for name, schema in json.loads(json.dumps(SETTINGS))["properties"].items()
        if "default" in schema
    }
