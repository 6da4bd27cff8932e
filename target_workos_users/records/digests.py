"""Digests: how it is known that a source is unchanged. Pure."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from typing import Any

import msgspec

from target_workos_users.records.columns import is_deleted

_canonical = msgspec.json.Encoder(order="sorted", decimal_format="number", enc_hook=str)


class Digester:
    """Digests of records.

    Args:
        salt: What besides the record decides how it is loaded (the ``org_*`` settings): with
            another salt the same record has another digest.
    """

    def __init__(self, salt: object = None) -> None:
        self._start = hashlib.sha256(_canonical.encode(salt) if salt else b"")

    def __call__(self, record: dict[str, Any]) -> bytes:
        """16 bytes over the record as canonical JSON, without ``_sdc_*`` columns.

        ``_sdc_error`` stays in: it is a property of the row, and a corrected row is another one. So
        is one that was deleted at the source.
        """
        content = _canonical.encode(record)
        if b'"_sdc_' in content:
            own = {
                key: value
                for key, value in record.items()
                if key == "_sdc_error" or not key.startswith("_sdc_")
            }
            if is_deleted(record):
                own["_sdc_deleted"] = True
            content = _canonical.encode(own)
        digest = self._start.copy()
        digest.update(content)
        return digest.digest()[:16]


def chunk_digest(digests: list[bytes]) -> str:
    """11 characters over the digests of a chunk's records, in order."""
    total = hashlib.sha256(b"".join(digests)).digest()[:8]
    return urlsafe_b64encode(total).rstrip(b"=").decode()
