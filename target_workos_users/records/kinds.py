"""What the records of a stream are: its kind, by name or by setting. Pure.

The names are those of the files in a package of WorkOS's migration tool, and those of plain tables.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING

from target_workos_users.exceptions import SettingsError
from target_workos_users.records.redaction import shown_names

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet


class Kind(StrEnum):
    """What a record asks for; each kind may need those before it."""

    PERMISSIONS = "permissions"
    ROLES = "roles"
    ORGANIZATIONS = "organizations"
    USERS = "users"
    MEMBERSHIPS = "memberships"
    TOTP_FACTORS = "totp_factors"


OF_PEOPLE = frozenset({Kind.USERS, Kind.MEMBERSHIPS, Kind.TOTP_FACTORS})
"""Kinds whose records are about a user."""

_ALIASES = {
    "role_definitions": Kind.ROLES,
    "organization_memberships": Kind.MEMBERSHIPS,
    "user_role_assignments": Kind.MEMBERSHIPS,
    "totp_secrets": Kind.TOTP_FACTORS,
}
_BY_NAME = {**{str(kind): kind for kind in Kind}, **_ALIASES}

WHO = ("email", "user_external_id", "external_id", "user_id")
"""Columns by which a record names a user, the first that isn't blank counts."""

OTHER_COLUMNS: Mapping[Kind, frozenset[str]] = {
    Kind.PERMISSIONS: frozenset(
        {"slug", "name", "permission_slug", "permission_name", "description"}
    ),
    Kind.ROLES: frozenset(
        {"slug", "name", "role_slug", "role_name", "role_type", "description", "permissions"}
        | {"org_id", "org_external_id"}
    ),
    Kind.ORGANIZATIONS: frozenset(
        {"name", "external_id", "org_name", "org_external_id", "org_id", "domains", "metadata"}
        | {"allow_profiles_outside_organization"}
    ),
    # metadata: a package of WorkOS's tool has it, and a membership has none.
    Kind.MEMBERSHIPS: frozenset(
        {*WHO, "org_id", "org_external_id", "org_name", "role_slug", "role_slugs", "status"}
        | {"metadata"}
    ),
    Kind.TOTP_FACTORS: frozenset({*WHO, "totp_secret", "totp_issuer", "totp_user"}),
}
"""The columns that are read of records that aren't users."""

# Of each group, a stream must have a column.
_NEEDED: Mapping[Kind, tuple[tuple[str, ...], ...]] = {
    Kind.PERMISSIONS: (("slug", "permission_slug"),),
    Kind.ROLES: (("slug", "role_slug"),),
    Kind.ORGANIZATIONS: (("name", "org_name"),),
    Kind.USERS: (("email",),),
    Kind.MEMBERSHIPS: (WHO,),
    Kind.TOTP_FACTORS: (WHO, ("totp_secret",)),
}


def kind_by_name(*names: str) -> Kind:
    """The kind that a stream's name tells, users if none does; ``public-users`` is ``users``.

    Args:
        names: Of the stream, after stream maps and in the tap.
    """
    last_parts = (re.split(r"[-.:/]", name.lower())[-1] for name in names)
    return next((_BY_NAME[part] for part in last_parts if part in _BY_NAME), Kind.USERS)


def check_columns(stream: str, kind: Kind, columns: AbstractSet[str]) -> None:
    """See that a stream is what it is taken for, before its first record is.

    Args:
        stream: Its name, after stream maps.
        kind: What it is taken for.
        columns: Of its schema and its first record that could be read, after stream maps.

    Raises:
        SettingsError: It lacks a column that every record of the kind needs.
    """
    lacking = [group for group in _NEEDED[kind] if not columns & set(group)]
    if lacking:
        names = sorted(name for name in columns if not name.startswith("_sdc_"))
        raise SettingsError(
            f"Stream {stream!r} can't be loaded as {kind}: it has no column "
            f"{' and none '.join(' or '.join(group) for group in lacking)} (its columns: "
            f"{shown_names(names) or 'none'}). Make one with a stream "
            f"map (stream_maps: {{{stream}: {{{lacking[0][0]}: …}}}}); or say in the setting "
            f"stream_kinds what its records are ({', '.join(Kind)}); or name the streams to take "
            "in the setting streams."
        )
