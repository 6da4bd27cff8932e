"""WorkOS's calls, on a server with a script."""

from __future__ import annotations

import pytest

from target_workos_users.api.client import Client
from target_workos_users.api.transport import Transport
from target_workos_users.api.workos import WorkOS
from target_workos_users.exceptions import ApiError
from tests.support.scripted_server import Reply, ScriptedServer

KEY = "sk_test_0123456789abcdef"
USER = {"id": "user_1", "email": "a@b.c", "external_id": "x"}
NEW = {"email": "a@b.c"}  # the fields of a user to create
USER_EXISTS = {
    "code": "user_creation_error",
    "message": "Could not create user.",
    "errors": [{"code": "email_not_available", "message": "This email is not available."}],
}


class Api(WorkOS):
    """A server that answers by the script, and what to ask it with."""

    def __init__(self, *script, default=None):
        self.server = ScriptedServer(*script, default=default)

    async def __aenter__(self):
        await self.server.__aenter__()
        self.transport = Transport(
            rate_limit=1e6, max_retries=2, concurrency=5, backoff=lambda _: 0.0
        )
        super().__init__(
            Client(
                api_key=KEY,
                base_url=self.server.url,
                transport=self.transport,
                request_timeout=30.0,
            )
        )
        return self

    async def __aexit__(self, *_):
        await self.close()
        await self.server.__aexit__()

    @property
    def sent(self):
        return self.server.received[-1]


def ok(body):
    return Reply(200, body)


def page(*items, after=None):
    return ok({"object": "list", "data": list(items), "list_metadata": {"after": after}})


async def failure(call):
    with pytest.raises(ApiError) as caught:
        await call
    return caught.value
