"""What the target says of itself: ``--about``, the documents, Meltano's project, the Hub."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from importlib import resources
from pathlib import Path

import jsonschema
import pytest
import yaml

from docs import generate
from target_workos_users.settings.schema import SETTINGS
from target_workos_users.target import TargetWorkosUsers
from tests.support.whole_target import COMMAND, records, schema, write_messages
from workos_sandbox import read_contents

ROOT = Path(__file__).parents[3]
BIN = Path(sys.executable).parent
HUB_FILE = ROOT / "hub" / "target-workos-users.yml"
HUB = yaml.safe_load(HUB_FILE.read_text())
PROJECT = (ROOT / "meltano.yml").read_text()

# meltano/hub: schemas/plugin_definitions/hub_metadata.schema.json and common.schema.json; a
# project has none of these.
HUB_ONLY = {
    "definition",
    "domain_url",
    "keywords",
    "log_parser",
    "maintenance_status",
    "quality",
    "supported_python_versions",
}


# --about


@pytest.fixture
def about(capsys):
    def show(form):
        TargetWorkosUsers.print_about(form)
        return capsys.readouterr().out

    return show


def test_about_as_text_has_all_that_is_declared_of_each_setting(about):
    blocks = about("text").split("  - Name: ")[1:]
    for block, (name, declared) in zip(blocks, SETTINGS["properties"].items(), strict=True):
        assert block.startswith(f"{name}\n    Title: {declared['title']}\n")
        assert f"Description: {declared['description']}\n" in block
        assert f"Environment Variable: TARGET_WORKOS_USERS_{name.upper()}" in block
        assert ("Secret: yes" in block) == bool(declared.get("secret"))
        assert ("Default: " in block.replace(declared["description"], "")) == (
            "default" in declared
        )
    keep = next(block for block in blocks if block.startswith("existing_users"))
    assert "    Default: keep\n    Allowed values: keep, update, fail\n" in keep


def test_about_as_markdown_has_all_that_is_declared_of_each_setting(about):
    text = about("markdown")
    assert "- `batch`\n" in text
    rows = [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in text.splitlines()
        if line.startswith("| `")
    ]
    assert [row[0] for row in rows] == [f"`{name}`" for name in SETTINGS["properties"]]
    rates = "more than 0, at most 1,000,000"
    by_name = {row[0].strip("`"): row[1:] for row in rows}
    assert by_name["concurrency"][:5] == ["Concurrency", "integer", "`20`", "1 to 100", ""]
    assert by_name["rate_limit"][:5] == ["Rate limit", "number", "`50`", rates, ""]
    assert by_name["api_key"][:5] == ["API key", "string", "", "", "yes"]
    assert by_name["existing_users"][3] == "keep, update, fail"
    for name, row in by_name.items():
        assert row[-1] == SETTINGS["properties"][name]["description"]


def test_about_as_json_is_the_schema_of_the_settings(about):
    shown = json.loads(about("json"))
    assert shown["settings"] == json.loads(json.dumps(SETTINGS))
    assert shown["settings"]["properties"]["api_key"]["secret"] is True
    assert shown["name"] == "target-workos-users"


def test_the_capabilities_are_those_that_have_their_tests():
    """batch: test_batches; stream-maps, schema-flattening: test_mapping; validate-records: golden.

    Not claimed: activate-version, soft-delete and hard-delete (nothing is ever deleted),
    target-schema and datatype-failsafe (no tables).
    """
    assert {each.value for each in TargetWorkosUsers.capabilities} == {
        "about",
        "batch",
        "stream-maps",
        "schema-flattening",
        "structured-logging",
        "validate-records",
    }


def test_its_log_is_structured_where_a_log_config_asks_for_it(tmp_path):
    config = tmp_path / "log.json"
    form = {"()": "singer_sdk.logging.StructuredFormatter"}
    handler = {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stderr"}
    config.write_text(
        json.dumps(
            {
                "version": 1,
                "disable_existing_loggers": False,
                "formatters": {"json": form},
                "handlers": {"stderr": handler},
                "root": {"level": "INFO", "handlers": ["stderr"]},
            }
        )
    )
    settings = tmp_path / "config.json"
    settings.write_text(json.dumps({"dry_run": True}))
    messages = write_messages(
        tmp_path / "messages", [schema(), *records([{"email": "ann@example.com"}])]
    )
    ended = subprocess.run(
        [COMMAND, "--config", settings, "--input", messages],
        env=os.environ | {"SINGER_SDK_LOG_CONFIG": str(config)},
        capture_output=True,
        check=True,
        text=True,
    )
    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    assert any("users: 1" in line["message"] for line in lines)


# Generated files


@pytest.mark.parametrize(("file", "generated"), generate.FILES.items())
def test_what_is_generated_into_a_file_is_up_to_date(file, generated):
    text = (ROOT / file).read_text()
    assert generated(text) == text, "run `uv run python -m docs.generate`"


def test_the_reference_names_every_setting_with_its_variable_and_the_readme_the_ten_that_matter():
    reference = (ROOT / "docs/settings.md").read_text()
    rows = re.findall(r"^\| `(\w+)`<br>`TARGET_WORKOS_USERS_(\w+)` \|", reference, re.MULTILINE)
    assert rows == [(name, name.upper()) for name in SETTINGS["properties"]]
    readme = (ROOT / "README.md").read_text()
    assert len(re.findall(r"^\| `\w+` \| ", readme, re.MULTILINE)) == 10


def test_the_definition_for_the_hub_is_up_to_date():
    assert generate.hub() == HUB_FILE.read_text(), "run `uv run python -m docs.generate`"


@pytest.mark.parametrize("definition", [HUB, yaml.safe_load(PROJECT)["plugins"]["loaders"][0]])
def test_a_definition_keeps_to_the_schema_that_meltano_ships(definition):
    shipped = json.loads(
        resources.files("meltano.schemas").joinpath("meltano.schema.json").read_text()
    )
    found = {key: value for key, value in definition.items() if key not in HUB_ONLY}
    # The Hub's schema knows this capability; the one of Meltano 4.4.1 doesn't yet.
    found["capabilities"] = [each for each in found["capabilities"] if each != "validate-records"]
    loader = {"$defs": shipped["$defs"], "$ref": "#/$defs/plugins/loaders"}
    jsonschema.Draft202012Validator(loader).validate(found)


def test_the_definition_has_what_the_hub_asks_for():
    """meltano/hub: common.schema.json, loaders.schema.json, hub_metadata.schema.json."""
    assert {
        "name",
        "namespace",
        "variant",
        "quality",
        "label",
        "pip_url",
        "executable",
    } <= HUB.keys()
    assert HUB["quality"] in {"gold", "silver", "bronze", "unknown"}
    assert HUB["maintenance_status"] in {"active", "beta", "development", "inactive", "unknown"}
    assert all(re.fullmatch(r"3\.\d+", version) for version in HUB["supported_python_versions"])
    settings = {each["name"]: each for each in HUB["settings"]}
    assert settings.keys() == SETTINGS["properties"].keys()
    assert {name for group in HUB["settings_group_validation"] for name in group} <= settings.keys()
    assert [name for name, each in settings.items() if each.get("sensitive")] == [
        name for name, each in SETTINGS["properties"].items() if each.get("secret")
    ]
    # Meltano 4.4.1 ends in a TypeError on a decimal.
    assert "decimal" not in {each["kind"] for each in settings.values()}


# In a Meltano project

USER = [schema(), *records([{"email": "ann@example.com"}, {"email": "broken"}])]


@pytest.fixture(scope="module")
def meltano(tmp_path_factory):
    """Runs Meltano in a folder of its own."""
    folder = tmp_path_factory.mktemp("project")

    def run(*arguments, **environment):
        return subprocess.run(
            [BIN / "meltano", "--log-level=warning", *arguments],
            cwd=folder,
            env=clean() | environment,
            capture_output=True,
            check=True,
            text=True,
        ).stdout

    run.folder = folder
    return run


def clean():
    kept = {name: text for name, text in os.environ.items() if not name.startswith("WORKOS")}
    return kept | {"PATH": f"{BIN}:{os.environ['PATH']}", "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "0"}


@pytest.fixture
def adding(meltano):
    """The README's three lines for a project of one's own: add, change the address, install."""
    (meltano.folder / "meltano.yml").write_text("send_anonymous_usage_stats: false\n")
    readme = (ROOT / "README.md").read_text().splitlines()
    first = next(n for n, line in enumerate(readme) if line.startswith("    meltano add "))
    return [line.replace("../target-workos-users", str(ROOT)) for line in readme[first : first + 3]]


def test_meltano_adds_the_loader_from_its_definition_and_hands_every_kind_of_setting_on(
    meltano, adding
):
    meltano(*adding[0].split()[1:])
    prefix = "TARGET_WORKOS_USERS_"
    given = {
        "SANDBOX_PATH": "sandbox.db",
        "RATE_LIMIT": "12.5",
        "CONCURRENCY": "7",
        "CREATE_MISSING_ORGS": "false",
        "DRY_RUN": "Y",
        "EXISTING_USERS": "update",
        "STREAMS": '["users"]',
        "STREAM_MAPS": '{"users": {"email": "mail"}}',
    }
    environment = {prefix + name: text for name, text in given.items()}
    config = json.loads(meltano("config", "print", HUB["name"], **environment))
    target = TargetWorkosUsers(config=config)
    settings = target.settings
    target.close()
    assert (settings.rate_limit, settings.concurrency) == (12.5, 7)
    assert (settings.create_missing_orgs, settings.existing_users) == (False, "update")
    assert settings.dry_run
    assert settings.streams == {"users"}
    assert target.config["stream_maps"] == {"users": {"email": "mail"}}
    (added,) = yaml.safe_load((meltano.folder / "meltano.yml").read_text())["plugins"]["loaders"]
    assert [each["name"] for each in added["settings"]] == [*SETTINGS["properties"]]
    assert added["commands"] == HUB["commands"]


@pytest.mark.slow
def test_the_loader_is_installed_and_loads_in_a_project_of_ones_own(meltano, adding):
    subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(adding)],
        cwd=meltano.folder,
        env=clean(),
        check=True,
        capture_output=True,
    )
    write_messages(meltano.folder / "input", USER)
    environment = {
        "TARGET_WORKOS_USERS_SANDBOX_PATH": "sandbox.db",
        "TARGET_WORKOS_USERS_ERRORS_PATH": "failed.jsonl",
    }
    meltano("invoke", HUB["name"], "--input", "input", **environment)
    assert [user["email"] for user in read_contents(meltano.folder / "sandbox.db").users] == [
        "ann@example.com"
    ]
    assert "1 records failed" in meltano("invoke", f"{HUB['name']}:errors", **environment)


def test_the_commands_of_the_loader_work_in_the_project(meltano):
    (meltano.folder / "meltano.yml").write_text(PROJECT)
    users = meltano.folder / "users.csv"
    users.write_text("email\nann@example.com\nbroken\n")
    loader = "target-workos-users"
    files = [{"entity": "users", "path": str(users), "keys": []}]
    meltano("run", "tap-csv", loader, TAP_CSV_FILES=json.dumps(files))
    assert "1 records failed" in meltano("invoke", f"{loader}:errors")
    assert "Report written to output/errors.runs/" in meltano("invoke", f"{loader}:report")
    (page,) = (meltano.folder / "output" / "errors.runs").glob("*.html")
    assert page.stat().st_size > 10_000
    with subprocess.Popen(
        [BIN / "meltano", "invoke", f"{loader}:sandbox", "--port", "0"],
        cwd=meltano.folder,
        env=clean(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as sandbox:
        try:
            assert sandbox.stdout.readline().startswith("WorkOS sandbox listening on http://127")
        finally:
            os.killpg(sandbox.pid, signal.SIGKILL)
