"""One process at a time has a sandbox file."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class InUse(Exception):
    """Another process has the lock; the text is that process's id."""


class FileLock:
    """A lock that ends with the process that holds it, however that ends.

    It is ``flock`` on a file of its own, which stays behind: SQLite's locks on the database file
    would be lost when another descriptor of that file is closed.

    Args:
        path: The file to lock; it holds the process's id.

    Raises:
        InUse: Another process has it.
        OSError: The file can't be opened, or its file system doesn't have locks.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(self._file, 20).decode("ascii", "replace")
            os.close(self._file)
            if isinstance(error, BlockingIOError):
                raise InUse(holder or "unknown") from None
            raise
        os.ftruncate(self._file, 0)
        os.write(self._file, str(os.getpid()).encode())

    def release(self) -> None:
        """Let other processes have it."""
        os.close(self._file)
