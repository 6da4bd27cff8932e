"""The organizations that records name, each resolved to its WorkOS id once."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from target_workos_users.exceptions import RecordError
from target_workos_users.loading.lru import LruDict
from target_workos_users.records.redaction import is_plain

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping

    from target_workos_users.loading.organization_lookup import OrganizationLookup
    from target_workos_users.records.organizations import OrganizationRef

_FAILURES = 1000
_FAILURE_SECONDS = 30.0
_PREFETCHES = 10


class OrganizationCache:
    """Resolves organizations, at most two requests for a new one and none for a known one.

    Concurrent calls for one organization share one look-up. What can't be resolved for good is
    remembered for half a minute, so that a thousand records of an organization that doesn't exist
    cost a few requests, and one that someone creates in the meantime is soon found.

    Args:
        lookup: Finds or creates one.
        state: What :meth:`to_state` gave in an earlier run.
        capacity: Organizations remembered at most, the least recently used are dropped.

    Attributes:
        counts: How they were resolved.
    """

    def __init__(
        self,
        lookup: OrganizationLookup,
        *,
        state: Mapping[str, str] | None = None,
        capacity: int = 10_000,
    ) -> None:
        self._lookup = lookup
        self.counts = lookup.counts
        self._by_external_id: LruDict[str, str] = LruDict(capacity)
        for external_id, organization_id in (state or {}).items():
            self._by_external_id[external_id] = organization_id
        self._verified: LruDict[str, str] = LruDict(capacity)
        self._names: LruDict[str, str] = LruDict(capacity)
        self._pending: dict[_Key, tuple[OrganizationRef, asyncio.Task[str]]] = {}
        self._ahead: deque[OrganizationRef] = deque()
        self._prefetchers: set[asyncio.Task[None]] = set()
        self._failures: LruDict[tuple[_Key, str | None], tuple[float, RecordError]] = LruDict(
            _FAILURES
        )

    def to_state(self) -> dict[str, str]:
        """External id -> WorkOS id, least recently used first.

        Without those that may be somebody's secret or address, moved there by a ragged row: they
        are looked up once more in the next run.
        """
        return {key: value for key, value in self._by_external_id.items() if is_plain(key)}

    async def resolve(self, ref: OrganizationRef) -> str:
        """The WorkOS id of the organization, which exists or is created.

        Raises:
            RecordError: ``org_resolution``: it doesn't exist and can't be created.
        """
        known = self._known(ref)
        if known is not None:
            self.counts.hits += 1
            return known
        if ref.external_id:
            ref = replace(ref, name=self._names.get(ref.external_id) or ref.name)
        self._raise_remembered(ref)
        while True:
            pending_ref, task = self._pending.get(_key(ref)) or self._begin(ref, self._look_up(ref))
            try:
                # Shielded: a cancelled caller takes only itself away from the others.
                return await asyncio.shield(task)
            except RecordError as error:
                if pending_ref.name == ref.name:
                    raise replace(error) from error  # each record completes its own copy
                # It failed for want of a name, or for its name: this one has another.

    async def make(self, ref: OrganizationRef, ensure: Callable[[], Awaitable[str]]) -> str:
        """Let an organization's own record make it, while all others that name it wait.

        Args:
            ref: Names it by external id.
            ensure: Makes sure of it; returns its WorkOS id.

        Raises:
            Exception: What ``ensure`` raises.
        """
        key = _key(ref)
        while pending := self._pending.get(key):
            await asyncio.wait([pending[1]])

        async def run() -> str:
            try:
                organization_id = await ensure()
            finally:
                del self._pending[key]
            self._by_external_id[ref.external_id or ""] = organization_id
            return organization_id

        # No other row has this name: if it fails, each of them looks for itself.
        return await asyncio.shield(self._begin(replace(ref, name=f"{ref.name}\0"), run())[1])

    def look_again(self) -> None:
        """What wasn't found may be there by now."""
        self._failures.clear()

    def prefetch(self, refs: Iterable[OrganizationRef]) -> None:
        """Begin to resolve the organizations of rows to come, ten at a time.

        Failures are left for the rows to meet. The first name that a row gives serves them all.
        """
        refs = list(refs)
        for ref in refs:
            if ref.name and ref.external_id and not self._names.use(ref.external_id):
                self._names[ref.external_id] = ref.name
        self._ahead.extend({_key(ref): ref for ref in refs if self._known(ref) is None}.values())
        for _ in range(min(len(self._ahead), _PREFETCHES - len(self._prefetchers))):
            task = asyncio.create_task(self._resolve_ahead())
            self._prefetchers.add(task)
            task.add_done_callback(self._prefetchers.discard)

    def has_other_name(self, ref: OrganizationRef) -> bool:
        """Whether an earlier row gave the organization another name, which holds."""
        first = self._names.get(ref.external_id or "")
        return bool(first and ref.name and first != ref.name)

    def stop(self) -> None:
        """Resolve nothing ahead any more."""
        self._ahead.clear()

    def forget(self, organization_id: str) -> None:
        """WorkOS says that the organization doesn't exist: look again when it's next named."""
        self._verified.pop(organization_id, None)
        stale = [key for key, value in self._by_external_id.items() if value == organization_id]
        for external_id in stale:
            del self._by_external_id[external_id]

    async def close(self) -> None:
        """Cancel the look-ups under way."""
        self.stop()
        tasks: list[asyncio.Task[Any]] = [
            *self._prefetchers,
            *(task for _, task in self._pending.values()),
        ]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _resolve_ahead(self) -> None:
        while self._ahead:
            with suppress(Exception):
                await self.resolve(self._ahead.popleft())

    def _known(self, ref: OrganizationRef) -> str | None:
        if ref.id is not None:
            return self._verified.use(ref.id)
        return self._by_external_id.use(ref.external_id or "")

    def _raise_remembered(self, ref: OrganizationRef) -> None:
        expires, error = self._failures.get((_key(ref), ref.name), (0.0, None))
        if error is not None and asyncio.get_running_loop().time() < expires:
            raise replace(error)

    def _begin(
        self, ref: OrganizationRef, look: Coroutine[Any, Any, str]
    ) -> tuple[OrganizationRef, asyncio.Task[str]]:
        task = asyncio.create_task(look)
        # If every caller was cancelled, nobody else fetches the exception.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._pending[_key(ref)] = ref, task
        return ref, task

    async def _look_up(self, ref: OrganizationRef) -> str:
        try:
            organization_id = await self._lookup.ask(ref)
        except RecordError as error:
            if not error.retryable:
                expires = asyncio.get_running_loop().time() + _FAILURE_SECONDS
                self._failures[_key(ref), ref.name] = expires, replace(error)
            raise
        finally:
            del self._pending[_key(ref)]
        if ref.id is not None:
            self._verified[ref.id] = organization_id
        else:
            self._by_external_id[ref.external_id or ""] = organization_id
        return organization_id


_Key = tuple[str | None, str | None]


def _key(ref: OrganizationRef) -> _Key:
    return ref.id, ref.external_id
