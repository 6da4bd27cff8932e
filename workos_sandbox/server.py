"""The HTTP server: key, budgets, faults, handler, answer."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from workos_sandbox import control
from workos_sandbox.exceptions import SandboxError
from workos_sandbox.exchange import Call, Refusal, rate_limited, unauthorized
from workos_sandbox.faults import Action, FaultInjector, Faults
from workos_sandbox.limits import NO_LIMITS, Limits, RateBudgets, is_write
from workos_sandbox.request_log import LoggedRequest
from workos_sandbox.responses import refuse, respond, send_fault
from workos_sandbox.roles import is_role_slug
from workos_sandbox.routes import Route, match
from workos_sandbox.stats import Stats
from workos_sandbox.store import Store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

DEFAULT_API_KEY = "sk_test_sandbox"

_BUILT_IN_ROLES = ("admin", "member")
_SHUTDOWN_SECONDS = 2.0

logger = logging.getLogger(__name__)


class Sandbox:
    """A WorkOS of one's own on a loopback port, kept in a SQLite file.

    ::

        async with Sandbox("sandbox.db") as sandbox:
            client = AsyncWorkOSClient(api_key=sandbox.api_key, base_url=sandbox.base_url)

    Args:
        path: The SQLite file; made if it isn't there.
        host: A loopback address or ``localhost``.
        port: TCP port; 0 picks a free one.
        api_key: The key that requests must carry.
        limits: Rate budgets; none by default. ``Limits()`` is what WorkOS publishes.
        faults: Faults; none by default.
        roles: Slugs of environment roles to have beside ``admin`` and ``member``.
        multiple_roles: Whether a membership may have several roles.
        record_requests: Whether to keep all requests, secrets included: for tests.

    Attributes:
        base_url: Where it listens, while it does.
        api_key: The key.
        stats: Counts of requests.
        requests: The requests kept, in order of arrival.
        store: The open file, while it is.
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
        roles: Sequence[str] = (),
        multiple_roles: bool = True,
        record_requests: bool = False,
    ) -> None:
        if not control.is_loopback(host):
            raise SandboxError(
                f"the sandbox listens on loopback only, not on {host!r}: give 127.0.0.1, ::1 or "
                "localhost"
            )
        for slug in roles:
            if not is_role_slug(slug):
                raise SandboxError(
                    f"{slug!r} is no role slug: expected 1 to 48 lower-case letters, digits, "
                    "hyphens and underscores"
                )
        self.api_key = api_key
        self.base_url = ""
        self.stats = Stats()
        self.requests: list[LoggedRequest] = []
        self.store: Store
        self._path = path
        self._address = (host, port)
        self._roles = (*_BUILT_IN_ROLES, *roles)
        self._multiple_roles = multiple_roles
        self._record_requests = record_requests
        self._authorization = f"Bearer {api_key}"
        self._budgets = RateBudgets(limits)
        self._injector = FaultInjector(faults)

    @property
    def limits(self) -> Limits:
        """The rate budgets; setting them empties their windows."""
        return self._budgets.limits

    @limits.setter
    def limits(self, limits: Limits) -> None:
        self._budgets = RateBudgets(limits)

    @property
    def faults(self) -> Faults:
        """The faults; setting them restarts their script and their random numbers."""
        return self._injector.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._injector = FaultInjector(faults)

    async def __aenter__(self) -> Self:
        """Open the file and listen.

        Raises:
            SandboxError: The file is in use or no sandbox file, or the port is taken.
        """
        self.store = Store(self._path)
        try:
            for slug in self._roles:
                self.store.add_role(slug)
            await self._listen()
        except BaseException:
            self.store.close()
            raise
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop listening, end what is in flight, close the file."""
        self._closing.set()
        try:
            await self._runner.cleanup()
        finally:
            self.store.close()

    async def _listen(self) -> None:
        host, port = self._address
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
        if path.startswith(control.PREFIX):
            return self._control(request, path, body)
        route, params = match(request.method, path)
        logged = self._log(request, body)
        try:
            self._admit(request, path)
        except Refusal as refusal:
            self._count(route, logged, str(refusal.answer.status))
            return refuse(refusal)
        action = self._injector.draw(request.method, path, query, body)
        delay = self._injector.latency() / 2
        if delay:
            await asyncio.sleep(delay)
        response = None
        if action is None or action.has_effect:
            response = self._handle(route, params, query, body)
        if delay:
            await asyncio.sleep(delay)
        if action is not None:
            self._count(route, logged, _outcome(action, response))
            return await send_fault(request, action, response, self._closing)
        assert response is not None
        self._count(route, logged, str(response.status))
        return response

    def _log(self, request: web.BaseRequest, body: bytes) -> LoggedRequest | None:
        if not self._record_requests:
            return None
        self.requests.append(LoggedRequest(request.method, request.raw_path, body))
        return self.requests[-1]

    def _count(self, route: Route, logged: LoggedRequest | None, outcome: str) -> None:
        self.stats.answered(f"{route.method} {route.template}", outcome)
        if logged:
            logged.outcome = outcome

    def _control(self, request: web.BaseRequest, path: str, body: bytes) -> web.Response:
        try:
            return respond(control.answer_control(self, request.method, path, request.host, body))
        except Refusal as refusal:
            return refuse(refusal)

    def _admit(self, request: web.BaseRequest, path: str) -> None:
        """Check the key, then the budgets; raises a 401 or 429."""
        now = self._loop.time()
        if is_write(request.method, path):
            self.stats.write_arrived(now)
        if request.headers.get("Authorization") != self._authorization:
            raise unauthorized()
        retry_after = self._budgets.refuse(request.method, path, now)
        if retry_after is not None:
            raise rate_limited(retry_after)

    def _handle(
        self, route: Route, params: dict[str, str], query: str, body: bytes
    ) -> web.Response:
        try:
            call = Call(
                store=self.store,
                params=params,
                query=dict(parse_qsl(query)),
                body=_decode(body) if body else {},
                multiple_roles=self._multiple_roles,
            )
            return respond(route.handler(call))
        except Refusal as refusal:
            return refuse(refusal)
        except sqlite3.OperationalError as error:  # disk full, another program's lock
            logger.error("sandbox file %s: %s", self._path, error)  # noqa: TRY400 - a line will do
            return refuse(Refusal(500, "Internal Server Error"))


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
        raise Refusal(400, message, "invalid_request_body") from None
