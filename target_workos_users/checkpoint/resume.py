"""Where a run starts: the newest checkpoint that came in, if it belongs to this environment."""

from __future__ import annotations

import os
import subprocess
from codecs import BOM_UTF8
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import msgspec

from target_workos_users.checkpoint.state import (
    Entry,
    State,
    read_entry,
    says_something,
    without_entry,
)
from target_workos_users.exceptions import ApiError, CheckpointError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from target_workos_users.settings.settings import Settings

_MELTANO_SECONDS = 120


def read_state_file(path: Path, say: Callable[[str], None] = lambda _: None) -> State:
    """The state in a file: what ``--state`` takes.

    Args:
        path: A bare state or a STATE message, several of them a line each (the last counts); or
            what ``meltano state get`` and Meltano's backends write: ``{"singer_state": …}``, and
            ``{"completed": …, "partial": …}``, where the second is newer. A last line that is cut
            off, as a full disk leaves it, doesn't count.
        say: Tells the user of such a line.

    Raises:
        SettingsError: The file can't be read, or holds no state.
    """
    try:
        content = path.read_bytes().removeprefix(BOM_UTF8)  # an editor's, or PowerShell's
        try:
            return _parse_state(content)
        except ValueError:
            whole, line_end, torn = content.rpartition(b"\n")
            if not (whole.strip() and torn.strip()):
                raise
        state = _parse_state(whole + line_end)
    except OSError as error:
        raise SettingsError(f"--state: {path} can't be read ({error.strerror}).") from None
    except ValueError:
        raise SettingsError(
            f"--state: {path} holds no Singer state. Expected a JSON object, or one a line, as "
            "this target and `meltano state get` print them; leave --state out to begin anew."
        ) from None
    say(f"--state: the last line of {path} is cut off: going on from the line before it.")
    return state


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
    except RecursionError:
        raise ValueError("nested too deep") from None
    return _unwrapped(state)


def _unwrapped(state: State) -> State:
    if state.get("type") == "STATE" and isinstance(state.get("value"), dict):
        return _unwrapped(state["value"])
    if isinstance(state.get("singer_state"), dict):
        return _unwrapped(state["singer_state"])
    parts = [state[name] for name in ("completed", "partial") if isinstance(state.get(name), dict)]
    return _merged(*map(_unwrapped, parts)) if parts else state


def _merged(state: State, *newer: State) -> State:
    """As Meltano merges a partial state into the complete one before it: deep, but for lists."""
    for other in newer:
        state = state | {
            name: _merged(state[name], value)
            if isinstance(value, dict) and isinstance(state.get(name), dict)
            else value
            for name, value in other.items()
        }
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


def find_checkpoint(
    settings: Settings,
    destination: str,
    *,
    in_band: State | None,
    state_file: Path | None,
    witness: str | None,
    is_known: Callable[[str], bool],
    say: Callable[[str], None],
) -> Start:
    """Choose what to start from.

    Args:
        settings: Of the run.
        destination: The WorkOS environment to load into.
        in_band: The last STATE message before the first record.
        state_file: What ``--state`` names.
        witness: A user of the ledger, if that is of another destination too.
        is_known: Whether a user or an organization of that id exists in the environment.
        say: Tells the user.

    Raises:
        CheckpointError: The checkpoint can't be used.
        SettingsError: A state can't be read.
        StopRun: WorkOS can't be asked.
    """
    others = [read_state_file(state_file, say)] if state_file else []
    if others and read_entry(others[0]) is None:
        say(
            f"--state: {state_file} has no checkpoint of target-workos-users in its bookmarks. It "
            "is taken for the state that the tap was started with, and nothing more."
        )
    if settings.resume_from_meltano:
        others.append(ask_meltano(settings))
    start = Start.newest(in_band, others)
    if start.entry and start.entry.destination != destination:
        witnesses = [*list(start.entry.org_cache.values())[-1:], settings.org_id, witness]
        _check_destination(start, destination, filter(None, witnesses), is_known, say)
    if start.entry is None and "MELTANO_EXTRACTOR_NAME" in os.environ:
        say(
            "No checkpoint came from the tap: starting with the first record. That is right "
            "for a first run, and after --full-refresh or `meltano state clear`. Otherwise "
            "meltano.yml must give the tap `capabilities: [catalog, discover, state]`."
        )
    return start


def _check_destination(
    start: Start,
    destination: str,
    witnesses: Iterable[str],
    is_known: Callable[[str], bool],
    say: Callable[[str], None],
) -> None:
    """Another host or key: another environment, unless it knows what this import left there."""
    assert start.entry
    for witness in witnesses:
        try:
            known = is_known(witness)
        except ApiError as error:
            raise SettingsError(f"WorkOS answered with an error: {error}") from None
        if known:
            say("The API key is another one, for the same WorkOS environment.")
            return
    why = (
        "The stored checkpoint belongs to another WorkOS environment "
        f"({start.entry.destination}; this run loads into {destination})"
    )
    begin_anew(start, why, say)


def begin_anew(start: Start, why: str, say: Callable[[str], None]) -> None:
    """Leave a checkpoint aside that isn't true of WorkOS; the tap's own bookmarks can't be.

    Raises:
        CheckpointError: The tap was started with a bookmark: it won't send what is before it.
    """
    bookmarks = start.tap_state.get("bookmarks")
    if isinstance(bookmarks, dict) and any(map(says_something, bookmarks.values())):
        raise CheckpointError(
            f"{why}, and the tap goes on from its own bookmark there: records before it would "
            "never be loaded. Run once with --full-refresh, or give this environment a state of "
            "its own (--state-id-suffix, or another Meltano environment)."
        )
    say(f"{why}: starting with the first record.")
    start.entry = None
