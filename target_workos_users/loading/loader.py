"""A row through WorkOS: organization, user, membership, TOTP factor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_workos_users.exceptions import LOAD_AGAIN, ApiError, ErrorType, RecordError
from target_workos_users.loading.eventual import LOOKUP_DELAYS
from target_workos_users.loading.memberships import Memberships, UserGone, is_missing
from target_workos_users.loading.outcome import Outcome, Tally
from target_workos_users.loading.users import ExistingUsers, LoadedUser, Users

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from target_workos_users.api.workos import WorkOS
    from target_workos_users.loading.organizations import OrganizationCache
    from target_workos_users.loading.recent_users import RecentUsers
    from target_workos_users.records.parse import Totp, UserRow

_ENROLL_ATTEMPTS = 4


class Loader:
    """Loads rows, each on its own; :class:`~.load_queue.LoadQueue` keeps those of a user in order.

    Repeating a row is harmless: what is there already is found and completed.

    Args:
        api: WorkOS.
        organizations: Resolves the organizations that rows name.
        existing_users: What to do with a user that exists, see :class:`~.users.Users`; its
            membership and roles are completed in any case.
        require_membership: Delete a user that a row has just made if its membership can't be
            made; and make none if its organization can't be resolved.
        started_at: When the import began, with its time zone; that of the first run if the
            import was interrupted.
        recent: The users handled lately.
        delays: Seconds between look-ups of a user that WorkOS says exists.
    """

    def __init__(
        self,
        api: WorkOS,
        organizations: OrganizationCache,
        *,
        existing_users: ExistingUsers,
        require_membership: bool,
        started_at: datetime,
        recent: RecentUsers | None = None,
        delays: Sequence[float] = LOOKUP_DELAYS,
    ) -> None:
        self._api = api
        self._organizations = organizations
        self._require_membership = require_membership
        self._users = Users(
            api,
            existing_users=existing_users,
            started_at=started_at,
            recent=recent,
            delays=delays,
        )
        self._memberships = Memberships(api, organizations, delays=delays)

    async def load(self, row: UserRow) -> Outcome:
        """Load one row.

        Returns:
            What became of it, its errors included.

        Raises:
            StopRun: The run can't go on; also ``transport.Stopped`` and ``CancelledError`` pass
                through. The row is unfinished then.
        """
        outcome = Outcome()
        try:
            await self._load(row, outcome)
        except RecordError as error:
            outcome.errors.append(error)
        outcome.close()
        return outcome

    async def _load(self, row: UserRow, outcome: Outcome) -> None:
        if row.organization is not None:
            try:
                outcome.org_id = await self._organizations.resolve(row.organization)
            except RecordError as error:
                outcome.errors.append(error)
                if self._require_membership:
                    return
        try:
            await self._load_user(row, outcome)
        except UserGone:
            self._users.forget(row.email)
            try:
                await self._load_user(row, outcome)
            except UserGone as error:
                raise RecordError(
                    ErrorType.USER_CREATE,
                    f"the user was deleted in WorkOS while it was loaded, twice: {error}; find "
                    f"out what deletes it, and {LOAD_AGAIN}",
                    retryable=True,
                ) from error

    async def _load_user(self, row: UserRow, outcome: Outcome) -> None:
        user = await self._users.ensure(row, outcome)
        outcome.user_id, outcome.result = user.id, user.result
        if row.organization is not None and outcome.org_id is not None:
            try:
                await self._memberships.ensure(
                    row, row.organization, user, outcome, look_first=self._users.look_first
                )
            except RecordError as error:
                outcome.errors.append(error)
                if self._require_membership and user.created_here:
                    await self._delete(row, user, outcome)
                    return
        if row.totp is not None:
            await self._enroll(row.totp, user, outcome)

    async def _delete(self, row: UserRow, user: LoadedUser, outcome: Outcome) -> None:
        """Take back the user that this row made (require_membership)."""
        self._users.forget(row.email)
        try:
            await self._api.delete_user(user.id)
        except ApiError as error:
            outcome.errors.append(
                error.as_record_error(
                    ErrorType.USER_CREATE,
                    f"the user has no membership, which require_membership demands, and could "
                    f"not be deleted again: {error}; delete it in WorkOS",
                )
            )
        else:
            outcome.tallies.append(Tally.USERS_DELETED)
            outcome.user_id = None

    async def _enroll(self, totp: Totp, user: LoadedUser, outcome: Outcome) -> None:
        """Enroll the TOTP factor, unless the user has one: WorkOS would add a second."""
        try:
            if not user.fresh and await self._has_totp(user):
                outcome.tallies.append(Tally.FACTORS_EXISTING)
                return
            await self._enroll_once(totp, user)
            outcome.tallies.append(Tally.FACTORS)
        except ApiError as error:
            if is_missing(error, user.id):
                raise UserGone(str(error)) from error
            outcome.errors.append(error.as_record_error(ErrorType.TOTP_ENROLL))

    async def _enroll_once(self, totp: Totp, user: LoadedUser) -> None:
        """Enroll; where it is open whether that worked, look before trying again."""
        for attempts_left in reversed(range(_ENROLL_ATTEMPTS)):
            try:
                await self._api.enroll_totp(
                    user.id, secret=totp.secret, issuer=totp.issuer, user=totp.user
                )
            except ApiError as error:
                if not error.ambiguous:
                    raise
                if await self._has_totp(user):
                    return
                if not attempts_left:
                    raise
            else:
                return

    async def _has_totp(self, user: LoadedUser) -> bool:
        factors = await self._api.list_auth_factors(user.id)
        return any(factor.get("type") == "totp" for factor in factors)
