"""The metadata column: an object or its JSON text in, WorkOS's texts by key out. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from target_workos_users.records import numbers
from target_workos_users.records.redaction import is_plain, redact_text
from target_workos_users.records.values import check_text, invalid, kind

MAX_KEYS = 50  # this and the next two: WorkOS OpenAPI spec
MAX_KEY = 40
MAX_VALUE = 600


def metadata(record: Mapping[str, Any]) -> dict[str, str] | None:
    """The metadata of a record; None if nothing is left of it.

    Values become texts as JSON writes them: ``true``, ``42``, ``{"a":1}``; texts stay. Nulls are
    left out: to WorkOS they mean "delete this key" (docs: metadata), and a new user has none.

    Raises:
        RecordError: No object, or over WorkOS's limits; the message names the key.
    """
    value = record.get("metadata")
    if isinstance(value, str):
        value = _parse(value.strip())
    if value is None or value == []:  # PHP's empty object
        return None
    if not isinstance(value, Mapping):
        raise invalid("metadata", f"{kind(value)}; expected an object or its JSON text")
    result: dict[str, str] = {}
    for key, item in value.items():
        if item is None:
            continue
        if len(result) == MAX_KEYS:
            raise invalid("metadata", f"more than {MAX_KEYS} keys, WorkOS's limit")
        if not key:
            raise invalid("metadata", "has an empty key; WorkOS takes none: name it or remove it")
        item_text = item if type(item) is str else _as_json(key, item)
        if len(key) > MAX_KEY or "\0" in key or not key.isascii():
            check_text(f"{_name(key)}, the key itself", key, MAX_KEY)
        if len(item_text) > MAX_VALUE or "\0" in item_text or not item_text.isascii():
            check_text(_name(key), item_text, MAX_VALUE)
        result[key] = item_text
    return result or None


def _parse(text: str) -> dict[str, Any] | None:
    if text in {"", "null", "[]"}:
        return None
    try:
        return numbers.decode_object(text)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError) as error:
        # The text of the error gives the fault and its byte, never the input.
        raise invalid("metadata", "expected the JSON text of an object: {}", error) from None


def _as_json(key: str, item: Any) -> str:
    try:
        return numbers.encode(item).decode()
    except (TypeError, ValueError, RecursionError):
        raise invalid(_name(key), f"{kind(item)} that can't be written as JSON") from None


def _name(key: str) -> str:
    """What a message calls it; a key that may be somebody's address isn't said in the log."""
    shown = redact_text(key)[:MAX_KEY] if is_plain(key) else "[hidden]"
    return f"metadata, key {shown!a}"
