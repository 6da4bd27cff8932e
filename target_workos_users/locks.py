"""Locks: two processes must not write to one file."""

from __future__ import annotations

import fcntl
import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from target_workos_users.exceptions import SettingsError
from target_workos_users.files import begins, check_place, private_open

if TYPE_CHECKING:
    from target_workos_users.settings.settings import Settings


_SUMMARY = b'{\n  "version": '  # as progress.summary writes it


class InUse(Exception):
    """Another process has the lock; the text is that process's id."""


class FileLock:
    """A lock that goes with the process that holds it, however that ends.

    It is ``flock`` on a file beside the one that it is for, which is removed with the lock; one
    left behind by a killed process locks nothing.

    Args:
        path: Of the file to lock; it holds the process's id.

    Raises:
        InUse: Another process has it.
        OSError: There can't be such a file, or its file system knows no locks.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        while not self._take():
            self._file.close()  # its holder has just removed it: take the next one

    def release(self) -> None:
        """Let other processes have it."""
        if not self._file.closed:
            if self._is_there():
                self._path.unlink()  # before it is free: then nobody else has it
            self._file.close()

    def _take(self) -> bool:
        """Whether the lock is taken, and on the file that others will try."""
        self._file = private_open(self._path, os.O_RDWR)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._file.truncate(0)
            self._file.write(str(os.getpid()).encode())
            return self._is_there()
        except OSError as error:
            holder = self._file.read(20).decode("ascii", "replace")
            self._file.close()
            if isinstance(error, BlockingIOError):
                raise InUse(holder or "unknown") from None
            raise

    def _is_there(self) -> bool:
        try:
            return os.path.samestat(self._path.lstat(), os.fstat(self._file.fileno()))
        except FileNotFoundError:
            return False


def lock_outputs(settings: Settings) -> ExitStack:
    """Keep every other run off the files that this one writes, and see that they can be written.

    Returns:
        To be closed when the run is over.

    Raises:
        SettingsError: Another run is at one of them, or it can't be written.
    """
    paths = {
        "errors_path": settings.errors_path,
        "ledger_path": settings.ledger_path,
    }
    with ExitStack() as locks:
        for name, value in paths.items():
            if value:
                locks.callback(lock_output(name, Path(value)).release)
        if settings.summary_path:  # replaced whole at the end: it needs no lock
            _check_summary(Path(settings.summary_path))
        return locks.pop_all()


def lock_output(name: str, path: Path) -> FileLock:
    """Keep every other run off one file, which the setting of that name gives.

    Raises:
        SettingsError: Another run is at it, or it can't be written.
    """
    _check_file(name, path)
    try:
        return FileLock(path.with_name(path.name + ".lock"))
    except InUse as error:
        raise SettingsError(
            f"{name}: {path} is in use by another run (process {error}). Nothing was loaded. "
            f"Wait until that one has ended, or give this one another {name}."
        ) from None
    except OSError as error:
        raise _unwritable(name, path, error) from None


def _check_summary(path: Path) -> None:
    _check_file("summary_path", path)
    try:
        fits = not path.exists() or begins(path, _SUMMARY)
    except OSError as error:
        raise _unwritable("summary_path", path, error) from None
    if not fits:
        raise SettingsError(
            f"summary_path: {path} is there already, and is no summary: it stays as it is. Set "
            "summary_path to another name."
        )


def _check_file(name: str, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        check_place(path)
    except OSError as error:
        raise _unwritable(name, path, error) from None


def _unwritable(name: str, path: Path, error: OSError) -> SettingsError:
    return SettingsError(
        f"{name}: {path} can't be written ({error.strerror}). Nothing was loaded. "
        f"Set {name} to a file in a folder that you may write to."
    )
