"""The dry run: every record is parsed as in a real run, nothing is sent; a plan at the end."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from target_workos_users.errors import ErrorsFile, error_line
from target_workos_users.exceptions import TooManyFailures
from target_workos_users.explain import Groups
from target_workos_users.plan.distinct import Distinct
from target_workos_users.plan.example import example_of
from target_workos_users.plan.questions import ask_workos
from target_workos_users.plan.reading import Reading
from target_workos_users.plan.text import plan_lines
from target_workos_users.progress.summary import Records
from target_workos_users.records.entities import EntityRow
from target_workos_users.records.kinds import OF_PEOPLE, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from target_workos_users.exceptions import RecordError
    from target_workos_users.plan.reading import Run
    from target_workos_users.progress.progress import Progress
    from target_workos_users.records.organizations import OrganizationRef
    from target_workos_users.records.parse import UserRow
    from target_workos_users.records.read import Row
    from target_workos_users.settings.settings import Settings

_MOST_ROLES = 1_000
_MOST_EXAMPLES = 3
_MOST_ASKED = 1_000
_DOCS_KEYS = 10
_DOCS_EXTERNAL_ID = 64


class Plan(Reading):
    """Takes records where the importer would, and counts what it would do.

    The plan is for a first import: what is in WorkOS already costs less. It needs some 30 bytes
    a user with a membership.

    Attributes:
        examples: The first rows as they would be sent, in words that name nobody.
        skipped_hashes: Records that would be loaded without their password, and why.
        users: Distinct emails.
        memberships: Distinct pairs of email and organization.
        entities: Distinct organizations, roles and permissions that have records of their own.
        factors: Distinct emails with a TOTP secret.
        organizations: Distinct organizations, by how they are named: by WorkOS's id, by external
            id, and of the latter those with a name.
        named: Whether a name is known to create an organization with, by external id; of the
            first thousand.
        answers: What WorkOS was asked, where there is a key to ask it with.
        roles: Records by role slug, at most a thousand slugs.
        with_several_roles: Records with more than one role.
        without_organization: Records with none.
        beyond_docs: Records that the specification allows and WorkOS's published docs don't.
        remarks: Records by remark, see ``records.parse.REMARKS``.
    """

    doing = "Planning"

    def __init__(
        self, settings: Settings, progress: Progress, kinds: Mapping[str, Kind], run: Run
    ) -> None:
        super().__init__(settings, progress, kinds, run)
        self.named: dict[str, bool] = {}
        self.answers: list[str] = []
        self.entities = {kind: Distinct() for kind in Kind if kind not in OF_PEOPLE}
        self.skipped_hashes = Groups()
        self.examples: list[str] = []
        self.users, self.memberships, self.factors = Distinct(), Distinct(), Distinct()
        self.organizations = {"id": Distinct(), "name": Distinct(), "external id": Distinct()}
        self.roles: Counter[str] = Counter()
        self.with_several_roles = 0
        self.without_organization = self.beyond_docs = 0
        self.remarks: Counter[str] = Counter()
        self._told = False
        self._failed_lines = ErrorsFile(settings.plan_errors_path or "")
        if settings.plan_errors_path:
            self._failed_lines.open(0, "")

    def finish(self, *, complete: bool) -> None:
        """Say what a real run would do.

        Raises:
            TooManyFailures: Every record would fail; or any, with ``fail_on_errors``.
        """
        if self._settings.api_key and not self._settings.sandbox_path:
            self._run(self._ask)
        self._tell("the whole source" if complete else "what was read until the tap broke off")
        everything = self.failed == self.numbers.total()
        if self.failed and (everything or self._settings.fail_on_errors):
            which = "Every record" if everything else f"{self.failed:,} records"
            raise TooManyFailures(f"{which} would fail: the plan above says why.")

    def break_off(self) -> None:
        """Stop half-way: say what is known so far."""
        self._tell("what was read so far")

    def close(self) -> None:
        """Close the file."""
        self._failed_lines.close()

    def _take(self, name: str, number: int, row: Row) -> None:
        if len(self.examples) < _MOST_EXAMPLES:
            self.examples.append(f"record {number:,} of {name}: {example_of(row)}")
        self.remarks.update(row.remarks)
        if isinstance(row, EntityRow):
            self.entities[row.kind].add(row.identity)
            if row.organization is not None:
                self._add_organization(row.organization, made=row.kind is Kind.ORGANIZATIONS)
            return
        if row.skipped_hash:
            self.skipped_hashes.add(
                stream=name,
                record_number=number,
                error_type="skipped_hash",
                message=row.skipped_hash,
                pattern=row.skipped_hash,  # in full: its numbers are what it is about
                retryable=False,
            )
        self._count(row)

    def _note_failure(
        self, name: str, number: int, content: dict[str, Any], error: RecordError
    ) -> None:
        if self._settings.plan_errors_path:
            line = error_line(
                stream=name,
                kind=self._kinds[name],
                record_number=number,
                chunk=1 + (number - 1) // self._settings.batch_size_rows,
                record=content,
                error=error,
                shown_columns=self._settings.shown_columns,
            )
            self._failed_lines.append([line], sync=False)

    async def _ask(self) -> None:
        self.answers = await ask_workos(self._settings, self.roles, self.named)

    def _count(self, row: UserRow) -> None:
        if row.kind is Kind.USERS:
            self.users.add(row.key)
        self.beyond_docs += _is_beyond_docs(row)
        if row.totp:
            self.factors.add(row.key)
        if row.organization is None:
            self.without_organization += row.kind is Kind.USERS
            return
        name = row.organization.id or row.organization.external_id
        self.memberships.add((row.key, name))
        self._add_organization(row.organization, made=False)
        self.with_several_roles += len(row.role_slugs) > 1
        for slug in row.role_slugs:
            if slug in self.roles or len(self.roles) < _MOST_ROLES:
                self.roles[slug] += 1

    def _add_organization(self, organization: OrganizationRef, *, made: bool) -> None:
        if organization.id:
            self.organizations["id"].add(organization.id)
            return
        named = organization.external_id or organization.name
        self.organizations["external id"].add(named)
        may_be_made = made or bool(organization.name and self._settings.create_missing_orgs)
        if named and (named in self.named or len(self.named) < _MOST_ASKED):
            self.named[named] = self.named.get(named, False) or may_be_made
        if may_be_made:
            self.organizations["name"].add(named)

    def _records(self) -> Records:
        """What became of the records that were read."""
        beside = self._progress.counting.summary.records
        taken = self.numbers.total()
        return Records(
            read=taken + beside.left_out,
            loaded=taken - self.failed - self.deleted,
            failed=self.failed,
            deleted=self.deleted,
            left_out=beside.left_out,
            dropped=beside.dropped,
        )

    def _tell(self, scope: str) -> None:
        if not self._told:
            self._told = True
            for line in plan_lines(self, self._settings, scope, self._records()):
                self._progress.say(line)


def _is_beyond_docs(row: UserRow) -> bool:
    """Whether WorkOS's docs don't allow it (metadata; external-ids): older than the OpenAPI spec.

    They have 10 keys of metadata, ASCII in them, and 64 characters of external id.
    """
    metadata = row.fields.get("metadata", {})
    ids = (row.fields.get("external_id"), row.organization and row.organization.external_id)
    return (
        len(metadata) > _DOCS_KEYS
        or not all(map(str.isascii, (*metadata, *metadata.values())))
        or any(each and len(each) > _DOCS_EXTERNAL_ID for each in ids)
    )
