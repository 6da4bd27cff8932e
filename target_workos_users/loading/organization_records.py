"""Records of organizations: each is created, or found and completed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Literal

from target_workos_users.exceptions import LOAD_AGAIN, ApiError, ErrorType, Reason, RecordError
from target_workos_users.loading.eventual import eventually
from target_workos_users.loading.outcome import Outcome, Tally

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_workos_users.api.workos import WorkOS
    from target_workos_users.ledger import Ledger
    from target_workos_users.loading.organizations import OrganizationCache
    from target_workos_users.loading.task import EntityTask

ExistingOrganizations = Literal["keep", "update"]
Organization = dict[str, Any]


class OrganizationRecords:
    """Makes sure that the organization of a record is in WorkOS.

    One that exists keeps its fields, or gets the record's, as ``existing_organizations`` says. One
    that this import made for a user's or a membership's record gets those of its own record in
    any case, once: had that come first, it would have been made so.

    Args:
        organizations: Where others look organizations up; they wait for one that is being made.
        existing: The setting ``existing_organizations``.
        delays: Seconds between look-ups of an organization that WorkOS says exists.
    """

    def __init__(
        self,
        api: WorkOS,
        ledger: Ledger,
        organizations: OrganizationCache,
        *,
        existing: ExistingOrganizations,
        delays: Sequence[float],
    ) -> None:
        self._api = api
        self._ledger = ledger
        self._organizations = organizations
        self._existing = existing
        self._delays = delays

    async def load(self, task: EntityTask, outcome: Outcome) -> None:
        """Load one record.

        Raises:
            RecordError: It can't be loaded.
            ApiError: WorkOS answered with an error.
        """
        ref = task.row.organization
        assert ref is not None
        known = task.before.organization_id if task.before else None
        if known and self._existing == "keep" and task.past.is_current(task.before):
            outcome.org_id = known
            outcome.tallies.append(Tally.ORGANIZATIONS_EXISTING)
        elif ref.external_id:
            outcome.org_id = await self._organizations.make(
                ref, lambda: self._ensure(task, outcome)
            )
        else:
            outcome.org_id = await self._ensure(task, outcome)

    async def _ensure(self, task: EntityTask, outcome: Outcome) -> str:
        found = await self._find(task)
        if found is None:
            return await self._create(task, outcome)
        return await self._complete(task, found, outcome)

    async def _find(self, task: EntityTask) -> Organization | None:
        ref = task.row.organization
        assert ref is not None
        if ref.external_id:
            return await self._api.get_organization_by_external_id(ref.external_id)
        if ref.id:
            found = await self._api.get_organization(ref.id)
            if found is None:
                raise RecordError(
                    ErrorType.ORG_RESOLUTION,
                    f"org_id {ref.id!r} isn't an organization of this WorkOS environment: correct "
                    "it, or empty it and give an external_id to make one",
                )
            return found
        return await self._find_by_name(task)

    async def _find_by_name(self, task: EntityTask) -> Organization | None:
        """The one of that name: nothing else tells it from others."""
        name = task.row.fields["name"]
        if task.past.has_come:
            raise RecordError(
                ErrorType.INVALID_RECORD,
                "name: another record has the same one, and neither an external_id: names needn't "
                "be unique, so nothing tells the two organizations apart; give each an external_id",
            )
        if task.before and task.before.organization_id:
            return await self._api.get_organization(task.before.organization_id)
        found = await self._api.find_organizations_by_name(name)
        if len(found) > 1:
            ids = ", ".join(str(each["id"]) for each in found[:5])
            raise RecordError(
                ErrorType.ORG_RESOLUTION,
                f"{len(found)} organizations of this WorkOS environment have this name ({ids}): "
                "say which in org_id, or give the record an external_id to make another",
            )
        return found[0] if found else None

    async def _create(self, task: EntityTask, outcome: Outcome) -> str:
        external_id = task.row.fields.get("external_id")
        if external_id:
            self._ledger.attempt_organization(external_id)
            await asyncio.sleep(0)  # the ledger commits that before the request is sent
        try:
            created = await self._api.create_organization(**task.row.fields)
        except ApiError as error:
            exists = error.reason is Reason.EXTERNAL_ID_EXISTS
            if not exists and not error.ambiguous:
                raise await self._conflict(task, error) from error
            found = await eventually(lambda: self._find(task), self._delays if exists else ())
            if found is None:
                raise
            return await self._complete(task, found, outcome)
        self._ledger.organization(created["id"], external_id, made=True)
        self._organizations.counts.created += 1
        outcome.tallies.append(Tally.ORGANIZATIONS_CREATED)
        return str(created["id"])

    async def _complete(self, task: EntityTask, found: Organization, outcome: Outcome) -> str:
        organization_id = str(found["id"])
        self._ledger.organization(organization_id, found.get("external_id"), made=False)
        self._organizations.counts.found += 1
        first = not any(version.done for version in task.past.versions)
        ours = first and self._ledger.made_organization(organization_id)
        body = organization_differences(found, task.row.fields)
        if not body or not (ours or (self._existing == "update" and not task.is_forgotten)):
            outcome.tallies.append(Tally.ORGANIZATIONS_EXISTING)
            return organization_id
        try:
            await self._api.update_organization(organization_id, body)
        except ApiError as error:
            raise await self._conflict(task, error, organization_id) from error
        outcome.tallies.append(Tally.ORGANIZATIONS_UPDATED)
        return organization_id

    async def _conflict(
        self, task: EntityTask, error: ApiError, own_id: str | None = None
    ) -> RecordError:
        """A refusal; of a domain that another organization has, it names that one."""
        error_type = ErrorType.ORGANIZATION_UPDATE if own_id else ErrorType.ORGANIZATION_CREATE
        domains = [each["domain"] for each in task.row.fields.get("domain_data", ())]
        taken = [each for each in domains if each in error.message.lower()]
        if not taken and error.reason is not Reason.CONFLICT:
            return error.as_record_error(error_type)
        for domain in taken or domains:
            for other in await self._api.find_organizations_by_domain(domain):
                if other["id"] != own_id:
                    named = other.get("external_id")
                    owner = f"{other['id']}{f' (external_id {named!r})' if named else ''}"
                    text = (
                        "domains: {} belongs to the organization {} in WorkOS; take it out of one "
                        f"of them, and {LOAD_AGAIN}"
                    )
                    said, pattern = text.format(domain, owner), text.format("…", "…")
                    return error.as_record_error(error_type, said, pattern)
        return error.as_record_error(error_type)


def organization_differences(found: Organization, fields: dict[str, Any]) -> dict[str, Any]:
    """What a ``PUT`` must send to give an organization a record's fields; nothing is taken away.

    Args:
        found: As WorkOS has it.
        fields: The body of the record's ``POST``.
    """
    body: dict[str, Any] = {}
    for name, value in fields.items():
        if name == "metadata":
            theirs = found.get(name) or {}
            if differing := {key: text for key, text in value.items() if theirs.get(key) != text}:
                body[name] = differing
        elif name == "domain_data":
            held = [
                {"domain": str(each.get("domain")), "state": each.get("state") or "pending"}
                for each in found.get("domains") or ()
            ]
            names = {each["domain"] for each in held}
            if missing := [each for each in value if each["domain"] not in names]:
                body[name] = held + missing  # WorkOS replaces the list
        elif found.get(name) != value:
            body[name] = value
    return body
