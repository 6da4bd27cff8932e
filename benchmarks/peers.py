"""Somebody else's importer in the same run: the same users, by turns with ours.

``PEER`` names its checkout, built; nothing of it is in this repository. WorkOS's own (2.x) is run
as its ``--help`` says; ``PEER_COMMAND`` is the command of any other::

    export PEER=../other PEER_COMMAND='npx tsx {peer}/import.ts --csv {csv}'
    uv run python -m benchmarks peers

In it ``{peer}``, ``{bin}`` (what its package.json names), ``{csv}``, ``{errors}`` and ``{url}`` are
replaced. It runs in a folder of its own, and finds address and key in its environment too.
"""

from __future__ import annotations

import csv
import json
import os
import shlex
import statistics
import sys
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.harness import (
    API_KEY,
    RECORD,
    SCHEMA,
    STATE,
    counts_of,
    folder,
    message,
    messages,
    read_back,
    run_command,
    run_target,
    sandbox,
    stub,
    written,
)
from workos_sandbox import read_contents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from benchmarks.harness import Measured, Used

COMMAND = (
    "node {bin} import --csv {csv} --create-org-if-missing --job-id benchmark --errors {errors} "
    "--concurrency 20 --rate-limit 1000000 --quiet"
)
"""Of https://workos.com/docs/cli/migrations; with a job, it keeps a checkpoint as ours does."""

IN_SEVERAL = 2.5  # organizations a user, on average, where memberships are counted


class Turn(NamedTuple):
    """What one importer did in one turn."""

    users_per_s: float
    cpu_s: float
    rss_mb: float
    requests: float
    missing_memberships: float


def peers(users: int = 10_000, turns: int = 5) -> dict[str, Any]:
    """Ours and a peer's by turns: rate, CPU, memory, requests, missing memberships."""
    if not os.environ.get("PEER"):
        return {"skipped": "PEER isn't set: it names a checkout of the peer's tool"}
    ours, theirs = [], []
    for _ in range(turns):
        ours.append(_turn(_ours, users))
        theirs.append(_turn(_theirs, users))
    figures: dict[str, Any] = {}
    for name in Turn._fields:
        pairs = [(getattr(a, name), getattr(b, name)) for a, b in zip(ours, theirs, strict=True)]
        mine, other = (round(statistics.median(side), 2) for side in zip(*pairs, strict=True))
        figures |= {f"{name}_ours": mine, f"{name}_peer": other}
        if other:
            ratio = statistics.median(a / b for a, b in pairs)
            figures[f"{name}_ratio"] = round(ratio, 3)
    return figures


def _turn(load: Callable[[Path, Path, str], Used | Measured], users: int) -> Turn:
    """One import against the stub, and one of users in several organizations into the sandbox."""
    with stub() as url, folder() as path:
        used = load(written(path, messages(users)), path, url)
        requests = counts_of(url)["requests"]
    if requests < users:
        raise RuntimeError(f"only {requests} requests: did it reach {url}?")
    memberships = users // 10
    with folder() as path, sandbox("--no-limits", db=path / "db") as url:
        load(written(path, _in_several(memberships)), path, url)
        found = read_contents(path / "db").memberships
    there = {(each["email"], each["organization_external_id"]) for each in found}
    return Turn(users / used.seconds, used.cpu, used.rss_mb, requests, memberships - len(there))


def _in_several(memberships: int) -> Iterable[bytes]:
    """Rows of users in several organizations, those of a user far apart."""
    people = int(memberships / IN_SEVERAL)
    rows = (message(number % people, number // people) for number in range(memberships))
    return chain([SCHEMA], rows, [STATE])


def _ours(source: Path, path: Path, url: str) -> Measured:
    return run_target(read_back(source), path, base_url=url, rate_limit=1_000_000)


def _theirs(source: Path, path: Path, url: str) -> Used:
    """A run of the peer; rows that it couldn't load may make it fail.

    Raises:
        RuntimeError: It couldn't be started.
    """
    rows = path / "users.csv"
    with source.open("rb") as lines, rows.open("w", newline="") as file:
        writer = csv.DictWriter(file, RECORD)
        writer.writeheader()
        messages_read = map(json.loads, lines)
        writer.writerows(each["record"] for each in messages_read if "record" in each)
    command = os.environ.get("PEER_COMMAND", COMMAND)
    peer = Path(os.environ["PEER"]).resolve()
    places = {"peer": peer, "csv": rows, "errors": path / "peer-errors.jsonl", "url": url}
    if "{bin}" in command:
        places["bin"] = _bin(peer)
    keys = dict.fromkeys(("WORKOS_SECRET_KEY", "WORKOS_API_KEY"), API_KEY)
    addresses = dict.fromkeys(("WORKOS_API_URL", "WORKOS_BASE_URL"), url)
    log = path / "peer.log"
    with log.open("wb") as output:
        used = run_command(
            [word.format_map(places) for word in shlex.split(command)],
            [],
            cwd=path,
            env={**os.environ, **keys, **addresses},
            stdout=output,
            stderr=output,
        )
    if used.exit_code:
        said = log.read_text()[-500:]
        print(f"the peer's exit code is {used.exit_code}: {said}", file=sys.stderr)
    return used


def _bin(peer: Path) -> Path:
    """The script that a package's ``package.json`` names."""
    named = json.loads((peer / "package.json").read_text())["bin"]
    return peer / (named if isinstance(named, str) else next(iter(named.values())))
