"""Rows into a sandbox over HTTP: the loader and all that is below it."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import asdict
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Self

from target_workos_users.ledger import Ledger
from target_workos_users.loading.loader import Loader
from target_workos_users.loading.outcome import Outcome, Result
from target_workos_users.loading.places import Places
from target_workos_users.loading.queue import LoadQueue
from target_workos_users.loading.task import Task, make_task
from target_workos_users.records.organizations import OrganizationRef
from target_workos_users.records.parse import UserRow
from target_workos_users.records.totp import Totp
from tests.support.model import make_settings
from tests.support.sandbox import call
from tests.support.scripted_api import Api
from workos_sandbox import Action, Faults, Sandbox, ScriptedFault, read_contents

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from target_workos_users.api.workos import WorkOS
    from workos_sandbox import Contents

USERS = "/user_management/users$"
MEMBERSHIPS = "/organization_memberships$"
FACTORS = "/auth_factors$"
ACME = OrganizationRef(id=None, external_id="acme", name="Acme")
GLOBEX = OrganizationRef(id=None, external_id="globex", name="Globex")
SECRET = "JBSWY3DPEHPK3PXP"
TOTP = Totp(SECRET, None, None)


def api_of(sandbox: Sandbox, *, max_retries: int = 5) -> WorkOS:
    """The sandbox's API, to be closed."""
    return Api(
        sandbox.base_url, api_key=sandbox.api_key, max_retries=max_retries, request_timeout=5
    )


def row(
    email: str = "ann@example.com",
    organization: OrganizationRef | None = None,
    roles: Sequence[str] = (),
    totp: Totp | None = None,
    status: Any = None,
    **fields: Any,
) -> UserRow:
    """A record that parsed."""
    return UserRow(
        email=email,
        fields={"email": email, **fields},
        organization=organization,
        role_slugs=tuple(roles),
        totp=totp,
        remarks=(),
        status=status,
    )


def failing(
    path: str, status: int, body: str = "{}", method: str | None = None, **more: Any
) -> Faults:
    """Requests are answered so, and not handled; ``more`` of :class:`ScriptedFault`."""
    return lost(path, Action("answer", status=status, body=body), method, **more)


def lost(path: str, action: Action, method: str | None = "POST", **more: Any) -> Faults:
    """Requests come to grief in some way; ``more`` of :class:`ScriptedFault`."""
    return Faults(script=[ScriptedFault(path, action, method, **more)])


class Run:
    """One run of an import.

    Args:
        environment: Where to load.
        after: The run that it goes on from; None: nothing is known of an earlier one.
        cleared: The state was cleared since then: what that run knew is to be verified.
        state: Organizations that the checkpoint knows; if left out, those of that run.
        settings: Others than their defaults.
    """

    def __init__(
        self,
        environment: Environment,
        *,
        after: Self | None = None,
        cleared: bool = False,
        state: Mapping[str, str] | None = None,
        **settings: Any,
    ) -> None:
        self.ledger = after.ledger if after else Ledger.open(None, lambda _: None)
        self.ledger.begin("import", "cleared" if cleared else "the checkpoint")
        self.number = 0
        self._places = Places()
        api = environment.api
        if state is None and after:
            state = after.organizations.to_state()
        made = make_settings(**settings)
        self.loader = Loader(api, made, self.ledger, state or {}, delays=(0, 0, 0))
        self.organizations, self.hints = self.loader.organizations, self.loader.hints

    async def load(self, row: UserRow, **options: bool) -> Outcome:
        """Load a row, unless the ledger knows that there is nothing to do."""
        task = self.task(row, **options)
        return await self.loader.load(task) if task else Outcome(Result.UNCHANGED)

    async def load_all(self, rows: Sequence[UserRow]) -> list[Outcome]:
        """Load rows as an import does those of a chunk; the outcomes in the rows' order."""
        outcomes = [Outcome(Result.UNCHANGED) for _ in rows]
        tasks = {i: task for i, each in enumerate(rows) if (task := self.task(each))}
        finished, left = asyncio.Event(), len(tasks)
        queue = LoadQueue(self.loader.load, concurrency=20)

        def done(index: int, outcome: Outcome) -> None:
            nonlocal left
            outcomes[index] = outcome
            left -= 1
            if not left:
                finished.set()

        for index, task in tasks.items():
            queue.submit(task, lambda outcome, index=index: done(index, outcome))
        assert not tasks or await queue.wait(finished)
        return outcomes

    def skip(self, records: int) -> None:
        """The first records are in the source as the checkpoint has them."""
        if records:
            self._places.add(1, records)
        self.number = records

    def task(self, row: UserRow, *, proven: bool = False) -> Task | None:
        """The task of the next record."""
        self.number += 1
        digest = sha256(repr(asdict(row)).encode()).digest()[:16]
        return make_task(
            self.ledger,
            row,
            stream="users",
            chunk=1,
            number=self.number,
            digest=digest,
            places=self._places,
            proven=proven,
        )


class Environment:
    """A sandbox with a client of its own, and runs to load into it."""

    def __init__(self, sandbox: Sandbox, path: Path) -> None:
        self.sandbox = sandbox
        self.path = path
        self.api = api_of(sandbox)
        self._runs: list[Run] = []

    def run(self, existing_users: str = "keep", **options: Any) -> Run:
        """A run; see :class:`Run`."""
        self._runs.append(Run(self, existing_users=existing_users, **options))
        return self._runs[-1]

    @property
    def world(self) -> Contents:
        """All that is in the sandbox."""
        return read_contents(self.path)

    @property
    def members(self) -> dict[tuple[str, str], set[str]]:
        """(email, external id of the organization) -> roles of the active memberships."""
        return {
            (each["email"], each["organization_external_id"]): set(each["role_slugs"])
            for each in self.world.memberships
            if each["status"] == "active"
        }

    async def add_role(self, slug: str) -> None:
        """An administrator makes a role."""
        await asyncio.to_thread(
            call, self.sandbox, "POST", "/authorization/roles", {"slug": slug, "name": slug}
        )

    def set_created_at(self, table: str, entity_id: str, created_at: str) -> None:
        """Make something older or younger than it is."""
        with closing(sqlite3.connect(self.path)) as database, database:
            statement = f"UPDATE {table} SET created_at = ? WHERE id = ?"
            database.execute(statement, (created_at, entity_id))

    def requests(self) -> dict[str, int]:
        """Requests since the last call, by method and route."""
        counts = {
            route.replace("/user_management", ""): counter.total()
            for route, counter in self.sandbox.counts.requests.items()
        }
        self.sandbox.counts.reset()
        return counts

    async def close(self) -> None:
        """Close the client, and all runs."""
        for run in self._runs:
            await run.loader.close()
            run.ledger.close()
        await self.api.close()
