"""Columns that nobody reads: warned of, without filling the log or the memory with their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from target_workos_users.records.columns import renames
from target_workos_users.records.redaction import shown_names

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_MOST_WARNINGS = 3
_MOST_NAMES = 1_000


class UnknownColumns:
    """Warns of a stream's columns that aren't known.

    A source may make columns of people's names, ever new ones: after a few warnings it says that
    there are more, and looks no further.

    Args:
        stream: Its name, after stream maps.
        known: Columns that are read, or that its stream maps read: those are of use, too.
        prefix: What the names of columns begin with that belong to ``metadata``.
    """

    def __init__(
        self, stream: str, known: frozenset[str], prefix: str | None, warn: Callable[[str], None]
    ) -> None:
        self._stream = stream
        self._known = self._first = known
        self._needless = ("_sdc_", prefix or "_sdc_")
        self._warn = warn
        self._warnings = 0

    def look_at(self, record: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
        """A record came, of a stream with this schema."""
        if self._warnings >= _MOST_WARNINGS or record.keys() <= self._known:
            return
        columns = record.keys() | schema["properties"].keys()
        unknown = columns - self._known
        self._known |= unknown
        if taken := {name: column for name, column in renames(columns).items() if name in unknown}:
            unknown -= taken.keys()
            self._warn(
                f"Stream {self._stream!r} has columns that are taken for known ones: "
                + ", ".join(f"{name} for {column}" for name, column in sorted(taken.items()))
                + "."
            )
        if not (names := sorted(n for n in unknown if not n.startswith(self._needless))):
            return
        self._warnings += 1
        if len(self._known) > _MOST_NAMES:
            self._warnings = _MOST_WARNINGS
            self._known = self._first
        if self._warnings == _MOST_WARNINGS:
            more = ", and so are others that may come; they aren't named"
        else:
            more = ""
        self._warn(
            f"Stream {self._stream!r} has columns that aren't known and are ignored: "
            f"{shown_names(names)}{more}."
        )
