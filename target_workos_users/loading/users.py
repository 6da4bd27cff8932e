"""A row's user: created, or found and completed, updated or refused."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from target_workos_users.exceptions import ApiError, ErrorType
from target_workos_users.ledger import Made, Person
from target_workos_users.ledger.prints import PASSWORD, TOTP, column_of, pick
from target_workos_users.loading.changes import (
    UpdatePasswords,
    changes,
    differences,
    fields_of,
    may_move,
)
from target_workos_users.loading.loaded import LoadedUser
from target_workos_users.loading.outcome import Outcome, Result, Tally
from target_workos_users.loading.user_requests import (
    EXISTS,
    LatestUsers,
    User,
    UserRequests,
    user_exists,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_workos_users.api.workos import WorkOS
    from target_workos_users.ledger import Ledger
    from target_workos_users.loading.hints import Hints
    from target_workos_users.loading.task import Task
    from target_workos_users.records.parse import UserRow

ExistingUsers = Literal["keep", "update", "fail"]

_SECRETS = ("password", "password_hash", "password_hash_type", "password_salt_position")


class Users:
    """Makes sure that the user of a row is in WorkOS.

    A new user costs one request, one that the ledger knows none, unless the row changes it. A user
    that exists costs a refused create and a look-up; where more than half of the latest users
    existed, the look-up comes first, since reads have a budget of their own.

    Whether this import made a user is known from the ledger, or from WorkOS's answer to this run's
    create; never from dates. A create whose answer was lost, and then "exists", may have been
    somebody else's: such a user is never deleted, nor its password written.

    Args:
        existing_users: What to do with a user that exists: ``keep`` its fields, ``update`` those
            that differ, or ``fail`` the record.
        update_passwords: With ``update``: which passwords may be written anew.
        delays: Seconds between look-ups of a user that WorkOS says exists.

    Attributes:
        latest: Whether most of the latest users existed: then look before you create.
    """

    def __init__(
        self,
        api: WorkOS,
        ledger: Ledger,
        hints: Hints,
        *,
        existing_users: ExistingUsers,
        update_passwords: UpdatePasswords,
        delays: Sequence[float],
    ) -> None:
        self._api = api
        self._ledger = ledger
        self._existing_users = existing_users
        self._update_passwords = update_passwords
        self._requests = UserRequests(api, hints, delays=delays)
        self.latest = LatestUsers()

    async def ensure(self, task: Task, outcome: Outcome) -> LoadedUser:
        """The user of the row.

        Args:
            task: The row, and what is known of it.
            outcome: Takes the tallies, the remarks, and a ``user_update`` error.

        Raises:
            RecordError: ``user_create``: there is no user to go on with.
        """
        person = self._ledger.person(task.row.email)
        if person is not None:
            task.look(self._ledger)
        if person is not None and person.user_id is not None and not person.current:
            person = await self._verify(task, person)
        if person is None or person.user_id is None or person.is_named_only:
            return await self._create_or_find(task, person, outcome)
        if self._existing_users == "fail" and person.made is Made.NO:
            raise user_exists(task.row, person.user_id)
        return await self._complete(task, person, outcome)

    async def find(self, task: Task) -> LoadedUser:
        """The user of a row that only names it; the row gets its email.

        Raises:
            RecordError: ``user_missing``.
        """
        task.look(self._ledger)
        email = task.row.email
        person = self._ledger.person(email) if email else None
        if person is None or person.user_id is None or not person.current:
            found = await self._requests.named(task.row)
            email = str(found.get("email") or email or found["id"]).lower()
            task.row = replace(task.row, email=email)
            person = self._ledger.person(email)
            if person is None or person.user_id != found["id"]:
                person = Person(email, found["id"], found.get("external_id"))
            person.current = True
            self._ledger.keep(person)
        return LoadedUser(person, Result.LOADED)

    def keep(self, user: LoadedUser) -> None:
        """Remember what is known of a user now."""
        if user.known:
            self._ledger.keep(user.person)

    def settle(self, user: LoadedUser) -> None:
        """A row that the user was made for has come to its end."""
        if user.known:
            self._ledger.settle_person(user.person)

    def forget(self, email: str) -> None:
        """The user was deleted in WorkOS; a further row creates it again."""
        self._ledger.keep(Person(email))
        self._requests.forget(email)

    async def take_back(self, row: UserRow, user: LoadedUser) -> bool:
        """Delete a user without a membership, if that can harm nobody.

        It can if it isn't certain that this record made the user, if another record has used it
        since, or the user herself, or if it has a membership of any status.

        Returns:
            Whether the user is gone.

        Raises:
            ApiError: WorkOS answered with an error.
        """
        if user.person.made is not Made.YES or user.person.settled:
            return False
        if not user.fresh:
            found = await self._api.find_user_by_email(row.email)
            if found is None or found.get("last_sign_in_at"):
                return found is None
        if await self._api.list_memberships(user_id=user.id):
            return False
        await self._api.delete_user(user.id)
        self.forget(row.email)
        return True

    # A user that the ledger doesn't know

    async def _create_or_find(
        self, task: Task, person: Person | None, outcome: Outcome
    ) -> LoadedUser:
        row = task.row
        attempted = person is not None and person.made is Made.ATTEMPTED
        # A record that was loaded before may have failed for its membership only.
        named = person is not None and person.is_named_only
        found = None
        if attempted or named:  # it may be younger than what the hints know
            found = await self._requests.by_email(row)
        elif task.is_forgotten or self.latest.mostly_existed:
            found = await self._requests.by_hint(row)
        made = Made.ATTEMPTED if attempted else Made.NO
        if found is None:
            self._ledger.attempt(row.email)
            await asyncio.sleep(0)  # the ledger commits that before the request is sent
            try:
                user = await self._api.create_user(row.fields)
            except ApiError as error:
                if error.reason not in EXISTS and not error.ambiguous:
                    self.forget(row.email)
                    raise error.as_record_error(ErrorType.USER_CREATE) from error
                if not (attempted or error.ambiguous):
                    self.forget(row.email)  # it is somebody else's, whatever the look-up says
                found = await self._requests.clashing(row, error)
                made = Made.ATTEMPTED if error.ambiguous else made
                if error.ambiguous:
                    outcome.tallies.append(Tally.USERS_CREATED)
            else:
                return self._made(task, user, outcome)
        self.latest.add(existed=made is Made.NO)
        return await self._settle(task, found, made, outcome)

    def _made(self, task: Task, user: User, outcome: Outcome) -> LoadedUser:
        self.latest.add(existed=False)
        outcome.tallies.append(Tally.USERS_CREATED)
        held = {slot: value for slot, value in task.prints.items() if slot != TOTP}
        external_id = task.row.fields.get("external_id")
        person = Person(task.row.email, user["id"], external_id, Made.YES, current=True, held=held)
        self._ledger.keep(person)
        return LoadedUser(person, Result.CREATED, fresh=True)

    async def _settle(self, task: Task, found: User, made: Made, outcome: Outcome) -> LoadedUser:
        """Do with a user that exists what ``existing_users`` says."""
        row = task.row
        if self._existing_users == "fail" and made is Made.NO:
            self.forget(row.email)
            raise user_exists(row, found["id"])
        differing = differences(found, row.fields)
        update = self._updates(task)
        body = dict(differing) if update else {}
        if update and self._update_passwords == "always":
            body |= {name: row.fields[name] for name in _SECRETS if name in row.fields}
        sent = bool(body) and await self._requests.update(row, found["id"], body, outcome)
        person = Person(row.email, found["id"], row.fields.get("external_id"), made, current=True)
        unlike = self._ledger.fingerprinter.prints({} if sent else differing)
        for slot, value in task.prints.items():
            if slot == PASSWORD:
                known = sent and any(name in body for name in _SECRETS)
            else:
                known = slot not in unlike
            if slot != TOTP:
                (person.held if known else person.seen)[slot] = value
        if PASSWORD in person.seen and (differing if made is Made.ATTEMPTED else update):
            self._leave_password(outcome)
        is_known = sent or not body
        if is_known:
            self._ledger.keep(person)
        else:
            self.forget(row.email)
        created = Tally.USERS_CREATED in outcome.tallies
        result = Result.UPDATED if sent else Result.CREATED if created else Result.EXISTING
        return LoadedUser(person, result, known=is_known)

    async def _verify(self, task: Task, person: Person) -> Person | None:
        """Look whether a user that was known before a reset is still there."""
        found = await self._requests.by_hint(task.row)
        self.latest.add(existed=found is not None)
        if found is None:
            self.forget(task.row.email)
            return None
        if found["id"] != person.user_id:
            person = Person(task.row.email, found["id"], settled=True)
        person.current = True
        self._ledger.keep(person)
        return person

    async def _complete(self, task: Task, person: Person, outcome: Outcome) -> LoadedUser:
        """Move what the row changed, fill what is blank, and leave the rest."""
        row = task.row
        before, passwords = task.prints_before, self._update_passwords
        if passwords == "changed" and task.past.is_earlier(task.before):
            passwords = "never"  # it may be another job's
        todo = changes(
            person,
            may_move(task.prints, row.fields),
            before,
            update=self._updates(task),
            passwords=passwords,
        )
        first = not (person.settled and (person.held or person.seen))
        slots = set(todo.write)
        if todo.needs_look:
            user = await self._requests.by_id(person.user_id or "")
            theirs = self._ledger.fingerprinter.prints(fields_of(user))
            signed_in = bool(user.get("last_sign_in_at"))
            slots |= todo.to_send(theirs, before, made=person.made, signed_in=signed_in)
            if PASSWORD in todo.fill - slots:
                todo.password_left = True
                person.held.pop(PASSWORD, None)  # it may be the user's own now
        if todo.left:
            outcome.tallies.append(Tally.CONFLICTS)
            outcome.remarks += (f"conflicting {column_of(slot)}" for slot in todo.left)
        if todo.password_left:
            self._leave_password(outcome)
        body = pick(row.fields, slots)
        sent = bool(slots) and await self._requests.update(row, person.user_id or "", body, outcome)
        written = {slot: task.prints[slot] for slot in slots if sent}
        person.held |= written
        known = person.held.keys() | slots | {TOTP}
        person.seen |= {slot: value for slot, value in task.prints.items() if slot not in known}
        for slot in written:
            person.seen.pop(slot, None)
        person.external_id = person.external_id or row.fields.get("external_id")
        self._ledger.keep(person)
        unchanged = Result.MERGED if person.recent else Result.EXISTING
        return LoadedUser(person, Result.UPDATED if sent else unchanged, first=first)

    def _updates(self, task: Task) -> bool:
        """Whether fields may be updated; not those of a record that is proven to be unchanged."""
        return self._existing_users == "update" and not task.is_forgotten

    @staticmethod
    def _leave_password(outcome: Outcome) -> None:
        outcome.tallies.append(Tally.PASSWORDS_LEFT)
        outcome.remarks.append("password_left")
