"""The settings: declared here, and as the rest of the package sees them."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import msgspec
from singer_sdk import typing as th

from target_workos_users.exceptions import SettingsError
from target_workos_users.files import runs_folder
from target_workos_users.records.kinds import Kind
from target_workos_users.records.parse import OrganizationRef  # noqa: TC001 - msgspec reads it
from target_workos_users.records.rules import RecordRules
from target_workos_users.settings import resolve
from target_workos_users.settings.declare import setting

if TYPE_CHECKING:
    from collections.abc import Mapping

_SUMMARY = "workos-users-summary.json"


_KIND = th.StringType(allowed_values=list(map(str, Kind)))


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one run: checked, environment fallbacks applied."""

    api_key: str = setting(
        th.StringType,
        secret=True,
        title="API key",
        description="WorkOS secret key. Falls back to $WORKOS_API_KEY, then $WORKOS_SECRET_KEY. "
        "Needed unless dry_run or sandbox_path is set.",
    )
    base_url: str = setting(
        th.StringType,
        title="Base URL",
        description="Where the WorkOS API is. Falls back to $WORKOS_BASE_URL, then "
        "https://api.workos.com. Plain http goes to a loopback address only.",
    )
    sandbox_path: str | None = setting(
        th.StringType,
        title="Sandbox path",
        description="Load into the embedded sandbox kept in this SQLite file, instead of WorkOS: "
        "no key, no network.",
    )
    batch_size_rows: int = setting(
        th.IntegerType(minimum=1, maximum=10_000),
        default=1000,
        title="Batch size",
        description="Records per chunk. A STATE line is printed after each chunk.",
    )
    concurrency: int = setting(
        th.IntegerType(minimum=1, maximum=100),
        default=20,
        title="Concurrency",
        description="Requests in flight at most.",
    )
    rate_limit: float = setting(
        th.NumberType(exclusive_minimum=0, maximum=1_000_000),
        default=50,
        title="Rate limit",
        description="Writes per second at most on /user_management/*, retries included. Reads have "
        "a budget of twice as many, and so have all requests together: WorkOS's published limits.",
    )
    rate_limit_redis_url: str | None = setting(
        th.StringType,
        secret=True,
        title="Rate limit Redis URL",
        description="A Redis server through which all jobs that load into one WorkOS environment "
        "keep to one rate_limit together, which each is given. Needs the extra "
        "target-workos-users[redis].",
    )
    request_timeout: float = setting(
        th.NumberType(exclusive_minimum=0, maximum=3600),
        default=30,
        title="Request timeout",
        description="Seconds for one attempt of a request.",
    )
    max_retries: int = setting(
        th.IntegerType(minimum=0, maximum=100),
        default=5,
        title="Retries",
        description="Attempts after the first for 408, 429, 5xx and lost connections.",
    )
    org_id: str | None = setting(
        th.StringType,
        title="Organization id",
        description="WorkOS id of one organization for all records. Wins over the records' own "
        "columns.",
    )
    org_external_id: str | None = setting(
        th.StringType,
        title="Organization external id",
        description="External id of one organization for all records. Wins over the records' own "
        "columns.",
    )
    org_name: str | None = setting(
        th.StringType,
        title="Organization name",
        description="Name for the organization of org_external_id, if it has to be created.",
    )
    create_missing_orgs: bool = setting(
        th.BooleanType,
        default=True,
        title="Create missing organizations",
        description="Create an organization that isn't found, if a name is known for it.",
    )
    existing_users: Literal["keep", "update", "fail"] = setting(
        th.StringType,
        default="keep",
        allowed_values=["keep", "update", "fail"],
        title="Existing users",
        description="A user that exists: keep its fields, update them, or fail the record. "
        "Membership and roles are completed in either of the first two.",
    )
    update_passwords: Literal["changed", "always", "never"] = setting(
        th.StringType,
        default="changed",
        allowed_values=["changed", "always", "never"],
        title="Update passwords",
        description="With existing_users update: write a password or hash anew only where the "
        "ledger knows that the source's changed since this import made the user (changed), in each "
        "record that is loaded (always), or not at all (never).",
    )
    unknown_roles: Literal["fail", "ignore"] = setting(
        th.StringType,
        default="fail",
        allowed_values=["fail", "ignore"],
        title="Unknown roles",
        description="A role slug that WorkOS doesn't know: make no membership and fail the record, "
        "since WorkOS would give its default role; or ignore it and give the others.",
    )
    require_membership: bool = setting(
        th.BooleanType,
        default=False,
        title="Require membership",
        description="Delete a user again that the same record made, if its membership can't be "
        "made and it has none at all.",
    )
    unusable_hashes: Literal["fail", "skip"] = setting(
        th.StringType,
        default="fail",
        allowed_values=["fail", "skip"],
        title="Unusable hashes",
        description="A password hash that WorkOS can't verify: fail the record, or skip the hash "
        "and load the user without a password.",
    )
    totp_secret_format: Literal["base32", "raw"] = setting(
        th.StringType,
        default="base32",
        allowed_values=["base32", "raw"],
        title="TOTP secret format",
        description="How totp_secret is written: base32, or raw where its characters are the key "
        "itself, as Keycloak and Better Auth have it.",
    )
    existing_organizations: Literal["keep", "update"] = setting(
        th.StringType,
        default="keep",
        allowed_values=["keep", "update"],
        title="Existing organizations",
        description="An organization that exists and has a record of its own: keep its fields, or "
        "update those that differ. Domains and metadata are never taken away.",
    )
    domain_state: Literal["pending", "verified"] = setting(
        th.StringType,
        default="pending",
        allowed_values=["pending", "verified"],
        title="Domain state",
        description="The state of the domains that records give organizations: pending, so that "
        "each organization proves its own; or verified, where the source has that proof.",
    )
    dry_run: bool = setting(
        th.BooleanType,
        default=False,
        title="Dry run",
        description="Read and validate everything, send nothing, print no STATE.",
    )
    plan_errors_path: str | None = setting(
        th.StringType,
        title="Plan errors file",
        description="With dry_run: where the records that would fail are written, as in "
        "errors_path. Default: nowhere.",
    )
    diff: bool = setting(
        th.BooleanType,
        default=False,
        title="Diff",
        description="Compare the source with WorkOS, write nothing there, print no STATE. Exits 2 "
        "if anything differs, 0 if nothing does.",
    )
    differences_path: str = setting(
        th.StringType,
        default="differences.jsonl",
        title="Differences file",
        description="With diff: where the differences are written, a JSON line each, mode 0600.",
    )
    diff_factors: bool = setting(
        th.BooleanType,
        default=False,
        title="Diff of factors",
        description="With diff: also look whether each user with a TOTP secret has a factor, which "
        "costs a request a user.",
    )
    errors_path: str = setting(
        th.StringType,
        default="errors.jsonl",
        title="Errors file",
        description="Where the records that failed are written, a JSON line each, mode 0600.",
    )
    shown_columns: frozenset[str] = setting(
        th.ArrayType(th.StringType),
        default=[],
        title="Shown columns",
        description="Columns whose values the errors file shows besides those that are known, "
        "such as your own id of a row; also metadata. Secrets in them are replaced as far as "
        "their form tells.",
    )
    ledger_path: str | None = setting(
        th.StringType,
        title="Ledger",
        description="An SQLite file that remembers what was done, record by record, mode 0600. "
        'Default: the errors file\'s name with ".ledger" added; "none" turns it off.',
    )
    streams: frozenset[str] | None = setting(
        th.ArrayType(th.StringType),
        title="Streams",
        description="The streams to take; the others are left out. Default: all.",
    )
    stream_kinds: dict[str, Kind] | None = setting(  # noqa: RUF009 - as all the others
        th.ObjectType(additional_properties=_KIND),
        title="Stream kinds",
        description="What the records of streams are, where their names don't say: users, "
        "organizations, memberships, roles, permissions or totp_factors, by stream.",
    )
    null_values: frozenset[str] = setting(
        th.ArrayType(th.StringType),
        default=[r"\N"],
        title="Null values",
        description="Texts that mean no value, before stream maps. Others that look so (NULL, "
        "None, nan, 0000-00-00) are reported and taken as they are: people are called Null.",
    )
    limit: int | None = setting(
        th.IntegerType(minimum=1),
        title="Limit",
        description="Load the first so many records only, as a canary: an ordinary run after it "
        "goes on from there.",
    )
    only_errors_from: str | None = setting(
        th.StringType,
        title="Only errors from",
        description="Load only the records that this errors file lists, from the unchanged source. "
        "What fails again goes to a new file beside errors_path; the checkpoint stays as it is.",
    )
    retryable_only: bool = setting(
        th.BooleanType,
        default=False,
        title="Retryable only",
        description="With only_errors_from: only the records whose errors are marked retryable.",
    )
    summary_path: str | None = setting(
        th.StringType,
        title="Summary file",
        description="Where the closing summary of the latest run is written as JSON, mode 0600. "
        'Default: workos-users-summary.json beside the errors file; "none" writes it to the '
        "run history only.",
    )
    abort_error_rate: float = setting(
        th.NumberType(minimum=0, maximum=1),
        default=0.5,
        title="Abort at error rate",
        description="Stop when a chunk fails at more than this share; chunks are judged together "
        "until they have 20 records. 1.0: never.",
    )
    fail_on_errors: bool = setting(
        th.BooleanType,
        default=False,
        title="Fail on errors",
        description="Exit 1 at the end if any record failed.",
    )
    on_source_change: Literal["fail", "reload"] = setting(
        th.StringType,
        default="fail",
        allowed_values=["fail", "reload"],
        title="On source change",
        description="When the source changed under an interrupted import: fail, or reload the "
        "chunks that changed.",
    )
    total_records: int | None = setting(
        th.IntegerType(minimum=1),
        title="Total records",
        description="For percentage and ETA. Counted from the CSV files where Meltano names them.",
    )
    resume_from_meltano: bool = setting(
        th.BooleanType,
        default=False,
        title="Resume from Meltano",
        description="Ask Meltano itself for the stored state, for taps that don't hand it back.",
    )
    state_id: str | None = setting(
        th.StringType,
        title="State id",
        description="The state to ask Meltano for. Default: ENVIRONMENT:TAP-to-TARGET, as Meltano "
        "calls it.",
    )

    organization: OrganizationRef | None = None
    """The one that the ``org_…`` settings name."""

    runs_path: Path = Path()
    """The folder for the files of the job's runs: beside the errors file."""

    @property
    def record_rules(self) -> RecordRules:
        """What the settings say about reading a record."""
        return RecordRules(
            self.organization, self.unusable_hashes, self.totp_secret_format, self.domain_state
        )

    @property
    def writes(self) -> bool:
        """Whether the run changes anything in WorkOS."""
        return not (self.dry_run or self.diff)

    @property
    def mode(self) -> Literal["import", "retry"]:
        """What the run is: ``retry`` under ``only_errors_from``."""
        return "retry" if self.only_errors_from else "import"

    @classmethod
    def from_config(
        cls,
        config: Mapping[str, Any],
        environment: Mapping[str, str] = os.environ,
    ) -> Self:
        """Check what a JSON schema can't, and apply the fallbacks.

        Args:
            config: The plugin's config, already valid against ``SETTINGS``.
            environment: Where the fallbacks are.

        Raises:
            SettingsError: Names the setting, what was found, and the way out.
        """
        names = [each.name for each in fields(cls) if each.metadata]
        given = {name: config[name] for name in names if config.get(name) not in (None, "")}
        if given.get("retryable_only") and "only_errors_from" not in given:
            raise SettingsError(
                "retryable_only is set without only_errors_from. Set only_errors_from to the "
                "errors file whose records are to be loaded again."
            )
        if given.get("diff") and given.get("dry_run"):
            raise SettingsError(
                "diff and dry_run are both set. A diff asks WorkOS, a dry run doesn't: unset one."
            )
        offline = given.get("dry_run") or "sandbox_path" in given
        given["api_key"] = resolve.api_key(given, environment, needed=not offline)
        given["base_url"] = resolve.base_url(given, environment)
        given["rate_limit_redis_url"] = resolve.redis_url(given.get("rate_limit_redis_url"))
        settings = msgspec.convert(given, cls)
        return replace(
            settings,
            streams=settings.streams or None,
            organization=resolve.organization(settings),
            ledger_path=resolve.file_unless_none(
                settings.ledger_path, f"{settings.errors_path}.ledger"
            ),
            summary_path=resolve.file_unless_none(
                settings.summary_path, str(Path(settings.errors_path).with_name(_SUMMARY))
            ),
            runs_path=runs_folder(settings.errors_path),
        )
