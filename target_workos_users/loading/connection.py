"""The way to WorkOS, put together: sandbox or API, pacing, organizations, loader, queue."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Self

from target_workos_users.api.connect import connect, destination
from target_workos_users.loading.loader import Loader
from target_workos_users.loading.organizations import OrganizationCache
from target_workos_users.loading.queue import LoadQueue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from target_workos_users.api.transport import Transport
    from target_workos_users.checkpoint.state import Entry
    from target_workos_users.loading.outcome import Outcome
    from target_workos_users.records.parse import UserRow
    from target_workos_users.settings.settings import Settings


__all__ = ["Connection", "destination", "knows_organization"]


async def knows_organization(settings: Settings, organization_id: str) -> bool:
    """Whether an organization exists in the environment that the settings name.

    Raises:
        StopRun: WorkOS can't be reached, or refuses the key.
        ApiError: WorkOS answered with an error.
    """
    async with connect(settings) as api:
        return await api.workos.get_organization(organization_id) is not None


@dataclass
class Connection:
    """An open way to WorkOS.

    Attributes:
        transport: Counts and paces the requests.
        organizations: Known organizations.
        queue: Rows that are waiting or in flight.
    """

    transport: Transport
    organizations: OrganizationCache
    queue: LoadQueue
    _stack: AsyncExitStack

    @classmethod
    async def open(cls, settings: Settings, entry: Entry) -> Self:
        """Get ready; nothing is sent yet.

        Args:
            settings: Of the run.
            entry: The checkpoint: known organizations, and when the import began.
        """
        async with AsyncExitStack() as stack:
            api, transport = await stack.enter_async_context(connect(settings))
            organizations = OrganizationCache(
                api, create_missing=settings.create_missing_orgs, state=entry.org_cache
            )
            loader = Loader(
                api,
                organizations,
                existing_users=settings.existing_users,
                require_membership=settings.require_membership,
                started_at=datetime.fromisoformat(entry.started),
            )
            queue = LoadQueue(loader.load, concurrency=settings.concurrency)
            return cls(transport, organizations, queue, stack.pop_all())

    def load(self, rows: Iterable[tuple[UserRow, Callable[[Outcome], None]]]) -> None:
        """Load rows; their organizations are resolved ahead of them."""
        rows = list(rows)
        self.organizations.prefetch(row.organization for row, _ in rows if row.organization)
        for row, done in rows:
            self.queue.submit(row, done)

    def stop(self) -> None:
        """Start no row and no retry any more; requests in flight go on."""
        self.queue.stop()
        self.organizations.stop()
        self.transport.stop_retrying()

    async def drain(self, seconds: float) -> None:
        """Stop, and give what is in flight some seconds to finish."""
        self.stop()
        await self.queue.drain(seconds)

    async def close(self) -> None:
        """Close all connections."""
        await self.organizations.close()
        await self._stack.aclose()
