from __future__ import annotations

import sqlite3
import stat

import pytest

from target_workos_users.exceptions import SettingsError
from target_workos_users.ledger.store import open_database, open_for_reading


@pytest.fixture
def path(tmp_path):
    return tmp_path / "errors.jsonl.ledger"


def opened_and_closed(path):
    said = []
    open_database(path, said.append).close()
    return said


def aside(path):
    return [file for file in path.parent.iterdir() if file.name.startswith(f"{path.name}-2")]


def test_a_new_ledger_is_for_its_owner_only(path):
    assert opened_and_closed(path) == []
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_ledger_is_opened_again_with_what_is_in_it(path):
    database = open_database(path, print)
    key = database.execute("SELECT value FROM meta").fetchall()
    database.close()
    again = open_database(path, print)
    assert again.execute("SELECT value FROM meta").fetchall() == key
    again.close()


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM meta",
        "UPDATE meta SET value = 'text'",
        "UPDATE meta SET value = x'00'",
        "DROP TABLE meta",
    ],
)
def test_a_ledger_that_was_never_finished_or_is_torn_is_set_aside(path, damage):
    opened_and_closed(path)
    with sqlite3.connect(path) as database:
        database.execute(damage)
    database.close()
    (said,) = opened_and_closed(path)
    (old,) = aside(path)
    assert "is damaged" in said
    assert old.name in said
    assert "nothing is lost" in said
    assert opened_and_closed(path) == []


def test_a_ledger_whose_header_is_torn_is_set_aside(path):
    opened_and_closed(path)
    with path.open("r+b") as file:
        file.seek(44)  # sqlite.org/fileformat2.html: the schema format number
        file.write(b"torn")
    (said,) = opened_and_closed(path)
    assert "is damaged" in said
    assert opened_and_closed(path) == []


def test_a_file_of_noise_is_set_aside(path):
    path.write_bytes(b"noise" * 1000)
    (said,) = opened_and_closed(path)
    assert "is damaged" in said
    assert aside(path)[0].read_bytes() == b"noise" * 1000


def test_another_programs_database_is_left_alone(path):
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE theirs (a)")
    database.close()
    before = path.read_bytes()
    with pytest.raises(SettingsError, match="another program's database"):
        opened_and_closed(path)
    assert path.read_bytes()[100:] == before[100:]
    assert not aside(path)


def test_a_file_that_may_be_anything_is_left_alone(tmp_path):
    path = tmp_path / "customers.csv"
    path.write_text("email\nann@example.com\n" * 100)
    with pytest.raises(SettingsError, match="isn't an SQLite database"):
        opened_and_closed(path)
    assert path.read_text() == "email\nann@example.com\n" * 100


def test_a_ledger_of_a_later_version_is_left_alone(path):
    opened_and_closed(path)
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(SettingsError, match="version 99; upgrade"):
        opened_and_closed(path)


def test_a_locked_ledger_gets_one_clear_line(path, monkeypatch):
    monkeypatch.setattr("target_workos_users.ledger.store._SECONDS_TO_WAIT", 0.1)
    opened_and_closed(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(
        SettingsError, match=r"ledger_path: .* can't be used \(database is locked\)"
    ):
        opened_and_closed(path)
    other.close()


def test_a_temporary_ledger_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    opened_and_closed(None)
    assert list(tmp_path.iterdir()) == []


def test_looking_into_a_ledger_makes_none(path):
    with pytest.raises(SettingsError, match="There is no ledger"), open_for_reading(path):
        pass
    assert not path.exists()


def test_looking_into_another_file_says_so(path):
    path.write_text("no ledger")
    with pytest.raises(SettingsError, match="ledger"), open_for_reading(path):
        pass
