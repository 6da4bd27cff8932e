"""A run's progress: a line for each chunk; what the report draws over time."""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING, Literal

import msgspec

from target_workos_users.exceptions import SettingsError
from target_workos_users.files import private_open, write_all

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Mode = Literal["import", "retry"]


class ChunkLine(msgspec.Struct):
    """What a chunk brought; docs/operations.md describes the keys.

    Counts are of this chunk, requests since the line before.
    """

    at: str
    run: str
    began: str
    mode: Mode
    chunk: int
    unchanged: bool
    records: int
    failed: int
    users: int
    memberships: int
    seconds: float
    requests: int
    writes: int
    refused: int
    retried: int


class Timeline:
    """Appends lines to the progress of this run.

    A disk that is full later on costs lines, not the import.

    Args:
        path: The file, which no other run writes; mode 0600.

    Raises:
        SettingsError: The file can't be written.
    """

    def __init__(self, path: Path) -> None:
        self._file: IO[bytes] | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = private_open(path, os.O_WRONLY | os.O_APPEND)
        except OSError as error:
            raise SettingsError(
                f"errors_path: {path} beside it can't be written ({error.strerror}). Nothing was "
                "loaded. Set errors_path to a file in a folder that you may write to."
            ) from None

    def append(self, line: ChunkLine) -> None:
        """Write a line."""
        if self._file is None:
            return
        try:
            write_all(self._file, msgspec.json.encode(line) + b"\n")
        except OSError:
            self.close()

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()
            self._file = None


def read_timeline(path: Path) -> Iterator[ChunkLine]:
    """The lines of a run's progress; lines torn by a crash are left out.

    Raises:
        SettingsError: The file can't be read.
    """
    decode = msgspec.json.Decoder(ChunkLine).decode
    try:
        with path.open("rb") as file:
            for line in file:
                try:
                    yield decode(line)
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                    continue
    except OSError as error:
        raise SettingsError(f"{path} can't be read ({error.strerror}).") from None
