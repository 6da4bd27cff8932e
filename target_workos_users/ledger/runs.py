"""A run as the ledger knows it, and whether its checkpoint goes on from where the last one was."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from target_workos_users.ledger.database import Database

_TURNS_OF_A_RUN = 1 << 32


class LastRun(NamedTuple):
    """The last run of an import, as the ledger knows it.

    Attributes:
        began: The mark that it started from.
        marks: One for each STATE line that it printed, oldest first.
        ended: Its last STATE line was printed, in an orderly end.
    """

    began: str
    marks: list[str]
    ended: bool


def goes_on(last: LastRun, mark: str) -> bool:
    """Whether a run that starts from ``mark`` goes on from the last one.

    It does after an orderly end, from the newest STATE line; and after any other end from every
    STATE line of that run, and from the one that it started from, since Meltano stores no line
    that is printed after a signal (measured, 4.4.1). Any other checkpoint was cleared, edited or
    set back: somebody wants what it doesn't cover to be loaded again.

    Args:
        last: The newest of this import.
        mark: Of the checkpoint that came in.
    """
    newest = last.marks[-1] if last.marks else last.began
    return mark == newest or (not last.ended and mark in {last.began, *last.marks})


class Run:
    """This run, which gives what it notes a place in the order of all.

    Attributes:
        lineage: Of its import.
        first_turn: Whatever is noted in this run comes after it.
        earlier: The import before it in this ledger: as a rule the same one, before its checkpoint
            was cleared.
        reset: Nothing noted before this turn is taken for done.
    """

    def __init__(
        self, run_id: int, lineage: str, reset: int | None = None, earlier: str | None = None
    ) -> None:
        self.lineage = lineage
        self.earlier = earlier
        self.first_turn = run_id * _TURNS_OF_A_RUN
        self.reset = self.first_turn if reset is None else reset
        self._id = run_id
        self._turn = self.first_turn

    def next_turn(self) -> int:
        """The place of what is noted now; it grows from run to run."""
        self._turn += 1
        return self._turn

    def mark(self, database: Database, seq: int, fingerprint: str) -> None:
        """A STATE line is about to be printed."""
        database.write("INSERT INTO marks VALUES (?, ?, ?)", (self._id, seq, fingerprint))
        database.commit()

    def end(self, database: Database) -> None:
        """The last STATE line of an orderly run is printed."""
        database.write("UPDATE runs SET ended = 1 WHERE id = ?", (self._id,))
        database.commit()


NOT_BEGUN = Run(0, "")


def begin_run(database: Database, lineage: str | None, mark: str) -> tuple[Run, bool]:
    """The run that begins, and whether it goes on from the last one of its lineage.

    Args:
        database: The ledger's.
        lineage: Of the checkpoint. None: the run goes beside the last import.
        mark: The checkpoint's fingerprint.
    """
    found = database.query(
        "SELECT id, lineage, reset FROM runs WHERE lineage = coalesce(?, lineage) "
        "ORDER BY id DESC LIMIT 1",
        (lineage,),
    )
    last: tuple[int, str, int] | None = found[0] if found else None
    continued = last is not None and (
        lineage is None or goes_on(_last_run(database, last[0]), mark)
    )
    at = datetime.now(UTC).isoformat(timespec="seconds")
    values = (lineage, mark, at)
    database.write("INSERT INTO runs (lineage, began, at, ended) VALUES (?, ?, ?, 0)", values)
    with database.reading():
        run_id = int(database.query("SELECT max(id) FROM runs")[0][0])
    lineage_now = lineage or (last[1] if last else "")
    earlier = database.query(
        "SELECT lineage FROM runs WHERE id < (SELECT min(id) FROM runs WHERE lineage = ?) "
        "ORDER BY id DESC LIMIT 1",
        (lineage_now,),
    )
    run = Run(
        run_id,
        lineage_now,
        last[2] if last and continued else None,
        earlier[0][0] if earlier else None,
    )
    database.write("UPDATE runs SET reset = ? WHERE id = ?", (run.reset, run_id))
    if last and lineage is not None:
        database.write("DELETE FROM marks WHERE run = ?", (last[0],))
    database.commit()
    return run, continued


def _last_run(database: Database, run_id: int) -> LastRun:
    with database.reading():
        began, ended = database.query("SELECT began, ended FROM runs WHERE id = ?", (run_id,))[0]
        marks = database.query(
            "SELECT fingerprint FROM marks WHERE run = ? ORDER BY seq", (run_id,)
        )
        return LastRun(began, [mark for (mark,) in marks], bool(ended))
