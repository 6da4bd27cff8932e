"""Where a run starts: the newest stored checkpoint, the errors file and the journal with it."""

from __future__ import annotations

import os
import secrets
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

import msgspec

from target_workos_users.checkpoint.checkpoint import Checkpoint
from target_workos_users.checkpoint.journal import Finished, Journal, read_journal
from target_workos_users.checkpoint.state import (
    VERSION,
    Entry,
    ErrorsPosition,
    State,
    fingerprint,
    read_entry,
    says_something,
    without_entry,
)
from target_workos_users.errors.file import ErrorsFile
from target_workos_users.exceptions import CheckpointError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from target_workos_users.settings import Settings

_MELTANO_SECONDS = 120


def now(precision: str = "seconds") -> str:
    """The time, UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec=precision).replace("+00:00", "Z")


def read_state_file(path: Path) -> State:
    """The state in a file: what ``--state`` takes.

    Args:
        path: A bare state, several of them a line each (the last counts), or what
            ``meltano state get`` and Meltano's backends write: ``{"singer_state": …}``.

    Raises:
        SettingsError: The file can't be read, or holds no state.
    """
    try:
        return _parse_state(path.read_bytes())
    except OSError as error:
        raise SettingsError(f"--state: {path} can't be read ({error.strerror}).") from None
    except ValueError:
        raise SettingsError(
            f"--state: {path} holds no Singer state. Expected a JSON object, or one a line."
        ) from None


def ask_meltano(settings: Settings, environment: Mapping[str, str] = os.environ) -> State:
    """The state that Meltano stored for this job, for taps that don't hand it back.

    Raises:
        SettingsError: Not under Meltano, or Meltano doesn't answer.
    """
    try:
        state_id = settings.state_id or "{}:{}-to-{}{}".format(
            environment["MELTANO_ENVIRONMENT"],
            environment["MELTANO_EXTRACTOR_NAME"],
            environment["MELTANO_LOADER_NAME"],
            f":{suffix}" if (suffix := environment.get("MELTANO_RUN_STATE_ID_SUFFIX")) else "",
        )
        meltano = Path(environment["MELTANO_SYS_DIR_ROOT"]) / "run" / "bin"
    except KeyError as error:
        raise SettingsError(
            f"resume_from_meltano is set, but {error} is not in the environment: this run isn't "
            "Meltano's. Unset it, or give the state with --state FILE."
        ) from None
    try:
        answer = subprocess.run(  # noqa: S603 - Meltano's own executable
            [meltano, "state", "get", state_id],
            capture_output=True,
            check=True,
            timeout=_MELTANO_SECONDS,
        )
        return _parse_state(answer.stdout or b"{}")
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise SettingsError(
            f"resume_from_meltano: `meltano state get {state_id}` failed ({type(error).__name__}). "
            "Try it by hand; state_id sets another id."
        ) from None


def _parse_state(content: bytes) -> State:
    """Raises ValueError if there is no JSON object in it."""
    try:
        state = msgspec.json.decode(content, type=State)
    except msgspec.DecodeError:
        lines = [line for line in content.splitlines() if line.strip()]
        state = msgspec.json.decode(lines[-1] if lines else b"", type=State)
    for wrapper in ("singer_state", "completed"):
        if isinstance(state.get(wrapper), dict):
            return _parse_state(msgspec.json.encode(state[wrapper]))
    return state


@dataclass
class Start:
    """What a run starts from.

    Attributes:
        entry: The newest checkpoint that came in; None starts with the first record.
        tap_state: The state that the tap was started with, as far as it is known.
    """

    entry: Entry | None
    tap_state: State

    @classmethod
    def newest(cls, in_band: State | None, others: Iterable[State]) -> Self:
        """Choose among the states that came in, by ``seq``.

        Args:
            in_band: The last STATE message before the first record.
            others: From ``--state`` and from Meltano.

        Raises:
            CheckpointError: One is damaged, or from a newer version.
        """
        states = [state for state in (in_band, *others) if state is not None]
        entries = [(entry.seq, entry) for state in states if (entry := read_entry(state))]
        tap_state = without_entry(states[0]) if states else {}
        entry = max(entries, key=lambda pair: pair[0])[1] if entries else None
        return cls(entry, tap_state)


class Run:
    """One run's checkpoint, and the files that go with it.

    Attributes:
        checkpoint: What is loaded.
        finished: By stream, records that the journal knows as done.
        errors: The errors file.
        journal: The journal.
        begins: A pass over the source begins with this run; else it goes on from the middle.
    """

    def __init__(self, settings: Settings, start: Start, destination: str) -> None:
        """Open the files.

        Args:
            settings: Of the run.
            start: What to start from; its entry belongs to ``destination``.
            destination: The WorkOS environment to load into.

        Raises:
            SettingsError: A file can't be written.
        """
        entry = start.entry or Entry(
            version=VERSION, lineage=secrets.token_hex(4), destination=destination
        )
        self.begins = all(stream.complete for stream in entry.streams.values())
        if self.begins:
            # A new pass: users of the earlier ones are there before it, to be updated or refused.
            entry.started = now("milliseconds")
        mark = fingerprint(entry)
        self.errors = ErrorsFile(settings.errors_path)
        own_errors = entry is start.entry and entry.errors.path == settings.errors_path
        self.errors.open(keep=entry.errors.bytes if own_errors else None)
        self.journal = Journal(settings.journal_path)
        self.finished: dict[str, Finished] = {}
        if self.journal.path:
            self.finished = read_journal(self.journal.path, entry, mark)
        self.journal.open(entry.lineage, entry.seq, mark, self.finished)
        entry.destination = destination
        self.checkpoint = Checkpoint(entry, start.tap_state)

    def next_state(
        self,
        org_cache: dict[str, str] | None,
        uncommitted: Iterable[tuple[str, bytes, dict[str, int]]],
    ) -> State:
        """The next STATE to print; the journal knows it before anyone else.

        Args:
            org_cache: WorkOS ids of organizations by external id; None if none was resolved.
            uncommitted: Records that are done, but not covered.

        Raises:
            OutputError: The journal can't be written.
        """
        entry = self.checkpoint.entry
        moved = self.checkpoint.take_moved()
        errors = ErrorsPosition(path=str(self.errors.path), bytes=self.errors.size)
        state = self.checkpoint.state(
            entry.org_cache if org_cache is None else org_cache, errors, now()
        )
        self.journal.mark(entry.seq, fingerprint(entry), moved, uncommitted)
        return state

    def close(self) -> None:
        """Close the files."""
        self.errors.close()
        self.journal.close()


def check_bookmarks(start: Start, destination: str) -> None:
    """A checkpoint of another environment is left aside; the tap's own bookmarks can't be.

    Raises:
        CheckpointError: The tap was started with a bookmark: it won't send what is before it.
    """
    bookmarks = start.tap_state.get("bookmarks")
    if start.entry and isinstance(bookmarks, dict) and any(map(says_something, bookmarks.values())):
        raise CheckpointError(
            "The stored state belongs to another WorkOS environment "
            f"({start.entry.destination}; this run loads into {destination}), and the tap goes on "
            "from its own bookmark there: records before it would never reach this environment. "
            "Run once with --full-refresh, or give this environment a state of its own "
            "(--state-id-suffix, or another Meltano environment)."
        )
