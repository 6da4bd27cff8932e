"""The target with a ledger that keeps nothing: what it takes less is what the ledger costs."""

from __future__ import annotations

from typing import Any

from target_workos_users.ledger import Ledger, Past
from target_workos_users.ledger.prints import Fingerprinter
from target_workos_users.target import main


def nothing(*_: Any, **__: Any) -> None:
    """Neither remember nor know."""


def forget() -> None:
    """Take the ledger's mind away; enough for users who are all new, with one row each."""
    for name in ("attempt", "keep", "move", "person", "settle", "settle_person"):
        setattr(Ledger, name, nothing)
    Ledger.past = lambda *_, **__: Past()  # type: ignore[method-assign]
    Ledger.identity = lambda *_: 0  # type: ignore[method-assign]
    Fingerprinter.prints = lambda *_: {}  # type: ignore[method-assign]


if __name__ == "__main__":
    forget()
    main()
