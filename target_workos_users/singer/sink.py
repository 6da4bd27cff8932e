"""A stream's face to singer-sdk: its schema, and whether a record keeps to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jsonschema
from singer_sdk.sinks import Sink
from singer_sdk.typing import DEFAULT_JSONSCHEMA_VALIDATOR

from target_workos_users.records.redaction import redact_text
from target_workos_users.records.values import kind

if TYPE_CHECKING:
    from singer_sdk.sinks.core import BaseJSONSchemaValidator


class UserSink(Sink):
    """Users on their way to the importer, which collects, loads and commits them."""

    def setup(self) -> None:
        """Get ready to check records."""
        self._schema_validator = (
            DEFAULT_JSONSCHEMA_VALIDATOR(self.schema) if self.validate_schema else None
        )

    def get_validator(self) -> BaseJSONSchemaValidator | None:
        """None: the SDK's validator stops the run, and quotes the record in the log."""
        return None

    def problem(self, record: dict[str, Any]) -> str | None:
        """Why a record doesn't keep to its stream's schema, without quoting it; None if it does."""
        if missing := [key for key in self.key_properties if key not in record]:
            return (
                f"{', '.join(missing)}: missing, though the tap calls it a key of stream "
                f"{self.stream_name!r}; fix the source or the tap"
            )
        if self._schema_validator is None:
            return None
        error: jsonschema.ValidationError | None
        try:
            error = jsonschema.exceptions.best_match(self._schema_validator.iter_errors(record))
        except Exception as failure:  # noqa: BLE001 - jsonschema's, on a schema that is none, say
            return (
                f"the stream's schema can't be applied ({type(failure).__name__}); fix the tap's "
                "schema, or turn validate_records off"
            )
        if error is None:
            return None
        path = ".".join(map(str, error.absolute_path)) or "the record"
        # The brackets keep a column named password from looking like a password itself.
        return (
            f"{redact_text(path)} ({kind(error.instance)}) doesn't keep to the stream's schema, "
            f"which expects {error.validator}: {error.validator_value!r}"[:400]
            + "; fix the source or the tap's schema, or turn validate_records off"
        )

    def process_record(self, record: dict[str, Any], context: dict[str, Any]) -> None:
        """Not used: ``target`` hands records to the importer."""
        raise NotImplementedError

    def process_batch(self, context: dict[str, Any]) -> None:
        """Not used: the importer makes its own chunks."""
        raise NotImplementedError
