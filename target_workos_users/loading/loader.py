"""A row through WorkOS: organization, user, membership, TOTP factor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_workos_users.exceptions import (
    LOAD_AGAIN,
    ApiError,
    ErrorType,
    RecordError,
)
from target_workos_users.ledger import Version
from target_workos_users.ledger.prints import TOTP
from target_workos_users.loading.authorization_records import AuthorizationRecords, as_record_error
from target_workos_users.loading.eventual import LOOKUP_DELAYS
from target_workos_users.loading.factors import Factors
from target_workos_users.loading.hints import Hints
from target_workos_users.loading.loaded import LoadedMembership
from target_workos_users.loading.memberships import Memberships, UserGone
from target_workos_users.loading.organization_lookup import OrganizationLookup
from target_workos_users.loading.organization_records import OrganizationRecords
from target_workos_users.loading.organizations import OrganizationCache
from target_workos_users.loading.outcome import Outcome, Result, Tally
from target_workos_users.loading.roles import Roles
from target_workos_users.loading.task import AnyTask, EntityTask, Task
from target_workos_users.loading.users import Users
from target_workos_users.records.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from target_workos_users.api.workos import WorkOS
    from target_workos_users.ledger import Ledger
    from target_workos_users.loading.loaded import LoadedUser
    from target_workos_users.settings.settings import Settings


class Loader:
    """Loads rows, each on its own; :class:`~.queue.LoadQueue` keeps those of a user in order.

    Repeating a row is harmless: what is there already is found and completed.

    Args:
        api: WorkOS.
        settings: Of the run.
        ledger: Learns what was done.
        org_cache: WorkOS ids of organizations by external id, as the checkpoint has them.
        delays: Seconds between look-ups of what WorkOS says exists.

    Attributes:
        organizations: Those that rows name.
        hints: What is in WorkOS already.
    """

    def __init__(
        self,
        api: WorkOS,
        settings: Settings,
        ledger: Ledger,
        org_cache: Mapping[str, str],
        *,
        delays: Sequence[float] = LOOKUP_DELAYS,
    ) -> None:
        self.organizations = OrganizationCache(
            OrganizationLookup(
                api, ledger, create_missing=settings.create_missing_orgs, delays=delays
            ),
            state=org_cache,
        )
        self.hints = Hints(api)
        self._ledger = ledger
        self._require_membership = settings.require_membership
        self._users = Users(
            api,
            ledger,
            self.hints,
            existing_users=settings.existing_users,
            update_passwords=settings.update_passwords,
            delays=delays,
        )
        roles = Roles(api, unknown_roles=settings.unknown_roles)
        self._memberships = Memberships(
            api, ledger, self.hints, self.organizations, roles, delays=delays
        )
        self._factors = Factors(api)
        self._organization_records = OrganizationRecords(
            api,
            ledger,
            self.organizations,
            existing=settings.existing_organizations,
            delays=delays,
        )
        self._authorization_records = AuthorizationRecords(api, self.organizations)

    async def load(self, task: AnyTask) -> Outcome:
        """Load one row, and tell the ledger.

        Returns:
            What became of it, its errors included.

        Raises:
            StopRun: The run can't go on; also ``transport.Stopped`` and ``CancelledError`` pass
                through. The row is unfinished then.
        """
        if task.was_done:
            task.look(self._ledger)
            if task.is_done(self._ledger):
                return Outcome(Result.UNCHANGED)
        if isinstance(task, EntityTask):
            return await self._load_entity(task)
        assert isinstance(task, Task)
        if task.before:
            task.look(self._ledger)  # rows of its identity may have come to their end
            if task.comes_too_early:
                return Outcome(errors=[task.too_early()])  # nothing that the ledger should know
        outcome = Outcome(skipped_hash=task.row.skipped_hash)
        if outcome.skipped_hash:
            outcome.tallies.append(Tally.HASHES_SKIPPED)
        if task.row.organization is not None:
            named = task.row.organization
            outcome.organization = named.external_id or named.id
        membership: LoadedMembership | None = None
        try:
            membership = await self._load(task, outcome)
        except RecordError as error:
            outcome.errors.append(error)
        outcome.close()
        self._remember(task, outcome, membership)
        return outcome

    def look_again(self) -> None:
        """What WorkOS didn't have may be there by now."""
        self.organizations.look_again()
        self._memberships.look_again()
        self._authorization_records.look_again()

    def stop(self) -> None:
        """Look nothing up ahead any more."""
        self.organizations.stop()
        self.hints.stop()

    async def close(self) -> None:
        """Cancel the look-ups under way."""
        await self.organizations.close()
        await self.hints.close()

    async def _load_entity(self, task: EntityTask) -> Outcome:
        outcome, kind = Outcome(Result.LOADED), task.row.kind
        records = {Kind.ORGANIZATIONS: self._organization_records}
        task.look(self._ledger)
        try:
            await records.get(kind, self._authorization_records).load(task, outcome)
        except RecordError as error:
            outcome.errors.append(error)
        except ApiError as error:
            outcome.errors.append(as_record_error(kind, error))
        outcome.close()
        version = Version(
            task.digest,
            task.number,
            done=not outcome.errors,
            organization_id=outcome.org_id,
            prints=task.prints,
        )
        self._settle(task, version, outcome)
        return outcome

    async def _load(self, task: Task, outcome: Outcome) -> LoadedMembership | None:
        if task.row.organization is not None:
            if self.organizations.has_other_name(task.row.organization):
                outcome.remarks.append("organization_name")
            try:
                outcome.org_id = await self.organizations.resolve(task.row.organization)
            except RecordError as error:
                outcome.errors.append(error)
                if self._require_membership:
                    return None
        try:
            return await self._load_user(task, outcome)
        except UserGone:
            self._users.forget(task.row.email)
            task.user_is_gone = True
            try:
                return await self._load_user(task, outcome)
            except UserGone as error:
                raise RecordError(
                    ErrorType.USER_CREATE,
                    f"the user was deleted in WorkOS while it was loaded, twice: {error}; find "
                    f"out what deletes it, and {LOAD_AGAIN}",
                    retryable=True,
                ) from error

    async def _load_user(self, task: Task, outcome: Outcome) -> LoadedMembership | None:
        is_user = task.row.kind is Kind.USERS
        user = await (self._users.ensure(task, outcome) if is_user else self._users.find(task))
        outcome.user_id, outcome.result = user.id, user.result
        membership = None
        if task.row.organization is not None and outcome.org_id is not None:
            try:
                membership = await self._memberships.ensure(
                    task,
                    task.row.organization,
                    user,
                    outcome,
                    look_first=task.is_forgotten or self._users.latest.mostly_existed,
                )
            except RecordError as error:
                outcome.errors.append(error)
                if self._require_membership and await self._take_back(task, user, outcome, error):
                    return None
        await self._enroll(task, user, outcome)
        if is_user and not user.person.settled:
            self._users.settle(user)
        return membership

    async def _take_back(
        self, task: Task, user: LoadedUser, outcome: Outcome, error: RecordError
    ) -> bool:
        """Delete the user of a record without a membership, if that can harm nobody.

        Returns:
            Whether the user is gone.
        """
        try:
            gone = await self._users.take_back(task.row, user)
        except ApiError as failure:
            outcome.errors.append(
                failure.as_record_error(
                    ErrorType.USER_CREATE,
                    "the user has no membership, which require_membership demands, and could "
                    f"not be deleted again: {failure}; delete it in WorkOS",
                )
            )
            return False
        if gone:
            outcome.tallies.append(Tally.USERS_DELETED)
            outcome.user_id = None
        else:
            error.message += " (The user stays: it isn't certain that this record made it.)"
        return gone

    async def _enroll(self, task: Task, user: LoadedUser, outcome: Outcome) -> None:
        totp, person = task.row.totp, user.person
        if totp is None or person.held.get(TOTP) == task.prints[TOTP]:
            return
        is_factor = task.row.kind is Kind.TOTP_FACTORS
        if task.before is None and (TOTP in person.held if is_factor else not user.first):
            outcome.remarks.append("conflicting totp_secret")
            outcome.tallies.append(Tally.CONFLICTS)
        elif await self._factors.enroll(totp, user, outcome):
            person.held[TOTP] = task.prints[TOTP]
            self._users.keep(user)

    def _remember(self, task: Task, outcome: Outcome, membership: LoadedMembership | None) -> None:
        failed_user = outcome.user_id is None or any(
            error.error_type is ErrorType.USER_UPDATE for error in outcome.errors
        )
        before = task.before
        if membership is None and before and before.organization_id == outcome.org_id:
            made = before.membership_made and not before.is_attempt
            # One that was known before a reset wasn't verified: the next run looks for it.
            known = before.membership_id if task.past.is_current(before) else None
            membership = LoadedMembership(known, made, before.roles, before.inactive)
        version = Version(
            digest=task.digest,
            number=task.number,
            done=not outcome.errors,
            organization_id=outcome.org_id,
            membership_id=membership.id if membership else None,
            membership_made=bool(membership and membership.made),
            roles=membership.roles if membership else (),
            inactive=bool(membership and membership.inactive),
            revived=bool(membership and membership.revived),
            prints=task.prints_before | ({} if failed_user else task.prints) | task.key,
        )
        self._settle(task, version, outcome, email=task.row.email)

    def _settle(
        self, task: AnyTask, version: Version, outcome: Outcome, email: str | None = None
    ) -> None:
        self._ledger.settle(
            task.identity,
            version,
            stream=task.stream,
            chunk=task.chunk,
            email=email,
            replaces=task.before,
            error=" ".join(error.error_type for error in outcome.errors) or None,
        )
