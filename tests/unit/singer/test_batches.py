"""BATCH messages: the same as RECORD messages, but for the way that the records come."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
import pytest
from pyarrow import parquet
from singer_sdk.contrib.batch_encoder_jsonl import JSONLinesBatcher
from singer_sdk.contrib.batch_encoder_parquet import ParquetBatcher
from singer_sdk.helpers._batch import BaseBatchFileEncoding, BatchConfig, StorageTarget

from tests.support.whole_target import (
    FAST,
    records,
    run_target,
    schema,
    write_messages,
)
from workos_sandbox import read_contents

JSONL = {"format": "jsonl"}
GZIP = {"format": "jsonl", "compression": "gzip"}
PARQUET = {"format": "parquet"}
ENCODINGS = pytest.mark.parametrize(
    "encoding", [JSONL, GZIP, PARQUET], ids=["jsonl", "gz", "parquet"]
)
STATE = {"type": "STATE", "value": {"bookmarks": {"users": {}}}}


@pytest.fixture
def load(sandbox, tmp_path):
    """Loads what messages say, after the state that an SDK tap hands back first."""

    def run(*messages, state=None, columns=("email",), **config):
        early = [{"type": "STATE", "value": state}] if state else []
        sandbox.requests.clear()
        errors = tmp_path / "errors.jsonl"
        settings = {
            **FAST,
            "base_url": sandbox.base_url,
            "api_key": sandbox.api_key,
            "errors_path": str(errors),
            **config,
        }
        file = write_messages(
            tmp_path / "messages", [*early, schema(columns=columns), *messages, STATE]
        )
        return run_target(settings, file, errors)

    return run


@pytest.fixture
def batch(tmp_path):
    """Writes files as an SDK tap does, 4 records each; returns the BATCH message."""

    def write(rows, encoding, name="tap"):
        kinds = {"jsonl": JSONLinesBatcher, "parquet": ParquetBatcher}
        config = BatchConfig(
            BaseBatchFileEncoding(**encoding), StorageTarget(str(tmp_path / name)), batch_size=4
        )
        batcher = kinds[encoding["format"]]("tap", "users", config)
        manifest = [url for urls in batcher.get_batches(iter(rows)) for url in urls]
        if encoding == JSONL:  # which the SDK's own batcher always zips
            manifest = [unzipped(path_of(url)) for url in manifest]
        return message(encoding, *manifest)

    return write


def unzipped(path):
    plain = path.with_suffix("")
    plain.write_bytes(gzip.decompress(path.read_bytes()))
    return plain.as_uri()


def path_of(url):
    return Path(unquote(url.removeprefix("file://")))


def message(encoding, *manifest, stream="users"):
    return {
        "type": "BATCH",
        "stream": stream,
        "encoding": encoding,
        "manifest": [str(url) for url in manifest],
    }


def rows(count=10, **columns):
    return [{"email": f"user{i}@example.com", **columns} for i in range(count)]


def emails(sandbox):
    return sorted(user["email"] for user in read_contents(sandbox.path).users)


# As RECORDs


@ENCODINGS
def test_a_source_sent_as_records_and_then_as_batches_is_unchanged(load, batch, sandbox, encoding):
    source = [
        {
            "email": f"user{i}@example.com",
            "first_name": "Zoë" if i % 2 else None,
            "email_verified": i % 3 == 0,
            "external_id": 10**15 + i,
            "metadata": {"seats": i, "rate": 0.1 + i, "plan": "pro", "tags": ["a", "b"]},
            "score": 1.25,
        }
        for i in range(10)
    ]
    first = load(*records(source), batch_size_rows=3)
    again = load(batch(source, encoding), state=first.states[-1], batch_size_rows=3)
    assert (again.exit_code, sandbox.requests) == (0, [])
    assert again.said("10 unchanged")
    assert len(emails(sandbox)) == 10


@ENCODINGS
def test_record_numbers_count_on_over_files_and_messages(load, batch, encoding):
    good, bad = {"email": "ann@example.com"}, {"email": "broken"}
    finished = load(
        *records([good, bad]),
        batch([bad, good, good, good, bad], encoding),
        *records([bad]),
        batch_size_rows=3,
        abort_error_rate=1,
    )
    assert [error["record_number"] for error in finished.errors] == [2, 3, 7, 8]
    assert finished.tally["failed"] == 4


@ENCODINGS
def test_only_what_failed_is_loaded_again_from_batches(load, batch, sandbox, tmp_path, encoding):
    source = [*rows(5), {"email": "broken"}, *rows(2)]
    failed = load(batch(source, encoding))
    assert [error["record_number"] for error in failed.errors] == [6]
    errors = (tmp_path / "errors.jsonl").rename(tmp_path / "failed.jsonl")
    again = load(batch(source, encoding, "other"), only_errors_from=str(errors))
    assert again.said("Loading only the 1 records") == 1
    assert again.said("8 read = 0 loaded + 0 unchanged + 1 failed + 7 left out") == 1
    assert not sandbox.requests


def test_a_dry_run_plans_batches(load, batch, sandbox):
    finished = load(batch(rows(7), GZIP), dry_run=True)
    assert finished.exit_code == 0
    assert finished.said("users: 7")
    assert not emails(sandbox)


def test_stream_maps_and_left_out_streams_hold_for_batches(load, batch, sandbox):
    mapped = {"users": {"email": "mail.lower()", "__else__": None}}
    source = [{"mail": "ANN@EXAMPLE.COM"}]
    finished = load(
        batch(source, GZIP),
        schema("orders"),
        message(JSONL, "/nowhere", stream="orders"),
        stream_maps=mapped,
        streams=["users"],
    )
    assert finished.exit_code == 0
    assert emails(sandbox) == ["ann@example.com"]


def test_a_manifest_may_hold_plain_paths_or_be_somewhere_else(load, sandbox, tmp_path):
    file = tmp_path / "here" / "users.jsonl"
    file.parent.mkdir()
    file.write_text('{"email": "ann@example.com"}\n\n{"email": "bob@example.com"}')
    assert load(message(JSONL, file)).exit_code == 0
    elsewhere = message(JSONL, "file:///of/the/tap/users.jsonl")
    finished = load(elsewhere, batch_config={"storage": {"root": str(file.parent)}})
    assert finished.exit_code == 0
    assert finished.tally["existing"] == 2
    assert emails(sandbox) == ["ann@example.com", "bob@example.com"]


# Parquet


def test_types_of_parquet_become_what_a_record_has(load, sandbox, tmp_path):
    zoned = dt.datetime(2024, 2, 29, 12, 30, tzinfo=dt.UTC)
    columns = {
        "ns": pa.array([1_709_209_800_123_456_789], pa.timestamp("ns")),
        "zoned": pa.array([zoned], pa.timestamp("us", "UTC")),
        "day": pa.array([zoned.date()]),
        "price": pa.array([Decimal("1.10")], pa.decimal128(9, 2)),
        "nan": pa.array([float("nan")]),
        "big": pa.array([2**63], pa.uint64()),
        "list": pa.array([[1, None]]),
        "inner": pa.array([{"at": zoned}], pa.struct([("at", pa.timestamp("ns", "UTC"))])),
    }
    names = list(columns)
    table = pa.table(
        {
            "email": pa.array([b"ann@example.com"], pa.binary()),
            "email_verified": [True],
            "external_id": pa.array([None], pa.string()),
            "metadata": pa.StructArray.from_arrays(list(columns.values()), names),
        }
    )
    parquet.write_table(table, tmp_path / "typed.parquet")
    assert load(message(PARQUET, tmp_path / "typed.parquet")).exit_code == 0
    (user,) = read_contents(sandbox.path).users
    assert (user["email_verified"], user["external_id"]) == (True, None)
    assert user["metadata"] == {
        "ns": "2024-02-29T12:30:00.123456",
        "zoned": "2024-02-29T12:30:00+00:00",
        "day": "2024-02-29",
        "price": "1.10",
        "big": str(2**63),
        "list": "[1,null]",
        "inner": '{"at":"2024-02-29T12:30:00+00:00"}',
    }


def test_a_map_of_parquet_is_an_object(load, sandbox, tmp_path):
    metadata = pa.array([[("plan", "pro")]], pa.map_(pa.string(), pa.string()))
    table = pa.table({"email": ["ann@example.com"], "metadata": metadata})
    parquet.write_table(table, tmp_path / "map.parquet")
    load(message(PARQUET, tmp_path / "map.parquet"))
    assert read_contents(sandbox.path).users[0]["metadata"] == {"plan": "pro"}


def test_binary_that_is_no_text_is_one_error_line(load, sandbox, tmp_path):
    table = pa.table({"email": ["a@b.co", "c@d.co"], "first_name": [b"\xff\xfe", b"Cy"]})
    parquet.write_table(table, tmp_path / "binary.parquet")
    finished = load(message(PARQUET, tmp_path / "binary.parquet"))
    (error,) = finished.errors
    assert error["record_number"] == 1
    assert "aren't UTF-8" in error["error_message"]
    assert emails(sandbox) == ["c@d.co"]


def test_without_pyarrow_it_says_what_to_install(load, monkeypatch, tmp_path):
    monkeypatch.delitem(sys.modules, "target_workos_users.singer.parquet", raising=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    finished = load(message(PARQUET, tmp_path / "any.parquet"))
    assert finished.exit_code == 1
    assert finished.said("pip install 'target-workos-users[parquet]'", "ERROR") == 1


# Files that can't be read


def cut(content):
    return content[: len(content) * 2 // 3]


def scrambled(content):
    middle = len(content) // 2
    return (
        content[:middle]
        + bytes(255 - byte for byte in content[middle : middle + 9])
        + content[middle + 9 :]
    )


FAULTS = {
    "missing": (GZIP, None),
    "gz cut off": (GZIP, cut),
    "gz damaged": (GZIP, scrambled),
    "gz empty": (GZIP, lambda _: b""),
    "gz that is none": (GZIP, gzip.decompress),
    "jsonl cut off in a line": (JSONL, lambda content: content[:-5]),
    "jsonl that is zipped": (JSONL, gzip.compress),
    "jsonl with a line that is no JSON": (JSONL, lambda content: content + b"{1]\n"),
    "parquet cut off": (PARQUET, cut),
    "parquet empty": (PARQUET, lambda _: b""),
    "parquet that is none": (PARQUET, lambda _: b"PAR1" * 100),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_file_that_cannot_be_read_stops_the_run_with_a_true_checkpoint(
    load, batch, sandbox, fault
):
    encoding, damage = FAULTS[fault]
    source = [row | {"password": "hunter2hunter2"} for row in rows(12)]
    sent = batch(source, encoding)
    second = path_of(sent["manifest"][1])
    whole = second.read_bytes()
    second.unlink()
    if damage:
        second.write_bytes(damage(whole))
    stopped = load(sent, batch_size_rows=2)
    assert stopped.exit_code == 1
    assert stopped.said(f"batch file {second.as_uri()} can't be read", "ERROR") == 1
    assert not stopped.said("hunter2")
    covered = stopped.states[-1]["bookmarks"]["target-workos-users"]["streams"]["users"]["records"]
    assert 2 <= covered <= len(emails(sandbox)) < 12
    again = load(batch(source, encoding, "other"), state=stopped.states[-1], batch_size_rows=2)
    assert again.exit_code == 0
    assert again.said(f"{covered} unchanged")
    assert emails(sandbox) == sorted(row["email"] for row in source)


@pytest.mark.parametrize("encoding", [JSONL, GZIP], ids=["jsonl", "gz"])
def test_a_record_that_cannot_be_read_fails_alone(load, batch, sandbox, encoding):
    deep: list = []
    for _ in range(200):
        deep = [deep]
    sent = batch([*rows(2), {"email": "deep@example.com", "bio": deep}, *rows(3)[2:]], encoding)
    finished = load(sent)
    (error,) = finished.errors
    assert error["record_number"] == 3
    assert error["error_message"].startswith(f"record 3 of the batch file '{sent['manifest'][0]}'")
    assert "nested more than 100 levels deep" in error["error_message"]
    assert emails(sandbox) == [row["email"] for row in rows(3)]


def test_a_scheme_that_nobody_knows_is_named_without_its_password(load):
    finished = load(message(JSONL, "nosuch://user:hunter2@host/users.jsonl?signature=hunter2"))
    assert finished.exit_code == 1
    assert finished.said("nosuch", "ERROR") == 1
    assert not finished.said("hunter2")


def test_a_file_system_without_its_package_is_no_fault_of_the_files(load):
    finished = load(message(JSONL, "s3://bucket/users.jsonl"))
    assert finished.exit_code == 1
    assert finished.said("s3://bucket/users.jsonl can't be read: Install s3fs", "ERROR") == 1
    assert not finished.said("writes its files anew")


# Size


@pytest.mark.parametrize("encoding", [GZIP, PARQUET], ids=["gz", "parquet"])
def test_memory_does_not_grow_with_the_size_of_a_file(tmp_path, encoding):
    peaks = [peak_memory(tmp_path, encoding, count) for count in (10_000, 60_000)]
    assert peaks[1] - peaks[0] < 30, peaks  # MB; the larger file holds 60 MB


# The kernel's figure for a child would begin with what this process holds.
MEASURED = """
import atexit, sys
from target_workos_users.target import main
atexit.register(lambda: sys.stderr.write(open("/proc/self/status").read()))
main()
"""


def peak_memory(folder, encoding, count):
    source = ({"email": f"user{i % 100}@example.com", "notes": f"{i:1000}"} for i in range(count))
    file = folder / f"{count}.batch"
    if encoding == GZIP:
        with gzip.open(file, "wt", compresslevel=1) as zipped:
            zipped.writelines(json.dumps(row) + "\n" for row in source)
    else:
        parquet.write_table(pa.Table.from_pylist(list(source)), file)
    messages = write_messages(folder / "messages", [schema(), message(encoding, file), STATE])
    config = folder / "config.json"
    config.write_text(json.dumps({"dry_run": True}))
    with messages.open() as stdin:
        ended = subprocess.run(
            [sys.executable, "-c", MEASURED, "--config", config],
            stdin=stdin,
            capture_output=True,
            check=True,
            text=True,
            cwd=folder,
        )
    assert f"{count:,} records" in ended.stderr
    return int(re.search(r"VmHWM:\s+(\d+) kB", ended.stderr)[1]) / 1024
