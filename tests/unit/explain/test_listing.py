from __future__ import annotations

import csv
import json
import tracemalloc

import pytest
from click.testing import CliRunner

from target_workos_users.cli import main
from target_workos_users.errors import ErrorsFile, error_line
from target_workos_users.exceptions import ErrorType, RecordError
from target_workos_users.explain import read_groups
from target_workos_users.records.parse import parse_record
from target_workos_users.records.rules import DEFAULT_RULES

HASH = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"


def write(path, errors):
    """An errors file as the target writes it: (record number, record, error) each."""
    file = ErrorsFile(str(path))
    file.open(0, "")
    file.append(
        error_line(
            kind="users",
            stream="users",
            record_number=number,
            chunk=1,
            record=record,
            error=error,
        )
        for number, record, error in errors
    )
    file.close()
    return path


@pytest.fixture
def errors(tmp_path):
    refused = RecordError(ErrorType.USER_CREATE, "no such luck", http_status=400)
    return write(
        tmp_path / "errors.jsonl",
        [
            (2, {"email": "=cmd()", "password": "hunter2", "age": 3}, refused),
            (5, {"email": "b@example.com", "note": {"a": [1]}}, refused),
            (
                5,
                {"email": "b@example.com"},
                RecordError(ErrorType.TOTP_ENROLL, "x", retryable=True),
            ),
            (9, {"email": "ü@example.com", "stream": "mine", "password_hash": HASH}, refused),
        ],
    )


def run(*arguments):
    return CliRunner().invoke(main, ["errors", *map(str, arguments)])


def test_errors_are_grouped_with_advice(errors):
    done = run(errors)
    assert done.exit_code == 0
    assert "3 records failed; 4 errors in all, 1 of them retryable as they are" in done.output
    assert "3 x user_create: no such luck" in done.output
    assert "records 2 to 9 of users; not retryable" in done.output
    assert done.output.count("What to do: ") == 2


def test_json_holds_the_same(errors):
    found = json.loads(run(errors, "--json").stdout)
    assert (found["records"], found["errors"], found["retryable"]) == (3, 4, 1)
    assert found["groups"][0]["first"] == {"stream": "users", "record_number": 2}
    assert found["groups"][0]["http_status"] == 400
    assert all(group["advice"] for group in found["groups"])


def test_the_csv_has_a_row_an_error_and_the_columns_of_all_records(errors, tmp_path):
    table = tmp_path / "failed.csv"
    done = run(errors, "--csv", table)
    assert "4 rows written" in done.stderr
    assert table.stat().st_mode & 0o777 == 0o600
    with table.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["record_number"] for row in rows] == ["2", "5", "5", "9"]
    assert rows[1]["note"] == "[not shown: an object]"
    assert rows[3]["email"] == "ü@example.com"
    assert (rows[3]["stream"], rows[3]["record_stream"]) == ("users", "[not shown: a text]")


def test_the_csv_runs_no_formula_and_shows_no_secret(errors, tmp_path):
    table = tmp_path / "failed.csv"
    run(errors, "--csv", table)
    text = table.read_text(encoding="utf-8-sig")
    assert "'=cmd()" in text
    assert "hunter2" not in text
    assert HASH not in text


def test_a_file_without_errors_says_so(tmp_path):
    path = write(tmp_path / "errors.jsonl", [])
    assert run(path).output == f"{path}: no errors\n"


def test_a_torn_last_line_is_left_out(errors):
    with errors.open("ab") as file:
        file.write(b'{"stream": "users", "record_numb')
    assert "4 errors in all" in run(errors).output


@pytest.mark.parametrize(
    ("content", "flaw"),
    [
        (b"not json\n", "line 1: no line of an errors file (not valid JSON)"),
        (b'{"stream": "users"}\n', "line 1: no line of an errors file (Object missing required"),
        (b"\xff\xfe\n", "line 1: no line of an errors file"),
    ],
)
def test_a_file_of_another_kind_is_refused_with_the_line(tmp_path, content, flaw):
    path = tmp_path / "other.txt"
    path.write_bytes(content)
    done = run(path)
    assert done.exit_code == 1
    assert flaw in done.stderr


def test_a_missing_file_is_refused_in_a_sentence(tmp_path):
    done = run(tmp_path / "gone.jsonl")
    assert done.exit_code == 1
    assert "can't be read (No such file or directory)" in done.stderr


def test_memory_is_flat_in_the_number_of_lines(tmp_path):
    def peak(lines):
        error = RecordError(ErrorType.USER_CREATE, "user_01HXYZABCDEF failed", http_status=400)
        records = ((n, {"email": f"u{n}@example.com"}, error) for n in range(1, lines + 1))
        path = write(tmp_path / f"{lines}.jsonl", records)
        tracemalloc.start()
        assert read_groups(path).records == lines
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    assert peak(20_000) < 2 * peak(200) + 500_000


def test_a_last_line_that_lost_its_line_end_counts(errors):
    errors.write_bytes(errors.read_bytes().rstrip(b"\n"))
    assert "4 errors in all" in run(errors).output


def listed(tmp_path, rows):
    """What ``workos-users errors`` says of rows that can't be parsed."""
    errors = []
    for number, row in enumerate(rows, start=1):
        with pytest.raises(RecordError) as refused:
            parse_record(row, DEFAULT_RULES)
        errors.append((number, row, refused.value))
    return run(write(tmp_path / "errors.jsonl", errors)).output


ANN = {"email": "ann@example.com"}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            [{**ANN, "email_verified": word} for word in ("maybe", "perhaps", "2")],
            "email_verified: a text that isn't one of true, false, yes, no, 1, 0",
        ),
        (
            [{**ANN, "metadata": {"plan": "x" * size}} for size in (601, 702, 1_803)],
            "3 x invalid_record: metadata, key 'plan': … characters; expected 600 at most",
        ),
        (
            [{"email": "@" * size} for size in (2, 3, 4)],
            "3 x invalid_record: email: … '@'; expected one address like name@example.com",
        ),
        (
            [{**ANN, "role_slugs": "ok,No!"}, {**ANN, "role_slugs": "No!"}],
            "2 x invalid_record: role_slugs: item … isn't a role slug: expected up to 48",
        ),
    ],
)
def test_a_group_keeps_what_all_of_it_have_in_common(tmp_path, rows, said):
    assert said in listed(tmp_path, rows)


def test_each_metadata_key_is_a_group_and_three_records_are_examples(tmp_path):
    rows = [{**ANN, "metadata": {"a": "x" * (601 + n)}} for n in range(5)]
    said = listed(tmp_path, [*rows, {**ANN, "metadata": {"b": "x" * 601}}])
    assert "5 x invalid_record: metadata, key 'a': … characters; expected 600 at most" in said
    assert "metadata, key 'b': 601 characters" in said
    for number in (1, 2, 3):
        assert f"    record {number}: metadata, key 'a': {600 + number} characters" in said
    assert "record 4:" not in said


def test_lines_of_an_older_release_are_grouped_too(errors):
    lines = [json.loads(line) for line in errors.read_bytes().splitlines()]
    for line in lines:
        del line["error_pattern"]
        line["error_message"] = f"user_01HXYZABCDEF{line['record_number']} failed"
    errors.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert "3 x user_create: <id> failed" in run(errors).output
