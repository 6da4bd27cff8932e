"""Writes to a user that exists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from target_workos_users.exceptions import ApiError, ErrorType, Reason, RecordError
from target_workos_users.loading.memberships import UserGone
from target_workos_users.loading.outcome import Outcome, Tally
from target_workos_users.loading.user_lookup import UserLookup, conflict

if TYPE_CHECKING:
    from target_workos_users.api.workos import WorkOS
    from target_workos_users.records.parse import UserRow


class UserWrites:
    """Changes users.

    Args:
        lookup: Finds whom an external id belongs to.
    """

    def __init__(self, api: WorkOS, lookup: UserLookup) -> None:
        self._api = api
        self._lookup = lookup

    async def update(
        self, row: UserRow, user_id: str, body: dict[str, Any], outcome: Outcome
    ) -> bool:
        """Change fields of a user; returns whether that worked, else the outcome has the error.

        Raises:
            UserGone: The user isn't in WorkOS.
        """
        try:
            await self._api.update_user(user_id, body)
        except ApiError as error:
            if error.is_about(user_id):
                raise UserGone(str(error)) from error
            outcome.errors.append(await self._error(row, user_id, error))
            return False
        outcome.tallies.append(Tally.USERS_UPDATED)
        return True

    async def _error(self, row: UserRow, user_id: str, error: ApiError) -> RecordError:
        if error.reason is Reason.EXTERNAL_ID_EXISTS and "external_id" in row.fields:
            holder = await self._lookup.by_external_id(row)
            if holder is not None:
                message = conflict(row, user_id, holder)
                return error.as_record_error(ErrorType.USER_UPDATE, message)
        return error.as_record_error(ErrorType.USER_UPDATE)
