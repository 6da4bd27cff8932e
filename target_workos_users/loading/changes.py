"""What a row may change of a user that WorkOS has: compare and swap, field by field. Pure.

A field moves only from the value that this record gave before to the one that it gives now, and
only if the former is what WorkOS has. What another row gave stays, and so does what nobody knows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from target_workos_users.ledger.memory import Made
from target_workos_users.ledger.prints import EMAIL_VERIFIED, PASSWORD, TOTP

if TYPE_CHECKING:
    from collections.abc import Mapping

    from target_workos_users.ledger import Person
    from target_workos_users.ledger.prints import Prints

UpdatePasswords = Literal["changed", "always", "never"]


@dataclass(slots=True)
class Changes:
    """Slots of fields, by what is to be done with them.

    Attributes:
        write: Send them.
        swap: Send them if WorkOS has what the record gave before.
        fill: Send them if WorkOS has nothing there; a password, if the user never signed in.
        left: Another row's value holds.
        password_left: The password isn't sent: the user may have set one since.
    """

    write: set[int] = field(default_factory=set)
    swap: set[int] = field(default_factory=set)
    fill: set[int] = field(default_factory=set)
    left: set[int] = field(default_factory=set)
    password_left: bool = False

    def to_send(self, theirs: Prints, before: Prints, *, made: Made, signed_in: bool) -> set[int]:
        """Of ``swap`` and ``fill``, what is to be sent.

        Args:
            theirs: Fingerprints of what WorkOS has.
            before: What the record gave before.
            made: Whether this import made the user.
            signed_in: The user has signed in: who knows by which password.
        """
        slots = {slot for slot in self.swap if theirs.get(slot) == before[slot]}
        if made is Made.ATTEMPTED and signed_in:
            return slots  # she may have signed up herself, while the create was on its way
        slots |= {slot for slot in self.fill - {PASSWORD} if slot not in theirs}
        return slots | (set() if signed_in else self.fill & {PASSWORD})

    @property
    def needs_look(self) -> bool:
        """Whether the user has to be read first."""
        return bool(self.swap or self.fill)


def changes(
    person: Person, now: Prints, before: Prints, *, update: bool, passwords: UpdatePasswords
) -> Changes:
    """What to do with a row of a known user.

    Args:
        person: What is known of the user.
        now: What the row gives.
        before: What it gave when it was last looked at; empty if it never was.
        update: ``existing_users`` is ``update``.
        passwords: The setting ``update_passwords``.
    """
    result = Changes()
    for slot, value in now.items():
        if slot == PASSWORD:
            _password(result, person, value, before, update=update, passwords=passwords)
        elif slot != TOTP and person.held.get(slot) != value and before.get(slot) != value:
            _field(result, person, slot, before, update=update)
    return result


def _field(result: Changes, person: Person, slot: int, before: Prints, *, update: bool) -> None:
    """A field of which the row gives another value than WorkOS has, and than it gave before."""
    held, seen, own = person.held.get(slot), person.seen.get(slot), before.get(slot)
    if held is None and seen is None:
        if person.made is Made.YES or _seems_made(person, slot) or (update and before):
            result.fill.add(slot)
    elif own is None or own not in (held, seen):
        result.left.add(slot)
    elif update:
        (result.write if own == held else result.swap).add(slot)


def _seems_made(person: Person, slot: int) -> bool:
    """Whether a user whose create got no answer has what it was to have, and nothing else."""
    tells = person.held.keys() - {PASSWORD, TOTP, EMAIL_VERIFIED}
    agrees = bool(tells) and person.seen.keys() <= {PASSWORD}
    return person.made is Made.ATTEMPTED and agrees and slot != EMAIL_VERIFIED


def _password(
    result: Changes,
    person: Person,
    value: int,
    before: Prints,
    *,
    update: bool,
    passwords: UpdatePasswords,
) -> None:
    """Written anew only where this import made the user, and the source's password changed.

    And where the user hasn't signed in since, who may have set another: the ledger itself may be a
    copy that is older than the last import.
    """
    held, own = person.held.get(PASSWORD), before.get(PASSWORD)
    may_write = update and passwords != "never"
    if may_write and passwords == "always":
        if value != held or not person.recent:  # once a run, if it has several rows
            result.write.add(PASSWORD)
    elif value in (held, own):
        return
    elif held is not None:
        if own != held:
            result.left.add(PASSWORD)
        elif may_write and person.made is Made.YES:
            result.fill.add(PASSWORD)  # WorkOS doesn't show what it has, but who has signed in
        else:
            result.password_left = update
    elif (
        person.made is Made.YES
        and PASSWORD not in person.seen
        and (not (person.held or person.seen) or (may_write and before))
    ):
        result.fill.add(PASSWORD)
    else:
        result.password_left = True


def differences(user: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """What a ``PUT`` must send to make the user's fields those of a row; no password.

    A verified email is left so, since WorkOS can't unverify it (OpenAPI spec: 400
    ``email_already_verified``). Of the metadata, only keys that differ are sent: WorkOS merges
    them (docs: metadata).

    Args:
        user: The user as WorkOS answered.
        fields: The body of the row's ``POST``.
    """
    found: dict[str, Any] = {}
    for name, value in fields.items():
        if name == "metadata":
            theirs = user.get(name) or {}
            if differing := {key: text for key, text in value.items() if theirs.get(key) != text}:
                found[name] = differing
        elif (
            name in COMPARED
            and user.get(name) != value
            and not (name == "email_verified" and user.get(name))
        ):
            found[name] = value
    return found


def may_move(prints: Prints, fields: Mapping[str, Any]) -> Prints:
    """A row's fingerprints, but for an email that isn't verified: WorkOS can't unverify one."""
    if fields.get("email_verified") is not False:
        return prints
    return {slot: value for slot, value in prints.items() if slot != EMAIL_VERIFIED}


def fields_of(user: Mapping[str, Any]) -> dict[str, Any]:
    """What WorkOS has of a user, as a row would give it; blanks left out."""
    fields = {name: user[name] for name in COMPARED if user.get(name)}
    return fields | {"metadata": user.get("metadata") or {}}


COMPARED = ("first_name", "last_name", "name", "email_verified", "external_id")
"""Fields that WorkOS answers with, besides ``metadata``."""
