"""The files of a job's runs: one folder a job, beside its errors file, and two files a run."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from target_workos_users.exceptions import SettingsError
from target_workos_users.files import RUNS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

KEPT_RUNS = 100
SUMMARY = ".json"
PROGRESS = ".progress.jsonl"

_NAME = re.compile(r"(\d{8}T\d{6}\.\d{3}Z-\d+)(\.json|\.progress\.jsonl)")
_DEEPEST = 5  # folders below the current one that are searched


def new_run(folder: Path, started: datetime) -> Path:
    """The name of this process's run, without a suffix; no other run has it."""
    milliseconds = started.microsecond // 1000
    return folder / f"{started:%Y%m%dT%H%M%S}.{milliseconds:03}Z-{os.getpid()}"


def forget_old_runs(folder: Path) -> None:
    """Keep the files of the last 100 runs."""
    runs = sorted({match[1] for _, match in _files(folder)})
    for run in runs[:-KEPT_RUNS]:
        for suffix in (SUMMARY, PROGRESS):
            with suppress(OSError):
                folder.joinpath(run + suffix).unlink()


def progress_files(folder: Path) -> Iterator[Path]:
    """The progress of the job's runs, the oldest first."""
    yield from (path for path, match in sorted(_files(folder)) if match[2] == PROGRESS)


def newest_summary(below: Path) -> Path:
    """The summary of the newest run in a job's folder, or below another folder.

    Raises:
        SettingsError: There is none.
    """
    newest = max(_summaries(below), key=lambda path: path.name, default=None)
    if newest is None:
        raise SettingsError(
            f"No run of target-workos-users was found below {below.resolve()}. Name the file, or "
            "go to the folder in which the import ran."
        )
    return newest


def beside_run(summary: Path, path: str) -> Path:
    """A file that a summary names: as it says, or where it stands beside the summary.

    The path is that of the run's own folder, which needn't be the current one.
    """
    as_said = Path(path)
    with suppress(OSError):  # the name may be too long for one
        if as_said.exists():
            return as_said
    folder = summary.parent.parent if summary.parent.suffix == RUNS else summary.parent
    name = as_said.relative_to(as_said.parent.parent) if _NAME.match(as_said.name) else as_said.name
    return folder / name


def _summaries(below: Path) -> Iterator[Path]:
    for folder, folders, _ in os.walk(below):
        here = Path(folder)
        if here.suffix == RUNS:
            yield from (path for path, match in _files(here) if match[2] == SUMMARY)
        if len(here.relative_to(below).parts) >= _DEEPEST:
            folders.clear()
        folders[:] = [name for name in folders if not name.startswith((".", "node_modules"))]


def _files(folder: Path) -> Iterator[tuple[Path, re.Match[str]]]:
    with suppress(OSError):
        for path in folder.iterdir():
            if match := _NAME.fullmatch(path.name):
                yield path, match
