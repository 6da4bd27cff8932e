"""Fingerprints of a row's fields: how the ledger knows a value without keeping it. Pure.

A fingerprint is 32 bits under a random key: it tells that a value changed, and gives nothing of
it away. Every field has a slot, and so has every key of ``metadata``, since WorkOS merges
metadata by key (docs: metadata). Two keys that share a slot change together.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from functools import lru_cache
from hashlib import blake2b
from itertools import chain
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping

Prints = dict[int, int]
"""Fingerprint by slot."""

EMAIL_VERIFIED = 4
PASSWORD = 6
TOTP = 7
_SLOTS = {
    "first_name": 1,
    "last_name": 2,
    "name": 3,
    "email_verified": EMAIL_VERIFIED,
    "external_id": 5,
    "password": PASSWORD,
    "password_hash": PASSWORD,
    "password_hash_type": PASSWORD,
    "password_salt_position": PASSWORD,
    "totp_secret": TOTP,
    "domain_data": 8,
    "allow_profiles_outside_organization": 9,
    "description": 10,
}
_NAMES = {slot: name for name, slot in reversed(_SLOTS.items())}
_FIRST_OF_METADATA, _LAST_OF_METADATA = 256, 32_767
_FIRST_OF_KEYS = 32_768


class Fingerprinter:
    """Makes fingerprints.

    Args:
        key: 16 random bytes, kept in the ledger.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def number(self, *parts: object) -> int:
        """A 63-bit number that stands for the parts: a primary key in SQLite."""
        return int.from_bytes(self._hash(parts, 8)) >> 1

    def prints(self, fields: Mapping[str, Any]) -> Prints:
        """The fingerprints of a row's fields.

        Args:
            fields: The body of its ``POST /user_management/users``; also ``totp_secret``.
        """
        contents = defaultdict(list)
        for slot, name, value in _by_slot(fields):
            contents[slot].append((name, value))
        return {slot: int.from_bytes(self._hash(content, 4)) for slot, content in contents.items()}

    def key(self, values: Mapping[str, Any]) -> Prints:
        """The fingerprint of a record's primary key, in a slot that stands for its columns.

        Args:
            values: By column.
        """
        slot = _FIRST_OF_KEYS + int.from_bytes(self._hash(sorted(values), 2)) // 2
        return {slot: int.from_bytes(self._hash(sorted(values.items()), 4))}

    def _hash(self, content: object, size: int) -> bytes:
        encoded = repr(content).encode("utf-8", "backslashreplace")
        return blake2b(encoded, digest_size=size, key=self._key).digest()


def pick(fields: Mapping[str, Any], slots: Container[int]) -> dict[str, Any]:
    """The fields that belong to some slots, as the body of a ``PUT``."""
    body: dict[str, Any] = {}
    for slot, name, value in _by_slot(fields):
        if slot in slots:
            if slot >= _FIRST_OF_METADATA:
                body.setdefault("metadata", {})[name] = value
            else:
                body[name] = value
    return body


def without_key(prints: Prints) -> Prints:
    """The fingerprints of fields only."""
    return {slot: value for slot, value in prints.items() if slot < _FIRST_OF_KEYS}


def column_of(slot: int) -> str:
    """The column that a slot belongs to, for messages."""
    return _NAMES.get(slot, "metadata")


def _by_slot(fields: Mapping[str, Any]) -> Iterator[tuple[int, str, Any]]:
    for name, value in fields.items():
        if name == "metadata":
            for key, text in value.items():
                yield _slot_of_metadata(key), key, text
        elif slot := _SLOTS.get(name):
            yield slot, name, value


@lru_cache(1_000)
def _slot_of_metadata(key: str) -> int:
    digest = blake2b(key.encode("utf-8", "backslashreplace"), digest_size=2).digest()
    return _FIRST_OF_METADATA + int.from_bytes(digest) % (_LAST_OF_METADATA - _FIRST_OF_METADATA)


def pack(prints: Prints) -> bytes:
    """As the ledger keeps them, 6 bytes each."""
    return struct.pack("<" + "HI" * len(prints), *chain.from_iterable(prints.items()))


def unpack(content: bytes | None) -> Prints:
    """What :func:`pack` packed.

    Raises:
        ValueError: It is something else.
    """
    try:
        return dict(struct.iter_unpack("<HI", content or b""))
    except struct.error as error:
        raise ValueError(str(error)) from None
