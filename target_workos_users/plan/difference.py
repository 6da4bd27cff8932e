"""Where WorkOS isn't as a source has it: found, written, read again."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from target_workos_users.exceptions import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

_MOST_SHOWN = 50


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


class Shown(NamedTuple):
    """A line in words.

    Attributes:
        kind: What differs.
        place: Stream and number of the record.
        user: Email or id.
        organization: External id or id.
        what: Fields, roles, or why a record would fail.
    """

    kind: str
    place: str
    user: str
    organization: str
    what: str


class Differences(NamedTuple):
    """What a diff found.

    Attributes:
        counts: Lines by kind of difference.
        first: The first lines.
    """

    counts: Counter[str]
    first: list[Shown]


def read_differences(path: Path) -> Differences:
    """Read what a diff wrote.

    Raises:
        SettingsError: It can't be read, or isn't such a file.
    """
    found = Differences(Counter(), [])
    try:
        with path.open("rb") as file:
            for text in file:
                line = msgspec.json.decode(text, type=dict[str, Any])
                found.counts[str(line["difference"])] += 1
                if len(found.first) < _MOST_SHOWN:
                    found.first.append(_shown(line))
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, KeyError) as error:
        raise SettingsError(
            f"{path} can't be read as differences ({type(error).__name__}). Expected the file that "
            "differences_path names."
        ) from None
    return found


def _shown(line: dict[str, Any]) -> Shown:
    def first_of(*names: str) -> str:
        return next((str(line[name]) for name in names if line.get(name)), "")

    listed = [*(line.get("fields") or ()), *(line.get("role_slugs") or ())]
    return Shown(
        str(line["difference"]),
        " ".join(filter(None, (first_of("stream"), first_of("record_number")))),
        first_of("email", "user_id", "external_id"),
        first_of("org_external_id", "org_id", "key"),
        ", ".join(map(str, listed)) or first_of("error_message"),
    )
