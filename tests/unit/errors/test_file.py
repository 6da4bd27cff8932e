from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from target_workos_users.errors.file import ErrorsFile, error_line, read_errors
from target_workos_users.exceptions import ErrorType, OutputError, RecordError, SettingsError


def line(number):
    return error_line(
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


def test_a_line_names_the_organization_of_the_error_before_that_of_the_record():
    error = RecordError(ErrorType.MEMBERSHIP_CREATE, "No.", org_id="org_1")
    record = {"email": "a@example.com", "org_id": "org_2", "org_external_id": "acme"}
    found = error_line(stream="users", record_number=1, chunk=1, record=record, error=error)
    assert (found["org_id"], found["org_external_id"]) == ("org_1", "acme")


def test_lines_are_on_disk_when_append_returns(errors, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(os.fstat(fd).st_size))
    errors.open(None)
    errors.append([line(1), line(2)])
    assert synced == [errors.size] == [errors.path.stat().st_size]
    assert numbers(errors.path) == [1, 2]


def test_nothing_is_synced_for_a_chunk_without_failures(errors, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: pytest.fail("synced"))
    errors.open(None)
    errors.append([])
    assert errors.size == 0


def test_it_is_for_its_owner_even_if_it_was_not_before(errors):
    errors.path.touch(0o644)
    errors.open(0)
    assert stat.S_IMODE(errors.path.stat().st_mode) == 0o600


def test_what_the_checkpoint_does_not_cover_is_cut_off(errors):
    errors.open(None)
    errors.append([line(1)])
    covered = errors.size
    errors.append([line(2)])
    errors.close()
    again = ErrorsFile(str(errors.path))
    again.open(covered)
    again.append([line(3)])
    again.close()
    assert numbers(errors.path) == [1, 3]
    assert again.size == errors.path.stat().st_size


def test_a_file_shorter_than_the_checkpoint_says_is_gone_on_with(errors):
    """It was moved away."""
    errors.open(1000)
    errors.append([line(1)])
    assert numbers(errors.path) == [1]
    assert errors.size == errors.path.stat().st_size


def test_a_fresh_import_moves_the_file_of_the_last_one_aside(errors):
    for number in (1, 2, 3):
        errors.open(None)
        errors.append([line(number)])
        errors.close()
    aside = sorted(errors.path.parent.glob("errors-*.jsonl"))
    assert len(aside) == 2
    assert sorted(numbers(path)[0] for path in aside) == [1, 2]
    assert numbers(errors.path) == [3]


def test_an_empty_file_is_not_worth_moving(errors):
    errors.path.touch()
    errors.open(None)
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
    errors.open(None)
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
        errors.open(None)
    assert (tmp_path / "other").read_text() == "precious"


@pytest.mark.parametrize("content", [b'{"of": "another file"}\n', b"torn"])
def test_a_file_that_is_not_the_checkpoints_is_moved_aside_not_cut(errors, content):
    errors.path.write_bytes(content)
    errors.open(4)
    (aside,) = errors.path.parent.glob("errors-*.jsonl")
    assert aside.read_bytes() == content
    assert errors.size == errors.path.stat().st_size == 0


def test_a_full_disk_stops_the_run(errors):
    errors.open(None)
    with Path("/dev/full").open("wb", buffering=0) as full:
        os.dup2(full.fileno(), errors._file.fileno())
    with pytest.raises(OutputError, match=r"can't be written \(No space left on device\)"):
        errors.append([line(1)])
    assert errors.size == 0


def test_one_that_cannot_be_written_stops_the_run_before_anything_is_loaded(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"errors_path: .*Nothing was loaded"):
        ErrorsFile(str(tmp_path / "file" / "errors.jsonl")).open(None)


def test_a_torn_last_line_is_not_read(errors):
    errors.open(None)
    errors.append([line(1)])
    with errors.path.open("ab") as file:
        file.write(b'{"record_number": 2')
    assert numbers(errors.path) == [1]


@pytest.mark.parametrize("content", [b"no JSON\n", b"[]\n", b"\xff\n", b"{}\n"])
def test_a_line_that_this_target_did_not_write_is_named(errors, content):
    errors.open(None)
    errors.append([line(1)])
    with errors.path.open("ab") as file:
        file.write(content)
    with pytest.raises(SettingsError, match=r"errors.jsonl, line 2: no line of an errors file"):
        numbers(errors.path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"errors.jsonl can't be read \(No such file"):
        list(read_errors(tmp_path / "errors.jsonl"))
