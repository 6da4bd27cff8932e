"""The way of rows to WorkOS, put together: API, organizations, loader, queue."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from target_workos_users.api.connect import connect
from target_workos_users.loading.authorization_records import AuthorizationRecords
from target_workos_users.loading.factors import Factors
from target_workos_users.loading.hints import Hints
from target_workos_users.loading.loader import Loader
from target_workos_users.loading.memberships import Memberships
from target_workos_users.loading.organization_lookup import OrganizationLookup
from target_workos_users.loading.organization_records import OrganizationRecords
from target_workos_users.loading.organizations import OrganizationCache
from target_workos_users.loading.queue import LoadQueue
from target_workos_users.loading.roles import Roles
from target_workos_users.loading.users import Users
from target_workos_users.records.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from target_workos_users.api.transport import Transport
    from target_workos_users.api.workos import WorkOS
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


def make_loader(
    api: WorkOS, settings: Settings, ledger: Ledger, organizations: OrganizationCache, hints: Hints
) -> Loader:
    """The loader that the settings ask for."""
    users = Users(
        api,
        ledger,
        hints,
        existing_users=settings.existing_users,
        update_passwords=settings.update_passwords,
    )
    roles = Roles(api, unknown_roles=settings.unknown_roles)
    return Loader(
        ledger,
        organizations=organizations,
        users=users,
        memberships=Memberships(api, ledger, hints, organizations, roles),
        factors=Factors(api),
        organization_records=OrganizationRecords(
            api, ledger, organizations, existing=settings.existing_organizations
        ),
        authorization_records=AuthorizationRecords(api, organizations),
        require_membership=settings.require_membership,
    )


@dataclass
class Connection:
    """An open way to WorkOS.

    Attributes:
        transport: Counts and paces the requests.
        organizations: Known organizations.
        queue: Rows that are waiting or in flight.
        loader: Loads them.
        hints: What is in WorkOS already.
    """

    transport: Transport
    organizations: OrganizationCache
    queue: LoadQueue
    loader: Loader
    hints: Hints
    _stack: AsyncExitStack

    @classmethod
    async def open(cls, settings: Settings, ledger: Ledger, org_cache: Mapping[str, str]) -> Self:
        """Get ready; nothing is sent yet."""
        async with AsyncExitStack() as stack:
            api, transport = await stack.enter_async_context(connect(settings))
            lookup = OrganizationLookup(api, ledger, create_missing=settings.create_missing_orgs)
            organizations = OrganizationCache(lookup, state=org_cache)
            hints = Hints(api)
            stack.push_async_callback(hints.close)
            loader = make_loader(api, settings, ledger, organizations, hints)
            queue = LoadQueue(loader.load, concurrency=settings.concurrency)
            return cls(transport, organizations, queue, loader, hints, stack.pop_all())

    def load(self, tasks: Iterable[tuple[AnyTask, Callable[[Outcome], None]]]) -> None:
        """Load rows; their organizations are resolved ahead of them."""
        tasks = list(tasks)
        named = (
            task.row.organization for task, _ in tasks if task.row.kind is not Kind.ORGANIZATIONS
        )
        self.organizations.prefetch(filter(None, named))
        for task, done in tasks:
            self.queue.submit(task, done)

    def look_again(self) -> None:
        """What WorkOS didn't have may be there by now."""
        self.loader.look_again()

    def stop(self) -> None:
        """Start no row and no retry any more; requests in flight go on."""
        self.queue.stop()
        self.organizations.stop()
        self.hints.stop()
        self.transport.stop_retrying()

    async def drain(self, seconds: float) -> None:
        """Stop, and give what is in flight some seconds to finish."""
        self.stop()
        await self.queue.drain(seconds)

    async def close(self) -> None:
        """Close all connections."""
        await self.organizations.close()
        await self._stack.aclose()
