"""The settings ``files`` and ``csv_files_definition`` -> the files of each stream."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tap_csv.exceptions import TapError
from tap_csv.reader import CSVFile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DIALECT_SETTINGS = ("delimiter", "escapechar", "quotechar", "skipinitialspace")


@dataclass(frozen=True)
class FileDefinition:
    """An entry of ``files``: a stream and the files that it is read from.

    Attributes:
        entity: Name of the stream.
        keys: Columns that make up its key.
        files: Its files, in the order in which they are read.
    """

    entity: str
    keys: Sequence[str]
    files: Sequence[CSVFile]

    @classmethod
    def from_config(cls, entry: Mapping[str, Any]) -> Self:
        """Checks an entry and looks up its files.

        Args:
            entry: As in the settings; keys that it doesn't know are left alone.

        Raises:
            TapError: A part of it is missing or wrong, or no such file exists.
        """
        entity, path = entry.get("entity"), entry.get("path")
        if not entity or not path:
            raise TapError("`files`: every entry needs an `entity` and a `path`")
        encoding = entry.get("encoding") or "utf-8"
        dialect = {name: entry[name] for name in DIALECT_SETTINGS if entry.get(name) is not None}
        try:
            "".encode(encoding)
            csv.reader([], **dialect)
        except (LookupError, TypeError, ValueError) as error:
            raise TapError(f"`files`, entity {entity}: {error}") from error
        files = [CSVFile(found, encoding, dialect) for found in _find(Path(path))]
        return cls(entity, entry.get("keys") or [], files)

    def columns(self) -> list[str]:
        """The columns of all files, in the order in which they first appear.

        Raises:
            TapError: A file has no usable header, or lacks a column of ``keys``.
        """
        columns: dict[str, None] = {}
        for file in self.files:
            header = file.header()
            for key in self.keys:
                if key not in header:
                    raise TapError(
                        f"{file.path} has no column {key}, which `keys` names: its first line must "
                        "be the header, and `delimiter` the one that it is written with"
                    )
            columns.update(dict.fromkeys(header))
        return list(columns)


def file_definitions(config: Mapping[str, Any]) -> list[FileDefinition]:
    """The file definitions that the settings hold or point to.

    Args:
        config: The tap's settings. ``csv_files_definition`` wins over ``files``, as it does in
            the MeltanoLabs variant.

    Raises:
        TapError: There is none, two have the same entity, or one is wrong.
    """
    entries = config.get("files")
    if source := config.get("csv_files_definition"):
        try:
            entries = json.loads(Path(source).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise TapError(f"`csv_files_definition`, {source}: {error}") from error
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise TapError(f"`csv_files_definition`, {source}: not a JSON list of objects")
    if not entries:
        raise TapError("nothing to read: set `files` to a list of {entity, path, keys}")
    definitions = [FileDefinition.from_config(entry) for entry in entries]
    names = [definition.entity for definition in definitions]
    for name in names:
        if names.count(name) > 1:
            raise TapError(f"`files`: entity {name} is listed twice; its path may be a folder")
    return definitions


def _find(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise TapError(f"{path.absolute()}: no such file or folder")
    files = sorted(file for file in path.rglob("*.csv") if file.is_file())
    if not files:
        raise TapError(f"{path}: no *.csv file in this folder")
    return files
