"""The files of BATCH messages, in singer-sdk's flavor: a record at a time, never half a file.

A message names files and how they are written (docs: sdk.meltano.com, "Batch Messages"): JSON
Lines, plain or gzip, a record a line; or Parquet.
"""

from __future__ import annotations

import gzip
from typing import IO, TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit
from urllib.request import url2pathname

from singer_sdk.helpers._batch import BaseBatchFileEncoding, BatchFileFormat, StorageTarget
from upath import UPath

from target_workos_users.exceptions import InputError, SettingsError
from target_workos_users.records.redaction import redact_text
from target_workos_users.singer.reader import MalformedError, NoJSONError, unread

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping


class BatchFiles:
    """Reads the files of BATCH messages.

    Args:
        config: The setting ``batch_config``: where the files are, if not where the message says.
        decode: Makes a record of a line of JSON.

    Raises:
        SettingsError: ``batch_config`` isn't what singer-sdk takes.
    """

    def __init__(
        self, config: Mapping[str, Any] | None, decode: Callable[[bytes], dict[str, Any]]
    ) -> None:
        storage = (config or {}).get("storage")
        try:
            self._storage = StorageTarget.from_dict(storage) if storage else None
        except TypeError:
            raise SettingsError(
                "batch_config.storage: expected root, a folder or URL, and optionally prefix and "
                "params; root is missing, or there are other keys."
            ) from None
        self._decode = decode

    def records(
        self, encoding: dict[str, Any], manifest: list[str]
    ) -> Generator[dict[str, Any], None, None]:
        """The records of a message's files, in order.

        Raises:
            InputError: A file is missing, damaged or cut off, or not in a format that can be read
                here. The records before the fault have been handed out.
        """
        lines = _reader(encoding)
        for url in manifest:
            yield from self._records(url, lines)

    def _records(
        self, url: str, lines: Callable[[IO[bytes]], Iterator[bytes]]
    ) -> Iterator[dict[str, Any]]:
        number = 0
        try:
            with self._open(url) as file:
                whole = filter(bytes.strip, lines(file))  # blank lines say nothing, as on stdin
                for number, line in enumerate(whole, start=1):
                    yield self._record(line, f"record {number:,} of the batch file '{_shown(url)}'")
        except MalformedError as error:
            raise _unreadable(url, f"record {number:,} is {error}") from None
        except ImportError as error:  # fsspec's text names the package of the file system
            raise InputError(
                f"The batch file {_shown(url)} can't be read: {error}. Install that beside the "
                "target and run again: the import goes on from the last STATE line."
            ) from None
        except Exception as error:  # noqa: BLE001 - file systems and pyarrow have their own
            why = f"{type(error).__name__} after {number:,} records: {redact_text(str(error))}"
            raise _unreadable(url, why[:300]) from None

    def _record(self, line: bytes, where: str) -> dict[str, Any]:
        try:
            return self._decode(line)
        except NoJSONError:
            raise  # the file is damaged: nothing that follows can be trusted
        except MalformedError as error:
            return unread(where, str(error))

    def _open(self, url: str) -> IO[bytes]:
        # Not StorageTarget.open: it makes a folder that is missing, and takes a file's URL for its
        # path, so that it can't find the SDK's own Parquet files, which have a "=" in their names.
        parts = urlsplit(url)
        path = UPath(url2pathname(parts.path) if parts.scheme == "file" else url)
        if storage := self._storage:
            path = UPath(storage.root, **storage.params) / path.name
        return cast("IO[bytes]", path.open("rb"))


def _reader(encoding: dict[str, Any]) -> Callable[[IO[bytes]], Iterator[bytes]]:
    try:
        found = BaseBatchFileEncoding.from_dict(encoding)
    except TypeError:
        raise MalformedError("encoding needs format, and compression at most") from None
    compression = found.compression or "none"
    if found.format == BatchFileFormat.JSONL and compression in {"none", "gzip"}:
        return iter if compression == "none" else _unzipped_lines
    if found.format == BatchFileFormat.PARQUET:  # a file itself says how it is compressed
        try:
            from target_workos_users.singer.parquet import rows_as_json  # noqa: PLC0415 - an extra
        except ImportError:
            raise InputError(
                "A BATCH message names Parquet files, and the Python package pyarrow isn't "
                "installed. Install it: pip install 'target-workos-users[parquet]'; or set "
                "batch_config.encoding.format of the tap to jsonl."
            ) from None
        return rows_as_json
    raise InputError(
        f"A BATCH message names files of format {found.format!r}, compression {compression!r}; "
        "expected jsonl (gzip or none) or parquet. Set batch_config.encoding of the tap."
    )


def _unzipped_lines(file: IO[bytes]) -> Iterator[bytes]:
    with gzip.open(file) as unzipped:
        yield from unzipped
    if not file.tell():  # gzip takes an empty file for a whole one
        raise EOFError("the file is empty")


def _unreadable(url: str, why: str) -> InputError:
    return InputError(
        f"The batch file {_shown(url)} can't be read: {why}. Run again, so that the tap writes "
        "its files anew: the import goes on from the last STATE line."
    )


def _shown(url: str) -> str:
    """A URL without what may be secret: credentials and query."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host, query="", fragment="").geturl()
