"""``workos-users undo``: deletes in WorkOS what an import made, and only that."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

from target_workos_users.api.connect import connect
from target_workos_users.api.connect import destination as destination_of
from target_workos_users.exceptions import ApiError, SettingsError
from target_workos_users.ledger import Ledger
from target_workos_users.ledger.database import Database
from target_workos_users.ledger.made import MadeByImport
from target_workos_users.ledger.store import open_database, open_for_reading
from target_workos_users.loading.connection import knows
from target_workos_users.locks import lock_output
from target_workos_users.parallel import for_each
from target_workos_users.run import SIGNALED, until_signal
from target_workos_users.settings.read import read_settings
from target_workos_users.turns import Interrupted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from target_workos_users.api.workos import WorkOS
    from target_workos_users.ledger.made import MadeEntity, MadeUser
    from target_workos_users.settings.settings import Settings

_SECONDS_OF_SILENCE = 10
_SHOWN = 20


class Undo:
    """Takes back an import, as far as its ledger says that the import made it.

    A user who has signed in since is kept, and everything that may be somebody else's.

    Args:
        api: WorkOS.
        made: What the import made.
        settings: Of the run.
        also_active: Delete users who have signed in, too.
        say: Tells the user.

    Attributes:
        counts: What became of users, memberships and organizations.
        failed: What couldn't be deleted, and why.
    """

    def __init__(
        self,
        api: WorkOS,
        made: MadeByImport,
        settings: Settings,
        *,
        also_active: bool,
        say: Callable[[str], None],
    ) -> None:
        self._api = api
        self._made = made
        self._workers = settings.concurrency
        self._also_active = also_active
        self._say = say
        self._said_at = time.monotonic()
        self.counts: Counter[str] = Counter()
        self.failed: list[str] = []

    async def delete(self) -> None:
        """Delete users, memberships and organizations, in this order.

        Raises:
            StopRun: WorkOS can't be reached, or refuses the key; the ledger can't be written.
        """
        made = self._made
        with made.undo():
            await for_each(made.users(), self._delete_user, self._workers)
            await for_each(made.memberships(), self._delete_membership, self._workers)
            await for_each(made.organizations(), self._delete_organization, self._workers)

    async def plan(self) -> None:
        """Count what :meth:`delete` would do; a request for each user and organization.

        Raises:
            StopRun: WorkOS can't be reached, or refuses the key.
        """
        going: set[str] = set()

        async def look(user: MadeUser) -> None:
            fate = await self._fate(user)
            self.counts[fate] += 1
            if fate == "users":
                going.add(user.user_id)

        await for_each(self._made.users(), look, self._workers)
        memberships = {each.id for each in self._made.memberships()}
        self.counts["memberships"] = len(memberships)

        async def look_for_members(organization: MadeEntity) -> None:
            members = await self._members(organization)
            stays = any(
                each.get("user_id") not in going and each["id"] not in memberships
                for each in members
            )
            self.counts["organizations kept" if stays else "organizations"] += 1

        await for_each(self._made.organizations(), look_for_members, self._workers)

    async def _fate(self, user: MadeUser) -> str:
        """Under which name a user is counted."""
        found = await self._api.get_user(user.user_id)
        if found is None:
            return "users gone"
        return "users kept" if found.get("last_sign_in_at") and not self._also_active else "users"

    async def _delete_user(self, user: MadeUser) -> None:
        try:
            fate = await self._fate(user)
            if fate == "users":
                await self._api.delete_user(user.user_id)
        except ApiError as error:
            self.failed.append(f"user {user.user_id}: {error}")
        else:
            if fate != "users kept":
                self._made.forget_user(user)
            self._count(fate)

    async def _delete_membership(self, membership: MadeEntity) -> None:
        try:
            await self._api.delete_membership(membership.id)
        except ApiError as error:
            self.failed.append(f"membership {membership.id}: {error}")
        else:
            self._made.forget_membership(membership)
            self._count("memberships")

    async def _delete_organization(self, organization: MadeEntity) -> None:
        try:
            if await self._members(organization):
                self.counts["organizations kept"] += 1
                return
            await self._api.delete_organization(organization.id)
        except ApiError as error:
            self.failed.append(f"organization {organization.id}: {error}")
        else:
            self._made.forget_organization(organization)
            self._count("organizations")

    async def _members(self, organization: MadeEntity) -> list[dict[str, Any]]:
        """All its memberships; none if it is gone."""
        members: list[dict[str, Any]] = []
        after: str | None = None
        while True:
            page = await self._api.list_members(organization.id, after=after)
            members += page.data
            if page.after is None or page.after == after:
                return members
            after = page.after

    def _count(self, what: str) -> None:
        self.counts[what] += 1
        if time.monotonic() - self._said_at >= _SECONDS_OF_SILENCE:
            self._said_at = time.monotonic()
            self._say(f"So far: {self.counts[what]:,} {what}")


def run_undo(
    path: Path,
    config_file: Path | None,
    *,
    yes: bool,
    also_active: bool,
    say: Callable[[str], None],
) -> int:
    """Take an import back, or say what that would do.

    Args:
        path: The ledger.
        config_file: Of the target.
        yes: Do it.
        also_active: Delete users who have signed in, too.
        say: Tells the user.

    Returns:
        The exit code: 0; 1 if something couldn't be deleted; 128 and the number of a signal.

    Raises:
        StopRun: It can't be done.
    """
    with open_for_reading(path):
        pass  # it is there, and is a ledger
    settings, whole = read_settings(config_file), False
    if yes and not settings.writes:
        raise SettingsError("dry_run or diff is set, so nothing is deleted. Unset it.")

    async def work() -> None:
        nonlocal whole
        whole = await _undo(path, settings, yes=yes, also_active=also_active, say=say)

    with closing(asyncio.new_event_loop()) as loop:
        try:
            until_signal(loop, work)
        except Interrupted as signaled:
            say("Stopped. What was deleted is noted: run it again to go on.")
            return SIGNALED + signaled.signal_number
    return int(not whole)


async def _undo(
    path: Path,
    settings: Settings,
    *,
    yes: bool,
    also_active: bool,
    say: Callable[[str], None],
) -> bool:
    """Whether everything could be deleted that was to be."""
    with ExitStack() as stack:
        stack.callback(lock_output("ledger_path", path).release)
        database = Database(open_database(path, say), path)
        stack.callback(database.close)
        await _check_destination(Ledger(database), settings)
        database.defer = asyncio.get_running_loop().call_soon
        made = MadeByImport(database)
        async with connect(settings) as api:
            run = Undo(api.workos, made, settings, also_active=also_active, say=say)
            await (run.delete() if yes else run.plan())
        database.commit()
        for line in _lines(run, made, yes=yes):
            say(line)
    return not run.failed


async def _check_destination(ledger: Ledger, settings: Settings) -> None:
    destination = destination_of(settings)
    if ledger.destination in {None, destination}:
        return
    witness = ledger.some_user_id
    if witness is None or not await knows(settings, witness):
        raise SettingsError(
            f"The ledger belongs to another WorkOS environment ({ledger.destination}) than the one "
            f"that the settings name ({destination}). Nothing was deleted. Set api_key and "
            "base_url (or sandbox_path) to those of the import."
        )


def _lines(run: Undo, made: MadeByImport, *, yes: bool) -> list[str]:
    done = "deleted" if yes else "would be deleted"
    counts, uncertain = run.counts, made.uncertain()
    of_others = f"{counts['memberships']:,} memberships of users that were there before"
    made_too = f"{counts['organizations']:,} organizations"
    lines = [f"{counts['users']:,} users, {of_others}, {made_too} {done}."]
    kept = {
        "users who have signed in since (--also-active deletes them too)": counts["users kept"],
        "organizations that have other members": counts["organizations kept"],
        "users that may be somebody else's": uncertain.users,
        "organizations that may be somebody else's": uncertain.organizations,
    }
    lines += [f"Kept: {number:,} {what}." for what, number in kept.items() if number]
    if counts["users gone"]:
        lines.append(f"{counts['users gone']:,} users were gone already.")
    lines += [f"Not deleted: {text}" for text in run.failed[:_SHOWN]]
    if len(run.failed) > _SHOWN:
        lines.append(f"Not deleted: {len(run.failed) - _SHOWN:,} more.")
    if run.failed:
        lines.append("Run it again to try those once more.")
    if not yes:
        lines.append("Nothing was deleted: --yes does it.")
    return lines
