"""The way to WorkOS, put together: sandbox or API, pacing, organizations, loader, queue."""

from __future__ import annotations

import hashlib
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from target_workos_users.api.client import Client
from target_workos_users.api.transport import Transport
from target_workos_users.api.workos import WorkOS
from target_workos_users.exceptions import SettingsError
from target_workos_users.loading.factors import Factors
from target_workos_users.loading.loader import Loader
from target_workos_users.loading.memberships import Memberships
from target_workos_users.loading.organizations import OrganizationCache
from target_workos_users.loading.queue import LoadQueue
from target_workos_users.loading.roles import Roles
from target_workos_users.loading.users import Users

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from target_workos_users.api.pacing import Pacer
    from target_workos_users.ledger import Ledger
    from target_workos_users.loading.outcome import Outcome
    from target_workos_users.loading.task import Task
    from target_workos_users.settings.settings import Settings


def destination(settings: Settings) -> str:
    """Names the WorkOS environment: its host, and which of its keys, without giving that away.

    A sandbox is named by an id kept in its file, so that a new file is a new environment.
    """
    if settings.sandbox_path:
        from workos_sandbox import environment_id  # noqa: PLC0415 - a web server

        with _sandbox_errors():
            return f"sandbox#{environment_id(settings.sandbox_path)}"
    key = hashlib.sha256(settings.api_key.encode()).hexdigest()[:8]
    return f"{urlsplit(settings.base_url).netloc}#{key}"


@contextmanager
def _sandbox_errors() -> Iterator[None]:
    """What the sandbox can't do is for the settings to put right."""
    from workos_sandbox import SandboxError  # noqa: PLC0415 - a web server

    try:
        yield
    except SandboxError as error:
        raise SettingsError(str(error)) from error


async def knows(settings: Settings, entity_id: str) -> bool:
    """Whether an organization or a user exists in the environment that the settings name.

    Raises:
        StopRun: WorkOS can't be reached, or refuses the key.
        ApiError: WorkOS answered with an error.
    """
    async with AsyncExitStack() as stack:
        api, _ = await _open_api(settings, stack)
        if entity_id.startswith("user_"):
            return await api.get_user(entity_id) is not None
        return await api.get_organization(entity_id) is not None


async def _shared_pacer(settings: Settings, stack: AsyncExitStack) -> Pacer | None:
    """A pacer that shares the rate limit with all jobs of one destination, if that is set."""
    if not settings.rate_limit_redis_url:
        return None
    from target_workos_users.api.bookings import Bookings  # noqa: PLC0415 - an optional extra
    from target_workos_users.api.shared_limit import SharedPacer  # noqa: PLC0415 - as above

    rate_limit, name = settings.rate_limit, destination(settings)
    bookings = await Bookings.open(settings.rate_limit_redis_url, name, rate_limit=rate_limit)
    pacer = SharedPacer(bookings, rate_limit=rate_limit, in_flight=settings.concurrency)
    stack.push_async_callback(pacer.close)
    return pacer


async def _open_api(settings: Settings, stack: AsyncExitStack) -> tuple[WorkOS, Transport]:
    pacer = await _shared_pacer(settings, stack)
    api_key, base_url = settings.api_key, settings.base_url
    if settings.sandbox_path:
        from workos_sandbox import Sandbox  # noqa: PLC0415 - a web server

        with _sandbox_errors():
            sandbox = await stack.enter_async_context(Sandbox(settings.sandbox_path))
        api_key, base_url = sandbox.api_key, sandbox.base_url
    transport = Transport(
        rate_limit=settings.rate_limit,
        max_retries=settings.max_retries,
        concurrency=settings.concurrency,
        pacer=pacer,
    )
    api = WorkOS(
        Client(
            api_key=api_key,
            base_url=base_url,
            transport=transport,
            request_timeout=settings.request_timeout,
        )
    )
    stack.push_async_callback(api.close)
    return api, transport


def make_loader(
    api: WorkOS, settings: Settings, ledger: Ledger, organizations: OrganizationCache
) -> Loader:
    """The loader that the settings ask for."""
    users = Users(
        api,
        ledger,
        existing_users=settings.existing_users,
        update_passwords=settings.update_passwords,
    )
    roles = Roles(api, unknown_roles=settings.unknown_roles)
    return Loader(
        ledger,
        organizations=organizations,
        users=users,
        memberships=Memberships(api, organizations, roles),
        factors=Factors(api),
        require_membership=settings.require_membership,
    )


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
    async def open(cls, settings: Settings, ledger: Ledger, org_cache: Mapping[str, str]) -> Self:
        """Get ready; nothing is sent yet.

        Args:
            settings: Of the run.
            ledger: What was done before.
            org_cache: WorkOS ids of organizations by external id, as the checkpoint has them.
        """
        async with AsyncExitStack() as stack:
            api, transport = await _open_api(settings, stack)
            organizations = OrganizationCache(
                api,
                create_missing=settings.create_missing_orgs,
                state=org_cache,
                note=ledger.organization,
            )
            loader = make_loader(api, settings, ledger, organizations)
            queue = LoadQueue(loader.load, concurrency=settings.concurrency)
            return cls(transport, organizations, queue, stack.pop_all())

    def load(self, tasks: Iterable[tuple[Task, Callable[[Outcome], None]]]) -> None:
        """Load rows; their organizations are resolved ahead of them."""
        tasks = list(tasks)
        named = (task.row.organization for task, _ in tasks)
        self.organizations.prefetch(filter(None, named))
        for task, done in tasks:
            self.queue.submit(task, done)

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
