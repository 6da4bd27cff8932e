"""The command `tap-csv` as Meltano runs it: a process with a config, a catalog and a state."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

TAP = Path(sys.executable).with_name("tap-csv")
FOREIGN = {"target-workos-users": {"version": 1, "org_cache": {"a": "b"}, "chunks": [[1, "x"]]}}


@pytest.fixture
def tap(tmp_path):
    """Runs the tap over the file users.csv; gives the finished process."""

    def run(content, *arguments, config=None, **files):
        (tmp_path / "users.csv").write_text(content)
        entry = {"entity": "users", "path": "users.csv", "keys": ["email"]}
        return subprocess.run(
            [*command(tmp_path, {"files": [entry]} | (config or {}), **files), *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def command(folder, config, **files):
    arguments = [str(TAP)]
    for name, value in {"config": config, **files}.items():
        (folder / f"{name}.json").write_text(json.dumps(value))
        arguments += [f"--{name}", str(folder / f"{name}.json")]
    return arguments


def messages(run):
    assert run.returncode == 0, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


def of_type(kind, run):
    return [message for message in messages(run) if message["type"] == kind]


def test_records_stand_between_a_schema_and_a_state(tap):
    found = messages(tap("email,name\na@example.com,\n"))
    assert [message["type"] for message in found] == ["STATE", "SCHEMA", "RECORD", "STATE"]
    first, schema, record, state = found
    assert first["value"] == {"bookmarks": {}}
    assert schema["key_properties"] == ["email"]
    types = {name: column["type"] for name, column in schema["schema"]["properties"].items()}
    nullable = ["string", "null"]
    assert types == {"email": nullable, "name": nullable, "_sdc_error": nullable}
    assert record["record"] == {"email": "a@example.com", "name": ""}
    assert state["value"] == {"bookmarks": {"users": {}}}


def test_a_foreign_bookmark_comes_back_before_the_first_record(tap):
    state = {"bookmarks": {"users": {}} | FOREIGN, "top": "level"}
    found = messages(tap("email\na@example.com\n", state=state))
    assert [message["type"] for message in found] == ["STATE", "SCHEMA", "RECORD", "STATE"]
    assert found[0]["value"] == {"bookmarks": FOREIGN}
    assert found[-1]["value"] == {"bookmarks": FOREIGN | {"users": {}}}


@pytest.mark.parametrize("catalog", [False, True])
def test_streams_come_in_the_order_in_which_the_settings_name_them(tap, tmp_path, catalog):
    files = [{"entity": name, "path": f"{name}.csv"} for name in ("users", "organizations", "zoo")]
    files.insert(1, {"entity": "memberships", "path": "users.csv"})
    for name in ("organizations", "zoo"):
        (tmp_path / f"{name}.csv").write_text("email\na@example.com\n")
    config = {"files": files}
    given = {}
    if catalog:
        given["catalog"] = json.loads(tap("email\n", "--discover", config=config).stdout)
    found = of_type("RECORD", tap("email\nb@example.com\n", config=config, **given))
    assert [message["stream"] for message in found] == [
        "users",
        "memberships",
        "organizations",
        "zoo",
    ]


@pytest.mark.parametrize("old", [{}, {"replication_key_value": 7}])
def test_the_last_message_is_a_state_however_many_records_there_are(tap, old):
    rows = "".join(f"{number}@example.com\n" for number in range(10_001))
    found = messages(tap("email\n" + rows, state={"bookmarks": {"users": old} | FOREIGN}))
    assert found[-1]["type"] == "STATE"
    assert [message["record"]["email"] for message in found[2:-1]] == rows.splitlines()


def test_a_flawed_row_is_a_record_with_an_error(tap):
    [record] = of_type("RECORD", tap("email,name\na@example.com\n"))
    assert record["record"] == {
        "email": "a@example.com",
        "_sdc_error": "users.csv, line 2: 1 fields, the header has 2",
    }


def test_what_is_only_suspected_is_a_line_of_the_log(tap):
    run = tap("email,\na@example.com,")
    assert [message["record"] for message in of_type("RECORD", run)] == [{"email": "a@example.com"}]
    assert run.stderr.count("users.csv: the header ends in a column without a name") == 1
    assert run.stderr.count("users.csv ends without a line ending") == 1


def test_metadata_columns_tell_file_time_and_line(tap):
    run = tap("email\n\na@example.com\n", config={"add_metadata_columns": True})
    [record] = of_type("RECORD", run)
    assert record["record"].pop("_sdc_source_file_mtime").startswith("20")
    assert record["record"] == {
        "email": "a@example.com",
        "_sdc_source_file": "users.csv",
        "_sdc_source_lineno": 3,
    }


def test_a_column_that_an_old_catalog_lacks_is_read_and_a_deselected_one_is_not(tap):
    content = "email,secret,added\na@example.com,s,new\n"
    catalog = json.loads(tap(content, "--discover").stdout)
    [entry] = catalog["streams"]
    del entry["schema"]["properties"]["added"]
    entry["metadata"] = [m for m in entry["metadata"] if m["breadcrumb"][1:] != ["added"]]
    for metadata in entry["metadata"]:
        metadata["metadata"]["selected"] = metadata["breadcrumb"][1:] != ["secret"]

    run = tap(content, catalog=catalog)

    [schema], [record] = of_type("SCHEMA", run), of_type("RECORD", run)
    assert set(schema["schema"]["properties"]) == {"email", "added", "_sdc_error"}
    assert record["record"] == {"email": "a@example.com", "added": "new"}


def test_stream_maps_apply(tap):
    config = {"stream_maps": {"users": {"name": "email.split('@')[0]"}}}
    [record] = of_type("RECORD", tap("email\na@example.com\n", config=config))
    assert record["record"]["name"] == "a"


@pytest.mark.parametrize(
    ("content", "config", "message"),
    [
        ("", {}, "Error: users.csv is empty: its first line must be the header"),
        ("email;name\n", {}, "Error: users.csv: it looks as if the delimiter is ';'"),
        ("e-mail\n", {}, "Error: users.csv has no column email, which `keys` names"),
        ("email,_sdc_error\n", {}, "Error: entity users: a file has a column _sdc_error"),
        ("email\n", {"files": []}, "Error: nothing to read: set `files`"),
        ("email\n", {"files": "users.csv"}, "is not of type 'array', 'null' in config['files']"),
    ],
)
def test_what_can_not_be_read_is_one_error_without_a_traceback(tap, content, config, message):
    run = tap(content, config=config)
    assert run.returncode == 1
    assert message in run.stderr
    assert "Traceback" not in run.stderr
    assert run.stdout == ""


def test_it_declares_the_state_capability(tap):
    about = json.loads(tap("email\n", "--about", "--format", "json").stdout)
    assert {"state", "catalog", "discover"} <= set(about["capabilities"])


@pytest.fixture
def running(tmp_path):
    """A tap that is in the middle of a file, its first record read from its stdout."""
    (tmp_path / "users.csv").write_text("email\n" + "a@example.com\n" * 200_000)
    config = {"files": [{"entity": "users", "path": "users.csv", "keys": []}]}
    with subprocess.Popen(
        command(tmp_path, config),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,  # what isn't read here is left to the test
    ) as process:
        assert b"STATE" in process.stdout.readline()
        assert b"SCHEMA" in process.stdout.readline()
        assert b"RECORD" in process.stdout.readline()
        yield process


def test_it_ends_quietly_when_nobody_reads_any_more(running):
    running.stdout.close()
    assert running.wait() == 1
    assert not {b"ERROR", b"Traceback", b"BrokenPipe"} & set(running.stderr.read().split())


def test_a_signal_ends_it_without_a_last_state(running):
    running.send_signal(signal.SIGTERM)
    rest, errors = running.communicate()
    assert running.returncode == 128 + signal.SIGTERM
    assert {json.loads(line)["type"] for line in rest.splitlines()} == {"RECORD"}
    assert b"Traceback" not in errors


@pytest.mark.slow
def test_memory_is_flat(tmp_path):
    row = ",".join(["x" * 50] * 10) + "\n"
    peaks = []
    for rows in (1_000, 300_000):
        with (tmp_path / "users.csv").open("w") as file:
            file.write("a,b,c,d,e,f,g,h,i,j\n")
            file.writelines(row for _ in range(rows))
        config = {"files": [{"entity": "users", "path": "users.csv", "keys": []}]}
        process = subprocess.Popen(
            command(tmp_path, config),
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        peaks.append(usage.ru_maxrss)
    assert peaks[1] < peaks[0] + 20_000  # KiB; the second file has 150 MB
