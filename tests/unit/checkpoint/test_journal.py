from __future__ import annotations

import json
import stat

import pytest

from target_workos_users.checkpoint import journal as journal_module
from target_workos_users.checkpoint.journal import Finished, Journal, read_journal
from target_workos_users.checkpoint.state import Entry, StoredStream, fingerprint
from target_workos_users.exceptions import SettingsError

MADE = {"created": 1}


def digest(number):
    return number.to_bytes(16)


def entry(seq, *, lineage="aaaa", chunks=()):
    streams = {"users": StoredStream(chunks=list(chunks))}
    return Entry(version=1, lineage=lineage, seq=seq, destination="here", streams=streams)


class Import:
    """Writes a journal as an import does: records, then a mark at each STATE line."""

    def __init__(self, path, lineage="aaaa"):
        self.path = path
        self.lineage = lineage
        self.journal = Journal(str(path))
        self.seq = 0
        self.journal.open(lineage, 0, self.fingerprint(0), {})

    def fingerprint(self, seq):
        return fingerprint(entry(seq, lineage=self.lineage), {})

    def finish(self, *numbers, stream="users"):
        for number in numbers:
            self.journal.add(stream, digest(number), MADE)

    def mark(self, *, moved=(), uncommitted=()):
        self.seq += 1
        left = [("users", digest(number), MADE) for number in uncommitted]
        self.journal.mark(self.seq, self.fingerprint(self.seq), moved, left)

    def finished_since(self, seq):
        """(done after the mark, done before it), by number, of the stream ``users``."""
        known = self.read(entry(seq, lineage=self.lineage)).get("users", Finished())
        after, before = known.uncounted.keys(), known.counted - known.uncounted.keys()
        return sorted(map(int.from_bytes, after)), sorted(map(int.from_bytes, before))

    def read(self, checkpoint):
        return read_journal(self.path, checkpoint, fingerprint(checkpoint, {}))


@pytest.fixture
def made(tmp_path):
    made = Import(tmp_path / "journal")
    made.finish(1, 2)
    made.mark(moved=["users"])  # a stream with a bookmark of its own
    made.finish(3, 4)
    made.mark(uncommitted=[4])
    made.finish(5)
    yield made
    made.journal.close()


def test_what_was_finished_after_a_checkpoint_is_known(made):
    assert made.finished_since(2) == ([4, 5], [1, 2, 3])


def test_an_older_checkpoint_knows_all_that_came_after_it(made):
    assert made.finished_since(1) == ([3, 4, 5], [1, 2])


def test_the_outcome_of_a_record_is_known_once_for_each_time_that_it_was_done(made):
    made.finish(5)
    users = made.read(entry(2))["users"]
    assert users.take(digest(5)) == MADE
    assert users.take(digest(5)) == MADE
    assert users.take(digest(5)) is None
    assert users.take(digest(1)) == users.take(digest(1)) == {"unchanged": 1}


def test_streams_are_kept_apart(made):
    made.finish(9, stream="others")
    made.mark()
    finished = made.read(entry(2))
    assert finished["others"].take(digest(9)) == MADE
    assert finished["users"].take(digest(9)) is None


@pytest.mark.parametrize(
    "checkpoint",
    [
        entry(3),
        entry(2, lineage="bbbb"),
        entry(2, chunks=[(3, "edited by hand")]),
    ],
    ids=["a seq never marked", "another import", "the same seq, edited"],
)
def test_a_journal_that_does_not_know_the_very_checkpoint_is_ignored(made, checkpoint):
    assert made.read(checkpoint) == {}


def test_there_need_not_be_a_journal(tmp_path):
    assert read_journal(tmp_path / "none", entry(1), "") == {}


@pytest.mark.parametrize("cut", range(1, 60))
def test_a_torn_tail_is_ignored_and_what_is_before_it_is_not(made, cut):
    whole = made.path.read_bytes()
    made.path.write_bytes(whole[:-cut])
    after, before = made.finished_since(1)
    assert before == [1, 2]
    assert [3, 4, 5][: len(after)] == after


@pytest.mark.parametrize("rubbish", [b"", b"\0\0\0\n", b'{"journal":1}\n', b"[]\n", b"\xff\n"])
def test_rubbish_instead_of_a_journal_is_ignored(made, rubbish):
    made.path.write_bytes(rubbish)
    assert made.finished_since(2) == ([], [])


def test_what_follows_rubbish_is_not_believed(made):
    """After a crash of the machine there may be anything."""
    lines = made.path.read_bytes().splitlines(keepends=True)
    made.path.write_bytes(b"".join([*lines[:-1], b"\0\0\0\n", lines[-1]]))
    assert made.finished_since(2) == ([4], [1, 2, 3])


def test_of_a_stream_without_a_bookmark_nothing_before_the_checkpoint_is_believed(tmp_path):
    """It may be superseded: A was loaded, then B in its place, and now the source has A again."""
    made = Import(tmp_path / "journal")
    made.finish(1)
    made.mark()
    made.finish(2)
    made.mark()
    made.finish(3)
    assert made.finished_since(2) == ([3], [])
    made.journal.close()


def test_only_the_last_three_checkpoints_are_known(made):
    for _ in range(2):
        made.mark()
    assert made.read(entry(2)) != {}
    assert made.read(entry(1)) == {}


def test_where_the_tap_starts_again_belongs_to_the_checkpoint():
    def state(value):
        return {"bookmarks": {"users": {"replication_key_value": value}}}

    assert fingerprint(entry(1), state(1)) != fingerprint(entry(1), state(2))
    assert fingerprint(entry(1), {}) == fingerprint(entry(1), {"bookmarks": {"users": {}}})


def test_a_moved_bookmark_forgets_what_was_before_the_last_mark(tmp_path):
    """The tap starts from its new bookmark: what it sent before the mark doesn't come again."""
    made = Import(tmp_path / "journal")
    made.finish(1)
    made.mark()
    made.finish(2)
    made.mark(moved=["users"])
    made.finish(3)
    assert made.finished_since(2) == ([3], [2])
    made.mark()
    assert made.finished_since(3) == ([], [2, 3])
    made.journal.close()


def test_a_run_that_goes_on_hands_on_what_is_still_true(made):
    made.journal.close()
    checkpoint = entry(2)
    finished = made.read(checkpoint)
    again = Journal(str(made.path))
    again.open("aaaa", 2, fingerprint(checkpoint, {}), finished)
    again.close()
    assert made.finished_since(2) == ([4, 5], [1, 2, 3])
    assert made.read(checkpoint)["users"].take(digest(5)) == MADE
    assert made.finished_since(1) == ([], [])


def test_another_import_starts_an_empty_one(made):
    made.journal.close()
    again = Journal(str(made.path))
    again.open("bbbb", 0, "", {})
    again.close()
    assert made.finished_since(2) == ([], [])


def test_it_stays_small_and_keeps_the_last_three_marks(tmp_path, monkeypatch):
    monkeypatch.setattr(journal_module, "_WORTH_COMPACTING", 2000)
    made = Import(tmp_path / "journal")
    sizes = []
    for chunk in range(60):
        made.finish(*range(chunk * 10, chunk * 10 + 10))
        made.mark(moved=["users"])
        sizes.append(made.path.stat().st_size)
    assert max(sizes) < 6000
    made.finish(600)
    for back in range(3):
        assert made.finished_since(60 - back)[0] == list(range(600 - 10 * back, 601))
    made.journal.close()


def test_since_a_bookmark_moved_everything_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(journal_module, "_WORTH_COMPACTING", 2000)
    made = Import(tmp_path / "journal")
    made.finish(0)
    made.mark(moved=["users"])
    for chunk in range(60):
        made.finish(*range(chunk * 10, chunk * 10 + 10))
        made.mark()
    assert made.finished_since(61) == ([], list(range(600)))
    made.journal.close()


def test_but_only_so_many_records_of_it(tmp_path, monkeypatch):
    monkeypatch.setattr(journal_module, "_WORTH_COMPACTING", 2000)
    monkeypatch.setattr(journal_module, "_MOST_SINCE_MOVE", 100)
    made = Import(tmp_path / "journal")
    made.mark(moved=["users"])
    for chunk in range(60):
        made.finish(*range(chunk * 10, chunk * 10 + 10))
        made.mark()
    _, before = made.finished_since(61)
    assert len(before) < 200
    assert before[-1] == 599
    made.journal.close()


def test_it_holds_digests_only_and_is_for_its_owner(made):
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
    for line in map(json.loads, made.path.read_text().splitlines()):
        assert isinstance(line, list | dict)
        assert (
            line[0] == "users"
            if isinstance(line, list)
            else line.keys()
            <= {
                "journal",
                "lineage",
                "bookmarked",
                "mark",
                "fingerprint",
                "moved",
            }
        )


def test_one_that_is_turned_off_does_nothing():
    off = Journal(None)
    off.open("aaaa", 0, "", {})
    off.add("users", digest(1), MADE)
    off.mark(1, "", [], [])
    off.close()


def test_one_that_cannot_be_written_stops_the_run_before_anything_is_loaded(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"journal_path: .*/file/journal can't be written"):
        Journal(str(tmp_path / "file" / "journal")).open("aaaa", 0, "", {})
