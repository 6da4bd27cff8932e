"""All that is used of the ``workos`` SDK without being published.

The bound on its minor version in pyproject.toml holds it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import msgspec
from workos import AsyncWorkOSClient

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workos import AsyncHTTPBackend

    from target_workos_users.api.transport import Transport


class Sdk(AsyncWorkOSClient):
    """The SDK's client, with faster encoders.

    Args:
        api_key: WorkOS secret key.
        base_url: Where WorkOS is.
        transport: Sends the requests. What it raises isn't one of the SDK's errors, so it passes
            through: the SDK sees successes only.
    """

    def __init__(self, *, api_key: str, base_url: str, transport: Transport) -> None:
        super().__init__(
            api_key=api_key,
            base_url=base_url,
            request_timeout=60,  # else read from the environment; each request has its own
            max_retries=0,
            # A Response has what the SDK reads of a success, and is made in a third of the time
            # that its own frozen HTTPResponse takes.
            http_client=cast("AsyncHTTPBackend", transport),
        )

    @staticmethod
    def _encode_body(body: dict[str, Any] | None) -> bytes | None:
        return None if body is None else msgspec.json.encode(body)

    @staticmethod
    @lru_cache(maxsize=64)
    def _encode_path(path: Sequence[str]) -> str:
        return AsyncWorkOSClient._encode_path(path)  # noqa: SLF001 - of its base class
