"""What is in the way before a run: it stops before it loads anything, and says what it needs."""

from __future__ import annotations

import os

import pytest

from workos_sandbox import read_contents

SETTINGS = {
    "errors_path": "errors.jsonl",
    "ledger_path": "errors.jsonl.ledger",
    "summary_path": "summary.json",
}


def a_folder(path):
    path.mkdir()


def a_link(path):
    """To a file of somebody else's, which must stay as it is."""
    path.with_name("precious").write_text("precious")
    path.symlink_to("precious")


def a_dangling_link(path):
    path.symlink_to("nowhere")


def a_pipe(path):
    os.mkfifo(path)


OBSTACLES = {
    "errors_path": [a_link, a_pipe],
    "ledger_path": [a_link],
    "summary_path": [a_folder],
}


@pytest.mark.parametrize(
    ("setting", "obstacle"),
    [
        pytest.param(name, obstacle, marks=() if obstacle in OBSTACLES[name] else pytest.mark.slow)
        for name in SETTINGS
        for obstacle in (a_folder, a_link, a_dangling_link, a_pipe)
    ],
)
def test_what_is_no_file_stops_the_run_before_anything_is_loaded(lab, setting, obstacle):
    path = lab.output / SETTINGS[setting]
    lab.output.mkdir()
    lab.settings["summary_path"] = str(lab.output / SETTINGS["summary_path"])
    obstacle(path)
    named = f"{setting}: {path} can't be"
    lab.stopped(lab.run(), f"{named} written (", f"{named} used (")
    assert not lab.runs[-1].states
    assert not read_contents(lab.db).users
    if obstacle is a_link:
        assert path.read_text() == "precious"
    path.rmdir() if obstacle is a_folder else path.unlink()
    lab.go_on()
    lab.check()


@pytest.mark.slow
@pytest.mark.parametrize("setting", SETTINGS)
def test_a_folder_that_can_not_be_made_stops_it_too(lab, setting):
    (lab.folder / "file").touch()
    lab.settings[setting] = str(lab.folder / "file" / SETTINGS[setting])
    named = f"{setting}: {lab.folder}/file/{SETTINGS[setting]} can't be"
    lab.stopped(lab.run(), f"{named} written (", f"{named} used (")
    assert not read_contents(lab.db).users
    del lab.settings[setting]
    lab.go_on()
    lab.check()


def test_a_folder_that_is_missing_is_made(lab):
    lab.settings["summary_path"] = str(lab.folder / "of" / "summaries" / "summary.json")
    lab.go_on()
    lab.check()


def test_a_link_in_place_of_what_a_killed_run_left_is_not_followed(lab):
    """``<name>.lock`` keeps other runs off."""
    lab.output.mkdir()
    precious = lab.folder / "precious"
    precious.write_text("precious")
    lab.errors_path.with_suffix(".jsonl.lock").symlink_to(precious)
    lab.stopped(lab.run(), "it is a symbolic link or a device, not a file")
    assert precious.read_text() == "precious"
