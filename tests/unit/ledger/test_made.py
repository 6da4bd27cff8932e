"""What an import made, taken back."""

from __future__ import annotations

from contextlib import closing

from target_workos_users.ledger.database import Database
from target_workos_users.ledger.made import MadeByImport
from target_workos_users.ledger.store import open_database

FORGET = (
    "DELETE FROM records WHERE person = 1",
    "DELETE FROM records WHERE membership = 'om_1'",
    "DELETE FROM records WHERE organization = 1",
)


def plans(connection):
    return [
        row[-1].split()[0]  # SCAN the table, or SEARCH it with an index
        for statement in FORGET
        for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")
    ]


def test_each_deletion_costs_the_same_however_many_records_there_are(tmp_path):
    with closing(open_database(tmp_path / "ledger", print)) as connection:
        made = MadeByImport(Database(connection, tmp_path / "ledger"))
        with made.undo():
            assert plans(connection) == ["SEARCH"] * 3


def test_an_import_after_an_undo_does_not_pay_for_it(tmp_path):
    with closing(open_database(tmp_path / "ledger", print)) as connection:
        indexes = "SELECT count(*) FROM sqlite_master WHERE name LIKE 'of_%'"
        made = MadeByImport(Database(connection, tmp_path / "ledger"))
        for _ in range(2):
            with made.undo():
                assert connection.execute(indexes).fetchone() == (3,)
            assert connection.execute(indexes).fetchone() == (0,)
