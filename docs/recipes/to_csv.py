"""The JSON exports of Auth0, Cognito, Firebase, Keycloak and Okta -> a CSV file for tap-csv.

Columns keep the provider's names: what becomes of them is said in meltano.yml. Objects and lists
stay JSON. The same export gives the same bytes, so an import can be resumed after a second
conversion. Memory is flat: what must be joined or sorted waits in a temporary SQLite file.

The CSV file holds password hashes: it has mode 0600, and is there only once it is complete.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sqlite3
import sys
import zlib
from collections import Counter
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from json_objects import Row, objects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")

NOT_AS_EXPORTED = (AttributeError, LookupError, TypeError, ValueError)
REDACTED = "UkVEQUNURUQ="  # Base64 of the word


class LeftOut(Exception):
    """What is left out, in the plural."""


class Source:
    """A provider's export.

    Attributes:
        columns: Those of the CSV file; the first is one that every user has.
        list_name: What the list of users is called, where the export is one document.
        left_out: How many of what were left out.
    """

    columns: ClassVar[str]
    list_name: ClassVar[str | None] = None

    def __init__(self, args: argparse.Namespace, db: sqlite3.Connection) -> None:
        self.args = args
        self.db = db
        self.left_out: Counter[str] = Counter()

    def rows(self) -> Iterator[Row]:
        """A row a user, in the order of the export."""
        return self.each(self.args.exports, self._checked)

    def _checked(self, user: Row) -> Row:
        user[self.columns.partition(" ")[0]]  # another provider's export hasn't it
        return self._row(user)

    def _row(self, user: Row) -> Row:
        return user

    def each(self, paths: Iterable[Path | None], convert: Callable[[Row], T]) -> Iterator[T]:
        """What becomes of each object of some files; those that are left out are counted."""
        for path in filter(None, paths):
            for line, item in objects(path, self.list_name):
                try:
                    yield convert(item)
                except LeftOut as what:
                    self.left_out[str(what)] += 1
                except NOT_AS_EXPORTED as error:  # whose text may quote a hash
                    lacks = isinstance(error, KeyError)
                    problem = f"has no {error}" if lacks else type(error).__name__
                    doubt = f"is it an export of {self.args.source}?"
                    raise SystemExit(f"{path}, line {line}: {problem}; {doubt}") from None


class Auth0(Source):
    """Users with their password hash and TOTP secret, those with one email side by side.

    Several accounts may have one email, and become one WorkOS user, whose fields are those of its
    first row: so a verified one comes first, one with a password before one without. The others
    lose password and TOTP secret: they may be a stranger's, who signed up with that address.
    """

    columns = (
        "user_id email email_verified given_name family_name name user_metadata app_metadata "
        "password_hash otp_secret"
    )

    def rows(self) -> Iterator[Row]:
        """A row an account, sorted so."""
        self.db.execute("CREATE TABLE passwords (login TEXT PRIMARY KEY, hash) WITHOUT ROWID")
        self.db.execute("CREATE TABLE factors (user_id TEXT PRIMARY KEY, secret) WITHOUT ROWID")
        self.db.execute("CREATE TABLE users (user_id, login, email, verified, user)")
        self.db.executemany(
            "INSERT OR REPLACE INTO passwords VALUES (?, ?)",
            filter(None, self.each([self.args.passwords], self._password)),
        )
        self.db.executemany(
            "INSERT OR REPLACE INTO factors VALUES (?, ?)",
            filter(None, self.each([self.args.factors], self._factor)),
        )
        self.db.executemany(
            "INSERT INTO users VALUES (?, ?, ?, ?, ?)", self.each(self.args.exports, self._user)
        )
        previous = b""
        for email, user, password_hash, secret in self.db.execute(
            "SELECT email, user, hash, secret FROM users LEFT JOIN passwords USING (login) "
            "LEFT JOIN factors USING (user_id) "
            "ORDER BY email, verified DESC, hash IS NULL, users.rowid"
        ):
            row = json.loads(user)
            if email != previous:
                row |= {"password_hash": password_hash, "otp_secret": secret}
            elif email and (password_hash or secret):
                self.left_out["passwords and TOTP secrets of further accounts with one email"] += 1
            previous = email
            yield row

    def _password(self, account: Row) -> tuple[str, str] | None:
        password_hash = account.get("passwordHash") or ""
        own = account["_id"]
        login = account.get("alt_id") or (own["$oid"] if isinstance(own, dict) else own)
        if password_hash and not password_hash.startswith("$2"):
            raise LeftOut("hashes that aren't bcrypt")
        return (f"auth0|{login}", password_hash) if password_hash else None

    def _factor(self, factor: Row) -> tuple[str, str] | None:
        return (factor["user_id"], factor["otp_secret"]) if factor["type"] == "otp" else None

    def _user(self, user: Row) -> tuple[str, str, bytes, bool, str]:
        if user.get("blocked"):
            raise LeftOut("blocked users")
        login = user["user_id"]
        if not login.startswith("auth0|"):  # an account with a password may be linked
            for identity in user.get("identities") or ():
                if identity["provider"] == "auth0":
                    login = f"auth0|{identity['user_id']}"
        email = (user.get("email") or "").strip().lower().encode(errors="surrogatepass")
        return user["user_id"], login, email, bool(user.get("email_verified")), json.dumps(user)


class Firebase(Source):
    """Users that aren't disabled."""

    columns = (
        "localId email emailVerified displayName phoneNumber passwordHash salt customAttributes "
        "createdAt"
    )
    list_name = "users"

    def _row(self, user: Row) -> Row:
        if user.get("disabled"):
            raise LeftOut("disabled users")
        if user.get("passwordHash") == REDACTED:
            raise SystemExit(
                "the export was made without the permission to read password hashes "
                "(firebaseauth.configs.getHashConfig), they are all the word REDACTED: export it "
                f"again, or take {REDACTED} out to load the users without passwords"
            )
        if user.get("passwordHash") and not user.get("salt"):
            self.left_out["hashes without a salt, which aren't Firebase's own"] += 1
            return user | {"passwordHash": ""}
        return user


class Keycloak(Source):
    """Users that aren't disabled, with the credentials that they sign in by."""

    columns = (
        "id username email emailVerified firstName lastName attributes realmRoles groups password "
        "otp createdTimestamp"
    )
    list_name = "users"

    def _row(self, user: Row) -> Row:
        if not user.get("enabled"):
            raise LeftOut("disabled users")
        found: Row = {}
        for credential in user.get("credentials") or ():
            kind = credential["type"]
            if kind in found:
                self.left_out[f"further credentials of type {kind}"] += 1
            found.setdefault(kind, credential)
        return user | {"password": found.get("password"), "otp": found.get("otp")}


class Grouped(Source):
    """A source whose groups are exports of their own, each named for its group."""

    user_id: ClassVar[str]

    def rows(self) -> Iterator[Row]:
        """A row a user, the groups read before."""
        self.db.execute("CREATE TABLE groups (member TEXT, name TEXT)")
        for path in self.args.groups:
            members = self.each([path], lambda user: str(user[self.user_id]))
            self.db.executemany(
                "INSERT INTO groups VALUES (?, ?)", ((member, path.stem) for member in members)
            )
        self.db.execute("CREATE INDEX groups_by_member ON groups (member)")
        return super().rows()

    def groups(self, user: Row) -> str:
        """The groups of a user, separated by commas."""
        found = self.db.execute(
            "SELECT name FROM groups WHERE member = ? ORDER BY name", [str(user[self.user_id])]
        )
        return ",".join(name for (name,) in found)


class Cognito(Grouped):
    """Users that aren't disabled: the usual attributes in columns, all of them in one."""

    columns = (
        "Username UserStatus sub email email_verified given_name family_name groups attributes"
    )
    list_name = "Users"
    user_id = "Username"

    def _row(self, user: Row) -> Row:
        if not user.get("Enabled", True):
            raise LeftOut("disabled users")
        attributes = {item["Name"]: item.get("Value") for item in user["Attributes"]}
        return user | attributes | {"groups": self.groups(user), "attributes": attributes}


class Okta(Grouped):
    """Users who may sign in, or could once they have set a password: the profile in columns."""

    columns = "id status email login firstName lastName groups profile"
    user_id = "id"

    def _row(self, user: Row) -> Row:
        if user["status"] in {"STAGED", "SUSPENDED", "DEPROVISIONED"}:
            raise LeftOut("staged, suspended and deactivated users")
        profile: Row = user["profile"]
        return profile | user | {"groups": self.groups(user)}


def write_csv(path: Path, source: Source) -> int:
    """Write the rows that have an email, for WorkOS has no users without; returns how many."""
    columns = source.columns.split()
    header = f"{','.join(columns)}\n"
    if path.exists():  # maybe an export: "to_csv.py okta *.json" names one as the CSV
        with path.open("rb") as earlier:
            if earlier.readline(len(header)) not in {b"", header.encode()}:
                raise SystemExit(
                    f"{path} is there already, and isn't a CSV of this command: it stays as it is. "
                    "Give the CSV another name, before those of the exports"
                )
    written = 0
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    try:
        # What is no Unicode text becomes bytes that tap-csv reports, not another name.
        private = partial(os.open, mode=0o600)
        with open(
            part, "x", encoding="utf-8", errors="surrogatepass", newline="", opener=private
        ) as file:
            writer = csv.writer(file, lineterminator="\n")
            file.write(header)
            for row in source.rows():
                if not _text(row.get("email")).strip():
                    source.left_out["users without an email"] += 1
                    continue
                writer.writerow([_text(row.get(column)) for column in columns])
                written += 1
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return written


def _text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False)


def main() -> None:
    """The command line: one CSV on disk, counts on stderr."""
    parser = argparse.ArgumentParser(description="An export -> a CSV file for tap-csv.")
    sources = parser.add_subparsers(required=True, dest="source")
    for kind in (Auth0, Cognito, Firebase, Keycloak, Okta):
        command = sources.add_parser(kind.__name__.lower())
        command.set_defaults(kind=kind)
        command.add_argument("csv", type=Path, help="the file to write, with mode 0600")
        command.add_argument("exports", type=Path, nargs="+", help="the export, may be .gz")
        if kind is Auth0:
            command.add_argument("--passwords", type=Path, help="the password hashes")
            command.add_argument("--factors", type=Path, help="the MFA factors")
        if issubclass(kind, Grouped):
            command.add_argument(
                "--groups", type=Path, nargs="+", default=[], help="members of a group, GROUP.json"
            )
    args = parser.parse_args()
    with closing(sqlite3.connect("")) as db:  # a temporary file, gone when it is closed
        source: Source = args.kind(args, db)
        try:
            written = write_csv(args.csv, source)
        except (OSError, EOFError, zlib.error, sqlite3.Error) as error:
            raise SystemExit(str(error)) from None
        except (OverflowError, UnicodeError):  # what SQLite can't keep; its text may quote a hash
            raise SystemExit("an id, a hash or a secret isn't Unicode text") from None
        except KeyboardInterrupt:
            raise SystemExit(130) from None
    sys.stderr.write(f"{args.csv}: {written:,} users\n")
    for what, count in sorted(source.left_out.items()):
        sys.stderr.write(f"left out, {what}: {count:,}\n")


if __name__ == "__main__":
    main()
