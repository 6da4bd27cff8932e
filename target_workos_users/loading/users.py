"""A row's user: created, or found and left, updated or refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from target_workos_users.exceptions import LOAD_AGAIN, ApiError, ErrorType, Reason, RecordError
from target_workos_users.loading.eventual import LOOKUP_DELAYS, eventually
from target_workos_users.loading.outcome import Outcome, Result, Tally
from target_workos_users.loading.recent_users import LatestUsers, RecentUsers
from target_workos_users.loading.updates import differences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_workos_users.api.workos import WorkOS
    from target_workos_users.records.parse import UserRow

ExistingUsers = Literal["keep", "update", "fail"]
User = dict[str, Any]

_EXISTS = (Reason.EMAIL_EXISTS, Reason.EXTERNAL_ID_EXISTS, Reason.USER_EXISTS)
_CLOCK_SKEW = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class LoadedUser:
    """The user of a row.

    Attributes:
        id: The WorkOS id.
        result: What became of it.
        created_here: This row made it, for certain: it may be deleted again.
        fresh: WorkOS answered this row's create: it has no membership and no factor yet.
    """

    id: str
    result: Result
    created_here: bool = False
    fresh: bool = False


class Users:
    """Makes sure that the user of a row is in WorkOS.

    A fresh user costs one request, a further row of a recent one none. A user that exists costs a
    refused create and a look-up; where more than half of the latest users existed, the look-up
    comes first, since reads have a budget of their own.

    Which users are this import's own matters where a part of it was cut off: one found with a
    ``created_at`` since ``started_at`` is never refused by ``fail`` (a minute of clock skew is
    allowed for) nor changed by ``update``, so that the first row's fields stay. A user whose
    create was answered by "exists already", but only after an earlier attempt of the same request
    had been lost, is taken as created unless it is older than that.

    Args:
        api: WorkOS.
        existing_users: What to do with a user that exists: ``keep`` its fields, ``update`` those
            that differ, or ``fail`` the record.
        started_at: When the import began, with its time zone; that of the first run if the
            import was interrupted.
        recent: The users handled lately.
        delays: Seconds between look-ups of a user that WorkOS says exists.
    """

    def __init__(
        self,
        api: WorkOS,
        *,
        existing_users: ExistingUsers,
        started_at: datetime,
        recent: RecentUsers | None = None,
        delays: Sequence[float] = LOOKUP_DELAYS,
    ) -> None:
        self._api = api
        self._existing_users = existing_users
        self._started_at = started_at
        self._recent = recent or RecentUsers()
        self._delays = delays
        self._latest = LatestUsers()

    @property
    def look_first(self) -> bool:
        """Whether most of the latest users existed: look before you create."""
        return self._latest.mostly_existed

    async def ensure(self, row: UserRow, outcome: Outcome) -> LoadedUser:
        """The user of the row.

        Args:
            row: The row.
            outcome: Takes the tallies, the remarks, and a ``user_update`` error.

        Raises:
            RecordError: ``user_create``: there is no user to go on with.
        """
        known = self._recent.recall(row)
        if known is not None:
            user_id, conflicts = known
            outcome.remarks += (f"conflicting_{name}" for name in conflicts)
            return LoadedUser(user_id, Result.MERGED)
        found = await self._find_by_email(row) if self.look_first else None
        if found is not None:
            self._latest.add(existed=True)
            user = await self._settle(row, found, outcome)
        else:
            user = await self._create(row, outcome)
        self._recent.remember(row, user.id)
        return user

    def forget(self, email: str) -> None:
        """The user was deleted in WorkOS; a further row creates it again."""
        self._recent.forget(email)

    async def _create(self, row: UserRow, outcome: Outcome) -> LoadedUser:
        try:
            user = await self._api.create_user(row.fields)
        except ApiError as error:
            if error.reason not in _EXISTS and not error.ambiguous:
                raise error.as_record_error(ErrorType.USER_CREATE) from error
            return await self._recover(row, error, outcome)
        self._latest.add(existed=False)
        outcome.tallies.append(Tally.USERS_CREATED)
        return LoadedUser(user["id"], Result.CREATED, created_here=True, fresh=True)

    async def _recover(self, row: UserRow, error: ApiError, outcome: Outcome) -> LoadedUser:
        """The user exists, or an answer was lost and it may."""
        found = await self._find(row, error)
        if error.ambiguous and self._since_start(found, or_unknown=True, skew=_CLOCK_SKEW):
            outcome.tallies.append(Tally.USERS_CREATED)
            created_here = self._since_start(found)
            return LoadedUser(found["id"], Result.CREATED, created_here=created_here)
        self._latest.add(existed=True)
        return await self._settle(row, found, outcome)

    async def _settle(self, row: UserRow, found: User, outcome: Outcome) -> LoadedUser:
        """Do with a user that exists what ``existing_users`` says."""
        if self._existing_users == "update":
            return await self._update(row, found, outcome)
        if self._existing_users == "fail" and not self._since_start(found, skew=_CLOCK_SKEW):
            raise RecordError(
                ErrorType.USER_CREATE,
                f"a user with the email {row.email} exists already, and existing_users is "
                '"fail": set it to "keep" or "update" to complete such users',
                user_id=found["id"],
            )
        return LoadedUser(found["id"], Result.EXISTING)

    async def _update(self, row: UserRow, found: User, outcome: Outcome) -> LoadedUser:
        changes = differences(found, row.fields)
        if changes and self._since_start(found):
            outcome.remarks += (f"conflicting_{name}" for name in changes if name in found)
            changes = {}
        if not changes:
            return LoadedUser(found["id"], Result.EXISTING)
        try:
            await self._api.update_user(found["id"], changes)
        except ApiError as error:
            outcome.errors.append(await self._update_error(row, found, error))
            return LoadedUser(found["id"], Result.EXISTING)
        outcome.tallies.append(Tally.USERS_UPDATED)
        return LoadedUser(found["id"], Result.UPDATED)

    async def _update_error(self, row: UserRow, found: User, error: ApiError) -> RecordError:
        if error.reason is Reason.EXTERNAL_ID_EXISTS:
            holder = await self._find_by_external_id(row)
            if holder is not None:
                message = _conflict(row, found, holder)
                return error.as_record_error(ErrorType.USER_UPDATE, message)
        return error.as_record_error(ErrorType.USER_UPDATE)

    async def _find(self, row: UserRow, error: ApiError) -> User:
        """The user that a create clashed with; ``error`` is the clash, or a lost answer.

        Raises:
            RecordError: The external id belongs to another user, or there is no such user.
        """

        async def look() -> User | None:
            user = await self._find_by_email(row)
            external_id = row.fields.get("external_id")
            if external_id and (
                user is None or (user.get("external_id") != external_id and not _email_only(error))
            ):
                holder = await self._find_by_external_id(row)
                if holder and str(holder.get("email") or "").lower() != row.email:
                    raise error.as_record_error(ErrorType.USER_CREATE, _conflict(row, user, holder))
                return user or holder
            return user

        found = await eventually(look, self._delays if error.reason in _EXISTS else ())
        if found is not None:
            return found
        if error.reason not in _EXISTS:
            raise error.as_record_error(ErrorType.USER_CREATE) from error
        record_error = error.as_record_error(
            ErrorType.USER_CREATE,
            f"WorkOS refused to create {row.email} as existing, but finds no such user by email "
            f"or external_id: {error}; {LOAD_AGAIN}",
        )
        record_error.retryable = True
        raise record_error from error

    async def _find_by_email(self, row: UserRow) -> User | None:
        try:
            return await self._api.find_user_by_email(row.email)
        except ApiError as error:
            raise _lookup_error("email", error) from error

    async def _find_by_external_id(self, row: UserRow) -> User | None:
        try:
            return await self._api.find_user_by_external_id(row.fields["external_id"])
        except ApiError as error:
            raise _lookup_error("external_id", error) from error

    def _since_start(
        self, user: User, *, or_unknown: bool = False, skew: timedelta = timedelta()
    ) -> bool:
        """Whether the user was created after the import began."""
        try:
            created_at = datetime.fromisoformat(user["created_at"])
            return created_at >= self._started_at - skew
        except (KeyError, TypeError, ValueError):
            return or_unknown


def _conflict(row: UserRow, user: User | None, holder: User) -> str:
    own_id = f" ({user['id']})" if user is not None else ""
    owner = holder.get("email") or "another user"
    return (
        f"external_id {row.fields['external_id']!r} belongs to {owner} ({holder['id']}) in WorkOS, "
        f"and this record's email is {row.email}{own_id}: give one of them another external_id"
    )


def _email_only(error: ApiError) -> bool:
    """Whether it is sure that the external id is free."""
    codes = {item.get("code") for item in error.errors if isinstance(item, dict)}
    return error.reason is Reason.EMAIL_EXISTS and "external_id_already_used" not in codes


def _lookup_error(column: str, error: ApiError) -> RecordError:
    return error.as_record_error(
        ErrorType.USER_CREATE, f"the user could not be looked up by {column}: {error}; {LOAD_AGAIN}"
    )
