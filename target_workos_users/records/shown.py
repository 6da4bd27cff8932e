"""What of a record errors.jsonl shows. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from target_workos_users.records.columns import INTACT, KNOWN_COLUMNS, WHERE, renames
from target_workos_users.records.redaction import REDACTED, redact, texts_of
from target_workos_users.records.values import decoded, kind

MAX_COLUMNS = 100  # unknown ones of a record
_OWN = KNOWN_COLUMNS | {INTACT, WHERE}

_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}")
# What taps write beside a row: where it stood, and when. `_sdc_extra` has the row's own values.
_OF_THE_TAP = re.compile(
    r"_sdc_(?:error|sequence|table_version|source_(?:bucket|file|line|lineno|row|sheet|table)"
    r"|(?:extracted|received|batched|sync_started|deleted|lsn_deleted)_at)"
)
# Hex, Base32 and Base64 of the length of a digest or a key, in one piece or in groups.
_OPAQUE = re.compile(
    r"(?<!\w)(?:[0-9A-Fa-f]{32,}|(?:[A-Z2-7]{4}[ -]?){4,}[A-Z2-7]*"
    r"|(?=[a-z -]*[2-7])(?:[a-z2-7]{4}[ -]?){4,}[a-z2-7]*|[\w+/-]{40,})=*(?!\w)",
    re.ASCII,
)


def show_record(record: Mapping[str, Any], shown: Collection[str] = ()) -> dict[str, Any]:
    """A record fit for errors.jsonl.

    Known columns are shown, redacted. Of the others, at most 100, and of each key of ``metadata``
    only the kind is, for nobody knows which hold secrets.

    Of a row that the tap couldn't read whole nothing is shown but an address: a field too many or
    too few puts the password under another column's name. And of a file without a header no
    column: their names are its first user's data.

    Args:
        record: As it came.
        shown: The setting ``shown_columns``: others whose values are shown, unless they have the
            form of a secret.
    """
    columns = {name: name for name in record} | renames(record)
    if record.get("_sdc_error") and not record.get(INTACT):
        record = {
            name: value
            if columns[name] not in KNOWN_COLUMNS or _is_address(columns[name], value)
            else REDACTED
            for name, value in record.items()
            if value not in (None, "")
        }
        shown = ()
    unknown = [
        name for name in record if columns[name] not in _OWN and not _OF_THE_TAP.fullmatch(name)
    ]
    kept = 0 if any("@" in name for name in unknown) else MAX_COLUMNS
    left_out, unsure = {INTACT, WHERE, *unknown[kept:]}, {*unknown, "metadata"}
    result: dict[str, Any] = {}
    for name, value in record.items():
        if name in left_out:
            continue
        if columns[name] not in unsure:
            result |= redact({name: value})
        elif name in shown:
            result |= {
                key: REDACTED if any(map(_OPAQUE.search, texts_of(item))) else item
                for key, item in redact({name: value}).items()
            }
        else:
            hidden = _keys(value) if columns[name] == "metadata" else _hidden(value)
            result |= redact({name: hidden})
    if more := unknown[kept:]:
        result["_sdc_left_out"] = f"{len(more):,} more columns"
    return result


def _is_address(column: str, value: Any) -> bool:
    return column == "email" and isinstance(value, str) and _ADDRESS.fullmatch(value) is not None


def _hidden(value: Any) -> Any:
    if value in (None, ""):
        return value
    return f"[not shown: {'a text' if isinstance(value, str) else kind(value)}]"


def _keys(value: Any) -> Any:
    """The keys of an object or of its JSON text."""
    if isinstance(value, str):
        found = decoded(value)
        value = found if isinstance(found, Mapping) else value
    if isinstance(value, Mapping):
        return {str(key): _hidden(item) for key, item in value.items()}
    return _hidden(value)
