"""Rows of a Parquet file as lines of JSON; needs pyarrow."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]
from pyarrow import parquet, types
from singer_sdk.singerlib.json import serialize_json

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROWS_AT_A_TIME = 1_000
_BUFFER = 1 << 20  # bytes; without one, pyarrow reads whole column chunks
_MICROSECONDS = {
    pa.time64("ns"): pa.time64("us"),
    pa.duration("ns"): pa.duration("us"),
}


def rows_as_json(file: IO[bytes]) -> Iterator[bytes]:
    """A file's rows, written as singer-sdk's taps write their records.

    So a row has the digest of the RECORD message that it would have been: times are ISO 8601,
    decimals keep their digits, NaN is null, maps are objects, binary columns are UTF-8 text.

    Args:
        file: Opened for reading, seekable.

    Yields:
        An object of JSON for each row.

    Raises:
        pa.ArrowException: It is no Parquet file, or a damaged one.
    """
    rows = parquet.ParquetFile(file, buffer_size=_BUFFER, coerce_int96_timestamp_unit="us")
    schema = pa.schema([_field_in_microseconds(field) for field in rows.schema_arrow])
    for batch in rows.iter_batches(batch_size=_ROWS_AT_A_TIME, use_threads=False):
        for row in batch.cast(schema, safe=False).to_pylist(maps_as_pydicts="strict"):
            yield _as_json(row)


def _as_json(row: dict[str, Any]) -> bytes:
    try:
        return serialize_json(row).encode()
    except UnicodeDecodeError:  # binary that is no text: a bad row, not a bad file
        return serialize_json(_with_surrogates(row)).encode()


def _with_surrogates(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, list):
        return [_with_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {name: _with_surrogates(item) for name, item in value.items()}
    return value


def _in_microseconds(kind: pa.DataType) -> pa.DataType:
    """A type whose times Python can hold: pyarrow refuses to convert nanoseconds."""
    if types.is_timestamp(kind):
        return pa.timestamp("us", kind.tz)
    if types.is_struct(kind):
        return pa.struct([_field_in_microseconds(field) for field in kind])
    if types.is_map(kind):
        return pa.map_(kind.key_field, _field_in_microseconds(kind.item_field))
    if types.is_list(kind) or types.is_large_list(kind):
        return pa.list_(_field_in_microseconds(kind.value_field))
    return _MICROSECONDS.get(kind, kind)


def _field_in_microseconds(field: pa.Field) -> pa.Field:
    return field.with_type(_in_microseconds(field.type))
