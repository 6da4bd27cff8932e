"""The settings: declared once, checked once, and what the rest of the package sees of them."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Literal, Self
from urllib.parse import urlsplit

from singer_sdk import typing as th

from target_workos_users.exceptions import SettingsError
from target_workos_users.records.parse import OrganizationRef

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jsonschema import ValidationError

SETTINGS: dict[str, Any] = th.PropertiesList(
    th.Property(
        "api_key",
        th.StringType,
        secret=True,
        title="API key",
        description="WorkOS secret key. Falls back to $WORKOS_API_KEY, then $WORKOS_SECRET_KEY. "
        "Needed unless dry_run or sandbox_path is set.",
    ),
    th.Property(
        "base_url",
        th.StringType,
        title="Base URL",
        description="Where the WorkOS API is. Falls back to $WORKOS_BASE_URL, then "
        "https://api.workos.com. Plain http goes to a loopback address only.",
    ),
    th.Property(
        "sandbox_path",
        th.StringType,
        title="Sandbox path",
        description="Load into the embedded sandbox kept in this SQLite file, instead of WorkOS: "
        "no key, no network.",
    ),
    th.Property(
        "batch_size_rows",
        th.IntegerType(minimum=1, maximum=10_000),
        default=1000,
        title="Batch size",
        description="Records a chunk. A STATE line is printed after each chunk.",
    ),
    th.Property(
        "concurrency",
        th.IntegerType(minimum=1, maximum=100),
        default=20,
        title="Concurrency",
        description="Requests in flight at most.",
    ),
    th.Property(
        "rate_limit",
        th.NumberType(exclusive_minimum=0),
        default=50,
        title="Rate limit",
        description="Writes a second at most on /user_management/*, retries included. Reads have "
        "a budget of twice as many, and so have all requests together: WorkOS's published limits.",
    ),
    th.Property(
        "request_timeout",
        th.NumberType(exclusive_minimum=0),
        default=30,
        title="Request timeout",
        description="Seconds for one attempt of a request.",
    ),
    th.Property(
        "max_retries",
        th.IntegerType(minimum=0, maximum=100),
        default=5,
        title="Retries",
        description="Attempts after the first for 408, 429, 5xx and lost connections.",
    ),
    th.Property(
        "org_id",
        th.StringType,
        title="Organization id",
        description="WorkOS id of one organization for all records. Wins over the records' own "
        "columns.",
    ),
    th.Property(
        "org_external_id",
        th.StringType,
        title="Organization external id",
        description="External id of one organization for all records. Wins over the records' own "
        "columns.",
    ),
    th.Property(
        "org_name",
        th.StringType,
        title="Organization name",
        description="Name for the organization of org_external_id, if it has to be created.",
    ),
    th.Property(
        "create_missing_orgs",
        th.BooleanType,
        default=True,
        title="Create missing organizations",
        description="Create an organization that isn't found, if a name is known for it.",
    ),
    th.Property(
        "existing_users",
        th.StringType,
        default="keep",
        allowed_values=["keep", "update", "fail"],
        title="Existing users",
        description="A user that exists: keep its fields, update them, or fail the record. "
        "Membership and roles are completed in either of the first two.",
    ),
    th.Property(
        "require_membership",
        th.BooleanType,
        default=False,
        title="Require membership",
        description="Delete a user created in this run again if its membership can't be made.",
    ),
    th.Property(
        "dry_run",
        th.BooleanType,
        default=False,
        title="Dry run",
        description="Read and validate everything, send nothing, print no STATE.",
    ),
    th.Property(
        "errors_path",
        th.StringType,
        default="errors.jsonl",
        title="Errors file",
        description="Where the records that failed are written, a JSON line each, mode 0600.",
    ),
    th.Property(
        "journal_path",
        th.StringType,
        title="Journal",
        description="What was finished since the last few STATE lines, digests only, mode 0600. "
        'Default: the errors file\'s name with ".journal" added; "none" turns it off.',
    ),
    th.Property(
        "streams",
        th.ArrayType(th.StringType),
        title="Streams",
        description="The streams to take as users; the others are left out. Default: all.",
    ),
    th.Property(
        "only_errors_from",
        th.StringType,
        title="Only errors from",
        description="Load only the records that this errors file lists, from the unchanged source. "
        "What fails again goes to a new file beside errors_path; the checkpoint stays as it is.",
    ),
    th.Property(
        "retryable_only",
        th.BooleanType,
        default=False,
        title="Retryable only",
        description="With only_errors_from: only the records whose errors are marked retryable.",
    ),
    th.Property(
        "summary_path",
        th.StringType,
        title="Summary file",
        description="Where the closing summary is written as JSON, mode 0600; progress.jsonl "
        "beside it gets a line a chunk. `workos-users report` makes a page of both.",
    ),
    th.Property(
        "abort_error_rate",
        th.NumberType(minimum=0, maximum=1),
        default=0.5,
        title="Abort at error rate",
        description="Stop when a chunk of 20 records or more fails at more than this share. "
        "1.0: never.",
    ),
    th.Property(
        "fail_on_errors",
        th.BooleanType,
        default=False,
        title="Fail on errors",
        description="Exit 1 at the end if any record failed.",
    ),
    th.Property(
        "on_source_change",
        th.StringType,
        default="fail",
        allowed_values=["fail", "reload"],
        title="On source change",
        description="When the source changed under an interrupted import: fail, or reload the "
        "chunks that changed.",
    ),
    th.Property(
        "total_records",
        th.IntegerType(minimum=1),
        title="Total records",
        description="For percentage and ETA. Counted from the CSV files where Meltano names them.",
    ),
    th.Property(
        "resume_from_meltano",
        th.BooleanType,
        default=False,
        title="Resume from Meltano",
        description="Ask Meltano itself for the stored state, for taps that don't hand it back.",
    ),
    th.Property(
        "state_id",
        th.StringType,
        title="State id",
        description="The state to ask Meltano for. Default: <environment>:<tap>-to-<target>.",
    ),
    th.Property(
        "validate_records",
        th.BooleanType,
        default=False,
        title="Validate records",
        description="Check each record against its stream's JSON schema too. Off, since the "
        "target's own checks are stricter.",
    ),
).to_dict()


_WITHOUT_DEFAULT = (
    "sandbox_path",
    "only_errors_from",
    "summary_path",
    "total_records",
    "state_id",
)


def with_numbers(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config with numbers for what is a number as text: environment variables are text.

    Meltano 4.4.1 has no kind of setting for a fraction, and hands such a one on as it is.
    """
    numbers = {"integer": int, "number": float}
    found = dict(config)
    for name, value in config.items():
        types = SETTINGS["properties"].get(name, {}).get("type", ())
        if isinstance(value, str) and (kind := next(filter(numbers.get, types), None)):
            with suppress(ValueError):  # left to the schema
                found[name] = numbers[kind](value)
    return found


def describe(error: ValidationError) -> str:
    """What is wrong with a setting, and what it should be; a secret's value isn't shown."""
    name = str(error.path[0]) if error.path else "config"
    schema = SETTINGS["properties"].get(name, {})
    limits = {
        "minimum": "at least",
        "exclusiveMinimum": "more than",
        "maximum": "at most",
        "enum": "one of",
    }
    kind = " or ".join(word for word in schema.get("type", ()) if word != "null")
    expected = [kind, *(f"{words} {schema[key]}" for key, words in limits.items() if key in schema)]
    shown = "" if schema.get("secret") else f" found {error.instance!r:.80},"
    advice = schema.get("description", "")
    return f"{name}:{shown} expected {', '.join(filter(None, expected))}. {advice}"


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one run, environment fallbacks applied."""

    api_key: str
    base_url: str
    sandbox_path: str | None
    batch_size_rows: int
    concurrency: int
    rate_limit: float
    request_timeout: float
    max_retries: int
    organization: OrganizationRef | None
    create_missing_orgs: bool
    existing_users: Literal["keep", "update", "fail"]
    require_membership: bool
    dry_run: bool
    errors_path: str
    journal_path: str | None
    streams: frozenset[str] | None
    only_errors_from: str | None
    retryable_only: bool
    summary_path: str | None
    abort_error_rate: float
    fail_on_errors: bool
    on_source_change: Literal["fail", "reload"]
    total_records: int | None
    resume_from_meltano: bool
    state_id: str | None

    @classmethod
    def from_config(
        cls,
        config: Mapping[str, Any],
        environment: Mapping[str, str] = os.environ,
    ) -> Self:
        """Check what a JSON schema can't, and apply the fallbacks.

        Args:
            config: The plugin's config, defaults filled in, already valid against ``SETTINGS``.
            environment: Where the fallbacks are.

        Raises:
            SettingsError: Names the setting, what was found, and the way out.
        """
        names = cls.__dataclass_fields__.keys() & config.keys()
        values: dict[str, Any] = {name: config[name] for name in names}
        offline = bool(config.get("dry_run") or config.get("sandbox_path"))
        errors_path = config["errors_path"]
        journal_path = config.get("journal_path") or f"{errors_path}.journal"
        streams = config.get("streams")
        if config.get("retryable_only") and not config.get("only_errors_from"):
            raise SettingsError(
                "retryable_only is set without only_errors_from. Set only_errors_from to the "
                "errors file whose records are to be loaded again."
            )
        return cls(
            **{
                **dict.fromkeys(_WITHOUT_DEFAULT),
                **values,
                "api_key": _api_key(config, environment, needed=not offline),
                "base_url": _base_url(config, environment),
                "organization": _organization(config),
                "journal_path": None if journal_path == "none" else journal_path,
                "streams": frozenset(streams) if streams else None,
            }
        )


def _api_key(config: Mapping[str, Any], environment: Mapping[str, str], *, needed: bool) -> str:
    key = (
        config.get("api_key")
        or environment.get("WORKOS_API_KEY")
        or environment.get("WORKOS_SECRET_KEY")
        or ""
    ).strip()
    if needed and not key:
        raise SettingsError(
            "api_key is not set. Set it (environment variable WORKOS_API_KEY, or "
            "TARGET_WORKOS_USERS_API_KEY under Meltano) to the secret key of the WorkOS "
            "environment to load into; or set sandbox_path to try it without WorkOS, or dry_run."
        )
    if not key.isprintable() or not key.isascii() or " " in key:
        raise SettingsError(
            "api_key holds a space, a line end or another character that no WorkOS key has. "
            "Copy it again from the WorkOS dashboard (it looks like sk_live_…)."
        )
    return key


def _base_url(config: Mapping[str, Any], environment: Mapping[str, str]) -> str:
    url = (
        config.get("base_url") or environment.get("WORKOS_BASE_URL") or "https://api.workos.com"
    ).strip()
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if "@" in url:
        raise SettingsError("base_url holds a user or a password. Give the URL without them.")
    if not host or parts.scheme not in {"http", "https"} or parts.query:
        raise SettingsError(
            f"base_url: found {url!r}, expected a URL such as https://api.workos.com."
        )
    if parts.scheme == "http" and not _is_loopback(host):
        raise SettingsError(
            f"base_url: found plain http to {host}; the API key would travel in clear. Use https "
            "(plain http is for a loopback address, such as the sandbox's, only)."
        )
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _organization(config: Mapping[str, Any]) -> OrganizationRef | None:
    org_id, external_id, name = (
        (config.get(key) or "").strip() or None for key in ("org_id", "org_external_id", "org_name")
    )
    if org_id and external_id:
        raise SettingsError(
            "org_id and org_external_id are both set; which one is meant? Keep one of them."
        )
    if name and not (org_id or external_id):
        raise SettingsError(
            "org_name is set without org_external_id. Names aren't unique in WorkOS: set "
            "org_external_id too, so that the organization is found again."
        )
    if org_id or external_id:
        return OrganizationRef(id=org_id, external_id=external_id, name=name)
    return None
