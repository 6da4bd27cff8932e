"""The columns of a record: which are known, and under which names they come. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

INTACT = "_sdc_intact"
"""Beside an ``_sdc_error`` of this target's own: each value stands under its own name."""

WHERE = "_sdc_where"
"""Beside it: which line of the input the record was."""

DELETED_AT = ("_sdc_deleted_at", "_sdc_lsn_deleted_at")
"""Set by taps that read a database's log, in a record that was deleted there."""

SECRET_COLUMNS = frozenset({"password", "password_hash", "totp_secret"})
KNOWN_COLUMNS = SECRET_COLUMNS | {
    "email",
    "first_name",
    "last_name",
    "name",
    "email_verified",
    "external_id",
    "metadata",
    "password_hash_type",
    "password_salt_position",
    "org_id",
    "org_external_id",
    "org_name",
    "role_slugs",
    "role_slug",
    "status",
    "ip_address",
    "user_agent",
    "totp_issuer",
    "totp_user",
}

_SEPARATORS = re.compile(r"[\s_-]+", re.ASCII)
_MEANT = {name.replace("_", ""): name for name in KNOWN_COLUMNS} | {"emailaddress": "email"}
_LONGEST = 32


def renames(names: Iterable[str]) -> dict[str, str]:
    """The known columns that go by another name: ``E-Mail``, ``First Name``, ``firstName``.

    Returns:
        Columns by the names that they have. A column that is there under its own name isn't in it,
        nor one that goes by two names.
    """
    found = defaultdict(list)
    names = list(names)
    for name in names:
        if len(name) <= _LONGEST and (column := _meant(name)):
            found[column].append(name)
    return {
        others[0]: column
        for column, others in found.items()
        if len(others) == 1 and others[0] != column
    }


def by_column(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """A record, its known columns under their own names."""
    if record.keys() <= KNOWN_COLUMNS or not (renamed := renames(record)):
        return record
    return {renamed.get(name, name): value for name, value in record.items()}


def is_deleted(record: Mapping[str, Any]) -> bool:
    """Whether a record was deleted at the source; unknown of one that can't be read whole."""
    if record.keys().isdisjoint(DELETED_AT):  # at once: a resume asks this of millions
        return False
    return any(record.get(column) for column in DELETED_AT) and not record.get("_sdc_error")


@lru_cache(maxsize=4_096)
def _meant(name: str) -> str | None:
    return _MEANT.get(_SEPARATORS.sub("", name).lower()) if name.isascii() else None
