"""What a STATE line holds: the tap's bookmarks, and the target's own entry beside them. Pure.

Meltano stores the last STATE line that a target prints and hands it to the *tap*; an SDK tap
gives every entry under ``bookmarks`` back before its first record (measured, singer-sdk 0.54.9).
So the target keeps an entry of its own there::

    {"bookmarks": {"users": {the tap's own}, "target-workos-users": {the target's}}}
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Annotated, Any

import msgspec

from target_workos_users.exceptions import CheckpointError

KEY = "target-workos-users"
VERSION = 2

FAILED, UNCHANGED = "failed", "unchanged"
"""Results of records that the checkpoint itself tells apart in a tally."""

# What the SDK keeps in a bookmark for itself; none of it is where a tap starts again.
_NO_BOOKMARK = frozenset(
    {
        "progress_markers",
        "starting_replication_value",
        "replication_key_signpost",
        "context",
    }
)

_Time = Annotated[datetime, msgspec.Meta(tz=True)]


class StoredChunk(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A chunk as the state keeps it: ``[records, digest]``, and how many failed if any did."""

    records: Annotated[int, msgspec.Meta(ge=1)]
    digest: str
    failed: Annotated[int, msgspec.Meta(ge=0)] = 0


State = dict[str, Any]
"""A Singer state: the value of a STATE message."""


class StoredStream(msgspec.Struct):
    """What the checkpoint knows of one stream.

    Every field is always written: ``meltano run --state-strategy merge`` never removes a key, so
    one left out would keep its old value.

    Attributes:
        complete: The last pass over the source reached its end.
        records: Records that this pass is done with.
        chunks: Chunks since the stream's own bookmark last moved, oldest first.
        tally: What became of ``records``, and what else was made.
        carried: How many of the last chunks are known from an earlier complete pass only.
    """

    complete: bool = False
    records: Annotated[int, msgspec.Meta(ge=0)] = 0
    chunks: list[StoredChunk] = []
    tally: dict[str, int] = {}
    carried: Annotated[int, msgspec.Meta(ge=0)] = 0


class ErrorsPosition(msgspec.Struct):
    """How far errors.jsonl belongs to a checkpoint.

    Attributes:
        path: The file.
        bytes: Its size.
        tail: A digest of its last line. Empty: there is none, or a release wrote it that knew none.
    """

    path: str
    bytes: Annotated[int, msgspec.Meta(ge=0)]
    tail: str = ""


class Entry(msgspec.Struct):
    """The target's own entry in the state.

    Attributes:
        lineage: Random, made anew when an import starts afresh.
        seq: Grows with every STATE line; of two checkpoints the higher one is the newer.
        destination: Which WorkOS environment the records went to.
        streams: By stream name, after stream maps.
        org_cache: WorkOS ids of organizations by their external id, least recently used first.
        errors: The errors file that belongs to it.
        started: When this pass over the source began, interruptions included, UTC, ISO 8601.
        updated: When this STATE line was printed, UTC, ISO 8601.
    """

    version: int
    lineage: str
    seq: Annotated[int, msgspec.Meta(ge=0)] = 0
    destination: str = ""
    streams: dict[str, StoredStream] = {}
    org_cache: dict[str, str] = {}
    errors: ErrorsPosition | None = None
    started: str = ""
    updated: str = ""


def read_entry(state: State) -> Entry | None:
    """The target's entry in a Singer state.

    Raises:
        CheckpointError: It is damaged (the message names the field), or from a newer version.
    """
    raw = _raw_entry(state)
    if raw is None:
        return None
    where = f"bookmarks.{KEY}"
    way_on = (
        "Put back an earlier state with `meltano state set`, or start from the first record with "
        "`meltano state clear` (loads are repeatable: users that exist are found)."
    )
    version = raw.get("version") if isinstance(raw, dict) else None
    if isinstance(version, int) and version > VERSION:
        message = (
            f"The stored checkpoint ({where}) has version {version}; this release of "
            f"target-workos-users reads up to version {VERSION}. Upgrade it. Or: {way_on}"
        )
        raise CheckpointError(message)
    try:
        entry = msgspec.convert(raw, Entry)
        for when in filter(None, (entry.started, entry.updated)):
            msgspec.convert(when, _Time)
    except msgspec.ValidationError as error:
        text = str(error).replace("`$", f"`{where}")
        if "streams[...]" in text:  # which msgspec doesn't name
            bad = next(filter(_is_damaged, raw["streams"].items()))[0]
            text = text.replace("streams[...]", f"streams[{bad!r}]")
        raise CheckpointError(f"The stored checkpoint is damaged: {text}. {way_on}") from None
    return entry


def _is_damaged(stream: tuple[str, Any]) -> bool:
    try:
        msgspec.convert(stream[1], StoredStream)
    except msgspec.ValidationError:
        return True
    return False


def write_entry(state: State, entry: Entry) -> State:
    """A tap's state, with the target's entry in it."""
    own = msgspec.to_builtins(entry)
    for stream in own["streams"].values():
        stream["chunks"] = [chunk if chunk[2] else chunk[:2] for chunk in stream["chunks"]]
    return {**state, "bookmarks": {**(state.get("bookmarks") or {}), KEY: own}}


def without_entry(state: State) -> State:
    """The tap's own part of a Singer state."""
    bookmarks = state.get("bookmarks")
    if not isinstance(bookmarks, dict) or KEY not in bookmarks:
        return state
    return {**state, "bookmarks": {k: v for k, v in bookmarks.items() if k != KEY}}


def with_newest_entry(earlier: State | None, later: State) -> State:
    """A tap's later state, with the target's entry from whichever has the newer one.

    A tap may hand the stored state back first, and then begin with a state of its own.
    """
    kept = _raw_entry(earlier or {})
    if kept is None or _seq(kept) <= _seq(_raw_entry(later)):
        return later
    return {**later, "bookmarks": {**(later.get("bookmarks") or {}), KEY: kept}}


def _raw_entry(state: State) -> Any:
    bookmarks = state.get("bookmarks")
    return (bookmarks.get(KEY) if isinstance(bookmarks, dict) else None) or None


def _seq(raw: Any) -> float:
    """Of an entry that isn't checked yet; less than any if there is none."""
    seq = raw.get("seq", 0) if isinstance(raw, dict) else -1
    return seq if isinstance(seq, int) else -1


def fingerprint(entry: Entry, state: State) -> str:
    """Tells one checkpoint from every other, a hand-edited one with the same ``seq`` included.

    Args:
        entry: The target's entry.
        state: The state that it stands in: where the tap starts again belongs to it.
    """
    bookmarks = {
        name: bookmark
        for name, value in sorted((state.get("bookmarks") or {}).items())
        if name != KEY and (bookmark := own_bookmark(value)) is not None
    }
    own = {
        name: value
        for name, value in msgspec.structs.asdict(entry).items()
        if name not in {"destination", "org_cache", "updated"}
    }
    encoded = msgspec.json.encode([own, bookmarks], order="sorted")
    return hashlib.sha256(encoded).hexdigest()[:16]


def own_bookmark(value: object) -> object:
    """A stream's bookmark without what the SDK keeps there for itself; None if nothing is left."""
    if isinstance(value, dict):
        kept = {
            key: part
            for key, raw in value.items()
            if key not in _NO_BOOKMARK and (part := own_bookmark(raw)) is not None
        }
        # A partition's context tells its bookmark from the others'.
        if kept and "context" in value:
            kept["context"] = value["context"]
        return kept or None
    if isinstance(value, list):
        return [part for raw in value if (part := own_bookmark(raw)) is not None] or None
    return value


def outside_bookmarks(state: State) -> State:
    """What else a tap keeps in its state; where it starts again may depend on it."""
    return {
        key: value
        for key, value in state.items()
        if key not in {"bookmarks", "currently_syncing"} and says_something(value)
    }


def says_something(bookmark: object) -> bool:
    """Whether a tap could start from this bookmark anywhere else than at the first record."""
    if isinstance(bookmark, dict):
        return any(map(says_something, bookmark.values()))
    return bookmark not in (None, "", [])  # 0 is where an id may begin


def bookmark_of(state: State, source: str) -> Any:
    """The tap's bookmark of a stream, by the tap's name for it; None if there is none."""
    bookmarks = state.get("bookmarks")
    return bookmarks.get(source) if isinstance(bookmarks, dict) else None
