"""The settings of what is sent to WorkOS, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from target_workos_users.settings.declare import setting


@dataclass(frozen=True, kw_only=True)
class LoadingSettings:
    """Where to, how fast, and what to do with what is there already."""

    api_key: str = setting(
        secret=True,
        title="API key",
        description="WorkOS secret key. Falls back to $WORKOS_API_KEY, then $WORKOS_SECRET_KEY. "
        "Needed unless dry_run or sandbox_path is set.",
    )
    base_url: str = setting(
        title="Base URL",
        description="Where the WorkOS API is. Falls back to $WORKOS_BASE_URL, then "
        "https://api.workos.com. Plain http goes to a loopback address only.",
    )
    sandbox_path: str | None = setting(
        title="Sandbox path",
        description="Load into the embedded sandbox kept in this SQLite file, instead of WorkOS: "
        "no key, no network.",
    )
    batch_size_rows: int = setting(
        minimum=1,
        maximum=10_000,
        default=1000,
        title="Batch size",
        description="Records per chunk. A STATE line is printed after each chunk.",
    )
    concurrency: int = setting(
        minimum=1,
        maximum=100,
        default=20,
        title="Concurrency",
        description="Requests in flight at most.",
    )
    rate_limit: float = setting(
        exclusive_minimum=0,
        maximum=1_000_000,
        default=50,
        title="Rate limit",
        description="Writes per second at most on /user_management/*, retries included. Reads have "
        "a budget of twice as many, and so have all requests together: WorkOS's published limits.",
    )
    rate_limit_redis_url: str | None = setting(
        secret=True,
        title="Rate limit Redis URL",
        description="A Redis server through which all jobs that load into one WorkOS environment "
        "keep to one rate_limit together, which each is given. Needs the extra "
        "target-workos-users[redis].",
    )
    request_timeout: float = setting(
        exclusive_minimum=0,
        maximum=3600,
        default=30,
        title="Request timeout",
        description="Seconds for one attempt of a request.",
    )
    max_retries: int = setting(
        minimum=0,
        maximum=100,
        default=5,
        title="Retries",
        description="Attempts after the first for 408, 429, 5xx and lost connections.",
    )
    org_id: str | None = setting(
        title="Organization id",
        description="WorkOS id of one organization for all records. Wins over the records' own "
        "columns.",
    )
    org_external_id: str | None = setting(
        title="Organization external id",
        description="External id of one organization for all records. Wins over the records' own "
        "columns.",
    )
    org_name: str | None = setting(
        title="Organization name",
        description="Name for the organization of org_external_id, if it has to be created.",
    )
    create_missing_orgs: bool = setting(
        default=True,
        title="Create missing organizations",
        description="Create an organization that isn't found, if a name is known for it.",
    )
    existing_users: Literal["keep", "update", "fail"] = setting(
        default="keep",
        title="Existing users",
        description="A user that exists: keep its fields, update them, or fail the record. "
        "Membership and roles are completed in either of the first two.",
    )
    update_passwords: Literal["changed", "always", "never"] = setting(
        default="changed",
        title="Update passwords",
        description="With existing_users update: write a password or hash anew only where the "
        "ledger knows that the source's changed since this import made the user, who hasn't signed "
        "in (changed), in each record that is loaded (always), or not at all (never).",
    )
    unknown_roles: Literal["fail", "ignore"] = setting(
        default="fail",
        title="Unknown roles",
        description="A role slug that WorkOS doesn't know: make no membership and fail the record, "
        "since WorkOS would give its default role; or ignore it and give the others.",
    )
    require_membership: bool = setting(
        default=False,
        title="Require membership",
        description="Delete a user again that the same record made, if its membership can't be "
        "made and it has none at all.",
    )
    unusable_hashes: Literal["fail", "skip"] = setting(
        default="fail",
        title="Unusable hashes",
        description="A password hash that WorkOS can't verify: fail the record, or skip the hash "
        "and load the user without a password.",
    )
    totp_secret_format: Literal["base32", "raw"] = setting(
        default="base32",
        title="TOTP secret format",
        description="How totp_secret is written: base32, or raw where its characters are the key "
        "itself, as Keycloak and Better Auth have it.",
    )
    existing_organizations: Literal["keep", "update"] = setting(
        default="keep",
        title="Existing organizations",
        description="An organization that exists and has a record of its own: keep its fields, or "
        "update those that differ. Domains and metadata are never taken away.",
    )
    domain_state: Literal["pending", "verified"] = setting(
        default="pending",
        title="Domain state",
        description="The state of the domains that records give organizations: pending, so that "
        "each organization proves its own; or verified, where the source has that proof.",
    )
