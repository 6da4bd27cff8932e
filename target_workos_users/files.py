"""Files for their owner's eyes only: what is in them may name users."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from target_workos_users.exceptions import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable

DIFFERENCES = "differences.jsonl"  # beside the errors file, unless differences_path is set
RUNS = ".runs"  # suffix of the folder with the files of a job's runs
_NO_FILE = "it is a symbolic link or a device, not a file"


def runs_folder(errors_path: str | Path) -> Path:
    """Where the runs of the job are that writes this errors file."""
    return Path(errors_path).with_suffix(RUNS)


def private_open(path: Path, flags: int) -> IO[bytes]:
    """Open a file that only its owner can read, unbuffered, made if it isn't there.

    A symbolic link isn't followed: it may lead to a file that is somebody else's to read, or not
    to be overwritten. Nor is a pipe or a device opened: what is written must be there to be read.

    Raises:
        OSError: As ``open`` raises it; or it is no file.
    """
    # O_NONBLOCK: a pipe that nobody reads would keep this waiting. Files don't know it.
    flags |= os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        descriptor = os.open(path, flags, 0o600)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENXIO}:
            raise OSError(error.errno, _NO_FILE) from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, _NO_FILE)
    with suppress(PermissionError):  # another user's file: its mode is theirs to choose
        os.fchmod(descriptor, 0o600)
    return os.fdopen(descriptor, "r+b" if flags & os.O_RDWR else "wb", buffering=0)


def write_all(file: IO[bytes], content: bytes) -> None:
    """Write to an unbuffered file, which may take less than all at a time.

    Raises:
        OSError: The disk is full, say.
    """
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest) :]


def private_replace(path: Path, content: Iterable[bytes], *, sync: bool = False) -> None:
    """Write a file of :func:`private_open`'s kind anew, whole or not at all.

    Args:
        path: The file.
        content: All of it, in parts.
        sync: Wait until it is on disk: a power cut leaves the old file or the new one.

    Raises:
        OSError: It can't be written, or there is something at its place that is no file.
    """
    check_place(path)
    new = path.with_name(path.name + ".new")
    try:
        new.unlink(missing_ok=True)  # of a run that was killed
        with private_open(new, os.O_WRONLY | os.O_EXCL) as file:
            for part in content:
                write_all(file, part)
            if sync:
                os.fsync(file.fileno())
        new.replace(path)
    except OSError:
        with suppress(OSError):
            new.unlink()
        raise


def write_output(
    path: Path, content: Iterable[bytes], *, like: bytes, inputs: Iterable[Path]
) -> None:
    """Write what a command was asked for, over an earlier output of its kind at most.

    Args:
        path: The file.
        content: All of it, in parts.
        like: How files of this kind begin.
        inputs: What the command reads.

    Raises:
        SettingsError: Something else is there, or it can't be written.
    """
    try:
        if path.exists():
            if any(each.exists() and path.samefile(each) for each in inputs):
                raise SettingsError(f"{path} is what is read: give the output another name.")
            if path.is_file() and not begins(path, like):
                raise SettingsError(
                    f"{path} is there already, and isn't an output of this command: it stays as "
                    "it is. Give the output another name."
                )
        private_replace(path, content)
    except OSError as error:
        raise SettingsError(f"{path} can't be written ({error.strerror}).") from None


def begins(path: Path, like: bytes) -> bool:
    """Whether a file begins so, or is empty."""
    with path.open("rb") as file:
        start = file.read(len(like))
    return start in {b"", like}


def check_place(path: Path) -> None:
    """Check that there is a file, or nothing yet.

    Raises:
        OSError: It is a folder, a symbolic link or a device; or the folder can't be looked into.
    """
    with suppress(FileNotFoundError):
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, _NO_FILE)


def is_intact(path: Path, file: IO[bytes], size: int) -> bool:
    """Whether a path still leads to an open file, and there are so many bytes in it.

    Not if somebody has removed, replaced, cut or added to it: log rotation does.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    return os.path.samestat(found, os.fstat(file.fileno())) and found.st_size == size
