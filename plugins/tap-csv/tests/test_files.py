from __future__ import annotations

import json

import pytest
from tap_csv.exceptions import TapError
from tap_csv.files import FileDefinition, file_definitions


@pytest.fixture
def folder(tmp_path):
    for name, content in {
        "b.csv": "email,name\n",
        "a.csv": "id,email\n",
        "notes.txt": "not a csv\n",
        "sub/c.csv": "email\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


def names(definition, folder):
    return [str(file.path.relative_to(folder)) for file in definition.files]


def test_a_folder_means_every_csv_in_it_and_below_sorted(folder):
    definition = FileDefinition.from_config({"entity": "users", "path": str(folder)})
    assert names(definition, folder) == ["a.csv", "b.csv", "sub/c.csv"]


def test_a_file_may_have_any_name(folder):
    definition = FileDefinition.from_config(
        {"entity": "users", "path": str(folder / "notes.txt"), "keys": ["not a csv"]}
    )
    assert definition.columns() == ["not a csv"]


def test_the_columns_of_a_folder_are_those_of_all_its_files(folder):
    definition = FileDefinition.from_config(
        {"entity": "users", "path": str(folder), "keys": ["email"]}
    )
    assert definition.columns() == ["id", "email", "name"]


def test_a_file_that_lacks_a_key_column_is_refused_by_name(folder):
    definition = FileDefinition.from_config(
        {"entity": "users", "path": str(folder), "keys": ["id"]}
    )
    with pytest.raises(TapError, match=r"b\.csv has no column id"):
        definition.columns()


def test_keys_that_the_tap_does_not_know_are_left_alone(folder):
    entry = {"entity": "users", "path": str(folder / "a.csv"), "compression": "none"}
    assert file_definitions({"files": [entry]})[0].entity == "users"


def test_a_definitions_file_wins_over_files(folder):
    source = folder / "definitions.json"
    source.write_text(json.dumps([{"entity": "people", "path": str(folder / "a.csv")}]))
    config = {
        "csv_files_definition": str(source),
        "files": [{"entity": "users", "path": str(folder / "b.csv")}],
    }
    assert [definition.entity for definition in file_definitions(config)] == ["people"]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"path": "a.csv"}, "every entry needs an `entity` and a `path`"),
        ({"entity": "users"}, "every entry needs an `entity` and a `path`"),
        ({"entity": "users", "path": "a.csv", "delimiter": ";;"}, "entity users: .*delimiter"),
        ({"entity": "users", "path": "a.csv", "encoding": "utf-88"}, "unknown encoding: utf-88"),
        ({"entity": "users", "path": "a.csv", "encoding": "base64"}, "not a text encoding"),
        ({"entity": "users", "path": "gone.csv"}, r"/gone\.csv: no such file or folder"),
        ({"entity": "users", "path": "empty"}, r"empty: no \*\.csv file in this folder"),
    ],
)
def test_a_wrong_entry_is_refused(folder, monkeypatch, entry, message):
    (folder / "empty").mkdir()
    monkeypatch.chdir(folder)
    with pytest.raises(TapError, match=message):
        file_definitions({"files": [entry]})


def test_one_entity_can_not_be_defined_twice(folder):
    entry = {"entity": "users", "path": str(folder / "a.csv")}
    with pytest.raises(TapError, match="entity users is listed twice"):
        file_definitions({"files": [entry, entry]})


@pytest.mark.parametrize("config", [{}, {"files": []}])
def test_nothing_to_read_is_an_error(config):
    with pytest.raises(TapError, match="set `files`"):
        file_definitions(config)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "No such file"), ("[{", "Expecting"), ('{"entity": "users"}', "not a JSON list")],
)
def test_a_bad_definitions_file_is_named(tmp_path, content, message):
    source = tmp_path / "definitions.json"
    if content:
        source.write_text(content)
    with pytest.raises(TapError, match=rf"definitions\.json.*{message}"):
        file_definitions({"csv_files_definition": str(source)})
