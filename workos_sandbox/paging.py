"""Lists in pages, with WorkOS's cursors.

Sources: the WorkOS OpenAPI spec has ``limit`` 1 to 100 (default 10), object ids as ``before`` and
``after``, and ``order``: ``desc``, ``asc`` or ``normal``, "descending with reversed cursor
semantics where ``before`` fetches older records and ``after`` fetches newer records". ``normal``
is also what workos-ruby's VCR cassettes recorded before there was an ``order``
(directory_sync/list_directories): the first page has only ``before``. Whoever follows ``after``,
as the auto_paging_iter of the workos package does, ends there.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

from workos_sandbox.response import Response, invalid_parameters

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from workos_sandbox.request import Request

_MAXIMUM_LIMIT = 100
_NUMBER = re.compile(r"[0-9]{1,3}")

Filter = tuple[str, list[object]]
"""A condition, and the values of its question marks."""


def list_page(
    request: Request,
    source: str,
    filters: list[Filter],
    present: Callable[[sqlite3.Row], dict[str, Any]],
    *,
    columns: str = "*",
    key: str = "id",
    default_order: Literal["desc", "normal"] = "desc",
) -> Response:
    """A page of a list as ``{object: "list", data, list_metadata: {before, after}}``.

    Args:
        request: Its query holds the cursors.
        source: A table, or a join.
        filters: All must hold.
        present: Row to API object.
        columns: What is selected; the object's ``id`` must be among it.
        key: The column of ``source`` that holds that id.
        default_order: Where the query has none.

    Raises:
        ErrorResponse: 422 for a limit or an order that WorkOS doesn't have.
    """
    limit, order = _limit(request.query), _order(request.query, default_order)
    after, before = request.query.get("after"), request.query.get("before")
    if order == "normal":
        after, before = before, after
    backwards = after is None and before is not None
    descending = (order != "asc") is not backwards
    cursor = before if backwards else after
    if cursor is not None:
        filters = [*filters, (f"{key} {'<' if descending else '>'} ?", [cursor])]
    where = " AND ".join(condition for condition, _ in filters) or "TRUE"
    rows = request.store.all(
        f"SELECT {columns} FROM {source} WHERE {where} "  # noqa: S608 - no part is a request's
        f"ORDER BY {key} {'DESC' if descending else 'ASC'} LIMIT {limit + 1}",
        *(value for _, values in filters for value in values),
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
    return Response(
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
        raise invalid_parameters("limit_invalid", "Limit must be between 1 and 100.")
    return int(value)


def _order(query: dict[str, str], default: str) -> str:
    order = query.get("order", default)
    if order not in ("asc", "desc", "normal"):
        raise invalid_parameters("order_invalid", "Order must be asc, desc or normal.")
    return order
