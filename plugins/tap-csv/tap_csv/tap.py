"""The tap: settings, streams, state."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from singer_sdk import Tap
from singer_sdk import typing as th

from tap_csv.files import file_definitions
from tap_csv.stream import CSVStream
from tap_csv.writer import BufferedWriter

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from singer_sdk import Stream


class TapCSV(Tap):
    """Singer tap for CSV files."""

    name = "tap-csv"
    message_writer_class = BufferedWriter

    config_jsonschema = th.PropertiesList(
        th.Property(
            "files",
            th.ArrayType(
                th.ObjectType(
                    th.Property("entity", th.StringType, required=True, description="Stream name"),
                    th.Property(
                        "path",
                        th.StringType,
                        required=True,
                        description="A file, or a folder: all *.csv in it and below, sorted",
                    ),
                    th.Property(
                        "keys",
                        th.ArrayType(th.StringType),
                        description="Columns that make up the key",
                    ),
                    th.Property(
                        "encoding",
                        th.StringType,
                        description="A Python codec; utf-8 if left out",
                    ),
                    th.Property("delimiter", th.StringType, description="`,` if left out"),
                    th.Property("quotechar", th.StringType, description='`"` if left out'),
                    th.Property("escapechar", th.StringType, description="None if left out"),
                    th.Property(
                        "skipinitialspace",
                        th.BooleanType,
                        description="Drop spaces after a delimiter; `false` if left out",
                    ),
                ),
            ),
            title="Files",
            description="What to read: a stream an entry",
        ),
        th.Property(
            "csv_files_definition",
            th.StringType,
            title="Files definition",
            description="A JSON file that holds the list; wins over `files`",
        ),
        th.Property(
            "add_metadata_columns",
            th.BooleanType,
            default=False,
            title="Add metadata columns",
            description="Add `_sdc_source_file`, `_sdc_source_file_mtime`, `_sdc_source_lineno`",
        ),
    ).to_dict()

    def __init__(self, **kwargs: Any) -> None:
        """Begin with a STATE message, in a first run too.

        Then a target knows that this tap sends them, and takes an input that ends with a record
        for one that was cut off.
        """
        super().__init__(**kwargs)
        self.state.setdefault("bookmarks", {})

    @property
    def streams(self) -> dict[str, Stream]:
        """The streams in the order of ``files``; the SDK's own is that of the alphabet.

        A target that loads users before their memberships gets them so.
        """
        if self._streams is None:
            self._streams = {}
            for stream in self.discover_streams():
                if self.input_catalog:
                    stream.apply_catalog(self.input_catalog)
                self._streams[stream.name] = stream
        return self._streams

    def discover_streams(self) -> Sequence[CSVStream]:
        """A stream for each entry of ``files``.

        Raises:
            TapError: A setting or the header of a file is wrong.
        """
        return [CSVStream(self, definition) for definition in file_definitions(self.config)]

    def setup_mapper(self) -> None:
        """Set up stream maps once the streams have brought the catalog up to date."""
        _ = self.streams
        super().setup_mapper()

    def load_state(self, state: dict[str, Any]) -> None:
        """Keep the bookmarks of others, to hand them back before the first record.

        What an older tap left under this tap's own streams is dropped: a full table has no
        bookmark, and the SDK leaves out the last STATE message if it is equal to the first.
        """
        bookmarks = state.get("bookmarks", {}).items()
        foreign = {name: value for name, value in bookmarks if name not in self.streams}
        super().load_state({"bookmarks": foreign})

    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Stop without a STATE message: the last message says that all records were read."""
        sys.exit(128 + signum)
