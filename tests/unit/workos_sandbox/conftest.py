"""A sandbox on a loopback port and a bare HTTP client for it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
import msgspec
import pytest

from workos_sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Mapping

BCRYPT = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"


@dataclass
class Reply:
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def body(self) -> Any:
        return msgspec.json.decode(self.text)

    @property
    def error(self) -> tuple[int, str | None]:
        return self.status, self.body.get("code")

    @property
    def error_codes(self) -> list[str]:
        return [error["code"] for error in self.body["errors"]]


class Api:
    """Sends requests to a sandbox, with its key, and makes what tests need over and over."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session
        self._users = 0

    async def call(self, method: str, path: str, json: Any = None, **options: Any) -> Reply:
        options.setdefault("timeout", aiohttp.ClientTimeout(5))
        async with self.session.request(method, path, json=json, **options) as response:
            return Reply(response.status, response.headers, await response.text())

    async def get(self, path: str, **query: Any) -> Reply:
        return await self.call("GET", path, params=query)

    async def post(self, path: str, json: Any) -> Reply:
        return await self.call("POST", path, json)

    async def put(self, path: str, json: Any = None) -> Reply:
        return await self.call("PUT", path, json)

    async def delete(self, path: str) -> Reply:
        return await self.call("DELETE", path)

    async def user(self, **fields: Any) -> dict[str, Any]:
        self._users += 1
        body = {"email": f"user{self._users}@example.com"} | fields
        return await self._created("/user_management/users", body)

    async def organization(self, **fields: Any) -> dict[str, Any]:
        return await self._created("/organizations", {"name": "Acme"} | fields)

    async def membership(self, **fields: Any) -> dict[str, Any]:
        return await self._created("/user_management/organization_memberships", fields)

    async def member(self, **fields: Any) -> dict[str, Any]:
        """A membership of a new user in a new organization."""
        user, organization = await self.user(), await self.organization()
        return await self.membership(
            user_id=user["id"], organization_id=organization["id"], **fields
        )

    async def _created(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        reply = await self.post(path, body)
        assert reply.status == 201, reply.text
        return reply.body


def api_session(sandbox: Sandbox) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        sandbox.base_url, headers={"Authorization": f"Bearer {sandbox.api_key}"}
    )


@pytest.fixture
def db(tmp_path):
    return tmp_path / "sandbox.db"


@pytest.fixture
async def sandbox(db):
    async with Sandbox(db) as running:
        yield running


@pytest.fixture
async def api(sandbox):
    async with api_session(sandbox) as session:
        yield Api(session)


@pytest.fixture
def connect():
    """To talk to a sandbox that a test starts itself: ``async with connect(sandbox) as api``."""
    return _Connection


class _Connection:
    def __init__(self, sandbox: Sandbox) -> None:
        self._session = api_session(sandbox)

    async def __aenter__(self) -> Api:
        return Api(self._session)

    async def __aexit__(self, *exc_info: object) -> None:
        await self._session.close()


@pytest.fixture
def until():
    """Waits for a condition: ``await until(lambda: sandbox.stats.writes)``."""

    async def wait(condition):
        while not condition():  # noqa: ASYNC110 - the sandbox has no event for it
            await asyncio.sleep(0.01)

    return wait


@pytest.fixture
def bcrypt():
    return BCRYPT
