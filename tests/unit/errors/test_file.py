from __future__ import annotations

import json
import os
import stat
from decimal import Decimal
from pathlib import Path

import pytest

from target_workos_users.errors import (
    ErrorsFile,
    check_of,
    error_line,
    read_errors,
    record_check,
)
from target_workos_users.exceptions import ErrorType, OutputError, RecordError, SettingsError


def line(number):
    return error_line(
        kind="users",
        stream="users",
        record_number=number,
        chunk=1,
        record={"email": f"user{number}@example.com", "password": "hunter2 hunter2"},
        error=RecordError(ErrorType.USER_CREATE, "No.", http_status=400, workos_code="no"),
    )


def numbers(path):
    return [each.record_number for each in read_errors(path)]


@pytest.fixture
def errors(tmp_path):
    errors = ErrorsFile(str(tmp_path / "errors.jsonl"))
    yield errors
    errors.close()


def test_a_line_says_what_failed_and_has_no_secret():
    found = line(7)
    assert found["email"] == "user7@example.com"
    assert (found["error_type"], found["error_message"]) == ("user_create", "No.")
    assert (found["http_status"], found["workos_code"], found["retryable"]) == (400, "no", False)
    assert found["record"]["password"] == "[redacted]"
    assert "hunter2" not in json.dumps(found)


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("Drupal 7's SHA-512 ($S$), which WorkOS can't verify", None),
        ("'$S$DaB3dE6gH9jK2lM5nO8p' isn't one of WorkOS's", "'[redacted]' isn't one of WorkOS's"),
        ('found "it\'s token: x" there', 'found "[redacted]" there'),
    ],
)
def test_a_secret_that_a_message_quotes_is_redacted_and_its_own_words_are_not(message, shown):
    error = RecordError(ErrorType.INVALID_RECORD, message)
    found = error_line(
        kind="users", stream="users", record_number=1, chunk=1, record={}, error=error
    )
    assert found["error_message"] == (shown or message)


def test_a_line_names_the_organization_of_the_error_before_that_of_the_record():
    error = RecordError(ErrorType.MEMBERSHIP_CREATE, "No.", org_id="org_1")
    record = {"email": "a@example.com", "org_id": "org_2", "org_external_id": "acme"}
    found = error_line(
        kind="users",
        stream="users",
        record_number=1,
        chunk=1,
        record=record,
        error=error,
    )
    assert (found["org_id"], found["org_external_id"]) == ("org_1", "acme")


def test_lines_are_on_disk_when_append_returns(errors, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(os.fstat(fd).st_size))
    errors.open(0, "")
    errors.append([line(1), line(2)])
    assert synced == [errors.size] == [errors.path.stat().st_size]
    assert numbers(errors.path) == [1, 2]


def test_nothing_is_synced_for_a_chunk_without_failures(errors, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: pytest.fail("synced"))
    errors.open(0, "")
    errors.append([])
    assert errors.size == 0


def test_it_is_for_its_owner_even_if_it_was_not_before(errors):
    errors.path.touch(0o644)
    errors.open(0, "")
    assert stat.S_IMODE(errors.path.stat().st_mode) == 0o600


def test_what_the_checkpoint_does_not_cover_is_cut_off(errors):
    errors.open(0, "")
    errors.append([line(1)])
    covered = errors.size, errors.tail
    errors.append([line(2)])
    errors.close()
    again = ErrorsFile(str(errors.path))
    assert again.open(*covered)
    again.append([line(3)])
    again.close()
    assert numbers(errors.path) == [1, 3]
    assert again.size == errors.path.stat().st_size


@pytest.mark.parametrize("changed_since", [False, True])
def test_a_kill_between_a_shorter_file_and_the_checkpoint_that_says_so_loses_no_line(
    errors, changed_since
):
    errors.open(0, "")
    errors.append([line(1), line(2)])
    of_checkpoint = errors.size, errors.tail
    errors.close()
    errors.open(*of_checkpoint)
    noted = []
    errors.before_replacing = lambda *position: noted.append(position)
    errors.drop_lines(lambda each: each.record_number == 2)
    errors.close()
    if changed_since:
        errors.path.write_bytes(errors.path.read_bytes() * 2)
    assert errors.open(*of_checkpoint, replaced=noted[-1]) is not changed_since
    assert numbers(errors.path) == ([] if changed_since else [1])


def test_a_file_that_was_moved_away_is_told_and_a_new_one_begun(errors):
    assert not errors.open(1000, "the digest of its last line")
    errors.append([line(1)])
    assert numbers(errors.path) == [1]
    assert errors.size == errors.path.stat().st_size


def test_a_fresh_import_moves_the_file_of_the_last_one_aside(errors):
    for number in (1, 2, 3):
        errors.open(0, "")
        errors.append([line(number)])
        errors.close()
    aside = sorted(errors.path.parent.glob("errors-*.jsonl"))
    assert len(aside) == 2
    assert sorted(numbers(path)[0] for path in aside) == [1, 2]
    assert numbers(errors.path) == [3]


def test_an_empty_file_is_not_worth_moving(errors):
    errors.path.touch()
    errors.open(0, "")
    assert [path.name for path in errors.path.parent.iterdir()] == ["errors.jsonl"]


def replace(path):
    new = path.with_suffix(".new")
    new.write_bytes(path.read_bytes())
    new.rename(path)


@pytest.mark.parametrize(
    "meddle",
    [
        Path.unlink,
        replace,
        lambda path: os.truncate(path, 10),
        lambda path: os.truncate(path, 10_000),
        lambda path: path.rename(path.with_suffix(".1")),
    ],
)
def test_a_file_that_somebody_else_changes_under_a_run_stops_it(errors, meddle):
    errors.open(0, "")
    errors.append([line(1)])
    errors.check()
    meddle(errors.path)
    with pytest.raises(OutputError, match="removed or changed by somebody else"):
        errors.check()
    with pytest.raises(OutputError, match="removed or changed by somebody else"):
        errors.append([line(2)])


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("other")])
def test_what_is_no_file_is_not_written_to(errors, tmp_path, make):
    (tmp_path / "other").write_text("precious")
    make(errors.path)
    with pytest.raises(SettingsError, match=r"errors_path: .*Nothing was loaded"):
        errors.open(0, "")
    assert (tmp_path / "other").read_text() == "precious"


@pytest.mark.parametrize(
    "meddle",
    [
        pytest.param(lambda _: b'{"of": "another file"}\n', id="shorter"),
        pytest.param(lambda _: b"torn", id="torn"),
        pytest.param(lambda mine: mine[:-1], id="its_last_line_torn"),
        pytest.param(lambda mine: b"another job's\n" + mine, id="longer"),
        pytest.param(lambda mine: b"x" * (len(mine) - 1) + b"\n", id="of_the_same_size"),
        pytest.param(lambda mine: mine.replace(b"user1", b"user9"), id="edited"),
    ],
)
@pytest.mark.parametrize("new_pass", [None, lambda _: True])
def test_a_file_that_is_not_the_checkpoints_is_moved_aside_not_cut(errors, meddle, new_pass):
    errors.open(0, "")
    errors.append([line(1)])
    known = errors.size, errors.tail
    errors.close()
    content = meddle(errors.path.read_bytes())
    errors.path.write_bytes(content)
    assert not errors.open(*known, new_pass)
    (aside,) = errors.path.parent.glob("errors-*.jsonl")
    assert aside.read_bytes() == content
    assert errors.size == errors.path.stat().st_size == 0


# A new pass over the source


def of(stream, number, **more):
    return line(number) | {"stream": stream} | more


def kept(path):
    return [(each.stream, each.record_number) for each in read_errors(path)]


def begin_pass(errors, *incremental):
    """What a new pass makes of the file of the last one."""
    known = errors.size, errors.tail
    errors.close()
    return errors.open(*known, incremental.__contains__)


def test_a_new_pass_begins_a_file_with_what_a_tap_will_not_send_again(errors):
    errors.open(0, "")
    errors.append([of("users", 1), of("events", 2), of("users", 3)])
    covered = errors.path.read_bytes()
    assert begin_pass(errors, "events")
    (aside,) = errors.path.parent.glob("errors-*.jsonl")
    assert aside.read_bytes() == covered
    assert kept(errors.path) == [("events", 2)]
    errors.append([of("users", 4)])
    assert errors.size == errors.path.stat().st_size
    errors.check()
    errors.close()
    assert errors.open(errors.size, errors.tail)
    assert kept(errors.path) == [("events", 2), ("users", 4)]
    assert stat.S_IMODE(errors.path.stat().st_mode) == 0o600


def test_what_the_checkpoint_does_not_cover_is_not_kept_for_a_new_pass(errors):
    errors.open(0, "")
    errors.append([of("events", 1)])
    known = errors.size, errors.tail
    errors.append([of("events", 2)])
    errors.close()
    errors.open(*known, lambda _: True)
    assert kept(errors.path) == [("events", 1)]


def test_at_the_end_of_a_pass_lines_of_records_that_came_again_are_dropped(errors):
    errors.open(0, "")
    errors.append([of("events", 1), of("events", 2), of("users", 3)])
    begin_pass(errors, "events", "users")
    errors.append([of("events", 2)])
    errors.drop_lines(lambda each: each.record_number == 2)
    assert kept(errors.path) == [("events", 1), ("users", 3), ("events", 2)]
    assert errors.size == errors.path.stat().st_size
    errors.append([of("events", 4)])
    assert kept(errors.path)[-1] == ("events", 4)


def test_of_a_record_that_failed_in_many_runs_the_last_line_stays(errors):
    errors.open(0, "")
    for night in range(3):
        errors.append([of("events", 1, timestamp=f"night {night}"), of("events", night + 2)])
        begin_pass(errors, "events")
    errors.drop_lines(lambda _: False)
    assert kept(errors.path) == [("events", 2), ("events", 3), ("events", 1), ("events", 4)]
    assert b"night 2" in errors.path.read_bytes()
    assert b"night 1" not in errors.path.read_bytes()


@pytest.mark.parametrize("new_pass", [False, True])
def test_a_line_that_somebody_edited_is_no_reason_to_stop(errors, new_pass):
    errors.open(0, "")
    errors.append([of("events", 1), of("events", 2)])
    known = errors.size, errors.tail
    errors.close()
    content = errors.path.read_bytes()
    edited = content.replace(
        b'{"stream":"events","kind":"users","record_number":1,', b"fixed by hand: it was his name,"
    )
    errors.path.write_bytes(edited.rjust(len(content)))
    assert errors.open(*known, (lambda _: True) if new_pass else None)
    errors.append([of("events", 3)])
    errors.drop_lines(lambda each: each.record_number == 2)
    assert (b"fixed by hand" in errors.path.read_bytes()) != new_pass
    assert errors.path.read_bytes().count(b'"stream"') == 1
    assert errors.size == errors.path.stat().st_size


def test_two_errors_of_one_record_are_two_lines_to_the_end(errors):
    errors.open(0, "")
    errors.append([of("events", 1), of("events", 1, error_type="totp_enroll")])
    begin_pass(errors, "events")
    errors.drop_lines(lambda _: False)
    assert kept(errors.path) == [("events", 1), ("events", 1)]


def test_lines_of_this_run_stay_whatever_is_settled(errors):
    errors.open(0, "")
    errors.append([of("users", 1), of("users", 1)])
    before = errors.path.read_bytes()
    errors.drop_lines(lambda _: True)
    assert errors.path.read_bytes() == before


def test_a_disk_that_is_full_at_the_end_of_a_pass_leaves_the_lines_as_they_were(errors):
    errors.open(0, "")
    errors.append([of("events", 1)])
    begin_pass(errors, "events")
    before = errors.path.read_bytes()
    errors.path.with_name("errors.jsonl.new").mkdir()
    with pytest.raises(OutputError, match=r"Everything is loaded"):
        errors.drop_lines(lambda _: True)
    assert errors.path.read_bytes() == before


# Which record a line is of


@pytest.mark.parametrize(
    "record",
    [
        {"email": "a@example.com", "password": "hunter2 hunter2"},
        {"email": "a@example.com", "_sdc_batched_at": "2026-01-01", "metadata": {"n": 1}},
        {"email": "a@example.com", "external_id": Decimal("12345678901234567.5")},
        {"email": 7, "first_name": None, "another column": "x"},
        {"email": "ä@example.com", "totp_secret": "JBSWY3DPEHPK3PXP", "role_slugs": ["b", "a"]},
    ],
)
def test_a_record_is_known_again_by_its_line(errors, record):
    error = RecordError(ErrorType.USER_CREATE, "No.")
    errors.open(0, "")
    errors.append(
        [
            error_line(
                kind="users",
                stream="users",
                record_number=1,
                chunk=1,
                record=record,
                error=error,
            )
        ]
    )
    (found,) = read_errors(errors.path)
    assert record_check(found.record) == check_of(record)
    assert check_of(record | {"email": "b@example.com"}) != check_of(record)


def test_a_full_disk_stops_the_run(errors):
    errors.open(0, "")
    with Path("/dev/full").open("wb", buffering=0) as full:
        os.dup2(full.fileno(), errors._file.fileno())
    with pytest.raises(OutputError, match=r"can't be written \(No space left on device\)"):
        errors.append([line(1)])
    assert errors.size == 0


def test_one_that_cannot_be_written_stops_the_run_before_anything_is_loaded(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"errors_path: .*Nothing was loaded"):
        ErrorsFile(str(tmp_path / "file" / "errors.jsonl")).open(0, "")


def test_a_torn_last_line_is_not_read(errors):
    errors.open(0, "")
    errors.append([line(1)])
    with errors.path.open("ab") as file:
        file.write(b'{"record_number": 2')
    assert numbers(errors.path) == [1]


@pytest.mark.parametrize("content", [b"no JSON\n", b"[]\n", b"\xff\n", b"{}\n"])
def test_a_line_that_this_target_did_not_write_is_named(errors, content):
    errors.open(0, "")
    errors.append([line(1)])
    with errors.path.open("ab") as file:
        file.write(content)
    with pytest.raises(SettingsError, match=r"errors.jsonl, line 2: no line of an errors file"):
        numbers(errors.path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"errors.jsonl can't be read \(No such file"):
        list(read_errors(tmp_path / "errors.jsonl"))
