"""An import of BATCH messages is killed, and goes on though the tap's files have other names."""

from __future__ import annotations

import json
import signal
from uuid import uuid4

import pyarrow as pa
import pytest
from pyarrow import parquet

from tests.stress.kill import source
from tests.stress.kill.killer import Kill
from tests.stress.kill.lab import CONCURRENCY

STEPS = ["after an answer", "before a STATE line"]


@pytest.fixture
def run(lab):
    """Runs the import, from files that are written anew each time, 25 records each."""

    def write(rows, encoding):
        file = lab.folder / f"{uuid4()}.{encoding}"
        if encoding == "jsonl":
            file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        else:
            columns = dict.fromkeys(column for record in lab.records for column in record)
            table = {column: [row.get(column) for row in rows] for column in columns}
            parquet.write_table(pa.table(table), file)
        return file.as_uri()

    def run(encoding, kill=None):
        before, *_, after = source.messages([], lab.stored)
        schema = source.messages([], None)[0]
        files = [lab.records[start : start + 25] for start in range(0, len(lab.records), 25)]
        batch = {
            "type": "BATCH",
            "stream": "users",
            "encoding": {"format": encoding},
            "manifest": [write(rows, encoding) for rows in files],
        }
        messages = [*([before] if lab.stored else []), schema, batch, after]
        stdin = lab.folder / f"{lab.next_name}.in"
        stdin.write_text("".join(json.dumps(message) + "\n" for message in messages))
        return lab.run(kill)

    return run


@pytest.mark.parametrize("encoding", ["jsonl", "parquet"])
@pytest.mark.parametrize("step", STEPS)
def test_a_batch_that_was_killed_half_way_goes_on_with_other_files(lab, run, encoding, step):
    killed = run(encoding, Kill(step, 3, signal.SIGKILL))
    assert killed.exit_code == -signal.SIGKILL, killed.err
    lab.store(killed.states)
    ended = run(encoding)
    assert ended.exit_code == 0, ended.err
    lab.check()
    assert len(lab.redone()) <= CONCURRENCY


def test_a_signal_in_a_batch_stops_it_with_a_state_and_nothing_is_repeated(lab, run):
    stopped = run("jsonl", Kill("after an answer", 20, signal.SIGTERM))
    assert stopped.exit_code == 128 + signal.SIGTERM, stopped.err
    lab.store(stopped.states)
    assert 0 < lab.entry["streams"]["users"]["records"] < len(lab.records)
    ended = run("jsonl")
    assert ended.exit_code == 0, ended.err
    lab.check()
    assert not lab.redone()
