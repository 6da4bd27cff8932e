"""The settings as the rest of the package sees them: checked, environment fallbacks applied."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Literal, Self
from urllib.parse import urlsplit

from target_workos_users.exceptions import SettingsError
from target_workos_users.records.parse import OrganizationRef
from target_workos_users.records.redaction import redact_text
from target_workos_users.records.rules import RecordRules

if TYPE_CHECKING:
    from collections.abc import Mapping

_WITHOUT_DEFAULT = (
    "sandbox_path",
    "only_errors_from",
    "summary_path",
    "total_records",
    "state_id",
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one run, environment fallbacks applied."""

    api_key: str
    base_url: str
    sandbox_path: str | None
    batch_size_rows: int
    concurrency: int
    rate_limit: float
    rate_limit_redis_url: str | None
    request_timeout: float
    max_retries: int
    organization: OrganizationRef | None
    record_rules: RecordRules
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
        organization = _organization(config)
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
                "rate_limit_redis_url": _redis_url(config),
                "organization": organization,
                "record_rules": RecordRules(
                    default_organization=organization,
                    unusable_hashes=config["unusable_hashes"],
                    totp_secret_format=config["totp_secret_format"],
                ),
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
    unfit = any(character.isspace() or not character.isprintable() for character in url)
    if not host or unfit or parts.scheme not in {"http", "https"} or parts.query:
        raise SettingsError(
            f"base_url: found {redact_text(url.partition('?')[0])!r}, expected a URL such as "
            "https://api.workos.com."
        )
    if parts.scheme == "http" and not _is_loopback(host):
        raise SettingsError(
            f"base_url: found plain http to {host}; the API key would travel in clear. Use https "
            "(plain http is for a loopback address, such as the sandbox's, only)."
        )
    return url.rstrip("/")


def _redis_url(config: Mapping[str, Any]) -> str | None:
    url = (config.get("rate_limit_redis_url") or "").strip()
    if not url:
        return None
    try:
        parts = urlsplit(url)
        place = parts.path if parts.scheme == "unix" else parts.port != 0 and parts.hostname
    except ValueError:  # its text may quote a part of the password
        place = None
    if not place or parts.scheme not in {"redis", "rediss", "unix"}:
        raise SettingsError(
            "rate_limit_redis_url is no URL of a Redis server. Expected redis://host:6379/0, "
            "rediss:// for TLS, or unix:///path; with a password, redis://:password@host:6379/0, "
            "in which characters such as / and @ are percent-encoded."
        )
    if find_spec("redis") is None:
        raise SettingsError(
            "rate_limit_redis_url is set, and the Python package redis isn't installed. Install "
            "it: pip install 'target-workos-users[redis]'."
        )
    return url


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
