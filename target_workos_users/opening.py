"""What takes the records, opened at the first one: by then every early STATE has been read."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from target_workos_users.api.connect import destination as destination_of
from target_workos_users.checkpoint.outputs import Outputs
from target_workos_users.checkpoint.resume import Start, begin_anew, find_checkpoint
from target_workos_users.checkpoint.state import bookmark_of, says_something
from target_workos_users.importer import Importer
from target_workos_users.ledger import Ledger
from target_workos_users.loading import connection
from target_workos_users.locks import lock_outputs

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from target_workos_users.checkpoint.state import State
    from target_workos_users.progress.progress import Progress
    from target_workos_users.records.kinds import Kind
    from target_workos_users.settings.settings import Settings


def open_importer(
    settings: Settings,
    progress: Progress,
    loop: asyncio.AbstractEventLoop,
    *,
    emit: Callable[[State], None],
    early_state: State | None,
    state_file: Path | None,
    sources: Mapping[str, str],
    kinds: Mapping[str, Kind],
    keys: Mapping[str, Sequence[str]],
) -> tuple[Importer, ExitStack]:
    """Find the checkpoint, open the files, and get ready to load.

    Args:
        settings: Of the run.
        progress: What is told to the user.
        loop: The event loop that the importer is to run.
        emit: Prints a STATE value on stdout.
        early_state: The last STATE message before the first record.
        state_file: What ``--state`` names.
        sources: The tap's name of each stream.
        kinds: What the records of each stream are; may grow.
        keys: The columns of each stream's primary key; may grow.

    Returns:
        The importer, and the locks on its files, to be closed after it.

    Raises:
        StopRun: The import can't begin.
    """
    with ExitStack() as locks:
        locks.enter_context(lock_outputs(settings))
        destination = destination_of(settings)
        ledger = Ledger.open(settings.ledger_path, progress.say)

        def is_known(entity_id: str) -> bool:
            return loop.run_until_complete(connection.knows(settings, entity_id))

        start = Start(None, {})
        if not settings.only_errors_from:
            start = find_checkpoint(
                settings,
                destination,
                in_band=early_state,
                state_file=state_file,
                witness=ledger.some_user_id if ledger.destination != destination else None,
                is_known=is_known,
                say=progress.say,
            )
        ledger = _of_destination(ledger, destination, start, is_known, progress)
        if start.entry and ledger.was_undone(start.entry.lineage):
            begin_anew(start, "What the stored checkpoint covers was undone", progress.say)
        progress.begin(start.entry)
        incremental = {
            name
            for name, source in sources.items()
            if says_something(bookmark_of(start.tap_state, source))
        }
        outputs = Outputs(
            settings.errors_path,
            ledger,
            start,
            destination,
            incremental=incremental,
            beside=bool(settings.only_errors_from),
            say=progress.say,
        )
        if not settings.only_errors_from:
            progress.counting.summary.began = outputs.checkpoint.entry.started
        importer = Importer(settings, outputs, progress, emit, loop, kinds=kinds, keys=keys)
        return importer, locks.pop_all()


def _of_destination(
    ledger: Ledger,
    destination: str,
    start: Start,
    is_known: Callable[[str], bool],
    progress: Progress,
) -> Ledger:
    """The ledger, if it belongs to this WorkOS environment; else a new one in its place."""
    if ledger.destination not in {None, destination}:
        same = start.entry is not None and start.entry.destination == ledger.destination
        user_id = ledger.some_user_id
        if not same and not (user_id and is_known(user_id)):
            ledger = ledger.set_aside(progress.say)
    ledger.destination = destination
    return ledger
