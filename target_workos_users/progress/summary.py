"""The closing summary: what became of the records, and what it took.

It is also a JSON file (``summary_path``, and one of the run's own); docs/operations.md describes
its keys, which are the fields of the classes here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from target_workos_users.exceptions import SettingsError
from target_workos_users.files import private_replace
from target_workos_users.progress.timeline import Mode  # noqa: TC001 - msgspec reads it at run time
from target_workos_users.texts import neutralize

if TYPE_CHECKING:
    from pathlib import Path

VERSION = 1


class Records(msgspec.Struct):
    """Records: ``read`` = ``loaded`` + ``unchanged`` + ``failed`` + ``deleted`` + ``left_out``.

    Attributes:
        read: Read and settled.
        loaded: In WorkOS.
        unchanged: Loaded before, and skipped.
        failed: In the errors file.
        deleted: Deleted at the source, and not sent.
        left_out: Not asked for: not of the ``streams``, not listed by ``only_errors_from``, or
            beyond ``limit``.
        dropped: Left out by stream maps; not among those read.
        unfinished: Read besides, but not settled when the run was stopped: read again next time.
    """

    read: int = 0
    loaded: int = 0
    unchanged: int = 0
    failed: int = 0
    deleted: int = 0
    left_out: int = 0
    dropped: int = 0
    unfinished: int = 0


class Users(msgspec.Struct):
    """Users of the records loaded, and of failed ones where the user isn't what failed.

    Attributes:
        created: Created.
        existing: Found in WorkOS.
        updated: Found, and updated.
        merged: Further records of a user whom this import had made or found before.
        deleted: Created, and deleted again (``require_membership``).
        passwords_left: Passwords that weren't written over those of existing users.
        hashes_skipped: Loaded without their password hash, which WorkOS can't verify.
    """

    created: int = 0
    existing: int = 0
    updated: int = 0
    merged: int = 0
    deleted: int = 0
    passwords_left: int = 0
    hashes_skipped: int = 0


class Memberships(msgspec.Struct):
    """Memberships: created, existing already, inactive and reactivated, or deactivated."""

    created: int = 0
    existing: int = 0
    reactivated: int = 0
    deactivated: int = 0


class Organizations(msgspec.Struct):
    """Organizations: created, found in WorkOS, or known already (``cache_hits``, by record).

    Attributes:
        updated: Those that got the fields of their own record.
        largest: The fifty with the most records loaded by this run: (id, records).
        others: Records loaded into organizations beyond the 10,000 that are counted apart.
    """

    created: int = 0
    found: int = 0
    cache_hits: int = 0
    updated: int = 0
    largest: list[tuple[str, int]] = []
    others: int = 0


class Roles(msgspec.Struct):
    """Memberships created with all roles of their record, and existing ones given missing roles.

    Attributes:
        assigned: The former.
        added: The latter.
        created: Roles that have a record of their own, and were created.
        existing: Those that were there.
    """

    assigned: int = 0
    added: int = 0
    created: int = 0
    existing: int = 0


class Permissions(msgspec.Struct):
    """Permissions of records: created, or there already."""

    created: int = 0
    existing: int = 0


class Factors(msgspec.Struct):
    """TOTP factors: enrolled, or there already."""

    enrolled: int = 0
    existing: int = 0


class Failure(msgspec.Struct):
    """Errors of one kind; a record may have several.

    Attributes:
        reason: Status and code of WorkOS's answer, or the message without what is personal in it.
    """

    error_type: str
    reason: str
    retryable: bool
    count: int
    first_stream: str
    first_record: int
    last_record: int


class Kind(msgspec.Struct):
    """Requests of one kind, lost ones included in those sent and in the mean."""

    sent: int
    lost: int
    answers: dict[str, int]
    mean_seconds: float


class Requests(msgspec.Struct):
    """Requests sent, retries included.

    Attributes:
        refused: Answered with 429.
        lost: Those without an answer.
        writes: Those that count against ``rate_limit``.
        writes_per_second: From the first write to the last; None for fewer than two.
        by_kind: By method and path template.
    """

    sent: int = 0
    refused: int = 0
    retried: int = 0
    lost: int = 0
    writes: int = 0
    writes_per_second: float | None = None
    rate_limit: float = 0.0
    by_kind: dict[str, Kind] = {}


class Summary(msgspec.Struct, kw_only=True):
    """One run; ``mode`` is ``retry`` under ``only_errors_from``."""

    version: int = VERSION
    mode: Mode = "import"
    reason: str = ""
    error: str | None = None
    exit_code: int = 0
    started: str
    ended: str = ""
    seconds: float = 0.0
    errors_path: str
    ledger_path: str | None = None
    progress_path: str = ""
    began: str = ""
    destination: str = ""
    sandbox_path: str | None = None
    records: Records = msgspec.field(default_factory=Records)
    users: Users = msgspec.field(default_factory=Users)
    memberships: Memberships = msgspec.field(default_factory=Memberships)
    organizations: Organizations = msgspec.field(default_factory=Organizations)
    roles: Roles = msgspec.field(default_factory=Roles)
    permissions: Permissions = msgspec.field(default_factory=Permissions)
    factors: Factors = msgspec.field(default_factory=Factors)
    failures: list[Failure] = []
    skipped_hashes: list[Failure] = []
    requests: Requests = msgspec.field(default_factory=Requests)


def write_summary(summary: msgspec.Struct, path: Path) -> None:
    """Write the JSON file, whole or not at all; mode 0600.

    Raises:
        OSError: It can't be written.
    """
    content = neutralize(msgspec.json.encode(summary).decode())
    private_replace(path, (msgspec.json.format(content, indent=2).encode(), b"\n"), sync=True)


def read_summary(path: Path) -> Summary:
    """Read the JSON file.

    Raises:
        SettingsError: It isn't there, or isn't a summary.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Summary)
    except OSError as error:
        raise SettingsError(
            f"{path} can't be read ({error.strerror}). Name the file that summary_path named, or "
            "the errors file of the job."
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SettingsError(
            f"{path} isn't a summary ({error}). Expected the file that summary_path named."
        ) from None
