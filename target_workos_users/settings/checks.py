"""Whether a config keeps to the settings' schema, and what to say if it doesn't."""

from __future__ import annotations

import math
from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from jsonschema.exceptions import best_match

from target_workos_users.records.redaction import redact_text
from target_workos_users.settings.schema import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jsonschema import ValidationError

_LIMITS = {
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
    "enum": "one of",
    "const": "exactly",
}
_NUMBERS: Mapping[str, type[int | float]] = {"integer": int, "number": float}


def with_numbers(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config with an ``int`` or a ``float`` for each number.

    Environment variables are text. Meltano 4.4.1 has no kind of setting for a fraction, and hands
    such a one on as it is. singer-sdk reads the fractions of a config file as ``Decimal``.
    """
    properties = SETTINGS["properties"]
    return {
        name: _number(value, properties.get(name, {}).get("type", ()))
        for name, value in config.items()
    }


def _number(value: Any, types: Sequence[str]) -> Any:
    """A setting's value as a number, if that is what it stands for; else left to the schema."""
    kind = next(filter(None, map(_NUMBERS.get, types)), None)
    number = value
    if kind and isinstance(value, str):
        with suppress(ValueError):
            number = kind(value)
    elif isinstance(value, Decimal):
        number = float(value)
    if not isinstance(number, float):
        return number
    if not math.isfinite(number):
        return str(value)  # which the schema refuses; it takes NaN for a number
    return int(number) if kind is int and number.is_integer() else number


def describe(error: ValidationError) -> str:
    """What is wrong with a setting, and what it should be; a secret's value isn't shown.

    Args:
        error: Of a config that isn't valid against ``SETTINGS``.
    """
    error = best_match([error]) or error  # of alternatives, the one that was meant
    path = [str(part) for part in error.absolute_path] or ["config"]
    declared = SETTINGS["properties"].get(path[0], {})
    shown = "" if declared.get("secret") else f" found {redact_text(repr(error.instance)):.80},"
    advice = declared.get("description", "")
    return f"{'.'.join(path)}:{shown} expected {_expected(error.schema)}. {advice}"


def _expected(schema: Any) -> str:
    if alternatives := schema.get("anyOf"):
        return " or ".join(map(_expected, alternatives))
    types = schema.get("type", ())
    kinds = [types] if isinstance(types, str) else [word for word in types if word != "null"]
    limits = [f"{words} {schema[key]!r}" for key, words in _LIMITS.items() if key in schema]
    return ", ".join([*filter(None, [" or ".join(kinds)]), *limits])
