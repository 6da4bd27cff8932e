"""Files for their owner's eyes only: what is in them may name users."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def private_open(path: Path, flags: int) -> IO[bytes]:
    """Open a file that only its owner can read, unbuffered, made if it isn't there.

    Raises:
        OSError: As ``open`` raises it.
    """
    descriptor = os.open(path, flags | os.O_CREAT, 0o600)
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
