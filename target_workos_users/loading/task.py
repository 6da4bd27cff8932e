"""A row to load, with what the ledger knows of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING

from target_workos_users.exceptions import LOAD_AGAIN, ErrorType, RecordError, Waits
from target_workos_users.ledger import Past, Version
from target_workos_users.ledger.prints import without_key
from target_workos_users.loading.places import Places
from target_workos_users.records.kinds import Kind
from target_workos_users.records.parse import UserRow

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_workos_users.ledger import Ledger
    from target_workos_users.ledger.prints import Prints
    from target_workos_users.records.entities import EntityRow
    from target_workos_users.records.read import Row


@dataclass(slots=True)
class AnyTask:
    """A row to load.

    Attributes:
        stream: Its stream.
        chunk: In which it came, from 1.
        number: Of the record, from 1 in the tap's order.
        digest: Of the record.
        row: What is asked for.
        identity: Under which the ledger remembers it.
        earlier: … from the import before this one.
        prints: Fingerprints of its fields.
        places: Of the stream's records.
        proven: The checkpoint proves that the record is what it was when it was looked at.
        key: The fingerprint of its primary key, if its stream has one.
        is_incremental: Of its stream: what was loaded before needn't come again.
        was_done: There was nothing to do; but a row of its user was in flight, which may have
            changed that.
        past: What is known of its identity.
        before: The version of it that was loaded before, or that it replaces.
    """

    stream: str
    chunk: int
    number: int
    digest: bytes
    row: Row
    identity: int
    prints: Prints
    earlier: int | None = None
    places: Places = field(default_factory=Places)
    proven: bool = False
    key: Prints = field(default_factory=dict)
    is_incremental: bool = False
    was_done: bool = False
    past: Past = field(default_factory=Past)
    before: Version | None = None

    def look(self, ledger: Ledger) -> None:
        """Learn what is known by now: rows of its identity that came with it may be finished."""
        self.past = ledger.past(
            self.identity, self.digest, self.number, stream=self.stream, earlier=self.earlier
        )
        key = self.key if self.is_incremental else {}
        self.before = self.past.before(
            self.digest, self.number, self.prints, self.places.__contains__, key
        )

    def is_done(self, ledger: Ledger) -> bool:
        """Whether there is nothing to do, as far as is known; the ledger then knows its place.

        Raises:
            OutputError: The ledger can't be written.
        """
        done = self.past.is_done(self.digest)
        if done:
            ledger.move(self.identity, self.digest, chunk=self.chunk, number=self.number)
        return done

    @property
    def comes_too_early(self) -> bool:
        """Whether what it was before can't be known yet: that record may still come, unchanged."""
        before = self.before
        return (
            before is not None
            and before.digest != self.digest
            and self.places.is_ahead(before.number)
        )

    @property
    def is_forgotten(self) -> bool:
        """Whether it was loaded before, and the ledger doesn't know what became of it."""
        return self.proven and self.before is None

    @property
    def prints_before(self) -> Prints:
        """What the record gave before."""
        return without_key(self.before.prints) if self.before else {}


@dataclass(slots=True)
class Task(AnyTask):
    """A row about a user.

    Attributes:
        user_is_gone: WorkOS lost the user that the ledger knows, and with it the membership.
    """

    row: UserRow
    user_is_gone: bool = False

    def attempt_membership(self, ledger: Ledger, organization_id: str | None) -> None:
        """A create is about to be sent, and more is to follow it.

        Raises:
            OutputError: The ledger can't be written.
        """
        version = Version(
            self.digest,
            self.number,
            organization_id=organization_id,
            membership_made=True,
            prints=self.prints_before,
        )
        ledger.settle(
            self.identity,
            version,
            stream=self.stream,
            chunk=self.chunk,
            email=self.row.email,
            error="unfinished",
        )

    def leaves_inactive(self, membership_id: str) -> bool:
        """Whether an inactive membership is to stay so: a record says it, and this one agrees."""
        status = self.row.status
        return status == "inactive" or (status is None and self.past.has_deactivated(membership_id))

    def too_early(self) -> RecordError:
        """That the record waits for the rest of the source."""
        is_user = self.row.kind is Kind.USERS
        return RecordError.worded(
            ErrorType.USER_UPDATE if is_user else ErrorType.ROLE_ASSIGNMENT,
            "it may be what record {} was, changed, or one more of that user and organization: "
            f"only the rest of the source tells, and it wasn't read; {LOAD_AGAIN}",
            self.before.number if self.before else self.number,
            retryable=True,
            waits=Waits.FOR_THE_END,
        )

    @property
    def own_roles(self) -> tuple[str, ...]:
        """Roles on the row's account: a blank takes none away."""
        return self.row.role_slugs or (self.before.roles if self.before else ())

    @property
    def given_up(self) -> set[str]:
        """Roles that the row gave before, and that no row of its identity gives any more."""
        if self.before is None or not self.row.role_slugs:
            return set()
        if self.past.is_earlier(self.before):
            return set()  # it may be another job's
        if self.places and not self.past.is_current(self.before):
            return set()  # since a reset its number tells nothing: it may be among those skipped
        others = {
            slug
            for version in self.past.versions
            if version.digest != self.before.digest
            for slug in version.roles
        }
        return set(self.before.roles) - set(self.row.role_slugs) - others

    def roles_to_revive(self, organization_id: str | None) -> list[str]:
        """Roles to make an inactive membership active with: WorkOS takes away all others.

        Args:
            organization_id: The membership's.
        """
        given = [v.roles for v in self.past.versions if v.organization_id == organization_id]
        kept = [slug for roles in given[::-1] for slug in roles if slug not in self.given_up]
        return list(dict.fromkeys([*kept, *self.row.role_slugs]))

    def moves_roles(self, known: Version) -> bool:
        """Whether the row asks for roles that the membership may lack, or gives some up."""
        current = filter(self.past.is_current, self.past.versions)
        given = {slug for version in current for slug in version.roles}
        return not given.issuperset(self.row.role_slugs) or bool(
            known.membership_made and self.given_up
        )


@dataclass(slots=True)
class EntityTask(AnyTask):
    """A row about no user."""

    row: EntityRow


def make_task(
    ledger: Ledger,
    row: Row,
    *,
    stream: str,
    chunk: int,
    number: int,
    digest: bytes,
    places: Places | None = None,
    key: Prints | None = None,
    is_incremental: bool = False,
    proven: bool = False,
    is_busy: Callable[[str], bool] = lambda _: False,
) -> AnyTask | None:
    """The task of a row; None if the ledger knows that there is nothing to do.

    While rows of its user are in flight (``is_busy``), it can't know.

    Raises:
        OutputError: The ledger can't be written.
    """
    identity = ledger.identity(*row.identity)
    earlier = ledger.earlier_identity(*row.identity)
    if row.kind is not Kind.USERS:  # a user's record may have the very same columns
        digest = blake2b(digest, digest_size=len(digest), salt=row.kind.encode()).digest()
    places = Places() if places is None else places
    place = (stream, chunk, number, digest)
    task: AnyTask
    if isinstance(row, UserRow):
        secret = {"totp_secret": row.totp.secret} if row.totp else {}
        prints = ledger.fingerprinter.prints({**row.fields, **secret})
        task = Task(*place, row, identity, prints, earlier, places, proven)
    else:
        prints = ledger.fingerprinter.prints(row.fields)
        task = EntityTask(*place, row, identity, prints, earlier, places, proven)
    task.key, task.is_incremental = key or {}, is_incremental
    task.look(ledger)
    if is_busy(row.key):
        task.was_done = task.past.is_done(digest)
    elif task.is_done(ledger):
        return None
    return task
