"""How a setting is declared: a field of :class:`Settings`, with the ``th.Property`` that it is."""

from __future__ import annotations

from dataclasses import field, fields
from typing import TYPE_CHECKING, Any

from singer_sdk import typing as th

if TYPE_CHECKING:
    from collections.abc import Iterator


def setting(
    kind: th.JSONTypeHelper[Any] | type[th.JSONTypeHelper[Any]],
    *,
    title: str,
    description: str,
    default: Any = None,
    secret: bool = False,
    allowed_values: list[Any] | None = None,
) -> Any:
    """A field of a dataclass that is a setting too; a secret one isn't in its ``repr``.

    Args:
        kind: Its JSON type. The annotation of the field says the same.
        title: A few words.
        description: What it does, in a sentence or two: ``--about``, the docs and the Hub have it.
        default: Its value if it isn't set, in JSON: a list, where the field is a ``frozenset``.
        secret: Whether its value must not be shown.
        allowed_values: If only these are.
    """
    declared = {
        "wrapped": kind,
        "title": title,
        "description": description,
        "default": default,
        "secret": secret,
        "allowed_values": allowed_values,
    }
    value = frozenset(default) if isinstance(default, list) else default
    return field(default=value, repr=not secret, metadata=declared)


def properties_of(declared: type) -> Iterator[th.Property[Any]]:
    """The settings that a dataclass declares, as singer-sdk has them."""
    for each in fields(declared):
        if each.metadata:
            yield th.Property(each.name, **each.metadata)
