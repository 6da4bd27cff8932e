"""One source, several jobs: each loads its share, and together they keep to one rate limit."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import pytest
from singer_sdk.mapper import md5

from target_workos_users.api import redis_limit
from tests.support.redis_server import running_redis
from tests.support.whole_target import (
    COMMAND,
    read_lines,
    records,
    run_target,
    running_sandbox,
    schema,
    write_messages,
)
from workos_sandbox import Limits, read_contents

BIN = Path(sys.executable).parent
SHARDS = 3
RATE = 80
CONCURRENCY = 20  # the default
ROWS = [
    {"email": f"user{n}@example.com", "org_external_id": f"org{n % 7}", "org_name": f"Org {n % 7}"}
    for n in range(480)
]


def shard_map(index, shards):
    """A stream map that takes one share of the records; all rows of a user are in one."""
    which = f"int(md5(str(email).strip().lower())[:8], 16) % {shards}"
    return {"users": {"__filter__": f"{which} == {index}"}}


def users_of_shard(sandbox, index, shards):
    """What that map has taken of what was loaded."""
    emails = [user["email"] for user in read_contents(sandbox.path).users]
    return [email for email in emails if int(md5(email)[:8], 16) % shards == index]


@pytest.fixture
def redis_port(tmp_path):
    with running_redis(tmp_path) as (port, _):
        yield port


@pytest.fixture
def sandbox(tmp_path):
    with running_sandbox(tmp_path / "sandbox.db", limits=Limits(writes=10 * RATE)) as running:
        yield running


def settings_for(sandbox, port, errors_path, **others):
    return {
        "base_url": sandbox.base_url,
        "api_key": sandbox.api_key,
        "errors_path": str(errors_path),
        "rate_limit": RATE,
        "rate_limit_redis_url": f"redis://127.0.0.1:{port}/0",
        **others,
    }


def check_world(sandbox, rows=ROWS):
    """Everything is there, and was made once."""
    world = read_contents(sandbox.path)
    assert Counter(user["email"] for user in world.users) == Counter(row["email"] for row in rows)
    found = Counter((m["email"], m["organization_external_id"]) for m in world.memberships)
    assert found == Counter((row["email"], row["org_external_id"]) for row in rows)
    names = Counter(each["external_id"] for each in world.organizations)
    assert names == Counter({row["org_external_id"] for row in rows})


def test_jobs_that_share_a_limit_keep_to_it_together(tmp_path, sandbox, redis_port):
    messages = write_messages(tmp_path / "messages", [schema(columns=ROWS[0]), *records(ROWS)])
    jobs = []
    for index in range(SHARDS):
        config = tmp_path / f"job{index}.json"
        shard = {"stream_maps": shard_map(index, SHARDS)}
        errors = tmp_path / f"errors{index}.jsonl"
        config.write_text(json.dumps(settings_for(sandbox, redis_port, errors, **shard)))
        with messages.open() as file, (tmp_path / f"log{index}").open("w") as log:
            jobs.append(
                subprocess.Popen(
                    [COMMAND, "--config", config],
                    stdin=file,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                )
            )
    outs = [job.communicate(timeout=120)[0] for job in jobs]
    logs = [(tmp_path / f"log{index}").read_text() for index in range(SHARDS)]
    assert [job.returncode for job in jobs] == [0] * SHARDS, logs

    shares = [
        read_lines(out)[-1]["bookmarks"]["target-workos-users"]["streams"]["users"]["records"]
        for out in outs
    ]
    assert sum(shares) == len(ROWS)
    assert min(shares) > len(ROWS) / SHARDS / 2
    check_world(sandbox)
    assert not any((tmp_path / f"errors{index}.jsonl").read_text() for index in range(SHARDS))
    counts = sandbox.counts
    assert counts.writes == 2 * len(ROWS)  # nothing was sent twice
    assert counts.max_writes_in_10_s <= 10 * RATE
    assert counts.total(outcome="429") == 0
    assert counts.write_seconds > 10  # so that there was a limit to keep to


@contextmanager
def killed_after(process, sandbox, writes):
    """Kill a process once the sandbox has had so many writes."""

    def watch():
        while sandbox.counts.writes < writes:
            time.sleep(0.005)
        process.kill()

    thread = threading.Thread(target=watch)
    thread.start()
    yield
    thread.join()


def test_a_run_that_loses_redis_stops_and_the_next_one_goes_on(tmp_path, sandbox, monkeypatch):
    monkeypatch.setattr(redis_limit, "_PATIENCE", 0.5)
    errors, rows = tmp_path / "errors.jsonl", ROWS[:100]
    messages = [schema(columns=ROWS[0]), *records(rows)]
    with running_redis(tmp_path) as (port, process), killed_after(process, sandbox, writes=80):
        settings = settings_for(sandbox, port, errors, batch_size_rows=20)
        first = run_target(settings, write_messages(tmp_path / "messages", messages), errors)
    assert first.exit_code == 1
    assert first.said(f"the Redis server at 127.0.0.1:{port}", "ERROR") == 1
    assert not first.errors
    loaded = first.tally["created"]
    assert 20 <= loaded < len(rows)
    emails = {user["email"] for user in read_contents(sandbox.path).users}
    assert {row["email"] for row in rows[:loaded]} <= emails

    state = {"type": "STATE", "value": first.states[-1]}
    with running_redis(tmp_path, port=port):
        resumed = write_messages(tmp_path / "messages", [state, *messages])
        second = run_target(settings, resumed, errors)
    assert second.exit_code == 0
    check_world(sandbox, rows)
    # Users in flight may have been created, and wait for their membership: they are found.
    assert sandbox.counts.writes <= 2 * len(rows) + CONCURRENCY


def test_a_run_without_its_redis_sends_nothing(tmp_path, sandbox, monkeypatch):
    monkeypatch.setattr(redis_limit, "_PATIENCE", 0.2)
    with running_redis(tmp_path) as (port, _):
        pass
    errors = tmp_path / "errors.jsonl"
    messages = write_messages(tmp_path / "messages", [schema(), *records(ROWS[:3])])
    stopped = run_target(settings_for(sandbox, port, errors), messages, errors)
    assert stopped.exit_code == 1
    assert stopped.said("can't be used", "ERROR") == 1
    assert not stopped.errors
    assert sandbox.counts.total() == 0


# With Meltano


class Project:
    """A Meltano project over one CSV, whose jobs differ in their environment alone."""

    def __init__(self, folder, sandbox, port):
        self.folder = folder
        with (folder / "users.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, ROWS[0])
            writer.writeheader()
            writer.writerows(ROWS[:200])
        settings = settings_for(sandbox, port, "errors.jsonl", batch_size_rows=20)
        loader = {
            "name": "target-workos-users",
            "namespace": "target_workos_users",
            "executable": str(BIN / "target-workos-users"),
            "settings": [{"name": "stream_maps", "kind": "object"}],
            "config": settings,
        }
        extractor = {
            "name": "tap-csv",
            "namespace": "tap_csv",
            "executable": str(BIN / "tap-csv"),
            "capabilities": ["catalog", "discover", "state"],
            "settings": [{"name": "files", "kind": "array"}],
            "config": {"files": [{"entity": "users", "path": "users.csv", "keys": []}]},
        }
        project = {
            "project_id": "sharding",
            "default_environment": "test",
            "environments": [{"name": "test"}],
            "plugins": {"extractors": [extractor], "loaders": [loader]},
        }
        (folder / "meltano.yml").write_text(json.dumps(project))  # JSON is YAML

    def start(self, *arguments, **environment):
        return subprocess.Popen(
            [BIN / "meltano", *arguments],
            cwd=self.folder,
            env={
                **{name: value for name, value in os.environ.items() if "MELTANO" not in name},
                "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
                "NO_COLOR": "1",
                **environment,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def start_job(self, index, shards):
        return self.start(
            *("run", f"--state-id-suffix=shard-{index}", "tap-csv", "target-workos-users"),
            TARGET_WORKOS_USERS_ERRORS_PATH=f"errors-{index}.jsonl",
            # Its own: two jobs would write each other's catalog and state files.
            MELTANO_SYS_DIR_ROOT=str(self.folder / f".meltano-{index}"),
            TARGET_WORKOS_USERS_STREAM_MAPS=json.dumps(shard_map(index, shards)),
        )


def ended(*processes):
    """Wait for them; returns their logs."""
    logs = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), logs
    return logs


def test_each_of_several_meltano_jobs_resumes_on_its_own(tmp_path, sandbox, redis_port):
    pytest.importorskip("meltano")
    project = Project(tmp_path, sandbox, redis_port)
    first, second = (project.start_job(index, 2) for index in (0, 1))
    while len(users_of_shard(sandbox, 1, 2)) < 25 and second.poll() is None:
        time.sleep(0.02)
    second.terminate()  # after a chunk of 20; the other one goes on
    ended(first)
    assert "stopped by SIGTERM" in second.communicate(timeout=120)[1]
    loaded = len(read_contents(sandbox.path).users)
    assert loaded < 200

    sandbox.counts.reset()
    logs = ended(*(project.start_job(index, 2) for index in (0, 1)))
    assert "requests: 0" in logs[0]
    assert "requests: 0" not in logs[1]
    assert sandbox.counts.writes <= 2 * (200 - loaded + CONCURRENCY)  # what was in flight, again
    check_world(sandbox, ROWS[:200])
