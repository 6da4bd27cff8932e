"""What a plan asks WorkOS, where there is a key: a request for each organization, one for roles."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from target_workos_users.api.connect import connect
from target_workos_users.exceptions import TargetError
from target_workos_users.parallel import for_each
from target_workos_users.progress.counting import destination_in_words
from target_workos_users.records.entities import OF_AN_ORGANIZATION

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from target_workos_users.settings.settings import Settings

_SECONDS = 5.0  # a plan is made without a network, too
_SHOWN = 20


async def ask_workos(
    settings: Settings, roles: Iterable[str], organizations: Mapping[str, bool]
) -> list[str]:
    """Ask which roles and organizations of a source are there.

    Args:
        settings: Of the run.
        roles: Slugs.
        organizations: Whether one may be created, by external id.

    Returns:
        What WorkOS says, in lines; or why it can't be asked.
    """
    settings = replace(settings, max_retries=0, request_timeout=_SECONDS)
    there: set[str] = set()
    try:
        async with connect(settings) as api:
            known = {role.get("slug") for role in await api.workos.list_roles()}

            async def look(external_id: str) -> None:
                if await api.workos.get_organization_by_external_id(external_id):
                    there.add(external_id)

            await for_each(organizations, look, settings.concurrency)
    except TargetError as error:
        return [f"WorkOS couldn't be asked: {error}"]
    lines = [f"asked: {destination_in_words(settings)}"]
    own = (slug for slug in roles if not slug.startswith(OF_AN_ORGANIZATION))
    if missing := [slug for slug in own if slug not in known]:
        shown = ", ".join(sorted(missing)[:_SHOWN])
        lines.append(f"roles that it doesn't have ({len(missing):,}): {shown}")
    if organizations:
        lost = sum(not (each in there or may_be) for each, may_be in organizations.items())
        text = f"organizations: {len(there):,} of {len(organizations):,} are there"
        lines.append(text + (f"; {lost:,} are not, and can't be created" if lost else ""))
    return lines
