"""What happens in WorkOS without its API: people sign up and sign in, administrators edit.

The fields are the API's, and besides them those that it only shows, or reaches otherwise.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from workos_sandbox.memberships import find_membership, present_membership
from workos_sandbox.store import Store, timestamp
from workos_sandbox.users import add_user, change_user, find_user, present_user
from workos_sandbox.validation import read_struct

if TYPE_CHECKING:
    from workos_sandbox.environment import Environment

_Time = Annotated[datetime, msgspec.Meta(tz=True)] | UnsetType


class _UserColumns(msgspec.Struct):
    last_sign_in_at: _Time | None = UNSET
    created_at: _Time = UNSET
    updated_at: _Time = UNSET


class _MembershipColumns(msgspec.Struct, forbid_unknown_fields=True):
    status: Literal["active", "inactive", "pending"] | UnsetType = UNSET
    directory_managed: bool | UnsetType = UNSET
    created_at: _Time = UNSET
    updated_at: _Time = UNSET


def sign_up(environment: Environment, fields: dict[str, Any]) -> dict[str, Any]:
    """Somebody makes a user of her own, and is signed in.

    Args:
        environment: Where.
        fields: Of the user object, and ``password`` or ``password_hash`` with its type.

    Returns:
        The user object.

    Raises:
        SandboxError: The user can't be made so.
    """
    columns = read_struct(fields, _UserColumns)
    if columns.last_sign_in_at is UNSET:
        columns.last_sign_in_at = datetime.now(UTC)
    with environment.store.transaction():
        user = add_user(environment, fields)
        return _set_user(environment.store, user["id"], columns)


def edit_user(environment: Environment, user_id: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Set fields of a user, e.g. ``first_name`` or ``last_sign_in_at``; returns the user object.

    Raises:
        SandboxError: There is no such user, or it can't have such fields.
    """
    columns = read_struct(fields, _UserColumns)
    with environment.store.transaction():
        change_user(environment, user_id, fields)
        return _set_user(environment.store, user_id, columns)


def edit_membership(
    environment: Environment, membership_id: str, fields: dict[str, Any]
) -> dict[str, Any]:
    """Set ``status``, ``directory_managed`` or a time of a membership; returns its object.

    Raises:
        SandboxError: There is no such membership, or it can't have such fields.
    """
    columns = read_struct(fields, _MembershipColumns)
    find_membership(environment.store, membership_id)
    _write(environment.store, "memberships", membership_id, columns)
    row = find_membership(environment.store, membership_id)
    return _plain(present_membership(environment.store, row))


def _set_user(store: Store, user_id: str, columns: _UserColumns) -> dict[str, Any]:
    _write(store, "users", user_id, columns)
    return _plain(present_user(find_user(store, user_id)))


def _write(store: Store, table: str, row_id: str, columns: msgspec.Struct) -> None:
    values = {name: v for name, v in msgspec.structs.asdict(columns).items() if v is not UNSET}
    for name, value in values.items():
        if isinstance(value, datetime):
            values[name] = timestamp(value)
    if values:
        setting = ", ".join(f"{name} = :{name}" for name in values)
        update = f"UPDATE {table} SET {setting} WHERE id = :id"  # noqa: S608 - fields of structs
        store.write(update, values | {"id": row_id})


def _plain(shown: dict[str, Any]) -> dict[str, Any]:
    """An object of the API as its JSON reads."""
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(shown))
    return plain
