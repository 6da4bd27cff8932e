from __future__ import annotations

import csv
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from target_workos_users.progress.totals import Total, count_rows

CELLS = st.text(st.sampled_from("ab\",;'\n\r é"), max_size=6)


def total(files, folder, *, given=None, streams=None):
    found = Total(given, streams)
    text = files if isinstance(files, str) else json.dumps(files)
    found.start({"TAP_CSV_FILES": text, "MELTANO_PROJECT_ROOT": str(folder)})
    found.wait(10)
    return found.value


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows=st.lists(st.lists(CELLS, min_size=2, max_size=2), max_size=20))
def test_quoted_line_ends_are_not_rows(tmp_path, rows):
    path = tmp_path / "users.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["email", "name"], *rows])
    assert count_rows(path, {}) == len(rows)


def test_blank_lines_are_not_rows(tmp_path):
    path = tmp_path / "users.csv"
    path.write_text("email\n\na@example.com\n\n\nb@example.com")
    assert count_rows(path, {}) == 2


def test_the_files_own_dialect_and_encoding_hold(tmp_path):
    path = tmp_path / "users.csv"
    path.write_text("email;name\na@example.com;'Ada\nMaria'\n", encoding="utf-16")
    assert count_rows(path, {"delimiter": ";", "quotechar": "'", "encoding": "utf-16"}) == 1


def test_a_very_long_field_is_no_obstacle(tmp_path):
    path = tmp_path / "users.csv"
    path.write_text("email,name\na@example.com," + 200_000 * "x" + "\nb@example.com,y\n")
    assert count_rows(path, {}) == 2


def test_files_and_folders_of_the_taken_streams_are_counted(tmp_path):
    (tmp_path / "more").mkdir()
    for name, rows in (("users.csv", 3), ("more/a.csv", 2), ("more/b.csv", 1), ("groups.csv", 9)):
        (tmp_path / name).write_text("email\n" + rows * "a@example.com\n")
    files = [
        {"entity": "users", "path": "users.csv"},
        {"entity": "more", "path": "more"},
        {"entity": "groups", "path": "groups.csv"},
    ]
    assert total(files, tmp_path) == 15
    assert total(files, tmp_path, streams=frozenset({"users", "more"})) == 6


def test_the_setting_wins(tmp_path):
    (tmp_path / "users.csv").write_text("email\na@example.com\n")
    assert total([{"entity": "users", "path": "users.csv"}], tmp_path, given=7) == 7


@pytest.mark.parametrize(
    "files",
    [
        "not json",
        "{}",
        "[1]",
        [{"entity": "users"}],
        [{"entity": "users", "path": "gone.csv"}],
        [{"entity": "users", "path": "users.csv", "encoding": "klingon"}],
        [{"entity": "users", "path": "users.csv", "delimiter": "too long"}],
    ],
)
def test_what_cannot_be_counted_is_unknown_and_no_error(tmp_path, files):
    (tmp_path / "users.csv").write_text("email\na@example.com\n")
    assert total(files, tmp_path) in {None, 0}
