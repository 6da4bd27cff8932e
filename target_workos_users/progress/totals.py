"""How many records there will be, for percentage and ETA: given, or counted in the background."""

from __future__ import annotations

import csv
import json
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_FIELD_LIMIT = 16 * 2**20  # characters; csv's own limit is 128 KiB, and a longer field an error
_DIALECT = ("delimiter", "doublequote", "escapechar", "quotechar", "skipinitialspace", "strict")


class Total:
    """The number of records to come.

    Args:
        given: The setting ``total_records``; wins.
        streams: The setting ``streams``: the only ones to count; None: all.

    Attributes:
        value: The number, as soon and as far as it is known; a :class:`Progress` may set what the
            checkpoint knows.
    """

    def __init__(self, given: int | None, streams: frozenset[str] | None = None) -> None:
        self.value = given
        self._streams = streams
        self._thread: threading.Thread | None = None

    def start(self, environment: Mapping[str, str] = os.environ) -> None:
        """Count the rows of the CSV files that Meltano names, in a thread of its own.

        Meltano 4.4.1 gives the loader the tap's settings too (measured): ``TAP_CSV_FILES`` is a
        JSON list of ``{"entity", "path", …}``, paths relative to the project.
        """
        files = environment.get("TAP_CSV_FILES")
        if self.value is None and files:
            folder = Path(environment.get("MELTANO_PROJECT_ROOT", "."))
            self._thread = threading.Thread(target=self._count, args=(files, folder), daemon=True)
            self._thread.start()

    def wait(self, seconds: float) -> None:
        """Give the count some seconds to get ready."""
        if self._thread:
            self._thread.join(seconds)

    def _count(self, files: str, folder: Path) -> None:
        try:
            entries = json.loads(files)
            self.value = self.value or sum(
                count_rows(path, entry)
                for entry in entries
                if self._streams is None or entry.get("entity") in self._streams
                for path in _find(folder / entry["path"])
            )
        except Exception:  # noqa: BLE001 - whatever it is, the import can do without a percentage
            self.value = None


def count_rows(path: Path, entry: Mapping[str, Any]) -> int:
    """The records of a CSV file, as tap-csv reads it: about 400,000 rows a second.

    Args:
        path: The file; its first row is the header.
        entry: Its entry in ``files``, with ``encoding`` and csv format parameters.

    Raises:
        OSError: It can't be read.
    """
    csv.field_size_limit(_FIELD_LIMIT)
    dialect = {name: entry[name] for name in _DIALECT if entry.get(name) is not None}
    encoding = entry.get("encoding") or "utf-8"
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        reader = csv.reader(file, **dialect)
        rows = 0
        while True:
            try:
                rows += sum(1 for row in reader if row)
            except csv.Error:  # a row that can't be read is a record all the same
                rows += 1
            else:
                return max(rows - 1, 0)


def _find(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from (file for file in path.rglob("*.csv") if file.is_file())
    else:
        yield path
