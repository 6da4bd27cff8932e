from __future__ import annotations

import re
from pathlib import Path

from tap_csv.tap import TapCSV

PLUGIN = Path(__file__).parents[1]
README = (PLUGIN / "README.md").read_text()


def first_column(section):
    """What stands in backticks in the first column of a section's tables."""
    text = README.split(f"\n## {section}\n")[1].split("\n## ")[0]
    cells = re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
    return [name for cell in cells for name in re.findall("`([^`]+)`", cell)]


def test_every_setting_is_documented():
    settings = TapCSV.config_jsonschema["properties"]
    own = {"files", "csv_files_definition", "add_metadata_columns"}
    entry = settings["files"]["items"]["properties"]
    assert own <= settings.keys()
    assert set(first_column("Settings")) == own | entry.keys()


def test_every_documented_message_is_one_that_the_tap_has():
    sources = "".join(path.read_text() for path in (PLUGIN / "tap_csv").glob("*.py"))
    code = re.sub(r'"\s+f?"', "", sources).replace("`", "")
    messages = first_column("What comes out") + first_column("What stops it")
    assert len(messages) > 20
    for message in messages:
        for part in re.split("…|utf-16|utf-8|';'", message.removeprefix("is ")):
            assert part.strip(", ") in code or part == "field larger than field limit"
