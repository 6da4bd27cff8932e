"""What a JSON schema can't check of the settings, and the values that stand for absent ones."""

from __future__ import annotations

import re
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from target_workos_users.exceptions import SettingsError
from target_workos_users.records.organizations import OrganizationRef
from target_workos_users.records.redaction import redact_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from target_workos_users.settings.settings import Settings

_WORKOS = "https://api.workos.com"
_LABEL = r"(?!-)[a-z0-9_-]+(?<!-)"
_PLAIN_URL = re.compile(
    rf"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|{_LABEL}(?:\.{_LABEL})*)"
    r"(?::(?P<port>[1-9]\d{0,4}))?(?P<path>(?:/(?!\.{1,2}(?:/|$))[\w.~-]+)*)/?",
    re.ASCII | re.IGNORECASE,
)
_DEFAULT_PORTS = {"https": "443", "http": "80"}
_LAST_PORT = 65_535


def api_key(config: Mapping[str, Any], environment: Mapping[str, str], *, needed: bool) -> str:
    """The key, with WorkOS's own variables as fallback; empty if there is none.

    Raises:
        SettingsError: None is set, though one is needed; or it can't be one.
    """
    fallbacks = map(environment.get, ("WORKOS_API_KEY", "WORKOS_SECRET_KEY"))
    keys = ((key or "").strip() for key in (config.get("api_key"), *fallbacks))
    key = next(filter(None, keys), "")
    if needed and not key:
        raise SettingsError(
            "api_key is not set. Set it (environment variable WORKOS_API_KEY or "
            "TARGET_WORKOS_USERS_API_KEY) to the secret key of the WorkOS "
            "environment to load into; or set sandbox_path to try it without WorkOS, or dry_run."
        )
    if not key.isprintable() or not key.isascii() or " " in key:
        raise SettingsError(
            "api_key holds a space, a line end or another character that no WorkOS key has. "
            "Copy it again from the WorkOS dashboard (it looks like sk_live_…)."
        )
    return key


def base_url(config: Mapping[str, Any], environment: Mapping[str, str]) -> str:
    """Where the API is, in one spelling: host in lower case, no port that goes without saying.

    Raises:
        SettingsError: It isn't a plain URL, or the key would travel in clear.
    """
    url = (config.get("base_url") or environment.get("WORKOS_BASE_URL") or _WORKOS).strip()
    if "@" in url:
        raise SettingsError("base_url holds a user or a password. Give the URL without them.")
    match = _PLAIN_URL.fullmatch(url)
    if not match or not _is_host(match["host"]) or int(match["port"] or 1) > _LAST_PORT:
        shown = redact_text(re.split("[?#;]", url)[0])
        raise SettingsError(
            f"base_url: found {shown!r}, expected a URL such as https://api.workos.com: a host, "
            "maybe a port and a path, and nothing else."
        )
    scheme, host, port = match["scheme"].lower(), match["host"].lower(), match["port"]
    if scheme == "http" and not _is_loopback(host):
        raise SettingsError(
            f"base_url: found plain http to {host}; the API key would travel in clear. Use https "
            "(plain http is for a loopback address, such as the sandbox's, only)."
        )
    shown_port = "" if port in {None, _DEFAULT_PORTS[scheme]} else f":{port}"
    return f"{scheme}://{host}{shown_port}{match['path']}"


def redis_url(url: str | None) -> str | None:
    """The URL of a Redis server, if one is set, as redis-py can use it.

    Raises:
        SettingsError: It can't, or isn't installed.
    """
    url = (url or "").strip()
    if not url:
        return None
    expected = (
        "Expected redis://host:6379/0, rediss:// for TLS, or unix:///path; with a password, "
        "redis://:password@host:6379/0, in which characters such as / and @ are percent-encoded."
    )
    if not _names_a_redis_server(url):
        raise SettingsError(f"rate_limit_redis_url isn't a URL of a Redis server. {expected}")
    if find_spec("redis") is None:
        raise SettingsError(
            "rate_limit_redis_url is set, and the Python package redis isn't installed. Install "
            "it: pip install 'target-workos-users[redis]'."
        )
    from redis.asyncio import ConnectionPool  # noqa: PLC0415 - an extra

    try:
        connections: Any = ConnectionPool.from_url(url)
        connections.make_connection()  # which doesn't connect yet
    except Exception as error:  # noqa: BLE001 - redis-py hands options on, wherever they fail
        raise SettingsError(
            "rate_limit_redis_url has an option after the ? that redis-py doesn't take "
            f"({type(error).__name__}). {expected}"
        ) from None
    return url


def _names_a_redis_server(url: str) -> bool:
    try:
        parts = urlsplit(url)
        by_path = parts.scheme == "unix" and parts.path
        by_host = parts.scheme in {"redis", "rediss"} and parts.hostname and parts.port != 0
    except ValueError:  # its text may quote a part of the password
        return False
    database = re.fullmatch(r"/?\d*", parts.path)  # redis-py takes 0 for one that is no number
    return bool((by_path or (by_host and database)) and not parts.fragment)


def _is_host(host: str) -> bool:
    """Whether what stands in brackets is an address."""
    try:
        return not host.startswith("[") or bool(ip_address(host[1:-1]))
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def organization(settings: Settings) -> OrganizationRef | None:
    """The one organization for all records, if the settings name one.

    Raises:
        SettingsError: They name none, or two.
    """
    org_id, external_id, name = (
        (each or "").strip() or None
        for each in (settings.org_id, settings.org_external_id, settings.org_name)
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


def check_files(settings: Settings) -> None:
    """See that nothing is written over, or beside, what is in a file of another setting.

    Raises:
        SettingsError: Two settings name one file.
    """
    files = {
        "sandbox_path": settings.sandbox_path,
        "errors_path": settings.errors_path,
        "ledger_path": settings.ledger_path,
        "summary_path": settings.summary_path,
        "plan_errors_path": settings.plan_errors_path,
        "differences_path": settings.differences_path if settings.diff else None,
        "only_errors_from": settings.only_errors_from,
    }
    taken: dict[Path, str] = {}
    for name, value in files.items():
        if value:
            other = taken.setdefault(Path(value).resolve(), name)
            if other != name and (name, other) != ("only_errors_from", "errors_path"):
                raise SettingsError(f"{name} and {other} are one file: give each its own.")


def file_unless_none(set_to: str | None, default: str) -> str | None:
    """Where a file is: as set, at its usual place, or nowhere if set to ``none``."""
    return None if set_to == "none" else set_to or default
