"""Opens the WorkOS that the settings name: its API, or a sandbox."""

from __future__ import annotations

import hashlib
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import workos_sandbox  # its web server is imported when it is asked for
from target_workos_users.api.client import Client
from target_workos_users.api.pacing import Pacer
from target_workos_users.api.shared_pacing import SharedPacer
from target_workos_users.api.transport import Transport
from target_workos_users.api.workos import WorkOS
from target_workos_users.exceptions import SettingsError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from target_workos_users.settings.settings import Settings


class Api(NamedTuple):
    """An open way to WorkOS.

    Attributes:
        workos: Its calls.
        transport: Counts and paces their requests.
    """

    workos: WorkOS
    transport: Transport


def destination(settings: Settings) -> str:
    """Names the WorkOS environment: its host, and which of its keys, without giving that away.

    A sandbox is named by an id kept in its file, so that a new file is a new environment.
    """
    if settings.sandbox_path:
        with _sandbox_errors():
            return f"sandbox#{workos_sandbox.environment_id(settings.sandbox_path)}"
    key = hashlib.sha256(settings.api_key.encode()).hexdigest()[:8]
    return f"{urlsplit(settings.base_url).netloc}#{key}"


@contextmanager
def _sandbox_errors() -> Iterator[None]:
    """The sandbox's errors, as errors of the settings."""
    try:
        yield
    except workos_sandbox.SandboxError as error:
        raise SettingsError(str(error)) from error


@asynccontextmanager
async def connect(settings: Settings) -> AsyncIterator[Api]:
    """Open a way to WorkOS, and close it; nothing is sent yet.

    Raises:
        SharedLimitLost: The Redis server that shares the rate limit can't be used.
    """
    async with AsyncExitStack() as stack:
        transport = Transport(await _pacer(settings, stack), max_retries=settings.max_retries)
        api_key, base_url = settings.api_key, settings.base_url
        if settings.sandbox_path:
            with _sandbox_errors():
                sandbox = await stack.enter_async_context(
                    workos_sandbox.Sandbox(settings.sandbox_path)
                )
            api_key, base_url = sandbox.api_key, sandbox.base_url
        client = Client(
            api_key=api_key,
            base_url=base_url,
            transport=transport,
            request_timeout=settings.request_timeout,
        )
        stack.push_async_callback(client.close)
        yield Api(WorkOS(client), transport)


async def _pacer(settings: Settings, stack: AsyncExitStack) -> Pacer:
    """A pacer, which shares the rate limit with all jobs of one destination if that is set."""
    rate_limit, in_flight = settings.rate_limit, settings.concurrency
    if not settings.rate_limit_redis_url:
        return Pacer(rate_limit=rate_limit, in_flight=in_flight)
    from target_workos_users.api.redis_limit import RedisLimit  # noqa: PLC0415 - an optional extra

    url, name = settings.rate_limit_redis_url, destination(settings)
    shared = await RedisLimit.open(url, name, rate_limit=rate_limit)
    pacer = SharedPacer(shared, rate_limit=rate_limit, in_flight=in_flight)
    stack.push_async_callback(pacer.close)
    return pacer
