"""errors.jsonl: what is written to it, and how it is read again."""

from target_workos_users.errors.file import ErrorsFile, line_digest
from target_workos_users.errors.lines import (
    ErrorLine,
    check_of,
    error_line,
    pattern_of,
    read_errors,
    record_check,
    redact_message,
)

__all__ = [
    "ErrorLine",
    "ErrorsFile",
    "check_of",
    "error_line",
    "line_digest",
    "pattern_of",
    "read_errors",
    "record_check",
    "redact_message",
]
