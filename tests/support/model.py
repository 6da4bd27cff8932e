"""A model tap, a model WorkOS and whoever stores the state, for the property tests.

The importer, the loader, the checkpoint, the errors file and the ledger are the real ones; the
model stands for what is outside: a source, a tap, WorkOS, Meltano, and crashes.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from target_workos_users.api.statistics import TransportStats
from target_workos_users.checkpoint.outputs import Outputs
from target_workos_users.checkpoint.resume import Start
from target_workos_users.checkpoint.state import bookmark_of, says_something
from target_workos_users.importer import Importer
from target_workos_users.ledger import Ledger
from target_workos_users.loading.connection import Connection
from target_workos_users.loading.loader import Loader
from target_workos_users.loading.queue import LoadQueue
from target_workos_users.progress.progress import Progress
from target_workos_users.records.kinds import Kind
from target_workos_users.settings.schema import SETTINGS
from target_workos_users.settings.settings import Settings
from tests.support.model_workos import ModelWorkOS

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterator
    from pathlib import Path
    from random import Random

DESTINATION = "model#0"


def make_settings(**config: Any) -> Settings:
    """Settings as the target has them: the defaults of the schema filled in."""
    defaults = {
        name: schema["default"]
        for name, schema in SETTINGS["properties"].items()
        if "default" in schema
    }
    return Settings.from_config({"sandbox_path": "unused", **defaults, **config}, {})


class Crash(SystemExit):
    """The process is gone. (Of all exceptions, the event loop lets only this kind through.)"""


class Signal(Crash):
    """A signal comes, where the target looks for one."""


@dataclass
class ModelStream:
    """A stream of the source.

    Attributes:
        records: What it holds, in the order of the source; each has an ``id``.
        incremental: It has a replication key (``id``): the tap starts again from its bookmark.
        inclusive: … at ``>=`` it, as SDK taps do.
        is_sorted: The tap sends records by replication key; else in any order, and then its
            bookmark moves at the end only.
    """

    name: str
    records: list[dict[str, Any]]
    incremental: bool = False
    inclusive: bool = True
    is_sorted: bool = True

    def since(self, bookmark: int, random: Random) -> list[dict[str, Any]]:
        """What the tap sends when it starts from a bookmark (-1: none)."""
        records = [
            record
            for record in self.records
            if bookmark == -1 or record["id"] >= bookmark + (not self.inclusive)
        ]
        if self.incremental and not self.is_sorted:
            random.shuffle(records)
        return records


@dataclass
class World:
    """What outlives a run."""

    streams: list[ModelStream]
    folder: Path
    random: Random
    workos: ModelWorkOS = field(default_factory=ModelWorkOS)
    stored: dict[str, Any] | None = None
    printed: list[dict[str, Any]] = field(default_factory=list)
    echo: bool = True

    @property
    def errors(self) -> list[dict[str, Any]]:
        """The lines of the errors file."""
        lines = (self.folder / "errors.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    @property
    def ledger_path(self) -> Path:
        return self.folder / "errors.jsonl.ledger"


def tap(world: World) -> Iterator[dict[str, Any]]:
    """The messages of a tap that is started with the stored state."""
    random = world.random
    state: dict[str, Any] = json.loads(json.dumps(world.stored)) if world.stored else {}
    state.setdefault("bookmarks", {})
    if world.stored and world.echo:
        yield {"type": "STATE", "value": json.loads(json.dumps(state))}
    if not world.echo:
        state["bookmarks"].pop("target-workos-users", None)
    says_state = random.random() < 0.8
    for stream in world.streams:
        yield {"type": "SCHEMA", "stream": stream.name}
        bookmark = state["bookmarks"].setdefault(stream.name, {})
        since = bookmark.get("replication_key_value", -1) if stream.incremental else -1
        records = stream.since(since, random)
        highest = since
        for record in records:
            yield {"type": "RECORD", "stream": stream.name, "record": dict(record)}
            highest = max(highest, record["id"])
            if stream.incremental:
                if stream.is_sorted:
                    bookmark["replication_key_value"] = record["id"]
                else:
                    bookmark["progress_markers"] = {"replication_key_value": highest}
            if says_state and random.random() < 0.3:
                yield {"type": "STATE", "value": json.loads(json.dumps(state))}
        if stream.incremental and highest >= 0:
            bookmark["replication_key_value"] = highest
            bookmark.pop("progress_markers", None)
    if says_state and random.random() < 0.8:  # the SDK drops a state that says nothing new
        yield {"type": "STATE", "value": json.loads(json.dumps(state))}


class ModelRun:
    """One run of the importer over the model tap.

    Args:
        world: What outlives it.
        settings: Of the run.
        logger: For its progress.
        crash_rate: How likely it is to crash, at each step.
    """

    def __init__(
        self, world: World, settings: Settings, logger: logging.Logger, crash_rate: float = 0.0
    ) -> None:
        self.world = world
        self.settings = settings
        self.progress = Progress(settings, logger)
        self.crash_rate = crash_rate
        self.read = 0

    def step(self, crash: type[Crash] = Crash) -> None:
        """Between any two things that a process does, it may be the last."""
        if self.world.random.random() < self.crash_rate:
            raise crash

    def emit(self, state: dict[str, Any]) -> None:
        """Meltano stores what is printed."""
        self.step()
        self.world.printed.append(json.loads(json.dumps(state)))
        self.store(self.world.printed[-1])
        self.step()

    def store(self, state: dict[str, Any]) -> None:
        """As ``meltano run`` does: the newest line counts."""
        self.world.stored = state

    async def connect(
        self, settings: Settings, ledger: Ledger, org_cache: dict[str, str]
    ) -> Connection:
        """As :meth:`Connection.open`, with the model in WorkOS's place."""
        api: Any = self.world.workos
        loader = Loader(api, settings, ledger, org_cache, delays=())
        stack = AsyncExitStack()
        stack.push_async_callback(loader.close)
        queue = LoadQueue(loader.load, concurrency=self.world.random.randint(1, 4))
        transport: Any = NoTransport()
        return Connection(transport, loader, queue, stack)

    def go(self) -> bool:
        """Run to the end or to a crash; True if it got to the end."""
        messages = list(tap(self.world))
        early = None
        while messages and messages[0]["type"] == "STATE":
            early = messages.pop(0)["value"]
        others = [self.world.stored] if self.world.stored and not self.world.echo else []
        start = Start.newest(early, others)
        incremental = {
            stream.name
            for stream in self.world.streams
            if says_something(bookmark_of(start.tap_state, stream.name))
        }
        ledger = Ledger.open(self.settings.ledger_path, lambda _: None)
        ledger.destination = DESTINATION
        outputs = Outputs(
            self.settings.errors_path, ledger, start, DESTINATION, incremental=incremental
        )
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(lambda *_: None)  # a task that a crash ended, say
        importer = Importer(
            self.settings,
            outputs,
            self.progress,
            self.emit,
            self.loop,
            kinds=defaultdict(lambda: Kind.USERS),
            keys={},
            connect=self.connect,
        )
        self.world.workos.step = self.step
        try:
            self._read(messages, importer)
            importer.close()
        except Crash as crash:
            try:
                if isinstance(crash, Signal) and self.world.random.random() < 0.5:
                    self._stop_gently(importer)
            finally:
                self._kill(outputs)
            return False
        except BaseException:
            self._kill(outputs)
            raise
        finally:
            self.loop.close()
        return True

    def _read(self, messages: list[dict[str, Any]], importer: Importer) -> None:
        for message in messages:
            self.step(Signal)
            match message:
                case {"type": "SCHEMA", "stream": name}:
                    importer.open_stream(name, name)
                case {"type": "STATE", "value": value}:
                    importer.read_state(value)
                case {"stream": name, "record": record}:
                    self.read += 1
                    importer.add(name, record)
                    if self.world.random.random() < 0.5:
                        importer.turns.take_one()
        importer.finish(complete=True)

    def _stop_gently(self, importer: Importer) -> None:
        """As after a signal that came now: Meltano may or may not store what is printed."""
        stored, self.crash_rate = self.world.stored, 0.0
        importer.break_off()
        if self.world.random.random() < 0.5:
            self.world.stored = stored

    def _kill(self, outputs: Outputs) -> None:
        """What wasn't committed is gone, and nothing goes on."""
        outputs.close()
        self.world.workos.step = lambda: None
        while tasks := asyncio.all_tasks(self.loop):
            for task in tasks:
                task.cancel()
            with suppress(Crash, RuntimeError):  # of another task that a crash ended
                self.loop.run_until_complete(asyncio.wait(tasks))


class NoTransport:
    """Where the model is in WorkOS's place, nothing is sent."""

    stats = TransportStats()

    def stop_retrying(self) -> None:
        """Nothing is retried."""
