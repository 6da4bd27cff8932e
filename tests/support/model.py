"""A model tap and a model loader for the property tests of the checkpoint.

The chunks, the checkpoint, the errors file and the journal are the real ones; the model stands
for what is outside: a source, a tap, WorkOS, whoever stores the state, and crashes.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from target_workos_users.checkpoint.chunks import Chunker
from target_workos_users.checkpoint.digests import Digester
from target_workos_users.checkpoint.outputs import Run
from target_workos_users.checkpoint.resume import Start
from target_workos_users.commit import Committer
from target_workos_users.exceptions import ErrorType, RecordError
from target_workos_users.progress.progress import Progress
from target_workos_users.settings.schema import SETTINGS
from target_workos_users.settings.settings import Settings

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterator
    from pathlib import Path
    from random import Random

    from target_workos_users.checkpoint.chunks import Chunk

DESTINATION = "model#0"


def make_settings(**config: Any) -> Settings:
    """Settings as the target has them: the defaults of the schema filled in."""
    defaults = {
        name: schema["default"]
        for name, schema in SETTINGS["properties"].items()
        if "default" in schema
    }
    return Settings.from_config({"sandbox_path": "unused", **defaults, **config}, {})


class Crash(Exception):
    """The process is gone, or about to be: a signal is handled between two steps only."""

    may_be_gentle = True


@dataclass
class ModelStream:
    """A stream of the source.

    Attributes:
        records: What it holds, in the order of the source.
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
    loads: Counter[str] = field(default_factory=Counter)
    lost_answers: Counter[str] = field(default_factory=Counter)
    stored: dict[str, Any] | None = None
    echo: bool = True


def key(stream: str, record: dict[str, Any]) -> str:
    return json.dumps([stream, record], sort_keys=True)


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
    if says_state:
        yield {"type": "STATE", "value": json.loads(json.dumps(state))}


class ModelRun:
    """One run of the target over the model tap.

    Args:
        world: What outlives it.
        settings: Of the run.
        logger: For its progress.
        crash_rate: How likely it is to crash, at each step.
    """

    def __init__(
        self, world: World, settings: Settings, logger: logging.Logger, crash_rate: float
    ) -> None:
        self.world = world
        self.settings = settings
        self.progress = Progress(settings, logger)
        self.crash_rate = crash_rate
        self.read = 0
        self.started = False

    def step(self) -> None:
        if self.world.random.random() < self.crash_rate:
            raise Crash

    def emit(self, state: dict[str, Any]) -> None:
        try:
            self.step()
            self.world.stored = json.loads(json.dumps(state))
            self.step()
        except Crash as crash:
            crash.may_be_gentle = False
            raise

    def go(self) -> bool:
        """Run to the end or to a crash; True if it got to the end."""
        messages = list(tap(self.world))
        early = None
        while messages and messages[0]["type"] == "STATE":
            early = messages.pop(0)["value"]
        others = [self.world.stored] if self.world.stored and not self.world.echo else []
        run = Run(self.settings, Start.newest(early, others), DESTINATION)
        chunker = Chunker(
            run.checkpoint,
            Digester(),
            size=self.settings.batch_size_rows,
            reload=self.settings.on_source_change == "reload",
        )
        committer = Committer(self.settings, run, self.progress, emit=self.emit, organizations=dict)
        try:
            self._read(messages, run, chunker, committer)
        except Crash as crash:
            if crash.may_be_gentle and self.world.random.random() < 0.5:
                self._stop_gently(committer)
            return False
        finally:
            run.close()
        return True

    def _stop_gently(self, committer: Committer) -> None:
        """As after a signal: commit what is finished; Meltano may or may not store it."""
        stored = self.world.stored
        self.crash_rate = 0.0
        committer.commit_start()
        if self.world.random.random() < 0.5:
            self.world.stored = stored

    def _read(
        self,
        messages: list[dict[str, Any]],
        run: Run,
        chunker: Chunker,
        committer: Committer,
    ) -> None:
        waiting: list[Chunk] = []
        for message in messages:
            self.step()
            match message:
                case {"type": "SCHEMA", "stream": name}:
                    chunker.open_stream(name, name)
                case {"type": "STATE", "value": value}:
                    committer.read_state(value)
                case {"stream": name, "record": record}:
                    self.read += 1
                    self._submit(chunker.add(name, record), run, committer, waiting)
        self._settle(run, committer, waiting, keep=0)
        complete = not any(m["type"] == "STATE" for m in messages) or (
            messages[-1]["type"] == "STATE"
        )
        self._submit(chunker.end(complete=complete), run, committer, waiting)
        self._settle(run, committer, waiting, keep=0)
        committer.finish(complete=complete)

    def _submit(
        self, chunk: Chunk | None, run: Run, committer: Committer, waiting: list[Chunk]
    ) -> None:
        if chunk is None:
            return
        committer.in_flight.append(chunk)
        if chunk.unchanged:
            for part, records in chunk.parts:
                for record in records:
                    assert self.world.loads[key(part.stream, record.content)] or (
                        record.content.get("bad")
                    ), "skipped, but never loaded"
                    record.counts = {} if part.counted else {"unchanged": 1}
            committer.commit_finished()
            return
        if not self.started:
            committer.start()
            self.started = True
        waiting.append(chunk)
        self._settle(run, committer, waiting, keep=1)

    def _settle(self, run: Run, committer: Committer, waiting: list[Chunk], *, keep: int) -> None:
        """Load records of the waiting chunks in any order, until so many chunks are left."""
        while len(waiting) > keep:
            candidates = [
                (chunk, part.stream, record)
                for chunk in waiting
                for part, records in chunk.parts
                for record in records
                if record.counts is None
            ]
            chunk, stream, record = self.world.random.choice(candidates)
            self._load(run, chunk, stream, record)
            committer.commit_finished()
            waiting[:] = [chunk for chunk in waiting if chunk.unfinished]

    def _load(self, run: Run, chunk: Chunk, stream: str, record: Any) -> None:
        known = run.finished.get(stream)
        counts = known.take(record.digest) if known else None
        if counts:
            record.counts = counts
        elif record.content.get("bad"):
            record.counts = {"failed": 1}
            record.errors = [RecordError(ErrorType.INVALID_RECORD, "bad")]
        else:
            self.step()
            identity = key(stream, record.content)
            self.world.loads[identity] += 1
            self.world.lost_answers[identity] += 1
            self.step()
            record.counts = {"existing" if self.world.loads[identity] > 1 else "created": 1}
            run.journal.add(stream, record.digest, record.counts)
            self.world.lost_answers[identity] -= 1
        chunk.unfinished -= 1
