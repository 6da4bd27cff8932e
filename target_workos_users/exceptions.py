"""Errors by their consequence.

::

    TargetError
    ├── RecordError         this record failed: one line in errors.jsonl, the run goes on
    ├── StopRun             stop the run: the checkpoint stays that of the last commit
    │   ├── SettingsError       a setting is missing or wrong
    │   ├── InputError          what came on stdin isn't a Singer message
    │   │   └── TruncatedInputError     (reader) the last line is cut off: the tap died
    │   ├── CheckpointError     the stored checkpoint can't be used
    │   ├── SourceChanged       the source isn't what the interrupted import had read
    │   ├── AccessDenied        WorkOS refuses the key (401, 403)
    │   ├── Unreachable         WorkOS has not answered for as long as the retries last
    │   ├── SharedLimitLost     the Redis server that shares the rate limit can't be used
    │   ├── TooManyFailures     abort_error_rate
    │   └── OutputError         stdout, the errors file or the ledger can't be written
    └── ApiError            WorkOS answered with an error: the caller knows what it means

"Try again" has no class of its own: ``transport`` retries, and what it gives up on arrives as
an :class:`ApiError` whose ``retryable`` is true.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any, Self


class TargetError(Exception):
    """Base of all errors of this package; ``str(error)`` is fit to be shown to the user."""


class ErrorType(StrEnum):
    """``error_type`` of a line in errors.jsonl."""

    INVALID_RECORD = "invalid_record"
    ORG_RESOLUTION = "org_resolution"
    USER_CREATE = "user_create"
    USER_UPDATE = "user_update"
    USER_MISSING = "user_missing"
    MEMBERSHIP_CREATE = "membership_create"
    ROLE_ASSIGNMENT = "role_assignment"
    TOTP_ENROLL = "totp_enroll"
    ORGANIZATION_CREATE = "organization_create"
    ORGANIZATION_UPDATE = "organization_update"
    ROLE_WRITE = "role_write"
    PERMISSION_WRITE = "permission_write"


LOAD_AGAIN = "run the import again"
"""The way on for a record that failed: every run tries it again."""

_WHAT_FAILED = {
    ErrorType.INVALID_RECORD: "the record is invalid",
    ErrorType.ORG_RESOLUTION: "the organization could not be resolved",
    ErrorType.USER_CREATE: "the user could not be created",
    ErrorType.USER_UPDATE: "the user exists and could not be updated",
    ErrorType.USER_MISSING: "the user could not be looked up",
    ErrorType.MEMBERSHIP_CREATE: "the membership could not be created",
    ErrorType.ROLE_ASSIGNMENT: "the roles could not be added to the membership",
    ErrorType.TOTP_ENROLL: "the TOTP factor could not be enrolled",
    ErrorType.ORGANIZATION_CREATE: "the organization could not be created",
    ErrorType.ORGANIZATION_UPDATE: "the organization exists and could not be updated",
    ErrorType.ROLE_WRITE: "the role could not be written",
    ErrorType.PERMISSION_WRITE: "the permission could not be written",
}


class Waits(IntEnum):
    """Whether a record may be loaded later in the run that it failed in."""

    NO = 0
    FOR_OTHER_KINDS = 1  # what it needs may be a record of another kind
    FOR_THE_END = 2  # what it needs is known when all of the source was read


@dataclass(eq=False)
class RecordError(TargetError):
    """This record failed; the run goes on.

    Attributes:
        error_type: What failed.
        message: Names the column, what was found, what was expected, and what to do. Holds no
            secret of the record.
        retryable: Whether a later run may succeed with the same record.
        http_status: Status of the WorkOS answer, where there was one.
        workos_code: ``code`` of that answer.
        workos_request_id: ``X-Request-Id`` of that answer.
        workos_errors: ``errors`` of that answer.
        user_id: The WorkOS user the record belongs to, if it is known.
        org_id: The WorkOS organization, if it is known.
        waits: What the record needs may come later.
        pattern: The message as all errors of one cause have it, fit for the log: ``…`` stands for
            what differs from record to record. None if others worded a part of the message.
    """

    error_type: ErrorType
    message: str
    retryable: bool = False
    http_status: int | None = None
    workos_code: str | None = None
    workos_request_id: str | None = None
    workos_errors: list[Any] = field(default_factory=list)
    user_id: str | None = None
    org_id: str | None = None
    waits: Waits = Waits.NO
    pattern: str | None = None

    def __str__(self) -> str:
        """The message."""
        return self.message

    @classmethod
    def worded(cls, error_type: ErrorType, template: str, *facts: object, **more: Any) -> Self:
        """An error in words of our own.

        Args:
            error_type: What failed.
            template: The message, with ``{}`` in each fact's place, if there is any.
            facts: What differs from record to record.
            more: Other attributes.
        """
        if not facts:
            return cls(error_type, template, pattern=template, **more)
        pattern = template.format(*("…" for _ in facts))
        return cls(error_type, template.format(*facts), pattern=pattern, **more)


class Reason(StrEnum):
    """What an error answer of WorkOS means to an importer."""

    EMAIL_EXISTS = "email_exists"
    EXTERNAL_ID_EXISTS = "external_id_exists"
    USER_EXISTS = "user_exists"  # by email or by external id: the answer doesn't tell
    MEMBER_EXISTS = "member_exists"
    MEMBER_PENDING = "member_pending"
    CONFLICT = "conflict"  # a 409 that doesn't say of what: as a rule it exists
    INVALID_ROLE = "invalid_role"
    MULTIPLE_ROLES_OFF = "multiple_roles_off"
    NOT_FOUND = "not_found"
    SLUG_EXISTS = "slug_exists"  # of a role or permission
    GAVE_UP = "gave_up"  # 408, 425, 429, 5xx, timeout, lost connection, after all retries
    TOO_LARGE = "too_large"  # the answer is longer than is read of one
    REFUSED = "refused"  # every other 4xx: permanent


@dataclass(eq=False)
class ApiError(TargetError):
    """WorkOS answered with an error, or didn't answer at all.

    Attributes:
        reason: What it means.
        message: WorkOS's own message, or a description of the lost connection.
        status: HTTP status, None if there was no answer.
        code: ``code`` of the answer.
        request_id: ``X-Request-Id`` of the answer.
        errors: ``errors`` of the answer.
        details: What they say.
        entity_id: ``entity_id`` of a 404: the id that wasn't found.
        ambiguous: The write may have taken effect all the same: this or an earlier attempt was
            sent and its answer lost, or it was answered with a 5xx.
    """

    reason: Reason
    message: str
    status: int | None = None
    code: str | None = None
    request_id: str | None = None
    errors: list[Any] = field(default_factory=list)
    details: list[str] = field(default_factory=list)
    entity_id: str | None = None
    ambiguous: bool = False

    def __str__(self) -> str:
        """The message, what WorkOS says in ``errors``, and the status and code that it gave."""
        texts = dict.fromkeys(text for text in self.details if text != self.message)
        listed = "; ".join(texts).replace(".; ", ". ")
        said = f"{self.message.rstrip('.')}: {listed}" if texts else self.message
        details = ", ".join(
            part for part in (f"HTTP {self.status}" if self.status else "", self.code or "") if part
        )
        return f"{said} ({details})" if details else said

    def is_about(self, entity_id: str | None) -> bool:
        """Whether it says that this very entity isn't there.

        Recorded in workos-ruby's VCR cassettes: ``{"message": "User not found: 'user_…'.", "code":
        "entity_not_found", "entity_id": "user_…"}``.
        """
        return (
            self.reason is Reason.NOT_FOUND
            and entity_id is not None
            and (self.entity_id == entity_id or f"'{entity_id}'" in self.message)
        )

    @property
    def retryable(self) -> bool:
        """Whether a later run may succeed with the same request."""
        return self.reason in (Reason.GAVE_UP, Reason.CONFLICT)

    def as_record_error(
        self, error_type: ErrorType, message: str | None = None, pattern: str | None = None
    ) -> RecordError:
        """The line in errors.jsonl for a record that failed on this answer.

        Args:
            error_type: Which step of the record failed.
            message: Text for the user; if left out, what failed, WorkOS's own text, and what to do.
            pattern: Of that text.
        """
        what_to_do = "" if self.retryable else "clear up what WorkOS says, then "
        default = f"{_WHAT_FAILED[error_type]}: {self}; {what_to_do}{LOAD_AGAIN}"
        return RecordError(
            error_type=error_type,
            message=message or default,
            retryable=self.retryable,
            http_status=self.status,
            workos_code=self.code,
            workos_request_id=self.request_id,
            workos_errors=self.errors,
            pattern=pattern,
        )


class StopRun(TargetError):
    """Stop the run; what was committed stays, the next run goes on from there."""


class SettingsError(StopRun):
    """A setting is missing or wrong; the message names it and the way out."""


class InputError(StopRun):
    """What came on stdin isn't a Singer message: told by the number of its line, not its text."""


class CheckpointError(StopRun):
    """The stored checkpoint is damaged or from a newer version; the message names the field."""


class SourceChanged(StopRun):
    """The source isn't what the interrupted import had read; the message names the chunk."""


class AccessDenied(StopRun):
    """WorkOS refuses the API key."""


class Unreachable(StopRun):
    """WorkOS has not answered for as long as the retries last."""


class SharedLimitLost(StopRun):
    """The Redis server that shares the rate limit between jobs can't be used."""


class TooManyFailures(StopRun):
    """A chunk failed at more than ``abort_error_rate``."""


class OutputError(StopRun):
    """Stdout, the errors file or the ledger can't be written."""
