"""WorkOS's calls, to a server whose responses a test writes down."""

from __future__ import annotations

import pytest

from target_workos_users.api.client import Client
from target_workos_users.api.pacing import Pacer
from target_workos_users.api.transport import Transport
from target_workos_users.api.workos import WorkOS
from target_workos_users.exceptions import ApiError

KEY = "sk_test_0123456789abcdef"
USERS = "/user_management/users"
MEMBERSHIPS = "/user_management/organization_memberships"
USER = {"id": "user_1", "email": "a@b.c", "external_id": "x"}
NEW = {"email": "a@b.c"}  # the fields of a user to create
NOBODY = "0" * 26  # the id that a look at an endpoint asks for


class Api(WorkOS):
    """The calls, and the transport that they go through; attempts follow each other at once."""

    def __init__(self, url, *, api_key=KEY, max_retries=2, request_timeout=30.0):
        pacer = Pacer(rate_limit=1e6, in_flight=20)
        self.transport = Transport(pacer, max_retries=max_retries, backoff=lambda _: 0.0)
        super().__init__(
            Client(
                api_key=api_key,
                base_url=url,
                transport=self.transport,
                request_timeout=request_timeout,
            )
        )

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.close()


class Script:
    """What a pytest-httpserver says, in order; any other request fails the test.

    Args:
        server: The server.
    """

    def __init__(self, server):
        self._server = server
        self.url = server.url_for("").rstrip("/")

    def says(self, request, status=200, body=None, *, sent=None, headers=None, times=1):
        """The next request, and the response to it.

        Args:
            request: Method and path, perhaps with a query.
            status: HTTP status.
            body: JSON, unless it is bytes.
            sent: The JSON that the request has, if that matters.
            headers: Of the response.
            times: It comes so many times.
        """
        method, _, target = request.partition(" ")
        path, _, query = target.partition("?")
        given = {} if sent is None else {"json": sent}
        for _ in range(times):
            expected = self._server.expect_ordered_request(
                path, method=method, query_string=query or None, **given
            )
            if isinstance(body, bytes):
                expected.respond_with_data(body, status=status, headers=headers)
            else:
                expected.respond_with_json(body or {}, status=status, headers=headers)

    @property
    def received(self):
        """The requests so far."""
        return [request for request, _ in self._server.log]

    @property
    def requests(self):
        """The same as method and path, as they were sent."""
        return [f"{request.method} {request.environ['RAW_URI']}" for request in self.received]


def page(*items, after=None):
    return {"object": "list", "data": list(items), "list_metadata": {"after": after}}


async def failure(call):
    with pytest.raises(ApiError) as caught:
        await call
    return caught.value
