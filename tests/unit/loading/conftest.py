from __future__ import annotations

from target_workos_users.api.client import Client
from target_workos_users.api.transport import Transport
from target_workos_users.api.workos import WorkOS


def api_of(sandbox, *, max_retries=2):
    """The sandbox's API, to be closed; attempts follow each other fast."""
    transport = Transport(
        rate_limit=10_000, max_retries=max_retries, concurrency=20, backoff=lambda _attempt: 0.01
    )
    return WorkOS(
        Client(
            api_key=sandbox.api_key,
            base_url=sandbox.base_url,
            transport=transport,
            request_timeout=5,
        )
    )
