"""The settings: declared here, and as the rest of the package sees them."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import msgspec

from target_workos_users.exceptions import SettingsError
from target_workos_users.files import DIFFERENCES, runs_folder
from target_workos_users.records.kinds import Kind  # noqa: TC001 - msgspec reads it
from target_workos_users.records.organizations import OrganizationRef  # noqa: TC001 - as Kind
from target_workos_users.records.rules import RecordRules
from target_workos_users.settings import resolve
from target_workos_users.settings.declare import setting
from target_workos_users.settings.loading import LoadingSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

_SUMMARY = "workos-users-summary.json"
_MOST_SECONDS_TO_STOP = 20.0


@dataclass(frozen=True, kw_only=True)
class Settings(LoadingSettings):
    """The settings of one run: checked, environment fallbacks applied."""

    dry_run: bool = setting(
        default=False,
        title="Dry run",
        description="Read and validate everything, write nothing, print no STATE. With an api_key, "
        "WorkOS is asked which roles and organizations are there.",
    )
    plan_errors_path: str | None = setting(
        title="Plan errors file",
        description="With dry_run: where the records that would fail are written, as in "
        "errors_path. Default: nowhere.",
    )
    diff: bool = setting(
        default=False,
        title="Diff",
        description="Compare the source with WorkOS, write nothing there, print no STATE. Exits 2 "
        "if anything differs, 0 if nothing does.",
    )
    differences_path: str | None = setting(
        title="Differences file",
        description="With diff: where the differences are written, a JSON line each, mode 0600. "
        "Default: differences.jsonl beside the errors file.",
    )
    diff_factors: bool = setting(
        default=False,
        title="Diff of factors",
        description="With diff: also look whether each user with a TOTP secret has a factor, which "
        "costs a request a user.",
    )
    errors_path: str = setting(
        default="errors.jsonl",
        title="Errors file",
        description="Where the records that failed are written, a JSON line each, mode 0600.",
    )
    shown_columns: frozenset[str] = setting(
        default=[],
        title="Shown columns",
        description="Columns whose values the errors file shows besides those that are known, "
        "such as your own id of a row; also metadata. Secrets in them are replaced as far as "
        "their form tells.",
    )
    ledger_path: str | None = setting(
        title="Ledger",
        description="An SQLite file that remembers what was done, record by record, mode 0600. "
        'Default: the errors file\'s name with ".ledger" added; "none" turns it off.',
    )
    streams: frozenset[str] | None = setting(
        title="Streams",
        description="The streams to take; the others are left out. Default: all.",
    )
    stream_kinds: dict[str, Kind] | None = setting(  # noqa: RUF009 - as all the others
        title="Stream kinds",
        description="What the records of streams are, where their names don't say: users, "
        "organizations, memberships, roles, permissions or totp_factors, by stream.",
    )
    null_values: frozenset[str] = setting(
        default=[r"\N"],
        title="Null values",
        description="Texts that mean no value, before stream maps. Others that look so (NULL, "
        "None, nan, 0000-00-00) are reported and taken as they are: people are called Null.",
    )
    limit: int | None = setting(
        minimum=1,
        title="Limit",
        description="Load the first so many records only, as a canary: an ordinary run after it "
        "goes on from there.",
    )
    only_errors_from: str | None = setting(
        title="Only errors from",
        description="Load only the records that this errors file lists, from the unchanged source. "
        "What fails again goes to a new file beside errors_path; the checkpoint stays as it is.",
    )
    retryable_only: bool = setting(
        default=False,
        title="Retryable only",
        description="With only_errors_from: only the records whose errors are marked retryable.",
    )
    summary_path: str | None = setting(
        title="Summary file",
        description="Where the closing summary of the latest import is written as JSON, mode 0600. "
        'Default: workos-users-summary.json beside the errors file; "none" writes it to the '
        "run history only. A diff's has .diff in its name, an undo's .undo.",
    )
    abort_error_rate: float = setting(
        minimum=0,
        maximum=1,
        default=0.5,
        title="Abort at error rate",
        description="Stop when a chunk fails at more than this share; chunks are judged together "
        "until they have 20 records. 1.0: never.",
    )
    fail_on_errors: bool = setting(
        default=False,
        title="Fail on errors",
        description="Exit 1 at the end if any record failed.",
    )
    on_source_change: Literal["fail", "reload"] = setting(
        default="fail",
        title="On source change",
        description="When the source changed under an interrupted import: fail, or reload the "
        "chunks that changed.",
    )
    total_records: int | None = setting(
        minimum=1,
        title="Total records",
        description="For percentage and ETA. Counted from the CSV files where Meltano names them.",
    )
    resume_from_meltano: bool = setting(
        default=False,
        title="Resume from Meltano",
        description="Ask Meltano itself for the stored state, for taps that don't hand it back.",
    )
    state_id: str | None = setting(
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
    def seconds_to_stop(self) -> float:
        """How long requests in flight may take after a signal: a container is killed after 30."""
        return min(self.request_timeout, _MOST_SECONDS_TO_STOP)

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
                "diff and dry_run are both set. They are two different runs: unset one."
            )
        offline = given.get("dry_run") or "sandbox_path" in given
        given["api_key"] = resolve.api_key(given, environment, needed=not offline)
        given["base_url"] = resolve.base_url(given, environment)
        given["rate_limit_redis_url"] = resolve.redis_url(given.get("rate_limit_redis_url"))
        settings = msgspec.convert(given, cls)
        settings = replace(
            settings,
            streams=settings.streams or None,
            organization=resolve.organization(settings),
            ledger_path=resolve.file_unless_none(
                settings.ledger_path, f"{settings.errors_path}.ledger"
            ),
            summary_path=resolve.file_unless_none(
                settings.summary_path, str(Path(settings.errors_path).with_name(_SUMMARY))
            ),
            differences_path=settings.differences_path
            or str(Path(settings.errors_path).with_name(DIFFERENCES)),
            runs_path=runs_folder(settings.errors_path),
        )
        resolve.check_files(settings)
        return settings
