"""The JSON schema of all settings: the source of ``--about``, the docs and the Hub's file.

Those that the package itself reads are declared in :class:`Settings`, the others here.
"""

from __future__ import annotations

from typing import Any

from singer_sdk import typing as th
from singer_sdk.helpers.capabilities import FLATTENING_CONFIG, STREAM_MAPS_CONFIG

from target_workos_users.settings.declare import properties_of
from target_workos_users.settings.settings import Settings


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


_READ_FROM_CONFIG = th.PropertiesList(
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
)

SETTINGS: dict[str, Any] = th.PropertiesList(*properties_of(Settings), *_READ_FROM_CONFIG).to_dict()
SETTINGS["properties"] |= _of_the_sdk()
