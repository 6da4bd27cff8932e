"""Users looked up, by whatever names them or by what a create clashed with; and updated."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

from target_workos_users.exceptions import (
    LOAD_AGAIN,
    ApiError,
    ErrorType,
    Reason,
    RecordError,
    Waits,
)
from target_workos_users.loading.eventual import eventually
from target_workos_users.loading.memberships import UserGone
from target_workos_users.loading.outcome import Tally

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_workos_users.api.workos import WorkOS
    from target_workos_users.loading.hints import Hints
    from target_workos_users.loading.outcome import Outcome
    from target_workos_users.records.parse import UserRow

User = dict[str, Any]

EXISTS = (Reason.EMAIL_EXISTS, Reason.EXTERNAL_ID_EXISTS, Reason.USER_EXISTS)
"""What WorkOS says of a create that clashes with a user."""

_LATEST = 100
_TELLS_FROM = 20


class LatestUsers:
    """How many of the latest users existed before their row came."""

    def __init__(self) -> None:
        self._existed: deque[bool] = deque(maxlen=_LATEST)

    def add(self, *, existed: bool) -> None:
        """Count one more user."""
        self._existed.append(existed)

    @property
    def mostly_existed(self) -> bool:
        """Whether more than half of them did; False until enough were seen."""
        return len(self._existed) >= _TELLS_FROM and 2 * sum(self._existed) > len(self._existed)


class UserRequests:
    """Finds the users of rows in WorkOS, and changes them.

    Args:
        hints: Know who is there without a request, once many were asked for.
        delays: Seconds between look-ups of a user that WorkOS says exists.
    """

    def __init__(self, api: WorkOS, hints: Hints, *, delays: Sequence[float]) -> None:
        self._api = api
        self._hints = hints
        self._delays = delays

    async def by_email(self, row: UserRow) -> User | None:
        """The user with the row's email.

        Raises:
            RecordError: ``user_create``: WorkOS doesn't tell.
        """
        try:
            return await self._api.find_user_by_email(row.email)
        except ApiError as error:
            raise _lookup_error("email", error) from error

    async def by_id(self, user_id: str) -> User:
        """A user that was there.

        Raises:
            RecordError: ``user_update``: WorkOS doesn't tell.
            UserGone: The user isn't in WorkOS.
        """
        try:
            found = await self._api.get_user(user_id)
        except ApiError as error:
            raise error.as_record_error(ErrorType.USER_UPDATE) from error
        if found is None:
            raise UserGone(f"User not found: '{user_id}'.")
        return found

    async def by_hint(self, row: UserRow) -> User | None:
        """The user with the row's email, as it was a while ago at most.

        Raises:
            RecordError: ``user_create``: WorkOS doesn't tell.
        """
        return await self._hints.user(row.email, lambda: self.by_email(row))

    def forget(self, email: str) -> None:
        """There is no user with this email any more."""
        self._hints.forget(email)

    async def by_external_id(self, row: UserRow) -> User | None:
        """The user with the row's external id, which it must have.

        Raises:
            RecordError: ``user_create``: WorkOS doesn't tell.
        """
        try:
            return await self._api.find_user_by_external_id(row.fields["external_id"])
        except ApiError as error:
            raise _lookup_error("external_id", error) from error

    async def named(self, row: UserRow) -> User:
        """The user that a record of another kind than users names.

        Raises:
            RecordError: ``user_missing``: there is none, or WorkOS doesn't tell.
        """
        try:
            if row.email:
                ask = partial(self._api.find_user_by_email, row.email)
                column, found = "email", await self._hints.user(row.email, ask)
            elif row.user_external_id:
                column = "external id"
                found = await self._api.find_user_by_external_id(row.user_external_id)
            else:
                column, found = "user_id", await self._api.get_user(row.key)
        except ApiError as error:
            raise error.as_record_error(ErrorType.USER_MISSING) from error
        if found is None:
            raise RecordError(
                ErrorType.USER_MISSING,
                f"WorkOS has no user with this {column}, and a record of {row.kind} makes none: "
                f"load the user too, or correct the column; {LOAD_AGAIN}",
                waits=Waits.FOR_OTHER_KINDS,
            )
        return found

    async def clashing(self, row: UserRow, error: ApiError) -> User:
        """The user that a create clashed with; or that was made, where the answer was lost.

        Raises:
            RecordError: The external id belongs to another user, or there is no such user.
        """
        delays = self._delays if error.reason in EXISTS else ()
        found = await eventually(lambda: self._holder(row, error), delays)
        if found is not None:
            return found
        if error.reason not in EXISTS:
            raise error.as_record_error(ErrorType.USER_CREATE) from error
        record_error = error.as_record_error(
            ErrorType.USER_CREATE,
            f"WorkOS refused to create {row.email} as existing, but finds no such user by email "
            f"or external_id: {error}; {LOAD_AGAIN}",
        )
        record_error.retryable = True
        raise record_error from error

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
            message: tuple[str, ...] = ()
            if error.reason is Reason.EXTERNAL_ID_EXISTS and "external_id" in row.fields:
                holder = await self.by_external_id(row)
                message = conflict(row, user_id, holder) if holder else ()
            outcome.errors.append(error.as_record_error(ErrorType.USER_UPDATE, *message))
            return False
        outcome.tallies.append(Tally.USERS_UPDATED)
        return True

    async def _holder(self, row: UserRow, error: ApiError) -> User | None:
        """Whoever has the row's email or external id, if that is one user."""
        user = await self.by_email(row)
        external_id = row.fields.get("external_id")
        if not external_id or (
            user and (user.get("external_id") == external_id or _external_id_is_free(error))
        ):
            return user
        holder = await self.by_external_id(row)
        if holder and str(holder.get("email") or "").lower() != row.email:
            message = conflict(row, user["id"] if user else None, holder)
            raise error.as_record_error(ErrorType.USER_CREATE, *message)
        return user or holder


def conflict(row: UserRow, user_id: str | None, holder: User) -> tuple[str, str]:
    """That the row's external id belongs to another user; and what all such messages say."""
    own_id = f" ({user_id})" if user_id is not None else ""
    owner = f"{holder.get('email') or 'another user'} ({holder['id']})"
    text = (
        "external_id {} belongs to {} in WorkOS, and this record's email is {}: give one of them "
        "another external_id"
    )
    facts = (repr(row.fields["external_id"]), owner, f"{row.email}{own_id}")
    return text.format(*facts), text.format("…", "…", "…")


def user_exists(row: UserRow, user_id: str) -> RecordError:
    """That the row's user exists, and mustn't."""
    return RecordError.worded(
        ErrorType.USER_CREATE,
        'a user with the email {} exists already, and existing_users is "fail": set it to "keep" '
        'or "update" to complete such users',
        row.email,
        user_id=user_id,
    )


def _external_id_is_free(error: ApiError) -> bool:
    """Whether WorkOS's answer is sure of it: it names the email only."""
    codes = {str(item.get("code")) for item in error.errors if isinstance(item, dict)}
    return error.reason is Reason.EMAIL_EXISTS and not any("external_id" in code for code in codes)


def _lookup_error(column: str, error: ApiError) -> RecordError:
    return error.as_record_error(
        ErrorType.USER_CREATE, f"the user could not be looked up by {column}: {error}; {LOAD_AGAIN}"
    )
