"""Lists in pages, with WorkOS's cursors.

Source: WorkOS OpenAPI spec: ``limit`` 1 to 100 (default 10), ``before`` and ``after`` are object
ids, ``order`` is ``desc`` (default), ``asc`` or ``normal``: "descending with reversed cursor
semantics where ``before`` fetches older records and ``after`` fetches newer records".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from workos_sandbox.exchange import Answer, Call, invalid_parameters

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

_MAXIMUM_LIMIT = 100
_NUMBER = re.compile(r"[0-9]{1,3}")


def list_page(
    call: Call,
    table: str,
    filters: list[tuple[str, list[object]]],
    present: Callable[[sqlite3.Row], dict[str, Any]],
) -> Answer:
    """A page of a table as ``{object: "list", data, list_metadata: {before, after}}``.

    Args:
        call: Its query holds the cursors.
        table: Table name.
        filters: Conditions that all must hold, each with the values of its question marks.
        present: Row to API object.

    Raises:
        Refusal: 422 for a limit or an order that WorkOS doesn't have.
    """
    limit, order = _limit(call.query), _order(call.query)
    after, before = call.query.get("after"), call.query.get("before")
    if order == "normal":
        after, before = before, after
    backwards = after is None and before is not None
    descending = (order != "asc") is not backwards
    cursor = before if backwards else after
    if cursor is not None:
        filters = [*filters, (f"id {'<' if descending else '>'} ?", [cursor])]
    where = " AND ".join(condition for condition, _ in filters) or "TRUE"
    rows = call.store.all(
        f"SELECT * FROM {table} WHERE {where} "  # noqa: S608 - no part of it comes from a request
        f"ORDER BY id {'DESC' if descending else 'ASC'} LIMIT {limit + 1}",
        [value for _, values in filters for value in values],
    )
    more = len(rows) > limit
    rows = rows[:limit]
    if backwards:
        rows.reverse()
    has_previous, has_next = (more, True) if backwards else (cursor is not None, more)
    previous = rows[0]["id"] if rows and has_previous else None
    following = rows[-1]["id"] if rows and has_next else None
    if order == "normal":
        previous, following = following, previous
    return Answer(
        200,
        {
            "object": "list",
            "data": [present(row) for row in rows],
            "list_metadata": {"before": previous, "after": following},
        },
    )


def _limit(query: dict[str, str]) -> int:
    value = query.get("limit", "10")
    if not _NUMBER.fullmatch(value) or not 1 <= int(value) <= _MAXIMUM_LIMIT:
        raise invalid_parameters(("limit_invalid", "Limit must be between 1 and 100."))
    return int(value)


def _order(query: dict[str, str]) -> str:
    order = query.get("order", "desc")
    if order not in ("asc", "desc", "normal"):
        raise invalid_parameters(("order_invalid", "Order must be asc, desc or normal."))
    return order
