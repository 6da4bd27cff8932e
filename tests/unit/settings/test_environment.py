"""What counts of the environment, and what stops the run, without a process."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from singer_sdk.plugin_base import _plugin_log_level

from target_workos_users.exceptions import SettingsError
from target_workos_users.settings.environment import with_environment
from target_workos_users.settings.schema import SETTINGS
from target_workos_users.target import TargetWorkosUsers

PREFIX = "TARGET_WORKOS_USERS_"
EU = {"MELTANO_LOADER_NAME": "target-workos-users--eu"}
US = {"MELTANO_LOADER_NAME": "workos-us", "MELTANO_LOADER_NAMESPACE": "acme"}


def config(environment, **file):
    return with_environment(file, environment).config


def refused(environment, **file):
    with pytest.raises(SettingsError) as caught:
        with_environment(file, environment)
    return str(caught.value)


# What counts


@given(st.sampled_from(sorted(SETTINGS["properties"])), st.text(min_size=1), st.text())
def test_every_setting_has_a_variable_that_wins_over_the_file(name, text, in_the_file):
    variable = PREFIX + name.upper()
    given = with_environment({name: in_the_file}, {variable: text})
    assert given == ({name: text}, {name: variable})


def test_an_empty_variable_is_none():
    environment = {f"{PREFIX}DRY_RUN": "", f"{PREFIX}DRYRUN": "", "target_workos_users_x": ""}
    assert with_environment({"dry_run": True}, environment) == ({"dry_run": True}, {})


def test_an_inherited_plugin_goes_by_its_own_name_before_its_parents():
    both = {f"{PREFIX}_EU_CONCURRENCY": "2", f"{PREFIX}CONCURRENCY": "1"}
    assert config(EU | both) == {"concurrency": "2"}
    assert config(EU | {f"{PREFIX}DRY_RUN": "1"}) == {"dry_run": "1"}
    assert config(both) == {"concurrency": "1"}
    dashes = {"MELTANO_LOADER_NAME": "target-workos-users-eu"}
    assert config(dashes | {f"{PREFIX}EU_DRY_RUN": "1"}) == {"dry_run": "1"}
    other = {"WORKOS_US_CONCURRENCY": "3", "ACME_CONCURRENCY": "2", "ACME_DRY_RUN": "1"}
    assert config(US | other) == {"concurrency": "3", "dry_run": "1"}


def test_what_meltano_says_twice_is_taken_from_the_file_in_which_objects_are_whole():
    maps = {"users": {"email": "mail"}}
    echo = {
        f"{prefix}{name}": text
        for prefix in (PREFIX, f"{PREFIX}_EU_", "MELTANO_LOAD_")
        for name, text in {
            "STREAM_MAPS": '{"users.email": "mail"}',
            "STREAM_MAPS_USERS_EMAIL": "mail",
            "_DIALECT": "target_workos_users",
        }.items()
    }
    undeclared = {f"{PREFIX}_EU_DRY_RUN": "true"}
    assert config(EU | echo | undeclared, stream_maps=maps) == {
        "stream_maps": maps,
        "dry_run": "true",
    }


# What stops the run


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("TARGET_WORKOS_USERS_DRYRUN", "TARGET_WORKOS_USERS_DRY_RUN"),
        ("TARGET_WORKOS_USERS_dry_run", "TARGET_WORKOS_USERS_DRY_RUN"),
        ("target_workos_users_dry_run", "TARGET_WORKOS_USERS_DRY_RUN"),
        ("Target-Workos-Users.dry-run", "TARGET_WORKOS_USERS_DRY_RUN"),
        ("TARGET_WORKOS_USER_DRY_RUN", "TARGET_WORKOS_USERS_DRY_RUN"),
        ("TARGET_WORKOSUSERS_ERRORS_PATH", "TARGET_WORKOS_USERS_ERRORS_PATH"),
        ("TARGET_WORKOS_USERS_EU_ORG_EXTERNAL_ID", "TARGET_WORKOS_USERS_ORG_EXTERNAL_ID"),
        ("TARGET_WORKOS_USERS__DRY_RUN", "TARGET_WORKOS_USERS_DRY_RUN"),
        ("TARGET_WORKOS_USERS_EXISTING_USER", "TARGET_WORKOS_USERS_EXISTING_USERS"),
        ("TARGET_WORKOS_USERS_STREAM_MAPS_USERS_EMAIL", "TARGET_WORKOS_USERS_STREAM_MAPS"),
    ],
)
def test_a_variable_that_is_no_setting_is_named_with_the_nearest(variable, meant):
    assert refused({variable: "1"}) == f"{variable!r} isn't a setting. Did you mean {meant}?"


def test_under_its_own_name_too_an_inherited_plugin_is_not_misspelled():
    message = refused(EU | {f"{PREFIX}_EU_DRYRUN": "1"})
    assert message.endswith(f"isn't a setting. Did you mean {PREFIX}_EU_DRY_RUN?")
    assert refused(US | {"WORKOS_US_DRYRUN": "1"}).endswith("Did you mean WORKOS_US_DRY_RUN?")
    assert refused(US | {"workos_us_dry_run": "1"}).endswith("Did you mean WORKOS_US_DRY_RUN?")


def test_a_variable_in_small_letters_is_not_taken_for_the_one_that_meltano_declares():
    declared = {f"{PREFIX}DRY_RUN": "false", "MELTANO_LOAD_DRY_RUN": "false"}
    message = refused(declared | {"target_workos_users_dry_run": "true"}, dry_run=False)
    assert message.startswith("'target_workos_users_dry_run' isn't a setting.")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("dryrun", "dry_run"),
        ("dryRun", "dry_run"),
        ("DRY_RUN", "dry_run"),
        ("dry-run", "dry_run"),
        ("fail_on_error", "fail_on_errors"),
        ("target_workos_users_base_url", "base_url"),
        ("batch_size", "batch_size_rows"),
    ],
)
def test_a_name_in_the_file_that_is_no_setting_is_named_with_the_nearest(name, meant):
    assert refused({}, **{name: 1}) == f"{name!r} isn't a setting. Did you mean {meant}?"


def test_all_of_them_are_named_at_once():
    lines = refused({f"{PREFIX}DRYRUN": "1"}, dryrun=1, zzz=1).splitlines()
    assert lines[1:] == [
        "'zzz' isn't a setting. `target-workos-users --about` lists them all.",
        f"'{PREFIX}DRYRUN' isn't a setting. Did you mean {PREFIX}DRY_RUN?",
    ]


def test_a_setting_of_other_targets_is_told_why_it_is_none_here():
    why = (
        "isn't a setting of target-workos-users. It is for targets that write tables: leave it out."
    )
    assert refused({}, load_method="overwrite") == f"'load_method' {why}"
    variable = f"{PREFIX}ADD_RECORD_METADATA"
    assert refused({variable: "1"}) == f"'{variable}' {why}"


def test_a_setting_that_is_gone_is_told_what_takes_its_place():
    gone = "isn't a setting of target-workos-users. ledger_path takes its place."
    assert refused({}, journal_path="none") == f"'journal_path' {gone}"
    assert refused({f"{PREFIX}JOURNAL_PATH": "x"}) == f"'{PREFIX}JOURNAL_PATH' {gone}"


def test_a_name_with_a_secret_or_an_escape_in_it_is_not_shown_as_it_is():
    assert "hunter2" not in refused({}, **{"password=hunter2": 1})
    assert "\x1b" not in refused({}, **{"\x1b[31m": 1})


# What may stand there


@pytest.mark.parametrize(
    "environment",
    [
        {"TARGET_WORKOS_USERS_LOGLEVEL": "DEBUG"},
        {"TARGET_WORKOS_USERS__LOAD_SCHEMA": "extra"},
        {"TARGET_WORKOS_USERS__EU_API_KEY": "of another loader"},
        {"target_workos_users__eu_api_key": "of another loader"},
        {"MELTANO_LOAD_CUSTOM": "1", "TARGET_WORKOS_USERS_CUSTOM": "1"},
        {"TARGET_POSTGRES_DRY_RUN": "1", "TAP_WORKOS_USERS_DRY_RUN": "1", "DRY_RUN": "1"},
        EU | {"TARGET_WORKOS_USERS__EU_TEST_DRY_RUN": "of target-workos-users--eu-test"},
        EU | {"TARGET_WORKOS_USERS__EU__TEST_DRY_RUN": "of target-workos-users--eu--test"},
        US | {"WORKOS_US_EAST_DRY_RUN": "of workos-us-east", "WORKOS_USE": "1"},
        {"MELTANO_LOADER_NAME": "workos", "WORKOS_CLIENT_ID": "c", "WORKOS_SECRET_KEY": "s"},
    ],
)
def test_what_is_the_sdks_or_meltanos_or_another_plugins_may_stand_there(environment):
    assert config(environment) == {}


def test_the_log_level_is_a_variable_of_the_sdks(monkeypatch):
    monkeypatch.setenv(f"{PREFIX}LOGLEVEL", "debug")
    assert _plugin_log_level(plugin_name=TargetWorkosUsers.name) == "DEBUG"


# Values


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        *(("dry_run", text, True) for text in ("true", "TRUE", "1", "yes", "on", " True ", "y")),
        *(("create_missing_orgs", text, False) for text in ("false", "0", "No", "off", "n")),
        ("rate_limit", "12.5", 12.5),
        ("rate_limit", "1e3", 1000.0),
        ("abort_error_rate", ".25", 0.25),
        ("concurrency", " 7", 7),
        ("streams", '["users", "Ünï"]', frozenset({"users", "Ünï"})),
        ("streams", "[]", None),
        ("org_external_id", "007", "007"),
        ("errors_path", "true", "true"),
    ],
)
def test_a_variable_is_read_as_what_the_setting_is(monkeypatch, name, text, value):
    monkeypatch.setenv(f"{PREFIX}SANDBOX_PATH", "unused")
    monkeypatch.setenv(PREFIX + name.upper(), text)
    target = TargetWorkosUsers(parse_env_config=True)
    found = getattr(target.settings, name)
    target.close()
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("dry_run", "maybe", "found 'maybe', expected true or false."),
        ("dry_run", "2", "found '2', expected true or false."),
        ("concurrency", "7.5", "found '7.5', expected integer, at least 1, at most 100."),
        ("concurrency", "101", "found 101, expected integer, at least 1, at most 100."),
        ("rate_limit", "nan", "found 'nan', expected number, more than 0, at most 1000000."),
        ("rate_limit", "12,5", "found '12,5', expected number, more than 0, at most 1000000."),
        ("streams", "users,orders", "found 'users,orders', expected a list in JSON."),
        ("streams", '{"users": 1}', "found {'users': 1}, expected a list in JSON."),
        ("stream_maps", "users", "found 'users', expected an object in JSON."),
        ("stream_maps", "[" * 2000, "expected an object in JSON."),
        ("existing_users", "Keep", "expected string, one of ['keep', 'update', 'fail']."),
        ("batch_config", '{"key": "hunter2"', " expected an object in JSON."),
    ],
)
def test_a_value_that_cannot_be_read_is_named_by_its_variable(monkeypatch, name, text, message):
    variable = PREFIX + name.upper()
    monkeypatch.setenv(variable, text)
    with pytest.raises(SettingsError) as caught:
        TargetWorkosUsers(config={"sandbox_path": "unused"}, parse_env_config=True)
    said = str(caught.value)
    assert said.startswith(f"{variable}:")
    assert message in said
    assert "hunter2" not in said
