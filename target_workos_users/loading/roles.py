"""The roles that a record asks for, and which of them WorkOS doesn't take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_workos_users.exceptions import LOAD_AGAIN, ApiError, ErrorType, RecordError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_workos_users.loading.outcome import Outcome


class RoleRequest:
    """Roles asked for, besides those held, and which of them WorkOS doesn't take.

    Args:
        wanted: Slugs that are asked for.
        held: Slugs that the membership has.

    Attributes:
        held: As given.
        sent: Slugs of the latest attempt.
    """

    def __init__(self, wanted: Sequence[str], held: Sequence[str] = ()) -> None:
        self.held = held
        self.sent: list[str] = []
        self._wanted = list(wanted)
        self._left_out: list[str] = []
        self._unknown: list[str] = []
        self._refusal: ApiError | None = None

    def to_send(self, *, multiple: bool) -> list[str]:
        """The roles of the next attempt; one of them, if the environment takes no more."""
        room = len(self._wanted) if multiple else 1 - min(1, len(self.held))
        self._left_out = self._wanted[room:]
        self.sent = [*self.held, *self._wanted[:room]]
        return self.sent

    def drop_unknown(self, refusal: ApiError) -> bool:
        """Drop the roles that the refusal names, or all if it names none; False if none is left."""
        sent = [slug for slug in self._wanted if slug not in self._left_out]
        unknown = [slug for slug in sent if f"'{slug}'" in refusal.message] or sent
        self._refusal = refusal
        self._unknown += unknown
        self._wanted = [slug for slug in self._wanted if slug not in unknown]
        return bool(unknown)

    def report(self, outcome: Outcome) -> None:
        """Add an error for the unknown roles, and one for those too many."""
        if self._unknown and self._refusal is not None:
            outcome.errors.append(
                self._refusal.as_record_error(
                    ErrorType.ROLE_ASSIGNMENT,
                    f"role_slugs {_listed(self._unknown)} not assigned: {self._refusal}; create "
                    "the role in WorkOS, or correct the column, and "
                    f"{LOAD_AGAIN}",
                )
            )
        if self._left_out:
            outcome.errors.append(
                RecordError(
                    ErrorType.ROLE_ASSIGNMENT,
                    f"role_slugs {_listed(self._left_out)} not assigned: this WorkOS environment "
                    "has multiple roles off, so the membership has one only; switch them on in "
                    f"WorkOS, and {LOAD_AGAIN}",
                    workos_code="multiple_roles_not_enabled",
                )
            )


def _listed(slugs: Sequence[str]) -> str:
    return ", ".join(repr(slug) for slug in slugs)
