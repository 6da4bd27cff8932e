"""The embedded WorkOS: an HTTP server over SQLite that answers as live WorkOS does.

::

    async with Sandbox("sandbox.db") as sandbox:    # python -m workos_sandbox --db sandbox.db
        sandbox.faults = Faults(share_500=0.1)
        ...                                         # sandbox.base_url, sandbox.api_key
    read_contents("sandbox.db").users

A request goes from ``server`` over ``endpoints`` to a handler (``users``, ``memberships``, …) and
to the ``store``. docs/sandbox.md says what is answered, how that is known, and what isn't there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workos_sandbox.contents import Contents, read_contents
from workos_sandbox.environment import DEFAULT_API_KEY, EnvironmentSettings
from workos_sandbox.exceptions import SandboxError
from workos_sandbox.faults import Action, Faults, ScriptedFault
from workos_sandbox.limits import NO_LIMITS, Limits
from workos_sandbox.request import RecordedRequest
from workos_sandbox.store import environment_id

if TYPE_CHECKING:
    from workos_sandbox.server import Sandbox

__all__ = [
    "DEFAULT_API_KEY",
    "NO_LIMITS",
    "Action",
    "Contents",
    "EnvironmentSettings",
    "Faults",
    "Limits",
    "RecordedRequest",
    "Sandbox",
    "SandboxError",
    "ScriptedFault",
    "environment_id",
    "read_contents",
]


def __getattr__(name: str) -> object:
    """The server only when it is asked for: aiohttp takes half a second to import."""
    if name == "Sandbox":
        from workos_sandbox.server import Sandbox  # noqa: PLC0415

        return Sandbox
    raise AttributeError(name)
