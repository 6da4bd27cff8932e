"""The users handled lately: a further row of one costs its membership only."""

from __future__ import annotations

import struct
from collections import deque
from typing import TYPE_CHECKING, Any

from target_workos_users.loading.lru import LruDict

if TYPE_CHECKING:
    from target_workos_users.records.parse import UserRow

FIELDS = (
    "first_name",
    "last_name",
    "name",
    "email_verified",
    "external_id",
    "metadata",
    "password",
    "password_hash",
    "totp_secret",
)
_FINGERPRINT = struct.Struct(f"={len(FIELDS)}H")


class RecentUsers:
    """Emails of the users handled lately, with their WorkOS ids and a digest of their fields.

    An entry takes 250 bytes (measured, CPython 3.12), so 10,000 take 2.5 MB.
    """

    def __init__(self, capacity: int = 10_000) -> None:
        self._users: LruDict[str, bytes] = LruDict(capacity)

    def remember(self, row: UserRow, user_id: str) -> None:
        """Keep the id and the digest of the fields; of a user's rows, the first one's count."""
        self._users[row.email] = _fingerprint(row) + user_id.encode()

    def recall(self, row: UserRow) -> tuple[str, list[str]] | None:
        """The user of an earlier row with the same email, or None.

        Returns:
            The WorkOS id, and the fields that this row has and the earlier one had otherwise or
            not at all; a TOTP secret that it hadn't is no conflict, for it is enrolled. (A digest
            is 16 bits a field: of 65,536 conflicts one is missed.)
        """
        entry = self._users.use(row.email)
        if entry is None:
            return None
        first = _FINGERPRINT.unpack_from(entry)
        this = _FINGERPRINT.unpack(_fingerprint(row))
        conflicts = [
            name
            for name, mine, theirs in zip(FIELDS, this, first, strict=True)
            if mine not in (0, theirs) and (theirs or name != "totp_secret")
        ]
        return entry[_FINGERPRINT.size :].decode(), conflicts

    def forget(self, email: str) -> None:
        """The user isn't in WorkOS any more."""
        self._users.pop(email, None)


class LatestUsers:
    """How many of the latest users existed before their row came."""

    def __init__(self, size: int = 100, least: int = 20) -> None:
        self._latest: deque[bool] = deque(maxlen=size)
        self._least = least
        self._existed = 0

    def add(self, *, existed: bool) -> None:
        """Count one more user."""
        if len(self._latest) == self._latest.maxlen:
            self._existed -= self._latest[0]
        self._latest.append(existed)
        self._existed += existed

    @property
    def mostly_existed(self) -> bool:
        """Whether more than half of them did; False until enough were seen."""
        return len(self._latest) >= self._least and 2 * self._existed > len(self._latest)


def _fingerprint(row: UserRow) -> bytes:
    fields = row.fields
    if row.totp is not None:
        fields = {**fields, "totp_secret": row.totp.secret}
    return _FINGERPRINT.pack(*[_hash(fields.get(name)) for name in FIELDS])


def _hash(value: Any) -> int:
    if value is None:
        return 0  # says nothing, so it contradicts nothing
    if isinstance(value, dict):
        value = frozenset(value.items())
    return hash((value,)) & 0xFFFF or 1  # a tuple's, for hash(False) is 0 and hash(True) is 1
