"""Where WorkOS isn't as a source has it. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple


class Difference(NamedTuple):
    """Where WorkOS isn't as the source has it.

    Attributes:
        kind: What differs: ``user_missing``, say.
        stream: Of the first record that asks for it; None if none does.
        number: Of that record.
        about: Who and what, as in a line of errors.jsonl.
    """

    kind: str
    stream: str | None
    number: int | None
    about: dict[str, Any]


def pair(name: str, ours: Any, theirs: dict[str, Any]) -> dict[str, Any]:
    """Both values of a field; of metadata its keys, which say nothing of anybody."""
    if name == "metadata":
        return {"keys": sorted(ours)}
    return {"source": ours, "workos": theirs.get(name)}
