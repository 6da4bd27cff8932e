"""The way of rows to WorkOS, put together: API, loader, queue."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from target_workos_users.api.connect import connect
from target_workos_users.loading.loader import Loader
from target_workos_users.loading.queue import LoadQueue
from target_workos_users.records.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from target_workos_users.api.transport import Transport
    from target_workos_users.ledger import Ledger
    from target_workos_users.loading.outcome import Outcome
    from target_workos_users.loading.task import AnyTask
    from target_workos_users.settings.settings import Settings


async def knows(settings: Settings, entity_id: str) -> bool:
    """Whether an organization or a user exists in the environment that the settings name.

    Raises:
        StopRun: WorkOS can't be reached, or refuses the key.
        ApiError: WorkOS answered with an error.
    """
    async with connect(settings) as api:
        if entity_id.startswith("user_"):
            return await api.workos.get_user(entity_id) is not None
        return await api.workos.get_organization(entity_id) is not None


@dataclass
class Connection:
    """An open way to WorkOS.

    Attributes:
        transport: Counts and paces the requests.
        loader: Loads rows.
        queue: Rows that are waiting or in flight.
    """

    transport: Transport
    loader: Loader
    queue: LoadQueue
    _stack: AsyncExitStack

    @classmethod
    async def open(cls, settings: Settings, ledger: Ledger, org_cache: Mapping[str, str]) -> Self:
        """Get ready; nothing is sent yet."""
        async with AsyncExitStack() as stack:
            api, transport = await stack.enter_async_context(connect(settings))
            loader = Loader(api, settings, ledger, org_cache)
            stack.push_async_callback(loader.close)
            queue = LoadQueue(loader.load, concurrency=settings.concurrency)
            return cls(transport, loader, queue, stack.pop_all())

    def load(self, tasks: Iterable[tuple[AnyTask, Callable[[Outcome], None]]]) -> None:
        """Load rows; their organizations are resolved ahead of them."""
        tasks = list(tasks)
        named = (
            task.row.organization for task, _ in tasks if task.row.kind is not Kind.ORGANIZATIONS
        )
        self.loader.organizations.prefetch(filter(None, named))
        for task, done in tasks:
            self.queue.submit(task, done)

    def stop(self) -> None:
        """Start no row and no retry any more; requests in flight go on."""
        self.queue.stop()
        self.loader.stop()
        self.transport.stop_retrying()

    async def drain(self, seconds: float) -> None:
        """Stop, and give what is in flight some seconds to finish."""
        self.stop()
        await self.queue.drain(seconds)

    async def close(self) -> None:
        """Close all connections."""
        await self._stack.aclose()
