"""The HTTP server: key, limits, faults, handler, response."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from workos_sandbox import outside_changes, remote_control
from workos_sandbox.endpoints import Endpoint, find_endpoint
from workos_sandbox.environment import DEFAULT_API_KEY, Environment, EnvironmentSettings
from workos_sandbox.exceptions import SandboxError
from workos_sandbox.faults import Faults
from workos_sandbox.limits import NO_LIMITS, Limits, is_write
from workos_sandbox.request import RecordedRequest, Request
from workos_sandbox.response import ErrorResponse, rate_limited, unauthorized
from workos_sandbox.roles import add_environment_role, is_role_slug
from workos_sandbox.store import Store
from workos_sandbox.wire import http_response, send_fault

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from workos_sandbox.faults import Action

_BUILT_IN_ROLES = ("admin", "member")
_SHUTDOWN_SECONDS = 2.0

logger = logging.getLogger(__name__)


class Sandbox(Environment):
    """A WorkOS of your own on a loopback port, kept in a SQLite file.

    ::

        async with Sandbox("sandbox.db") as sandbox:
            client = AsyncWorkOSClient(api_key=sandbox.api_key, base_url=sandbox.base_url)

    Args:
        path: The SQLite file; made if it isn't there.
        host: A loopback address or ``localhost``.
        port: TCP port; 0 picks a free one.
        api_key: The key that requests must carry.
        limits: Rate limits; none by default. ``Limits()`` is what WorkOS publishes.
        faults: Faults; none by default.
        settings: How the environment is set up.
        roles: Slugs of environment roles to have beside ``admin`` and ``member``.
        record_requests: Whether to keep all requests, secrets included: for tests.

    Attributes:
        path: The SQLite file.
        base_url: Where it listens, while it does.
        api_key: The key.
        requests: The requests kept, in order of arrival.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        api_key: str = DEFAULT_API_KEY,
        limits: Limits = NO_LIMITS,
        faults: Faults = Faults(),  # noqa: B008 - frozen
        settings: EnvironmentSettings = EnvironmentSettings(),  # noqa: B008 - frozen
        roles: Sequence[str] = (),
        record_requests: bool = False,
    ) -> None:
        super().__init__(settings, limits, faults)
        if not remote_control.is_loopback(host):
            raise SandboxError(
                f"the sandbox listens on loopback only, not on {host!r}: give 127.0.0.1, ::1 or "
                "localhost"
            )
        for slug in roles:
            if not is_role_slug(slug):
                raise SandboxError(
                    f"{slug!r} isn't a role slug: expected 1 to 48 lower-case letters, digits, "
                    "hyphens and underscores"
                )
        self.path = Path(path)
        self.api_key = api_key
        self.base_url = ""
        self.requests: list[RecordedRequest] = []
        self._address = (host, port)
        self._roles = (*_BUILT_IN_ROLES, *roles)
        self._record_requests = record_requests
        self._authorization = f"Bearer {api_key}"

    async def __aenter__(self) -> Self:
        """Open the file and listen.

        Raises:
            SandboxError: The file is in use or isn't a sandbox file, or the port is taken.
        """
        self.store = Store(self.path)
        try:
            for slug in self._roles:
                add_environment_role(self.store, slug)
            await self._listen()
        except BaseException:
            self.store.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening, end what is in flight, close the file."""
        self._closing.set()
        try:
            await self._runner.cleanup()
        finally:
            self.store.close()

    def sign_up(self, **fields: Any) -> dict[str, Any]:
        """Somebody makes a user of her own: see :func:`.outside_changes.sign_up`."""
        return self._in_its_thread(lambda: outside_changes.sign_up(self, fields))

    def edit_user(self, user_id: str, **fields: Any) -> dict[str, Any]:
        """An administrator edits a user: see :func:`.outside_changes.edit_user`."""
        return self._in_its_thread(lambda: outside_changes.edit_user(self, user_id, fields))

    def edit_membership(self, membership_id: str, **fields: Any) -> dict[str, Any]:
        """Set what the API doesn't: see :func:`.outside_changes.edit_membership`."""
        edit = outside_changes.edit_membership
        return self._in_its_thread(lambda: edit(self, membership_id, fields))

    def _in_its_thread(self, change: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Call it where the open file may be used, from whichever thread."""
        if threading.get_ident() == self._thread:
            return change()

        async def call() -> dict[str, Any]:
            return change()

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result()

    async def _listen(self) -> None:
        host, port = self._address
        self._thread = threading.get_ident()
        self._loop = asyncio.get_running_loop()
        self._closing = asyncio.Event()
        self._runner = web.ServerRunner(
            web.Server(self._serve, access_log=None), shutdown_timeout=_SHUTDOWN_SECONDS
        )
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise SandboxError(
                f"the sandbox can't listen on {host} port {port}: {error.strerror}. Give another "
                "port, or 0 for any"
            ) from error
        address, port = self._runner.addresses[0][:2]
        self.base_url = (
            f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"
        )

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        path, _, query = request.raw_path.partition("?")
        endpoint, variables = find_endpoint(request.method, path)
        if path.startswith(remote_control.PREFIX):
            return self._handle(endpoint, variables, query, body, host=request.host)
        recorded = self._record(request, body)
        try:
            self._admit(request, path)
        except ErrorResponse as error:
            self._count(endpoint, recorded, str(error.response.status))
            return http_response(error.response)
        action = self.fault_injector.draw(request.method, path, query, body)
        delay = self.fault_injector.latency() / 2
        if delay:
            await asyncio.sleep(delay)
        response = None
        if action is None or action.has_effect:
            response = self._handle(endpoint, variables, query, body)
        if delay:
            await asyncio.sleep(delay)
        if action is not None:
            self._count(endpoint, recorded, _outcome(action, response))
            return await send_fault(request, action, response, self._closing)
        assert response is not None
        self._count(endpoint, recorded, str(response.status))
        return response

    def _record(self, request: web.BaseRequest, body: bytes) -> RecordedRequest | None:
        if not self._record_requests:
            return None
        self.requests.append(RecordedRequest(request.method, request.raw_path, body))
        return self.requests[-1]

    def _count(self, endpoint: Endpoint, recorded: RecordedRequest | None, outcome: str) -> None:
        self.counts.answered(f"{endpoint.method} {endpoint.path}", outcome)
        if recorded:
            recorded.outcome = outcome

    def _admit(self, request: web.BaseRequest, path: str) -> None:
        """Check the key, then the limits; raises a 401 or 429."""
        now = self._loop.time()
        if is_write(request.method, path):
            self.counts.write_arrived(now)
        if request.headers.get("Authorization") != self._authorization:
            raise unauthorized()
        retry_after = self.budgets.refuse(request.method, path, now)
        if retry_after is not None:
            raise rate_limited(retry_after)

    def _handle(
        self,
        endpoint: Endpoint,
        variables: dict[str, str],
        query: str,
        body: bytes,
        *,
        host: str | None = None,
    ) -> web.Response:
        try:
            if host is not None:
                remote_control.check_host(host)
            decoded = _decode(body) if body else {}
            request = Request(self, variables, dict(parse_qsl(query)), decoded)
            return http_response(endpoint.handler(request))
        except ErrorResponse as error:
            return http_response(error.response)
        except sqlite3.OperationalError as error:  # disk full, another program's lock
            logger.error("sandbox file %s: %s", self.path, error)  # noqa: TRY400 - a line will do
            return http_response(ErrorResponse(500, "Internal Server Error").response)


def _outcome(action: Action, response: web.Response | None) -> str:
    if not action.kind.startswith("answer"):
        return action.kind
    return str(response.status if action.body is None and response else action.status)


def _decode(body: bytes) -> dict[str, Any]:
    """The JSON object of a request; what live WorkOS says to anything else isn't recorded."""
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError:
        message = "The request body is not a JSON object."
        raise ErrorResponse(400, message, "invalid_request_body") from None
