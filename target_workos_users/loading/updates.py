"""What an update of an existing user must send."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def differences(user: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """What a ``PUT`` must send to make the user's fields those of the row.

    A password or its hash can't be compared, so it is always sent: to update is to have the
    source's. A verified email is left so, since WorkOS can't unverify it (OpenAPI spec: 400
    ``email_already_verified``). Of the metadata, only keys that differ are sent: WorkOS merges
    them (docs: metadata).

    Args:
        user: The user as WorkOS answered.
        fields: The body of the row's ``POST``.
    """
    changes: dict[str, Any] = {}
    for name, value in fields.items():
        if name == "metadata":
            theirs = user.get(name) or {}
            value = {key: text for key, text in value.items() if theirs.get(key) != text}  # noqa: PLW2901 - narrowed
            if value:
                changes[name] = value
        elif name == "email" or (name == "email_verified" and user.get(name)):
            continue
        elif user.get(name) != value:
            changes[name] = value
    return changes
