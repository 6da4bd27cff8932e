"""The benchmarks. Ratios within one run count: the machines are shared and noisy."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections import Counter
from itertools import islice
from typing import Any

from benchmarks.harness import (
    BIN,
    Measured,
    counts_of,
    destination,
    folder,
    messages,
    read_back,
    refused,
    run_target,
    sandbox,
    stub,
    with_state,
    written,
)
from target_workos_users.checkpoint.outputs import Outputs
from target_workos_users.checkpoint.resume import Start
from target_workos_users.checkpoint.state import KEY, VERSION
from target_workos_users.errors import error_line
from target_workos_users.exceptions import ErrorType, RecordError
from target_workos_users.ledger import Ledger
from target_workos_users.records.digests import Digester, chunk_digest
from target_workos_users.records.kinds import Kind
from target_workos_users.target import encode_state

FAST = {"rate_limit": 1_000_000}
LATENCY = ("--latency", "200", "--jitter", "100")


def limit() -> dict[str, Any]:
    """3,000 users with memberships against WorkOS's published limit."""
    return _at_limit(3000, 50, "--write-limit", "500", "--read-limit", "1000")


def limit_500() -> dict[str, Any]:
    """The same against a limit ten times as high."""
    return _at_limit(
        12_000, 500, "--write-limit", "5000", "--read-limit", "10000", "--request-limit", "100000"
    )


def _at_limit(users: int, rate: int, *flags: str) -> dict[str, Any]:
    with sandbox(*LATENCY, *flags) as url, folder() as path:
        concurrency = max(20, min(100, rate))
        settings = {"rate_limit": rate, "concurrency": concurrency}
        run_target(messages(users, 30), path, base_url=url, **settings)
        counts = counts_of(url)
    used = counts["writes"] / counts["write_seconds"]
    return {
        "writes_per_s": round(used, 2),
        "share_of_limit": round(used / rate, 4),
        "max_writes_in_10_s": counts["max_writes_in_10_s"],
        "refused": refused(counts),
    }


def shared_limit() -> dict[str, Any]:
    """The server allows 30 writes a second, the target is set to 50."""
    with sandbox(*LATENCY, "--write-limit", "300") as url, folder() as path:
        run_target(messages(1500, 30), path, base_url=url, abort_error_rate=0.0)
        counts = counts_of(url)
    taken = counts["writes"] - refused(counts)
    return {
        "share_of_limit": round(taken / counts["write_seconds"] / 30, 4),
        "share_refused": round(refused(counts) / counts["total"], 4),
    }


def ceiling() -> dict[str, Any]:
    """No limit, no latency: CPU per request, beside a bare aiohttp loop with the same requests."""
    users, organizations = 10_000, 100
    requests = 2 * users + 2 * organizations
    startups, targets, bares, rates, memory = [], [], [], [], []
    for _ in range(3):
        with stub() as url, folder() as path:
            source = written(path, messages(users, organizations))
            bare = subprocess.run(
                [sys.executable, "-m", "benchmarks.bare", url, str(users), str(organizations)],
                capture_output=True,
                check=True,
            )
            startup = _startup(url)
            run = run_target(read_back(source), path, base_url=url, **FAST)
        bares.append(float(bare.stdout) / requests)
        startups.append(startup.cpu)
        targets.append((run.cpu - startup.cpu) / requests)
        rates.append(users / (run.seconds - startup.seconds))
        memory.append(run.rss_mb)
    ratio = statistics.median(mine / bare for mine, bare in zip(targets, bares, strict=True))
    return {
        "us_per_request": round(statistics.median(targets) * 1e6, 1),
        "bare_us_per_request": round(statistics.median(bares) * 1e6, 1),
        "ratio": round(ratio, 3),
        "users_per_s": round(statistics.median(rates)),
        "ms_cpu_per_user": round(statistics.median(targets) * requests / users * 1e3, 3),
        "startup_cpu_s": round(statistics.median(startups), 2),
        "rss_mb": round(max(memory), 1),
    }


def _startup(url: str) -> Measured:
    """A run of one record: what an import needs is imported when it opens."""
    with folder() as path:
        return run_target(messages(1), path, base_url=url, **FAST)


def skip() -> dict[str, Any]:
    """Resume over records that are loaded already."""
    seconds = {
        records: statistics.median(_skip_once(records) for _ in range(3))
        for records in (100_000, 200_000)
    }
    return {
        "records_per_s": round(200_000 / seconds[200_000]),
        "200k_over_100k": round(seconds[200_000] / seconds[100_000], 3),
    }


def _skip_once(records: int) -> float:
    with stub() as url, folder() as path:
        source = written(path, messages(records))
        state = _state_after(records, url)
        startup = _startup(url)
        run = run_target(with_state(state, read_back(source)), path, base_url=url, **FAST)
    assert run.states == 1, "nothing is said of chunks that are unchanged"
    return run.seconds - startup.seconds


def _state_after(records: int, url: str) -> bytes:
    """The state after loading that many records there."""
    # A chunk at a time: what this process holds would count as the target's peak, which starts as
    # a fork of it.
    digest = Digester()
    records_only = (json.loads(line).get("record") for line in messages(records))
    digests = (digest(record) for record in records_only if record)
    chunks = []
    while part := list(islice(digests, 1000)):
        chunks.append([len(part), chunk_digest(part)])
    entry = {
        "version": VERSION,
        "lineage": "benchmark",
        "destination": destination(url),
        "started": "2026-01-01T00:00:00Z",
        "streams": {"users": {"records": records, "chunks": chunks}},
    }
    return json.dumps({"bookmarks": {KEY: entry}}).encode()


def memory() -> dict[str, Any]:
    """Peak memory at 20k, 200k and a million records, nine tenths of them skipped."""
    peaks = {}
    for records in (20_000, 200_000, 1_000_000):
        with stub() as url, folder() as path:
            state = _state_after(records * 9 // 10, url)
            lines = with_state(state, messages(records))
            peaks[records] = run_target(lines, path, base_url=url, **FAST).rss_mb
    return {
        "rss_mb": {str(records): round(peak, 1) for records, peak in peaks.items()},
        "1m_over_20k": round(peaks[1_000_000] / peaks[20_000], 3),
    }


def ledger(users: int = 10_000) -> dict[str, Any]:
    """The ceiling with the ledger, and with one that keeps nothing, by turns."""
    forgetful = (sys.executable, "-m", "benchmarks.forgetful")
    cpu, memory, disk = [], [], []
    for _ in range(3):
        runs = []
        for command in (forgetful, (BIN / "target-workos-users",)):
            with stub() as url, folder() as path:
                source = written(path, messages(users))
                startup = _startup(url)
                run = run_target(read_back(source), path, command=command, base_url=url, **FAST)
                runs.append((run.cpu - startup.cpu, run.rss_mb))
                size = sum(file.stat().st_size for file in path.glob("*.ledger*"))
        (without, rss_without), (with_it, rss_with) = runs
        cpu.append(with_it / without)
        memory.append(rss_with - rss_without)
        disk.append(size / users)
    return {
        "cpu_with_over_without": round(statistics.median(cpu), 3),
        "rss_mb_more": round(statistics.median(memory), 1),
        "bytes_per_record": round(max(disk)),
    }


def change(users: int = 100_000) -> dict[str, Any]:
    """Requests of the next run, after a change of the source."""
    with sandbox("--no-limits") as url, folder() as path:
        source = list(messages(users))
        schema, records, end = source[0], source[1:-1], source[-1]
        settings = {"base_url": url, "existing_users": "update", **FAST}
        state = run_target(source, path, **settings).last_state
        figures = {}
        new = next(islice(messages(1, start=users), 1, None))
        front = [new, *records]
        some = [_renamed(line) if n % 100 == 0 else line for n, line in enumerate(front)]
        one = [_renamed(some[1]), *some[2:]]
        for name, lines in {
            "one_row_in_front": front,
            "one_percent_changed": some,
            "sorted_otherwise": some[::-1],
            "one_first_name_changed": [*one[::-1], some[0]],
        }.items():
            before = counts_of(url)["total"]
            run = run_target(with_state(state, [schema, *lines, end]), path, **settings)
            state = run.last_state or state
            figures[name] = counts_of(url)["total"] - before
    return figures


def lost_state(users: int = 100_000) -> dict[str, Any]:
    """Everything is in WorkOS, and state and ledger are gone: an import, and a diff."""
    figures: dict[str, Any] = {}
    runs: dict[str, dict[str, Any]] = {"import": {}, "diff": {"diff": True}}
    with sandbox("--no-limits") as url, folder() as path:
        run_target(messages(users), path, base_url=url, **FAST)
        for name, settings in runs.items():
            with folder() as fresh:
                before = counts_of(url)["total"]
                paths = {"differences_path": str(fresh / "differences.jsonl")}
                run = run_target(messages(users), fresh, base_url=url, **paths, **settings)
            figures |= {
                f"{name}_requests_a_user": round((counts_of(url)["total"] - before) / users, 4),
                f"{name}_users_per_s": round(users / run.seconds),
                f"{name}_rss_mb": round(run.rss_mb),
            }
    return figures


def _renamed(line: bytes) -> bytes:
    return line.replace(b'"first_name": "Ada"', b'"first_name": "Grace"')


def checkpoint() -> dict[str, Any]:
    """State and errors at 1,000 chunks and 10,000 organizations, beside the time of a chunk."""
    chunks, organizations, failed = 1000, 10_000, 50
    cache = {f"org-{n}": f"org_01H{n:023d}" for n in range(organizations)}
    record = json.loads(next(islice(messages(1), 1, None)))["record"]
    error = RecordError(ErrorType.USER_CREATE, "This email is not available.")
    with folder() as path:
        kept = Ledger.open(str(path / "ledger"), print)
        run = Outputs(str(path / "errors.jsonl"), kept, Start(None, {}), "benchmark")
        run.checkpoint.open_stream("users", "users")
        tally = Counter({"created": 1000 - failed, "failed": failed, "memberships": 950})
        spent = []
        with (path / "states.jsonl").open("wb") as output:
            for number in range(chunks):
                run.checkpoint.streams["users"].read += 1000
                digests = [number.to_bytes(16)] * 1000
                part = run.checkpoint.close("users", digests, stored=None)
                started = time.perf_counter()
                run.errors.append(
                    error_line(
                        stream="users",
                        kind=Kind.USERS,
                        record_number=n,
                        chunk=number,
                        record=record,
                        error=error,
                    )
                    for n in range(failed)
                )
                run.checkpoint.commit(part, tally, Counter())
                output.write(encode_state(run.next_state(cache)))
                output.flush()
                spent.append(time.perf_counter() - started)
        run.close()
    last = statistics.mean(spent[-100:])
    seconds_a_chunk = 2 * 1000 / 50
    return {
        "ms_per_chunk": round(last * 1000, 1),
        "share_at_50_writes_per_s": round(last / seconds_a_chunk, 6),
    }


ALL = (
    limit,
    limit_500,
    shared_limit,
    ceiling,
    skip,
    memory,
    ledger,
    change,
    lost_state,
    checkpoint,
)
