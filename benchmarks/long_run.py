"""Long runs: what an import of many records leaves behind is made by script, then resumed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.harness import (
    counts_of,
    destination,
    folder,
    messages,
    run_target,
    stub,
    with_state,
)
from target_workos_users.checkpoint.outputs import Outputs
from target_workos_users.checkpoint.resume import Start
from target_workos_users.ledger import Ledger, Made, Person, Version
from target_workos_users.records.digests import Digester
from target_workos_users.target import encode_state

if TYPE_CHECKING:
    from typing import BinaryIO

    from target_workos_users.checkpoint.state import State

RECORDS = 1_000_000
"""Unless the environment variable says otherwise: of ten million it takes some twenty minutes."""

BEFORE, NEW = 20_000, 20_000
"""Records of the short run that the long one is compared with; records left to load in both."""

CHUNK, IN_A_TURN, ORGANIZATIONS = 1000, 4, 100


def long_run() -> dict[str, Any]:
    """Time, memory, ledger and STATE of a run of ``LONG_RUN_RECORDS``, beside a run of 20,000."""
    records = int(os.environ.get("LONG_RUN_RECORDS", RECORDS))
    short, long = _resumed(BEFORE), _resumed(records)
    return {
        "records": records,
        "s_to_first_new_record": long["s_to_first"],
        "cpu_s_of_resume": round(long["resume_cpu"] - short["resume_cpu"], 1),
        "ledger_us_per_record": long["ledger_us"],
        "ledger_end_over_beginning": round(long["ledger_us"][1] / long["ledger_us"][0], 2),
        "ledger_bytes_per_record": long["ledger_bytes"] // records,
        "ledger_mb": round(long["ledger_bytes"] / 1e6),
        "us_cpu_per_new_user": {str(BEFORE): short["new_us"], str(records): long["new_us"]},
        "rss_mb": {str(BEFORE): short["rss_mb"], str(records): long["rss_mb"]},
        "rss_over_20k": round(long["rss_mb"] / short["rss_mb"], 3),
        "state_ms_per_chunk": long["state_ms"],
        "state_last_line_kb": round(long["state_last"] / 1e3, 1),
        "state_all_lines_mb": round(long["state_bytes"] / 1e6, 1),
    }


def _resumed(records: int) -> dict[str, Any]:
    """An import that was interrupted after so many records, and what it takes to go on."""
    with stub() as url, folder() as path:
        # In a process of its own: its memory would count as the target's, which starts as a fork.
        made = subprocess.run(
            [sys.executable, "-m", "benchmarks.long_run", path, url, str(records)],
            check=True,
            stdout=subprocess.PIPE,
        )
        figures: dict[str, Any] = json.loads(made.stdout)
        state = (path / "state.json").read_bytes()
        load = partial(run_target, folder=path, base_url=url, rate_limit=1_000_000)
        started = time.monotonic()
        run = load(with_state(state, messages(records + NEW, ORGANIZATIONS)))
        counts = counts_of(url)
        # And another import beside the same ledger, which has nothing to skip.
        startup = load(messages(1, 1, start=records + NEW))
        new = load(messages(NEW, ORGANIZATIONS, start=records + NEW + 1))
    # A user and a membership each, and each organization's roles: nothing that was loaded.
    assert counts["requests"] == 2 * NEW + ORGANIZATIONS, f"{counts['requests']} requests"
    return figures | {
        "s_to_first": round(counts["created"][0] - started, 1),
        "resume_cpu": run.cpu,
        "new_us": round((new.cpu - startup.cpu) / NEW * 1e6),
        "rss_mb": round(run.rss_mb, 1),
    }


@dataclass
class _Cost:
    """What something cost, at the beginning and at the end.

    Attributes:
        spent: Seconds of CPU, one figure a chunk.
    """

    spent: list[float] = field(default_factory=list)

    def first_and_last(self, unit: float) -> tuple[float, float]:
        """The means of the first tenth and of the last, a hundred chunks at most."""
        part = max(1, min(100, len(self.spent) // 10))
        ends = self.spent[:part], self.spent[-part:]
        first, last = (round(sum(end) / part * unit, 2) for end in ends)
        return first, last


class History:
    """An import as it is when it is killed: errors file, ledger and state.

    Args:
        path: Where its files go; those that :func:`run_target` names.
        url: Of WorkOS.
    """

    def __init__(self, path: Path, url: str) -> None:
        environment = destination(url)
        errors = path / "errors.jsonl"
        self._ledger = Ledger.open(f"{errors}.ledger", print)
        self._ledger.destination = environment
        self._outputs = Outputs(str(errors), self._ledger, Start(None, {}), environment)
        self._checkpoint = self._outputs.checkpoint
        self._checkpoint.open_stream("users", "users")
        self._organizations = {f"org-{n}": _id("org", n) for n in range(ORGANIZATIONS)}
        self._digest = Digester()
        self.ledger, self.states = _Cost(), _Cost()
        self.state_bytes = self.state_last = 0

    def load(self, records: int, output: BinaryIO) -> State:
        """Note everything that loading the records would; the STATE lines go to ``output``."""
        lines = islice(messages(records, ORGANIZATIONS), 1, None)
        state = self._outputs.next_state(self._organizations)
        number = 0
        while part := [
            json.loads(line)["record"] for line in islice(lines, min(CHUNK, records - number))
        ]:
            digests = [self._digest(record) for record in part]
            started = time.process_time()
            for start in range(0, len(part), IN_A_TURN):
                self._remember(number + start, part[start : start + IN_A_TURN], digests[start:])
            self.ledger.spent.append(time.process_time() - started)
            number += len(part)
            state = self._commit(digests, output)
        self._outputs.close()
        return state

    def _remember(self, first: int, records: list[dict[str, Any]], digests: list[bytes]) -> None:
        """What the ledger learns of records whose requests are in flight together."""
        ledger = self._ledger
        for record in records:
            ledger.person(record["email"])  # when it was read, and when its turn came
            ledger.person(record["email"])
            ledger.attempt(record["email"])
        ledger.commit()
        people = []
        for number, record in enumerate(records, first):
            prints = ledger.fingerprinter.prints(
                {k: record[k] for k in ("first_name", "last_name")}
            )
            person = Person(
                record["email"],
                _id("user", number),
                record["external_id"],
                Made.YES,
                current=True,
                held=prints,
            )
            ledger.keep(person)
            people.append(person)
        ledger.commit()
        for number, (record, person) in enumerate(zip(records, people, strict=True), first):
            ledger.settle_person(person)
            self._settle(number, record, digests[number - first], person)
        ledger.commit()

    def _settle(self, number: int, record: dict[str, Any], digest: bytes, person: Person) -> None:
        version = Version(
            digest,
            number + 1,
            done=True,
            organization_id=self._organizations[record["org_external_id"]],
            membership_id=_id("om", number),
            membership_made=True,
            roles=("member",),
            prints=person.held,
        )
        self._ledger.settle(
            self._ledger.identity(record["email"], record["org_external_id"]),
            version,
            stream="users",
            chunk=number // CHUNK + 1,
            email=record["email"],
        )

    def _commit(self, digests: list[bytes], output: BinaryIO) -> State:
        started = time.process_time()
        size = len(digests)
        self._checkpoint.streams["users"].read += size
        part = self._checkpoint.close("users", digests, stored=None)
        self._checkpoint.commit(part, Counter(created=size), Counter(memberships=size))
        state = self._outputs.next_state(self._organizations)
        line = encode_state(state)
        output.write(line)
        self.states.spent.append(time.process_time() - started)
        self.state_last = len(line)
        self.state_bytes += self.state_last
        return state


def _id(kind: str, number: int) -> str:
    """As long as WorkOS's."""
    return f"{kind}_01H{number:023d}"


def main(path: Path, url: str, records: int) -> None:
    """Make the history, and print what it cost."""
    history = History(path, url)
    with Path(os.devnull).open("wb") as output:
        state = history.load(records, output)
    (path / "state.json").write_bytes(encode_state(state))
    figures = {
        "ledger_us": history.ledger.first_and_last(1e6 / CHUNK),
        "ledger_bytes": sum(file.stat().st_size for file in path.glob("*.ledger*")),
        "state_ms": history.states.first_and_last(1e3),
        "state_last": history.state_last,
        "state_bytes": history.state_bytes,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
