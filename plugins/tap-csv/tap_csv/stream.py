"""One ``entity``: its schema and its records."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from singer_sdk import Stream
from singer_sdk import typing as th
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.singerlib import Schema

from tap_csv.exceptions import TapError
from tap_csv.reader import ERROR_COLUMN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from singer_sdk import Tap
    from singer_sdk.singerlib import Catalog

    from tap_csv.files import FileDefinition

ERROR_PROPERTY = th.Property(
    ERROR_COLUMN,
    th.StringType,
    description="Why this row couldn't be read whole: file, line and reason",
)
SOURCE_PROPERTIES = (
    th.Property("_sdc_source_file", th.StringType),
    th.Property("_sdc_source_file_mtime", th.DateTimeType),
    th.Property("_sdc_source_lineno", th.IntegerType),
)


class CSVStream(Stream):
    """The rows of a stream's files, in the order of the files; every value is a string."""

    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE  # strings are strings already
    # A full table has no state of its own to report on the way. One at 10,000 records would keep
    # the SDK from writing the last, which is equal to it.
    STATE_MSG_FREQUENCY = sys.maxsize

    def __init__(self, tap: Tap, definition: FileDefinition) -> None:
        self._definition = definition
        self._with_source = bool(tap.config.get("add_metadata_columns"))
        own = (ERROR_PROPERTY, *(SOURCE_PROPERTIES if self._with_source else ()))
        columns = definition.columns()
        for reserved in own:
            if reserved.name in columns:
                raise TapError(
                    f"entity {definition.entity}: a file has a column {reserved.name}, which the "
                    "tap fills itself: rename it"
                )
        schema = th.PropertiesList(*(th.Property(name, th.StringType) for name in columns), *own)
        super().__init__(tap, schema=schema.to_dict(), name=definition.entity)
        self.primary_keys = definition.keys

    def get_records(self, context: Mapping[str, Any] | None) -> Iterator[dict[str, Any]]:  # noqa: ARG002 - no partitions
        """The records: see :meth:`tap_csv.reader.CSVFile.rows`."""
        for file in self._definition.files:
            if not self._with_source:
                for row in file.rows():
                    yield row.record
                continue
            modified = datetime.fromtimestamp(file.path.stat().st_mtime, UTC)
            for line, record in file.rows():
                yield record | {
                    "_sdc_source_file": str(file.path),
                    "_sdc_source_file_mtime": modified,
                    "_sdc_source_lineno": line,
                }

    def apply_catalog(self, catalog: Catalog) -> None:
        """Take keys and selection from a catalog, but the columns from the files as they are now.

        Meltano keeps the catalog of an earlier run: a column added since then isn't in it, and
        must not get lost.
        """
        if entry := catalog.get_stream(self.name):
            now = Schema.from_dict(self.schema).properties or {}
            entry.schema.properties = now | (entry.schema.properties or {})
        super().apply_catalog(catalog)
