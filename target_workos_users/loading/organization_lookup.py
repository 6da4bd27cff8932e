"""One organization: found in WorkOS, or created."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from target_workos_users.exceptions import (
    LOAD_AGAIN,
    ApiError,
    ErrorType,
    Reason,
    RecordError,
    Waits,
)
from target_workos_users.loading.eventual import eventually

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_workos_users.api.workos import WorkOS
    from target_workos_users.ledger import Ledger
    from target_workos_users.records.organizations import OrganizationRef


@dataclass(slots=True)
class OrganizationCounts:
    """How organizations were resolved.

    Attributes:
        hits: Answered from the cache, without a request.
        found: Found in WorkOS.
        created: Created in WorkOS.
    """

    hits: int = 0
    found: int = 0
    created: int = 0


class OrganizationLookup:
    """Asks WorkOS for organizations, and creates those that aren't there.

    Args:
        ledger: Learns what was found, and what is about to be created.
        create_missing: Whether to create an organization that isn't found, if it has a name.
        delays: Seconds between look-ups of an organization that someone else is just creating.

    Attributes:
        counts: How they were resolved.
    """

    def __init__(
        self,
        api: WorkOS,
        ledger: Ledger,
        *,
        create_missing: bool,
        delays: Sequence[float],
    ) -> None:
        self.counts = OrganizationCounts()
        self._api = api
        self._ledger = ledger
        self._create_missing = create_missing
        self._delays = delays

    async def ask(self, ref: OrganizationRef) -> str:
        """The WorkOS id of an organization, which exists or is created.

        Raises:
            RecordError: ``org_resolution``: it doesn't exist and can't be created.
        """
        try:
            if ref.id is not None:
                return await self._verify(ref.id)
            return await self._find_or_create(ref.external_id or "", ref.name)
        except ApiError as error:
            named = f"org_id {ref.id!r}" if ref.id else f"org_external_id {ref.external_id!r}"
            raise error.as_record_error(
                ErrorType.ORG_RESOLUTION, f"{named} could not be resolved: {error}; {LOAD_AGAIN}"
            ) from error

    async def _verify(self, organization_id: str) -> str:
        if await self._api.get_organization(organization_id) is None:
            raise RecordError.worded(
                ErrorType.ORG_RESOLUTION,
                "org_id {!r} isn't an organization of this WorkOS environment: "
                "correct it, or name the organization by org_external_id",
                organization_id,
                org_id=organization_id,
            )
        self.counts.found += 1
        self._ledger.organization(organization_id, None, made=False)
        return organization_id

    async def _find_or_create(self, external_id: str, name: str | None) -> str:
        found = await self._api.get_organization_by_external_id(external_id)
        if found is not None:
            self.counts.found += 1
            self._ledger.organization(found["id"], external_id, made=False)
            return str(found["id"])
        if not (name and self._create_missing):
            raise RecordError.worded(
                ErrorType.ORG_RESOLUTION,
                "org_external_id {!r} isn't an organization of this WorkOS environment, "
                + (
                    "and create_missing_orgs is off: create it, or switch that on"
                    if name
                    else "and no org_name is given to create it with: give one, or create it"
                ),
                external_id,
                waits=Waits.FOR_OTHER_KINDS,
            )
        self._ledger.attempt_organization(external_id)
        await asyncio.sleep(0)  # the ledger commits that before the request is sent
        try:
            created = await self._api.create_organization(name=name, external_id=external_id)
        except ApiError as error:
            if error.reason is not Reason.EXTERNAL_ID_EXISTS and not error.ambiguous:
                raise
            return await self._read_again(external_id, error)
        self.counts.created += 1
        self._ledger.organization(created["id"], external_id, made=True)
        return str(created["id"])

    async def _read_again(self, external_id: str, error: ApiError) -> str:
        """Someone else was faster, or we were and the answer was lost."""
        exists = error.reason is Reason.EXTERNAL_ID_EXISTS
        found = await eventually(
            lambda: self._api.get_organization_by_external_id(external_id),
            self._delays if exists else (),
        )
        if found is None and exists:
            record_error = error.as_record_error(
                ErrorType.ORG_RESOLUTION,
                f"WorkOS refused to create org_external_id {external_id!r} as existing, but finds "
                f"no such organization: {error}; {LOAD_AGAIN}",
            )
            record_error.retryable = True
            raise record_error from error
        if found is None:
            raise error
        if error.ambiguous:
            self.counts.created += 1
        else:
            self.counts.found += 1
        self._ledger.organization(found["id"], external_id, made=False)
        return str(found["id"])
