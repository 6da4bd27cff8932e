"""What the ledger knows of a person and of a record. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from target_workos_users.ledger.prints import Prints, unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence


class Made(IntEnum):
    """Whether this import made a user or a membership."""

    NO = 0  # it was there before
    ATTEMPTED = 1  # a create was sent, and its answer is not known
    YES = 2  # WorkOS answered the create with success


INACTIVE, REVIVED = 1, 2  # bits of the column ``inactive``
MANY_VERSIONS = 50
_COLUMNS = (
    "SELECT digest, number, turn, done, workos_id, membership, r.made, roles, inactive, prints, "
    "stream FROM records r LEFT JOIN organizations o ON o.id = organization WHERE key = "
)
VERSIONS = f"{_COLUMNS} :key ORDER BY turn DESC LIMIT {MANY_VERSIONS}"
_NEAR = """:key AND digest IN (
    SELECT :digest UNION
    SELECT * FROM (SELECT digest FROM records WHERE key = :key ORDER BY turn DESC LIMIT 10) UNION
    SELECT * FROM (
        SELECT digest FROM records WHERE key = :key AND turn < :run
        ORDER BY abs(number - :number) LIMIT 10
    ) UNION
    SELECT digest FROM (SELECT digest, max(turn) FROM records WHERE key = :key GROUP BY roles)
) ORDER BY turn DESC"""
VERSIONS_NEAR = _COLUMNS + _NEAR
"""Of many versions: the record's own, one for each choice of roles, the newest, the nearest."""


@dataclass(slots=True)
class Person:
    """A user, by email.

    Attributes:
        email: Canonical.
        user_id: WorkOS's id; None as long as no create was answered.
        external_id: The source's id, if a row gave one.
        made: Whether this import made the user.
        settled: A record that the user was made for has come to its end.
        current: WorkOS is known to have the user since the import was last reset.
        recent: … since this run began.
        held: Values that WorkOS has from a row: written, or there already.
        seen: Values of rows that were left, since WorkOS has, or may have, others.
    """

    email: str
    user_id: str | None = None
    external_id: str | None = None
    made: Made = Made.NO
    settled: bool = False
    current: bool = False
    recent: bool = False
    held: Prints = field(default_factory=dict)
    seen: Prints = field(default_factory=dict)

    @property
    def is_named_only(self) -> bool:
        """Whether it is known from records that name it only, and was there before them."""
        return self.user_id is not None and self.made is Made.NO and not self.settled


@dataclass(slots=True, frozen=True)
class Version:
    """A record as it was when it was last looked at.

    Attributes:
        digest: Of the record.
        number: Of the record, from 1 in the tap's order.
        turn: When it was looked at: grows from run to run, and with every event within one.
        done: It was loaded without an error.
        organization_id: WorkOS's id of its organization.
        membership_id: WorkOS's id of its membership, if it is known.
        membership_made: This import made the membership.
        roles: Roles that the membership has on this record's account.
        inactive: The membership was deactivated for this record.
        revived: The membership was inactive until this record made it active.
        prints: Values that were written, or seen, for this record; and its primary key.
        stream: The number of its stream.
    """

    digest: bytes
    number: int = 0
    turn: int = 0
    done: bool = False
    organization_id: str | None = None
    membership_id: str | None = None
    membership_made: bool = False
    roles: tuple[str, ...] = ()
    inactive: bool = False
    revived: bool = False
    prints: Prints = field(default_factory=dict)
    stream: int = 0

    def has_other_key(self, key: Prints) -> bool:
        """Whether it is known to have had another primary key, of the same columns."""
        return any(self.prints.get(slot, value) != value for slot, value in key.items())

    @property
    def is_attempt(self) -> bool:
        """Whether a create was sent for its membership, and its end isn't known."""
        return self.membership_made and self.membership_id is None


@dataclass(slots=True)
class Past:
    """All that is known of one identity in an import: an email with an organization.

    The source may have several rows of one identity: each has its version. A row that changed
    replaces its own version, so that a row that changes back is not taken for done.

    Attributes:
        versions: Newest first.
        reset: The turn at which the import was last reset: what is older is to be verified.
        run: The turn at which this run began: what is newer belongs to other rows of the source.
        stream: The number of the record's stream; versions of other streams are other records.
        earlier: Of the import before this one, if this one has none yet. As a rule it is the same
            import, whose checkpoint was cleared; but it may be another job's.
    """

    versions: Sequence[Version] = ()
    reset: int = 0
    run: int = 0
    stream: int = 0
    earlier: Sequence[Version] = ()

    def is_done(self, digest: bytes) -> bool:
        """Whether a record needs no request."""
        return any(
            version.digest == digest and version.done and version.turn >= self.reset
            for version in self.versions
        )

    def is_earlier(self, version: Version | None) -> bool:
        """Whether a version is of the import before this one."""
        return any(each is version for each in self.earlier)

    def is_current(self, version: Version | None) -> bool:
        """Whether what a version says needn't be verified since a reset."""
        return version is not None and version.turn >= self.reset

    def before(
        self,
        digest: bytes,
        number: int,
        prints: Prints,
        is_there: Callable[[int], bool],
        key: Prints,
    ) -> Version | None:
        """The version that a record replaces: its own; or the most similar one of an earlier run.

        Of several that are as similar it is the nearest one: another row of the identity may come
        later, unchanged.

        Args:
            digest: Of the record.
            number: Of the record.
            prints: Of the record.
            is_there: Whether the record of a number is in the source as it was.
            key: Of the record; one that has another is another record. Empty: that isn't known.
        """
        for version in (*self.versions, *self.earlier):
            if version.digest == digest:
                return version
        return max(
            (
                v
                for v in self._own
                if v.turn < self.run and not is_there(v.number) and not v.has_other_key(key)
            ),
            key=lambda v: (len(v.prints.items() & prints.items()), -abs(v.number - number)),
            default=None,
        )

    @property
    def has_come(self) -> bool:
        """Whether this run looked at a record of the identity, in its stream."""
        return any(version.turn >= self.run for version in self._own)

    @property
    def _own(self) -> Iterable[Version]:
        """Those of the stream."""
        known = self.versions or self.earlier
        return (version for version in known if version.stream == self.stream)

    @property
    def _all(self) -> Iterable[Version]:
        return (*self.versions, *self.earlier)

    def has_attempted_membership(self, organization_id: str | None) -> bool:
        """Whether a kill came between a create for it and its end."""
        return any(v.is_attempt and v.organization_id == organization_id for v in self.versions)

    def knows(self, membership_id: str) -> bool:
        """Whether a record has had a membership before."""
        return any(v.membership_id == membership_id for v in self._all)

    def knew_membership(self, organization_id: str | None) -> bool:
        """Whether there was a membership in it, whatever was reset since."""
        return any(v.membership_id and v.organization_id == organization_id for v in self._all)

    def has_made(self, membership_id: str) -> bool:
        """Whether this import made a membership, whatever was reset since."""
        return any(v.membership_made and v.membership_id == membership_id for v in self._all)

    def has_revived(self, membership_id: str) -> bool:
        """Whether this import made a membership active that had been inactive."""
        return any(v.revived and v.membership_id == membership_id for v in self._all)

    def has_deactivated(self, membership_id: str) -> bool:
        """Whether a record has or had a membership inactive, whatever was reset since."""
        return any(v.inactive and v.membership_id == membership_id for v in self._all)

    @property
    def membership(self) -> Version | None:
        """The newest version that knows the membership; None if WorkOS has to be asked."""
        return next((v for v in self.versions if v.membership_id and v.turn >= self.reset), None)


def person_of(row: Sequence[Any], *, reset: int, run: int) -> Person:
    """A row of the table ``people``, without its key.

    Args:
        row: Its columns, in their order.
        reset: The turn at which the import was last reset.
        run: The turn at which this run began.

    Raises:
        ValueError: It makes no sense.
    """
    email, user_id, external_id, made, settled, turn, held, seen = row
    return Person(
        email,
        user_id,
        external_id,
        made=Made(made),
        settled=bool(settled),
        current=turn >= reset,
        recent=turn >= run,
        held=unpack(held),
        seen=unpack(seen),
    )


def version_of(row: Sequence[Any], streams: Mapping[int, int] | None = None) -> Version:
    """A row of the table ``records``: digest, number, turn, and what follows in :class:`Version`.

    Args:
        row: Its columns.
        streams: Numbers of streams that go by another one now.

    Raises:
        ValueError: It makes no sense.
    """
    digest, number, turn, done, organization_id, membership_id, made, roles, *rest = row
    status, prints, stream = rest
    return Version(
        digest,
        int(number),
        int(turn),
        done=bool(done),
        organization_id=organization_id,
        membership_id=membership_id,
        membership_made=bool(made),
        roles=tuple((roles or "").split()),
        inactive=bool(status & INACTIVE),
        revived=bool(status & REVIVED),
        prints=unpack(prints),
        stream=(streams or {}).get(stream, int(stream)),
    )
