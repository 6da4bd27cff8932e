"""What of a row is in WorkOS now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from target_workos_users.ledger import Person
    from target_workos_users.loading.outcome import Result


@dataclass(frozen=True, slots=True)
class LoadedUser:
    """The user of a row.

    Attributes:
        person: What the ledger knows of it now.
        result: What became of it.
        fresh: WorkOS answered this row's create: it has no membership and no factor yet.
        first: No earlier row gave anything of the user but its email.
        known: The ledger knows it; not where WorkOS refused the update that a user who was there
            should get, so that the next run compares it again.
    """

    person: Person
    result: Result
    fresh: bool = False
    first: bool = True
    known: bool = True

    @property
    def id(self) -> str:
        """The WorkOS id."""
        return self.person.user_id or ""


@dataclass(slots=True)
class LoadedMembership:
    """The membership of a row.

    Attributes:
        id: The WorkOS id; None if there is none, as far as is known.
        made: This import made it.
        roles: Those that it has on the row's account.
        inactive: The row had it deactivated.
        revived: It was, or may have been, inactive until this import made it active.
    """

    id: str | None
    made: bool
    roles: tuple[str, ...] = ()
    inactive: bool = False
    revived: bool = False
