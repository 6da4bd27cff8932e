"""The settings as they are declared: the one source of ``--about``, the docs and the Hub's file."""

from __future__ import annotations

from typing import Any

from singer_sdk import typing as th
from singer_sdk.helpers.capabilities import FLATTENING_CONFIG, STREAM_MAPS_CONFIG

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
        th.NumberType(exclusive_minimum=0, maximum=1_000_000),
        default=50,
        title="Rate limit",
        description="Writes a second at most on /user_management/*, retries included. Reads have "
        "a budget of twice as many, and so have all requests together: WorkOS's published limits.",
    ),
    th.Property(
        "rate_limit_redis_url",
        th.StringType,
        secret=True,
        title="Rate limit Redis URL",
        description="A Redis server through which all jobs that load into one WorkOS environment "
        "keep to one rate_limit together, which each is given. Needs the extra "
        "target-workos-users[redis].",
    ),
    th.Property(
        "request_timeout",
        th.NumberType(exclusive_minimum=0, maximum=3600),
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
        "unusable_hashes",
        th.StringType,
        default="fail",
        allowed_values=["fail", "skip"],
        title="Unusable hashes",
        description="A password hash that WorkOS can't verify: fail the record, or skip the hash "
        "and load the user without a password.",
    ),
    th.Property(
        "totp_secret_format",
        th.StringType,
        default="base32",
        allowed_values=["base32", "raw"],
        title="TOTP secret format",
        description="How totp_secret is written: base32, or raw where its characters are the key "
        "itself, as Keycloak and Better Auth have it.",
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
        description="Stop when a chunk fails at more than this share; chunks are judged together "
        "until they have 20 records. 1.0: never.",
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
        description="The state to ask Meltano for. Default: ENVIRONMENT:TAP-to-TARGET, as Meltano "
        "calls it.",
    ),
    th.Property(
        "validate_records",
        th.BooleanType,
        default=False,
        title="Validate records",
        description="Check each record against its stream's JSON schema too. Off, since the "
        "target's own checks are stricter.",
    ),
    th.Property(
        "batch_config",
        th.ObjectType(
            th.Property(
                "storage",
                th.ObjectType(
                    th.Property(
                        "root",
                        th.StringType,
                        title="Batch storage root",
                        description="Folder or URL that holds the files.",
                    ),
                    th.Property(
                        "params",
                        th.ObjectType(additional_properties=True),
                        title="Batch storage parameters",
                        description="What fsspec needs to open it, such as S3 credentials.",
                    ),
                    additional_properties=True,
                ),
                title="Batch storage",
                description="Where the files are.",
            ),
            additional_properties=True,
        ),
        secret=True,
        title="Batch configuration",
        description="Where the files of BATCH messages are, if not where the tap says: storage "
        "with root and params, as in the tap's batch_config.",
    ),
).to_dict()


def _repaired(schema: Any) -> Any:
    """As it was meant: singer-sdk 0.54.9 puts a bare "null" among the schemas of an ``anyOf``.

    Validating a value that fits none of the others then ends in an AttributeError (measured).
    """
    if isinstance(schema, list):
        return [_repaired(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: [_repaired(part) for part in value if part != "null"]
        if key == "anyOf"
        else _repaired(value)
        for key, value in schema.items()
    }


def _of_the_sdk() -> dict[str, Any]:
    """The settings by which singer-sdk maps and flattens.

    ``faker_config`` is left out, since Faker isn't installed with this package, and so are
    ``add_record_metadata`` and ``load_method``, which are about tables.
    """
    found = {**_repaired(STREAM_MAPS_CONFIG)["properties"], **FLATTENING_CONFIG["properties"]}
    found["stream_map_config"] |= {"secret": True, "writeOnly": True}  # such as a hash's pepper
    descriptions = {
        "stream_maps": "Makes the columns of any tap into those of a user: "
        "https://sdk.meltano.com/en/latest/stream_maps.html.",
        "stream_map_config": "Values that stream maps may use as config[…].",
        "flattening_enabled": "Make a column of each field of a nested object, after stream maps. "
        "Needs flattening_max_depth. metadata stays one object.",
        "flattening_max_depth": "How many levels are flattened.",
        "flattening_max_key_length": "Longest name of a flattened column; longer ones are cut.",
        "flattening_separator": "What joins the names of a flattened column. Default: __.",
    }
    return {name: found[name] | {"description": text} for name, text in descriptions.items()}


SETTINGS["properties"] |= _of_the_sdk()
