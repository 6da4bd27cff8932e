"""An import that a test kills, resumes and checks: it plays the tap, Meltano and the auditor."""

from __future__ import annotations

import json
import multiprocessing
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.stress.kill import killer, source
from workos_sandbox import read_contents

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.context import ForkServerProcess

    from tests.stress.kill.killer import Kill

CONCURRENCY = 6
CHUNK = 10

# Forked from a process that has imported the target and the sandbox, also what they import late: a
# process of its own, without the start-up.
processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(
    [
        "tests.stress.kill.killer",
        "target_workos_users.cli",
        "target_workos_users.opening",
        "workos_sandbox.cli",
        "workos_sandbox.server",
    ]
)


@dataclass
class Ended:
    """A run that has ended.

    Attributes:
        exit_code: Of the process; minus the signal's number if that killed it.
        out: Its stdout.
        err: Its stderr.
        events: What :mod:`tests.stress.kill.killer` logged.
    """

    exit_code: int
    out: str
    err: str
    events: list[dict[str, Any]]

    @property
    def states(self) -> list[dict[str, Any]]:
        """The STATE lines that are whole."""
        return [json.loads(line) for line in self.out.split("\n")[:-1]]

    @property
    def states_before_the_signal(self) -> list[dict[str, Any]]:
        """Those that Meltano stores: none that is printed after a signal."""
        size = next((e["stdout"] for e in self.events if "signal" in e), len(self.out))
        return [json.loads(line) for line in self.out[:size].split("\n")[:-1]]

    @property
    def calls(self) -> Counter[str]:
        """How often each step was come by; known of a run that ended by itself."""
        return Counter(next(event["calls"] for event in self.events if "calls" in event))

    @property
    def writes(self) -> list[dict[str, Any]]:
        """The writes that were answered."""
        return [event for event in self.events if "path" in event]


@dataclass
class Lab:
    """One import, from its first run to its last.

    Attributes:
        folder: Of all its files.
        base_url: Where the sandbox listens.
        db: The sandbox's file.
        records: The source.
        stored: The state that Meltano has.
        echo: Whether the tap hands it back.
        settings: Of the target, besides the usual ones.
        runs: Those that have ended.
    """

    folder: Path
    base_url: str
    db: Path
    records: list[dict[str, Any]] = field(default_factory=source.make_records)
    stored: dict[str, Any] | None = None
    echo: bool = True
    settings: dict[str, Any] = field(default_factory=dict)
    runs: list[Ended] = field(default_factory=list)

    @property
    def errors_path(self) -> Path:
        return self.folder / "errors.jsonl"

    @property
    def ledger_path(self) -> Path:
        return self.folder / "errors.jsonl.ledger"

    def start(
        self, kill: Kill | None = None, arguments: Sequence[str] = ()
    ) -> tuple[str, ForkServerProcess]:
        """Start a run; its stdin is a file with all messages, or what the test made before."""
        name = self.next_name
        if not (stdin := self.folder / f"{name}.in").exists():
            self.write_input(stdin)
        for suffix in ("out", "err", "log"):
            if not (path := self.folder / f"{name}.{suffix}").exists():
                path.touch()
        config = {
            "api_key": source.API_KEY,
            "base_url": self.base_url,
            "errors_path": str(self.errors_path),
            "batch_size_rows": CHUNK,
            "concurrency": CONCURRENCY,
            "rate_limit": 100_000,
            **self.settings,
        }
        process = processes.Process(
            target=killer.run, args=(self.folder, name, config, kill, *arguments)
        )
        process.start()
        return name, process

    @property
    def next_name(self) -> str:
        return f"run{len(self.runs) + 1}"

    def write_input(self, path: Path) -> None:
        state = self.stored if self.echo else None
        lines = map(json.dumps, source.messages(self.records, state))
        path.write_text("\n".join(lines) + "\n")

    def end(self, name: str, process: ForkServerProcess) -> Ended:
        process.join(60)
        assert process.exitcode is not None, "the target hangs"
        log = self.folder / f"{name}.log"
        out = self.folder / f"{name}.out"
        ended = Ended(
            process.exitcode,
            out.read_text() if out.is_file() else "",
            (self.folder / f"{name}.err").read_text(),
            [json.loads(line) for line in log.read_text().splitlines()],
        )
        self.runs.append(ended)
        return ended

    def run(self, kill: Kill | None = None, *arguments: str) -> Ended:
        return self.end(*self.start(kill, arguments))

    def store(self, states: list[dict[str, Any]]) -> None:
        """Store the last of them, as Meltano does."""
        self.stored = states[-1] if states else self.stored

    @property
    def entry(self) -> dict[str, Any]:
        """The target's own entry in the stored state."""
        assert self.stored
        entry: dict[str, Any] = self.stored["bookmarks"]["target-workos-users"]
        return entry

    # The audit

    def check(self) -> None:
        """Every user, membership, factor and error line is there, once, and nothing else is."""
        self.check_world()
        assert self.errors() == source.expected_errors(self.records)
        self.check_no_secret()

    def check_world(self) -> None:
        world = read_contents(self.db)
        users = {u["email"]: (u["first_name"], u["metadata"]["row"]) for u in world.users}
        assert len(world.users) == len(users)
        assert users == source.expected_users(self.records)
        memberships = Counter(
            (m["email"], m["organization_external_id"], ",".join(sorted(m["role_slugs"])))
            for m in world.memberships
        )
        assert memberships == source.expected_memberships(self.records)
        assert Counter(f["email"] for f in world.auth_factors) == source.expected_factors(
            self.records
        )
        assert len({o["external_id"] for o in world.organizations}) == len(world.organizations)

    def errors(self, path: Path | None = None) -> Counter[tuple[int, str]]:
        """The lines of an errors file: (record_number, error_type)."""
        lines = (path or self.errors_path).read_text().splitlines()
        return Counter(
            (line["record_number"], line["error_type"]) for line in map(json.loads, lines)
        )

    def check_no_secret(self) -> None:
        written = [*self.folder.glob("run*.out"), *self.folder.glob("run*.err")]
        for path in filter(Path.is_file, [*written, *self.folder.glob("errors*")]):
            text = path.read_text(errors="replace")
            assert not [secret for secret in source.SECRETS if secret in text], path

    def redone(self) -> list[int]:
        """Rows that a later run repeated; see :meth:`redone_by_run`."""
        return [row for rows in self.redone_by_run() for row in rows]

    def redone_by_run(self) -> list[list[int]]:
        """Per run, the rows of which it repeats a write that was answered with success before.

        Without failed records: those are tried again on purpose.
        """
        row_of = self._row_of_write()
        done: set[tuple[str, int]] = set()
        redone = []
        for ended in self.runs:
            sent = [
                (write["path"], row, write["status"])
                for write in ended.writes
                if (row := row_of(write))
            ]
            rows = {row for path, row, _ in sent if (path, row) in done}
            redone.append(sorted(row for row in rows if not source.failure_of(row)))
            done |= {(path, row) for path, row, status in sent if status < 400}
        return redone

    def _row_of_write(self) -> Callable[[dict[str, Any]], int | None]:
        """The number of the record that a write was sent for; None for an organization's."""
        world = read_contents(self.db)
        emails = {each["id"]: each["email"] for each in world.users}
        organizations = {each["id"]: each["external_id"] for each in world.organizations}
        members = {
            (record["email"], record["org_external_id"]): number
            for number, record in enumerate(self.records, 1)
        }

        def row_of(write: dict[str, Any]) -> int | None:
            if write["row"]:
                return int(write["row"])
            member = emails.get(write["user_id"]), organizations.get(write["organization_id"])
            return members.get(member)

        return row_of
