from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from target_workos_users.exceptions import SettingsError
from target_workos_users.settings.checks import with_numbers
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
        ({"dry_run": "maybe"}, "dry_run: found 'maybe', expected boolean"),
        ({"org_id": "a", "org_external_id": "b"}, "org_id and org_external_id are both set"),
        ({"org_name": "Acme"}, "org_name is set without org_external_id"),
        ({"base_url": "http://api.example.com"}, "plain http to api.example.com"),
        ({"base_url": "ftp://api.example.com"}, "expected a URL such as https://api.workos.com"),
        ({"base_url": "https://api.example.com:port"}, "expected a URL such as"),
        ({"base_url": "https://a b.com"}, "expected a URL such as"),
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


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.0.1", "[::1]"])
def test_plain_http_goes_to_a_loopback_address(host):
    assert make_settings(base_url=f"http://{host}:4100/").base_url == f"http://{host}:4100"


def test_a_number_may_come_as_text():
    found = with_numbers({"rate_limit": "12.5", "concurrency": "7", "org_id": "5", "other": "1"})
    assert found == {"rate_limit": 12.5, "concurrency": 7, "org_id": "5", "other": "1"}


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
    found = with_numbers({name: value})[name]
    assert (type(found), found) == (type(number), number)


def test_the_journal_goes_beside_the_errors_file_unless_it_is_turned_off():
    assert make_settings(errors_path="x/e.jsonl").journal_path == "x/e.jsonl.journal"
    assert make_settings(journal_path="none").journal_path is None


def test_every_setting_has_a_title_and_a_description():
    for name, schema in SETTINGS["properties"].items():
        assert schema.get("title"), name
        assert schema.get("description"), name


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


def test_a_setting_in_the_environment_that_nobody_hands_on_is_warned_of(monkeypatch, caplog):
    monkeypatch.setenv("TARGET_WORKOS_USERS_ONLY_ERRORS_FROM", "errors.jsonl")
    monkeypatch.setenv("TARGET_WORKOS_USERS_DRY_RUN", "true")
    with caplog.at_level("WARNING", "target-workos-users"):
        target = TargetWorkosUsers(config={**SANDBOX, "dry_run": True})
    target._control.close()
    (said,) = (message for message in caplog.messages if "has no effect" in message)
    assert "declare only_errors_from in the loader's settings" in said
