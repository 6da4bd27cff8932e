"""The target in a process of its own, which stops itself at a given step.

Everything here runs in that process. Besides the signal nothing is changed: the wrapped functions
do what they do.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from target_workos_users import target
from target_workos_users.api import transport
from target_workos_users.commit import Committer
from target_workos_users.errors import ErrorsFile
from target_workos_users.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

STEPS = (
    "before a request",
    "after an answer",
    "before an attempt is noted",
    "before a user is noted",
    "after a user is noted",
    "before a record is noted",
    "after a record is noted",
    "before the ledger commits",
    "after the ledger commits",
    "before a commit",
    "before the errors are written",
    "before the errors are synced",
    "after the errors are synced",
    "after a commit",
    "before a mark is noted",
    "after a mark is noted",
    "before a STATE line",
    "after a STATE line",
)
TORN_STEPS = ("in an error line", "in a STATE line")


@dataclass(frozen=True)
class Kill:
    """When to stop, and how.

    Attributes:
        step: One of the steps above.
        number: Which call of it, from 1.
        signal: What the process sends to itself.
        again: Send it at every later step too.
    """

    step: str
    number: int
    signal: int
    again: bool = False


@dataclass
class Killer:
    """Counts steps, and sends the signal.

    Attributes:
        log: File descriptor that takes a JSON line for each answered write, one for the signal
            (with the bytes that stdout had by then), and the number of calls of each step.
    """

    log: int
    kill: Kill | None
    calls: Counter[str] = field(default_factory=Counter)
    killed: bool = False

    def at(self, step: str, tear: Callable[[], None] | None = None) -> None:
        self.calls[step] += 1
        kill = self.kill
        if kill and not self.killed and (kill.step, kill.number) == (step, self.calls[step]):
            self.killed = True
            self.write({"signal": kill.signal, "stdout": os.fstat(1).st_size})
            if tear:
                tear()
            os.kill(os.getpid(), kill.signal)
        elif kill and self.killed and kill.again:
            os.kill(os.getpid(), kill.signal)

    def write(self, event: dict[str, Any]) -> None:
        os.write(self.log, json.dumps(event).encode() + b"\n")


def run(
    folder: Path, name: str, config: dict[str, Any], kill: Kill | None, *arguments: str
) -> None:
    """The console script, with its stdin, stdout and stderr in files of the folder.

    Args:
        folder: Holds ``<name>.in``; ``.out``, ``.err`` and ``.log`` are made beside it.
        name: Of the run.
        config: Settings of the target.
        kill: When to stop.
        arguments: More of the command line.
    """
    log = _open(folder / f"{name}.log")
    os.dup2(os.open(folder / f"{name}.in", os.O_RDONLY), 0)
    os.dup2(_open(folder / f"{name}.out"), 1)
    os.dup2(_open(folder / f"{name}.err"), 2)
    sys.stdin, sys.stdout, sys.stderr = (
        os.fdopen(number, mode, closefd=False) for number, mode in enumerate(["r", "w", "w"])
    )
    config_path = folder / f"{name}.json"
    config_path.write_text(json.dumps(config))
    sys.argv = ["target-workos-users", "--config", str(config_path), *arguments]
    killer = Killer(log, kill)
    _wrap(killer)
    try:
        target.main()
    finally:
        killer.write({"calls": killer.calls})


def _open(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)


def _wrap(killer: Killer) -> None:
    send, fsync = transport.send, os.fsync

    async def wrapped_send(session, method, url, **options):
        killer.at("before a request")
        answer = await send(session, method, url, **options)
        if method != "GET":
            body = json.loads(options["content"] or b"{}")
            killer.write(
                {
                    "path": url.partition("/user_management/")[2] or url.rpartition("/")[2],
                    "status": answer.status_code,
                    "row": body.get("metadata", {}).get("row"),
                    "user_id": body.get("user_id"),
                    "organization_id": body.get("organization_id"),
                }
            )
        killer.at("after an answer")
        return answer

    def wrapped_fsync(descriptor):
        killer.at("before the errors are synced")
        fsync(descriptor)

    transport.send = wrapped_send
    os.fsync = wrapped_fsync
    _around(killer, Ledger, "attempt", "before an attempt is noted", "after an attempt is noted")
    _around(killer, Ledger, "keep", "before a user is noted", "after a user is noted")
    _around(killer, Ledger, "settle", "before a record is noted", "after a record is noted")
    _around(killer, Ledger, "commit", "before the ledger commits", "after the ledger commits")
    _around(killer, Ledger, "mark", "before a mark is noted", "after a mark is noted")
    _around(killer, Committer, "_commit", "before a commit", "after a commit")
    _around(
        killer,
        target.TargetWorkosUsers,
        "_emit",
        "before a STATE line",
        "after a STATE line",
    )
    _around(
        killer,
        ErrorsFile,
        "append",
        "before the errors are written",
        "after the errors are synced",
    )
    _tear(killer, ErrorsFile, "append", "in an error line", b'{"stream":"users","record_number":1')


def _around(killer: Killer, owner: type, name: str, before: str, after: str) -> None:
    original = getattr(owner, name)

    def wrapped(self, *args, **kwargs):
        killer.at(before)
        if name == "_emit":
            killer.at("in a STATE line", lambda: os.write(1, json.dumps(args[0])[:80].encode()))
        result = original(self, *args, **kwargs)
        killer.at(after)
        return result

    setattr(owner, name, wrapped)


def _tear(killer: Killer, owner: type, name: str, step: str, text: bytes) -> None:
    """Let half a line be on disk, as when the process is killed while it writes."""
    original = getattr(owner, name)

    def wrapped(self, *args, **kwargs):
        killer.at(step, lambda: os.write(self._file.fileno(), text))
        return original(self, *args, **kwargs)

    setattr(owner, name, wrapped)
