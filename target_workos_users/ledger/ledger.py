"""The ledger: what was done, person by person and record by record.

The state is the checkpoint; the ledger saves requests and answers questions. Deleting it loses
nothing and harms nobody: it costs requests.

One row a person and one a version of a record, in one transaction per turn of the event loop.
docs/state.md describes what it is used for, :mod:`.memory` what a row says.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from target_workos_users.ledger.memory import (
    INACTIVE,
    MANY_VERSIONS,
    REVIVED,
    VERSIONS,
    VERSIONS_NEAR,
    Made,
    Past,
    Person,
    Version,
    person_of,
    version_of,
)
from target_workos_users.ledger.names import Names
from target_workos_users.ledger.owner import LedgerFile
from target_workos_users.ledger.prints import Fingerprinter, pack
from target_workos_users.ledger.runs import NOT_BEGUN, begin_run
from target_workos_users.records.redaction import redact_text

if TYPE_CHECKING:
    from target_workos_users.ledger.database import Database

_LATEST_KEYS = 1_000  # a row asks for its user's several times


class Ledger(LedgerFile):
    """Remembers people and records.

    Args:
        database: An open ledger.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.fingerprinter = Fingerprinter(self._meta("key"))
        self._key_of = lru_cache(_LATEST_KEYS)(self.fingerprinter.number)  # of an email
        self._names = Names(database)
        self._run = NOT_BEGUN

    # Runs

    def begin(self, lineage: str | None, mark: str) -> bool:
        """A run begins.

        Args:
            lineage: Of the checkpoint. None: the run goes beside the last import, and adds to what
                is known of it.
            mark: The checkpoint's fingerprint.

        Returns:
            Whether it goes on from the last run of the lineage. Else the import was reset:
            nothing that was done before is taken for done.
        """
        self._run, continued = begin_run(self._database, lineage, mark)
        return continued

    def mark(self, seq: int, fingerprint: str) -> None:
        """A STATE line is about to be printed.

        Raises:
            OutputError: The ledger can't be written.
        """
        self._run.mark(self._database, seq, fingerprint)

    def end(self) -> None:
        """The last STATE line of an orderly run is printed.

        Raises:
            OutputError: The ledger can't be written.
        """
        self._run.end(self._database)

    # People

    def person(self, email: str) -> Person | None:
        """What is known of a user; None if nothing is.

        Args:
            email: Canonical.
        """
        rows = self._database.query(
            "SELECT email, user_id, external_id, made, settled, turn, held, seen FROM people "
            "WHERE key = ?",
            (self._key_of(email),),
        )
        if not rows or rows[0][0] != email:
            return None
        with self._database.reading():
            return person_of(rows[0], reset=self._run.reset, run=self._run.first_turn)

    def attempt(self, email: str) -> None:
        """A create is about to be sent; :attr:`defer` commits that first.

        Raises:
            OutputError: The ledger can't be written.
        """
        self._database.write(
            "INSERT OR REPLACE INTO people (key, email, made, settled, turn) "
            "VALUES (?, ?, ?, 0, 0)",  # WorkOS had no such user a moment ago, whatever was known
            (self._key_of(email), email, int(Made.ATTEMPTED)),
        )

    def keep(self, person: Person) -> None:
        """Remember what is known of a user now.

        Raises:
            OutputError: The ledger can't be written.
        """
        self._database.write(
            "INSERT OR REPLACE INTO people VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                self._key_of(person.email),
                person.email,
                person.user_id,
                person.external_id and redact_text(person.external_id),
                int(person.made),
                int(person.settled),
                self._run.next_turn() if person.current else 0,
                pack(person.held) or None,
                pack(person.seen) or None,
            ),
        )

    def settle_person(self, person: Person) -> None:
        """A record that the user was made for has come to its end; the rest is kept already.

        Raises:
            OutputError: The ledger can't be written.
        """
        person.settled = True
        self._database.write(
            "UPDATE people SET settled = 1 WHERE key = ?", (self._key_of(person.email),)
        )

    # Records

    def identity(self, *parts: object) -> int:
        """The number under which a record is remembered.

        Args:
            parts: What tells it from others of the import: email and organization, say; or its
                digest.
        """
        return self.fingerprinter.number(self._run.lineage, *parts)

    def earlier_identity(self, *parts: object) -> int | None:
        """The same in the import before this one; None if there was none."""
        earlier = self._run.earlier
        return None if earlier is None else self.fingerprinter.number(earlier, *parts)

    def past(
        self,
        identity: int,
        digest: bytes = b"",
        number: int = 0,
        *,
        stream: str,
        earlier: int | None = None,
    ) -> Past:
        """What is known of a record's identity.

        Args:
            identity: From :meth:`identity`.
            earlier: From :meth:`earlier_identity`.
            digest: Of the record that is looked at.
            number: Of the record.
            stream: Of the record.
        """
        sought = {"key": identity, "digest": digest, "number": number}
        rows = self._database.query(VERSIONS, sought)
        if len(rows) == MANY_VERSIONS:  # thousands of rows of one person mustn't cost their square
            rows = self._database.query(VERSIONS_NEAR, {**sought, "run": self._run.first_turn})
        with self._database.reading():
            versions = list(map(version_of, rows))
        of = self._names.stream(self._run.lineage, stream)
        past = Past(versions, self._run.reset, self._run.first_turn, of)
        if earlier is not None and not versions:
            before = self._names.stream(self._run.earlier or "", stream)
            rows = self._database.query(VERSIONS, {"key": earlier})
            with self._database.reading():
                past.earlier = [version_of(row, {before: of}) for row in rows]
        return past

    def settle(
        self,
        identity: int,
        version: Version,
        *,
        stream: str,
        chunk: int,
        email: str | None = None,
        replaces: Version | None = None,
        error: str | None = None,
    ) -> None:
        """A record came to its end.

        Args:
            identity: Of the record.
            version: What is known of it now; its ``turn`` is given by the ledger.
            stream: Of the record.
            chunk: In which it came, from 1.
            email: Of its person, if it has one.
            replaces: The version that the record had before.
            error: Its error types, if it failed.

        Raises:
            OutputError: The ledger can't be written.
        """
        if replaces and replaces.digest != version.digest:
            key = (identity, replaces.digest)
            self._database.write("DELETE FROM records WHERE key = ? AND digest = ?", key)
        if replaces and version.done:
            failed = "DELETE FROM records WHERE key = ? AND NOT done AND turn < ?"
            self._database.write(failed, (identity, self._run.first_turn))
        self._database.write(
            "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                identity,
                version.digest,
                self._names.stream(self._run.lineage, stream),
                chunk,
                version.number,
                email and self._key_of(email),
                self._run.next_turn(),
                int(version.done),
                self._names.organization(version.organization_id),
                version.membership_id,
                int(version.membership_made),
                " ".join(version.roles) or None,
                INACTIVE * version.inactive + REVIVED * version.revived,
                pack(version.prints) or None,
                error,
            ),
        )

    def move(self, identity: int, digest: bytes, *, chunk: int, number: int) -> None:
        """A record that is done was looked at; it may stand elsewhere now.

        Raises:
            OutputError: The ledger can't be written.
        """
        self._database.write(
            "UPDATE records SET turn = ?, chunk = ?, number = ? WHERE key = ? AND digest = ?",
            (self._run.next_turn(), chunk, number, identity, digest),
        )

    def organization(self, workos_id: str, external_id: str | None, *, made: bool) -> None:
        """An organization was created, or found.

        Raises:
            OutputError: The ledger can't be written.
        """
        shown = external_id and redact_text(external_id)  # a ragged row puts a hash anywhere
        self._names.add_organization(workos_id, shown, made=made)

    def attempt_organization(self, external_id: str) -> None:
        """An organization is about to be created; :attr:`defer` commits that first.

        Raises:
            OutputError: The ledger can't be written.
        """
        self._names.attempt_organization(external_id)

    def made_organization(self, workos_id: str) -> bool:
        """Whether this import made an organization, or tried to and then found it."""
        return self._names.made_organization(workos_id)
