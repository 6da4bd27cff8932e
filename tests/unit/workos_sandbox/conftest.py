"""A sandbox on a loopback port, and an HTTP client that shares nothing with its server."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.sandbox import client, running_sandbox

if TYPE_CHECKING:
    import requests

    from workos_sandbox import Sandbox

BCRYPT = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"


@dataclass
class Reply:
    """An answer, with what tests look at."""

    response: requests.Response

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def headers(self) -> Any:
        return self.response.headers

    @property
    def text(self) -> str:
        return self.response.text

    @property
    def body(self) -> Any:
        return self.response.json()

    @property
    def error(self) -> tuple[int, str | None]:
        return self.status, self.body.get("code")

    @property
    def error_codes(self) -> list[str]:
        return [error["code"] for error in self.body["errors"]]


class Api:
    """Sends requests to a sandbox, with its key, and makes what tests need over and over."""

    def __init__(self, sandbox: Sandbox, session: requests.Session) -> None:
        self.session = session
        self._base_url = sandbox.base_url
        self._users = 0

    def call(self, method: str, path: str, json: Any = None, **options: Any) -> Reply:
        options.setdefault("timeout", 5)
        return Reply(self.session.request(method, self._base_url + path, json=json, **options))

    def get(self, path: str, **query: Any) -> Reply:
        return self.call("GET", path, params=query)

    def post(self, path: str, json: Any) -> Reply:
        return self.call("POST", path, json)

    def put(self, path: str, json: Any = None) -> Reply:
        return self.call("PUT", path, json)

    def patch(self, path: str, json: Any) -> Reply:
        return self.call("PATCH", path, json)

    def delete(self, path: str) -> Reply:
        return self.call("DELETE", path)

    def user(self, **fields: Any) -> dict[str, Any]:
        self._users += 1
        body = {"email": f"user{self._users}@example.com"} | fields
        return self._created("/user_management/users", body)

    def organization(self, **fields: Any) -> dict[str, Any]:
        return self._created("/organizations", {"name": "Acme"} | fields)

    def membership(self, **fields: Any) -> dict[str, Any]:
        return self._created("/user_management/organization_memberships", fields)

    def member(self, **fields: Any) -> dict[str, Any]:
        """A membership of a new user in a new organization."""
        user, organization = self.user(), self.organization()
        return self.membership(user_id=user["id"], organization_id=organization["id"], **fields)

    def _created(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        reply = self.post(path, body)
        assert reply.status == 201, reply.text
        return reply.body


@contextmanager
def open_sandbox(path, **options):
    """A sandbox with these options and a client for it: ``with run(db) as (sandbox, api)``."""
    with running_sandbox(path, **options) as sandbox, client(sandbox.api_key) as session:
        yield sandbox, Api(sandbox, session)


@pytest.fixture
def run():
    return open_sandbox


@pytest.fixture
def db(tmp_path):
    return tmp_path / "sandbox.db"


@pytest.fixture
def opened(db):
    with open_sandbox(db) as both:
        yield both


@pytest.fixture
def sandbox(opened):
    return opened[0]


@pytest.fixture
def api(opened):
    return opened[1]


@pytest.fixture
def until():
    """Waits for a condition: ``until(lambda: sandbox.counts.writes)``."""

    def wait(condition):
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline, "it never came"
            time.sleep(0.01)

    return wait


@pytest.fixture
def bcrypt():
    return BCRYPT
