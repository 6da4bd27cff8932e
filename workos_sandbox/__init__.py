"""The embedded WorkOS: an HTTP server over SQLite that answers as live WorkOS does.

One direction: ``server`` -> ``control``, ``responses``, ``routes`` -> ``users``,
``memberships``, ``roles``, ``organizations``, ``factors`` -> ``validation``, ``store``.
``limits``, ``faults``, ``stats`` and ``password_hashes`` know no I/O. docs/sandbox.md says what
it does and what it doesn't.
"""

from __future__ import annotations

from workos_sandbox.exceptions import SandboxError
from workos_sandbox.faults import Action, Faults, ScriptedFault
from workos_sandbox.limits import NO_LIMITS, Limits
from workos_sandbox.server import DEFAULT_API_KEY, Sandbox
from workos_sandbox.store import environment_id
from workos_sandbox.world import World, read_world

__all__ = [
    "DEFAULT_API_KEY",
    "NO_LIMITS",
    "Action",
    "Faults",
    "Limits",
    "Sandbox",
    "SandboxError",
    "ScriptedFault",
    "World",
    "environment_id",
    "read_world",
]
