"""Whether a config keeps to the settings' schema, and what to say if it doesn't."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from jsonschema.exceptions import best_match

from target_workos_users.records.redaction import redact_text
from target_workos_users.settings_schema import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jsonschema import ValidationError

_LIMITS = {
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
    "enum": "one of",
    "const": "exactly",
}


def with_numbers(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config with numbers for what is a number as text: environment variables are text.

    Meltano 4.4.1 has no kind of setting for a fraction, and hands such a one on as it is.
    """
    numbers = {"integer": int, "number": float}
    found = dict(config)
    for name, value in config.items():
        if isinstance(value, float) and not math.isfinite(value):
            found[name] = str(value)  # which the schema refuses; it takes NaN for a number
        types = SETTINGS["properties"].get(name, {}).get("type", ())
        if isinstance(value, str) and (kind := next(filter(numbers.get, types), None)):
            with suppress(ValueError):  # left to the schema
                number = numbers[kind](value)
                found[name] = number if math.isfinite(number) else value
    return found


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
