"""Whether a config keeps to the settings' schema, and what to say if it doesn't."""

from __future__ import annotations

import math
from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from jsonschema.exceptions import best_match
from msgspec.json import decode

from target_workos_users.records.redaction import redact_text
from target_workos_users.settings.about import kind_of
from target_workos_users.settings.schema import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jsonschema import ValidationError

_LIMITS = {
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
    "enum": "one of",
    "const": "exactly",
}
_IN_WORDS = {"boolean": "true or false", "array": "a list in JSON", "object": "an object in JSON"}
_WORDS = {
    **dict.fromkeys(("true", "1", "yes", "y", "on", "t"), True),
    **dict.fromkeys(("false", "0", "no", "n", "off", "f"), False),
}
_READ: Mapping[str, Callable[[str], Any]] = {
    "boolean": lambda text: _WORDS[text.strip().lower()],
    "integer": int,
    "number": float,
    "array": decode,
    "object": decode,
}


def with_types(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config without what isn't set, each value as what it stands for.

    Environment variables are text. Meltano 4.4.1 has no kind of setting for a fraction, and hands
    such a one on as it is. singer-sdk reads the fractions of a config file as ``Decimal``. What
    can't be read is left to the schema.
    """
    properties = SETTINGS["properties"]
    return {
        name: _typed(value, kind_of(properties[name]))
        for name, value in config.items()
        if value is not None and value != ""
    }


def _typed(value: Any, kind: str) -> Any:
    if isinstance(value, str) and kind in _READ:
        with suppress(ValueError, KeyError, RecursionError):
            value = _READ[kind](value)
    number = float(value) if isinstance(value, Decimal) else value
    if not isinstance(number, float):
        return number
    if not math.isfinite(number):
        return str(value)  # which the schema refuses; it takes NaN for a number
    return int(number) if kind == "integer" and number.is_integer() else number


def describe(error: ValidationError, variables: Mapping[str, str]) -> str:
    """What is wrong with a setting, and what it should be; a secret's value isn't shown.

    Args:
        error: Of a config that isn't valid against ``SETTINGS``.
        variables: The environment variables that settings come from, by name of the setting.
    """
    error = best_match([error]) or error  # of alternatives, the one that was meant
    path = [str(part) for part in error.absolute_path] or ["config"]
    declared = SETTINGS["properties"].get(path[0], {})
    path[0] = variables.get(path[0], path[0])
    shown = "" if declared.get("secret") else f" found {redact_text(repr(error.instance)):.80},"
    advice = declared.get("description", "")
    return f"{'.'.join(path)}:{shown} expected {_expected(error.schema)}. {advice}"


def _expected(schema: Any) -> str:
    if alternatives := schema.get("anyOf"):
        return " or ".join(map(_expected, alternatives))
    types = schema.get("type", ())
    types = [types] if isinstance(types, str) else [word for word in types if word != "null"]
    kinds = [_IN_WORDS.get(word, word) for word in types]
    limits = [f"{words} {schema[key]!r}" for key, words in _LIMITS.items() if key in schema]
    return ", ".join([*filter(None, [" or ".join(kinds)]), *limits])
