"""How a setting is declared: a field of :class:`Settings`, and the ``th.Property`` made of it."""

from __future__ import annotations

from dataclasses import field, fields
from types import UnionType
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from singer_sdk import typing as th

from target_workos_users.records.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TYPES = {str: th.StringType, bool: th.BooleanType, int: th.IntegerType, float: th.NumberType}


def setting(
    *,
    title: str,
    description: str,
    default: Any = None,
    secret: bool = False,
    **bounds: float,
) -> Any:
    """A field of a dataclass that is a setting too; a secret one isn't in its ``repr``.

    Its JSON type, and the values that it may have, are those of the field's annotation.

    Args:
        title: A few words.
        description: What it does, in a sentence or two: ``--about``, the docs and the Hub have it.
        default: Its value if it isn't set, in JSON: a list, where the field is a ``frozenset``.
        secret: Whether its value must not be shown.
        bounds: Of a number: ``minimum``, ``exclusive_minimum``, ``maximum``.
    """
    declared = {"title": title, "description": description, "default": default, "secret": secret}
    value = frozenset(default) if isinstance(default, list) else default
    return field(default=value, repr=not secret, metadata={"declared": declared, "bounds": bounds})


def properties_of(declared: type) -> Iterator[th.Property[Any]]:
    """The settings that a dataclass declares, as singer-sdk has them."""
    annotations = get_type_hints(declared)
    for each in fields(declared):
        if each.metadata:
            kind = _json_type(annotations[each.name], each.metadata["bounds"])
            yield th.Property(each.name, kind, **each.metadata["declared"])


def _json_type(annotation: Any, bounds: Mapping[str, float]) -> Any:
    """The JSON type that an annotation stands for, null aside."""
    inner = get_args(annotation)
    if isinstance(annotation, UnionType):
        return _json_type(inner[0], bounds)
    if get_origin(annotation) is Literal:
        return th.StringType(allowed_values=list(inner))
    if annotation is Kind:
        return th.StringType(allowed_values=list(map(str, Kind)))
    if get_origin(annotation) is frozenset:
        return th.ArrayType(_json_type(inner[0], {}))
    if get_origin(annotation) is dict:
        return th.ObjectType(additional_properties=_json_type(inner[1], {}))
    return _TYPES[annotation](**bounds)
