"""Texts that mean "no value": those of ``null_values``, and those that only look so."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

_LOOK_SO = {"NULL", "null", "None", "nan", "NaN", r"\N", "N/A", "n/a", "#N/A", "NaT"}
_ZERO_DATE = re.compile(r"0000-00-00(?:[T ]00:00:00(?:\.0{1,9})?Z?)?")


class NullValues:
    """Makes null of what the setting ``null_values`` lists, and counts what else looks so.

    Those others are left as they are: people are called Null.
    """

    def __init__(self, texts: AbstractSet[str]) -> None:
        self._texts = texts
        self._suspects = _LOOK_SO | texts
        self._found: Counter[str] = Counter()

    def __call__(self, record: dict[str, Any]) -> dict[str, Any]:
        """A record with null for the texts that mean it; the same one if there is none."""
        suspects = [
            (name, value)
            for name, value in record.items()
            if type(value) is str
            and (value in self._suspects or (value < "0001" and _ZERO_DATE.fullmatch(value)))
        ]
        if not suspects:
            return record
        nulls = {name: None for name, value in suspects if value in self._texts}
        self._found.update(value for name, value in suspects if name not in nulls)
        return record | nulls

    @property
    def remark(self) -> str | None:
        """What to say of texts that look as if they meant no value; None if none came."""
        if not self._found:
            return None
        counts = ", ".join(f"{count:,} x {text}" for text, count in self._found.most_common())
        setting = json.dumps(sorted(self._texts | self._found.keys()))
        return (
            f"Some texts look like an empty value, and were kept as text: {counts}. If they "
            f"mean no value, set null_values to {setting}; leave out those that are real texts."
        )
