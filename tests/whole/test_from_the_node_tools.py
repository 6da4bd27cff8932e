"""The page for those who come from the Node tools: every option, and settings that exist."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from target_workos_users.settings.schema import SETTINGS
from tests.support.markdown import blocks

PAGE = Path(__file__).parents[2] / "docs/from-the-node-tools.md"
TABLE = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.read_text().partition("## Option by option")[2].splitlines()
    if line.startswith("| `")
]
OPTIONS = {
    *("--csv", "--job-id", "--resume", "--chunk-size", "--checkpoint-dir", "--concurrency"),
    *("--rate-limit", "--workers", "--org-id", "--org-external-id", "--org-name"),
    *("--create-org-if-missing", "--require-membership", "--dry-run", "--plan", "--yes"),
    *("import-package", "validate-package", "enroll-totp", "export-template", "wizard"),
    *("--quiet", "--errors", "--errors-out", "--retry-csv", "--role-mapping", "--role-definitions"),
}


def test_every_option_is_there():
    text = PAGE.read_text()
    assert [option for option in OPTIONS if not re.search(rf"`[^`]*{option}\b", text)] == []


def test_the_settings_that_it_names_exist_and_have_the_defaults_that_it_says():
    named = {
        (name, value)
        for _, here, _ in TABLE
        for name, value in re.findall(r"`([a-z_]+)(?:: ([^`]+))?`", here)
    }
    assert {name for name, _ in named} - SETTINGS["properties"].keys() == {
        *("role_slugs", "role_definitions", "user_role_assignments")  # a column, and streams
    }
    given = {name: yaml.safe_load(value) for name, value in named if value}
    for name in ("batch_size_rows", "concurrency", "rate_limit", "errors_path"):
        assert SETTINGS["properties"][name]["default"] == given[name]


def test_the_settings_of_the_moved_command_exist():
    [project] = [yaml.safe_load(each.text) for each in blocks(PAGE) if each.language == "yaml"]
    [loader] = project["environments"][0]["config"]["plugins"]["loaders"]
    assert loader["config"].keys() <= SETTINGS["properties"].keys()
