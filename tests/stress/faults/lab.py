"""A sandbox and whole runs of the target on one event loop, whose clock jumps when all are idle.

The HTTP between them is real, over loopback, and so is all that the target does; only its waits
between two requests (backoff, pauses) take no time. A request that isn't answered takes as long as
``request_timeout`` says.
"""

from __future__ import annotations

import random
import shutil
import socket
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import msgspec

from target_workos_users import importer
from target_workos_users.loading.outcome import Result
from tests.stress.faults import source
from tests.support.virtual_time import VirtualTimeLoop
from tests.support.whole_target import run_target, write_messages
from workos_sandbox import Faults, Sandbox, read_contents

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.stress.faults.source import Template
    from tests.support.whole_target import Finished
    from workos_sandbox import Contents

CHUNK = len(source.ROLES)
_SELDOM = 10.0  # seconds between two looks at the clock of progress
_LONGEST_RUN = 4 * 3600.0  # seconds on the virtual clock; a run that takes longer hangs


class Loop(VirtualTimeLoop):
    """Client and server share it, and talk over sockets.

    It outlives the target, which closes the loop that it has made, and ends a run that hangs.
    """

    deadline = float("inf")

    def __init__(self) -> None:
        super().__init__()
        self.problems: list[dict[str, Any]] = []
        self.set_exception_handler(lambda _, context: self.problems.append(context))

    def is_idle(self) -> bool:
        """Whether nothing is on the way over a socket either."""
        return not (self._ready or self._selector.select(0))

    async def getaddrinfo(self, *address: Any, **options: Any) -> Any:
        """Look up a host here: what a thread is busy with, :meth:`is_idle` doesn't see."""
        return socket.getaddrinfo(*address, **options)

    def _run_once(self) -> None:
        assert self.time() < self.deadline, "the target hangs"
        super()._run_once()

    def close(self) -> None:
        """Called by the target; :meth:`end` closes it."""
        self._asyncgens_shutdown_called = False

    def end(self) -> None:
        super().close()


class Lab:
    """One import: runs of the target, one after the other, into one sandbox.

    Attributes:
        sandbox: Its faults are a test's to set.
        base_url: Where the target looks for WorkOS.
        settings: Of the target, besides the usual ones.
        runs: Those that have ended.
        seconds: How long each took, on the virtual clock.
    """

    def __init__(self, folder: Path, template: Template, loop: Loop, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.base_url = sandbox.base_url
        self.settings: dict[str, Any] = {}
        self.runs: list[Finished] = []
        self.seconds: list[float] = []
        self.loop = loop
        self._folder = folder
        self._template = template

    def run(self) -> Finished:
        """Run the target over the whole source, with the state that Meltano would have."""
        states = [state for run in self.runs for state in run.states]
        messages = self._template.messages(states[-1] if states else None)
        return self.run_messages(messages)

    def run_messages(self, messages: list[dict[str, Any]]) -> Finished:
        """Run the target over these messages."""
        errors = self._folder / "errors.jsonl"
        config = {
            "api_key": self.sandbox.api_key,
            "base_url": self.base_url,
            "errors_path": str(errors),
            "summary_path": str(self._folder / "summary.json"),
            "batch_size_rows": CHUNK,
            "concurrency": 1,
            "rate_limit": 100_000,
            "existing_users": "update",
            "require_membership": True,
            **self.settings,
        }
        file = write_messages(self._folder / "messages", messages)
        began = self.loop.time()
        self.loop.deadline = began + _LONGEST_RUN
        random.seed(1)  # of the jitter
        with (
            patch("asyncio.new_event_loop", lambda: self.loop),
            patch("time.monotonic", self.loop.time),
            patch.object(importer, "_SECONDS_BETWEEN_TICKS", _SELDOM),
        ):
            finished = run_target(config, file, errors)
        self.seconds.append(self.loop.time() - began)
        self.runs.append(finished)
        assert self.loop.problems == []
        return finished

    @property
    def world(self) -> Contents:
        """What the sandbox holds."""
        return read_contents(self.sandbox.path)

    def check_the_state(self) -> None:
        """All that the last STATE line covers is in WorkOS or in the errors file."""
        states = [state for run in self.runs for state in run.states]
        entry = states[-1]["bookmarks"]["target-workos-users"]
        stream = entry["streams"].get("users", {})
        covered = sum(size for size, *_ in stream.get("chunks", []))
        tally = stream.get("tally", {})
        assert sum(tally.get(result.value, 0) for result in Result) == covered
        failed = {error["record_number"] for error in self.runs[-1].errors}
        assert tally.get("failed", 0) == len({n for n in failed if n <= covered})
        for chunk, role in product(range(source.CHUNKS), source.ROLES):
            record = source.number(role, chunk)
            if record <= covered and record not in failed:
                assert source.is_complete(self.world, role, chunk), record

    def check_the_end(self) -> None:
        """Every record is in WorkOS or in the errors file, nothing is there twice."""
        world = self.world
        source.check_nothing_is_there_twice(world)
        source.check_nothing_is_foreign(world, self._template)
        entry = self.runs[-1].states[-1]["bookmarks"]["target-workos-users"]["streams"]["users"]
        assert entry["complete"]
        assert sum(size for size, *_ in entry["chunks"]) == source.CHUNKS * CHUNK
        counts = self.summary["records"]
        assert counts["read"] == counts["loaded"] + counts["unchanged"] + counts["failed"]
        assert (counts["read"], counts["unfinished"]) == (source.CHUNKS * CHUNK, 0)

    def check_what_was_said(self, streams: tuple[str, str]) -> None:
        """Nothing came as a surprise to the target.

        Args:
            streams: What is on stdout and stderr.
        """
        for text in (*streams, *(said for run in self.runs for _, said in run.log)):
            assert "Traceback" not in text
            assert "A fault of target-workos-users" not in text

    @property
    def summary(self) -> dict[str, Any]:
        """The closing summary of the last run."""
        value: dict[str, Any] = msgspec.json.decode((self._folder / "summary.json").read_bytes())
        return value


@contextmanager
def open_lab(template: Template) -> Iterator[Lab]:
    """A lab over a copy of the template."""
    loop = Loop()
    with TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(template.path, folder / "sandbox.db")
        sandbox = Sandbox(folder / "sandbox.db", faults=Faults(script=[source.REFUSAL]))
        loop.run_until_complete(sandbox.__aenter__())
        try:
            yield Lab(folder, template, loop, sandbox)
        finally:
            loop.run_until_complete(sandbox.__aexit__())
            loop.end()
