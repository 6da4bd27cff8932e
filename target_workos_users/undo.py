"""``workos-users undo``: an undo from its settings to its exit code."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections import Counter
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from target_workos_users.api.connect import connect
from target_workos_users.api.connect import destination as destination_of
from target_workos_users.deletion import Deletion
from target_workos_users.exceptions import SettingsError, StopRun
from target_workos_users.ledger import Ledger
from target_workos_users.ledger.database import Database
from target_workos_users.ledger.made import MadeByImport, Uncertain
from target_workos_users.ledger.store import open_database, open_for_reading
from target_workos_users.loading.connection import knows
from target_workos_users.locks import lock_output
from target_workos_users.progress.other_summary import OtherRun
from target_workos_users.progress.stderr import open_bar
from target_workos_users.progress.steps import Steps
from target_workos_users.run import SIGNALED, ignore_signals, until_signal
from target_workos_users.settings.read import read_settings
from target_workos_users.turns import Interrupted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from target_workos_users.settings.settings import Settings

_SHOWN = 20


class Undo:
    """Deletes in WorkOS what an import made, or says what that would be.

    Args:
        path: The ledger.
        config_file: Of the target.
        also_active: Delete users who have signed in, too.
        say: Tells the user.

    Raises:
        SettingsError: There is no such ledger, or a setting is wrong.
    """

    def __init__(
        self,
        path: Path,
        config_file: Path | None,
        *,
        also_active: bool,
        say: Callable[[str], None],
    ) -> None:
        with open_for_reading(path):
            pass  # it is there, and is a ledger
        self._path = path
        self._settings = read_settings(config_file)
        self._also_active = also_active
        self._say = say
        self._counts: Counter[str] = Counter()
        self._requests = 0
        self._failed: list[str] = []
        self._uncertain = Uncertain(0, 0)
        self._deletion: Deletion | None = None

    def plan(self) -> int:
        """Say what would be deleted.

        Returns:
            The exit code: 0; or 128 and the number of a signal.

        Raises:
            StopRun: It can't be found out.
        """
        try:
            self._run(Deletion.plan)
        except Interrupted as signaled:
            self._say("Stopped. Nothing was deleted.")
            return SIGNALED + signaled.signal_number
        self._say_what(deleted="would be deleted")
        self._say("Nothing was deleted. Add --yes to delete.")
        return 0

    def delete(self) -> int:
        """Delete it, and write the JSON summary.

        Returns:
            The exit code: 0; 1 if something couldn't be deleted; 128 and the number of a signal.

        Raises:
            StopRun: It can't be done.
        """
        if not self._settings.writes:
            raise SettingsError("dry_run or diff is set, so nothing is deleted. Unset it.")
        this_run = OtherRun(self._settings, "undo", self._say)
        reason, error, exit_code = "stopped by an error", None, 1
        try:
            self._run(Deletion.delete, self._stop)
            reason, exit_code = "complete", int(bool(self._failed))
        except Interrupted as signaled:
            self._say("Stopped. What was deleted is noted: run it again to go on.")
            number = signaled.signal_number
            reason, exit_code = f"stopped by {signal.Signals(number).name}", SIGNALED + number
        except StopRun as stopped:
            error = str(stopped)
            raise
        finally:
            counts = dict(self._counts) | {
                "failed": len(self._failed),
                "uncertain_users": self._uncertain.users,
                "uncertain_organizations": self._uncertain.organizations,
            }
            this_run.finish(
                reason, exit_code, error, counts, self._requests, ledger_path=self._path
            )
        if reason == "complete":
            self._say_what(deleted="deleted")
        return exit_code

    def _run(
        self,
        work: Callable[[Deletion], Awaitable[None]],
        stop: Callable[[int], float] | None = None,
    ) -> None:
        try:
            with closing(asyncio.new_event_loop()) as loop:
                until_signal(loop, lambda: self._work(work), stop)
        finally:
            ignore_signals()  # all is done, and the closed loop has let go of its handlers

    def _stop(self, number: int) -> float:
        if self._deletion is None:
            return 0
        name = signal.Signals(number).name
        self._say(f"{name}: finishing the requests in flight, then stopping.")
        self._deletion.stop()
        return self._settings.seconds_to_stop

    async def _work(self, work: Callable[[Deletion], Awaitable[None]]) -> None:
        with ExitStack() as stack:
            stack.callback(lock_output("ledger_path", self._path).release)
            database = Database(open_database(self._path, self._say), self._path)
            stack.callback(database.close)
            await _check_destination(Ledger(database), self._settings)
            database.defer = asyncio.get_running_loop().call_soon
            made = MadeByImport(database)
            steps = Steps(self._say, open_bar(logging.getLogger(__name__)))
            stack.callback(steps.end)
            async with connect(self._settings) as api:
                self._deletion = deletion = Deletion(
                    api,
                    made,
                    workers=self._settings.concurrency,
                    also_active=self._also_active,
                    steps=steps,
                    counts=self._counts,
                    failed=self._failed,
                )
                try:
                    await work(deletion)
                finally:
                    self._requests = api.transport.stats.attempts
                    self._uncertain = made.uncertain()
            database.commit()

    def _say_what(self, *, deleted: str) -> None:
        counts, uncertain = self._counts, self._uncertain
        of_others = f"{counts['memberships']:,} memberships of users that were there before"
        made_too = f"{counts['organizations']:,} organizations"
        self._say(f"{counts['users']:,} users, {of_others}, {made_too} {deleted}.")
        kept = {
            "users who have signed in since (--also-active deletes them too)": counts["users_kept"],
            "organizations that have other members": counts["organizations_kept"],
            "users that may be somebody else's": uncertain.users,
            "organizations that may be somebody else's": uncertain.organizations,
        }
        for what, number in kept.items():
            if number:
                self._say(f"Kept: {number:,} {what}.")
        if counts["users_gone"]:
            self._say(f"{counts['users_gone']:,} users were gone already.")
        for text in self._failed[:_SHOWN]:
            self._say(f"Not deleted: {text}")
        if len(self._failed) > _SHOWN:
            self._say(f"Not deleted: {len(self._failed) - _SHOWN:,} more.")
        if self._failed:
            self._say("Run it again to try those once more.")


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
