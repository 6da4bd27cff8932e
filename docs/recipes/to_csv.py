"""The exports of Auth0, Firebase and Cognito -> a CSV file for tap-csv.

Columns keep the provider's names: what becomes of them is said in meltano.yml. Objects and lists
stay JSON. The same export gives the same bytes, so an import can be resumed after a second
conversion. Memory is flat: what must be joined or sorted waits in a temporary SQLite file.

The CSV file holds password hashes: it has mode 0600, and is there only once it is complete.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import os
import sqlite3
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

Row = dict[str, Any]

COLUMNS = {
    "auth0": "user_id email email_verified given_name family_name name user_metadata app_metadata "
    "password_hash otp_secret",
    "firebase": "localId email emailVerified displayName phoneNumber passwordHash salt "
    "customAttributes createdAt",
    "cognito": "Username UserStatus sub email email_verified given_name family_name groups "
    "attributes",
}
CHUNK = 2**16  # characters read at a time
LARGEST = 2**22  # characters of one user at most: a broken file must not be read whole


def auth0(args: argparse.Namespace, left_out: Counter[str]) -> Iterator[Row]:
    """Users with their password hash and TOTP secret, those with one email side by side.

    Several accounts may have one email, and become one WorkOS user, whose fields are those of its
    first row: so a verified one comes first, one with a password before one without. The others
    lose password and TOTP secret: they may be a stranger's, who signed up with that address.
    """
    with closing(sqlite3.connect("")) as db:  # a temporary file, gone when it is closed
        db.execute("CREATE TABLE passwords (login TEXT PRIMARY KEY, hash TEXT) WITHOUT ROWID")
        db.execute("CREATE TABLE factors (user_id TEXT PRIMARY KEY, secret TEXT) WITHOUT ROWID")
        db.execute("CREATE TABLE users (user_id, login, email, verified, user)")
        db.executemany(
            "INSERT OR REPLACE INTO passwords VALUES (?, ?)", _passwords(args.passwords, left_out)
        )
        db.executemany(
            "INSERT OR REPLACE INTO factors VALUES (?, ?)",
            (
                (factor["user_id"], factor["otp_secret"])
                for factor in lines(args.factors)
                if factor["type"] == "otp"
            ),
        )
        db.executemany("INSERT INTO users VALUES (?, ?, ?, ?, ?)", _users(args.exports, left_out))
        previous = b""
        for email, user, password_hash, secret in db.execute(
            "SELECT email, user, hash, secret FROM users LEFT JOIN passwords USING (login) "
            "LEFT JOIN factors USING (user_id) "
            "ORDER BY email, verified DESC, hash IS NULL, users.rowid"
        ):
            row = json.loads(user)
            if email != previous:
                row |= {"password_hash": password_hash, "otp_secret": secret}
            elif password_hash or secret:
                left_out["passwords and TOTP secrets of further accounts with one email"] += 1
            previous = email
            yield row


def _passwords(path: Path | None, left_out: Counter[str]) -> Iterator[tuple[str, str]]:
    for account in lines(path):
        password_hash = account.get("passwordHash") or ""
        if password_hash.startswith("$2"):
            yield f"auth0|{account.get('alt_id') or account['_id']['$oid']}", password_hash
        elif password_hash:
            left_out["hashes that aren't bcrypt"] += 1


def _users(
    paths: list[Path], left_out: Counter[str]
) -> Iterator[tuple[str, str, bytes, bool, str]]:
    for path in paths:
        for user in lines(path):
            if user.get("blocked"):
                left_out["blocked users"] += 1
                continue
            login = user["user_id"]
            if not str(login).startswith("auth0|"):  # an account with a password may be linked
                for identity in user.get("identities") or ():
                    if identity["provider"] == "auth0":
                        login = f"auth0|{identity['user_id']}"
            email = (user.get("email") or "").strip().lower().encode(errors="surrogatepass")
            verified = bool(user.get("email_verified"))
            yield user["user_id"], login, email, verified, json.dumps(user)


def firebase(args: argparse.Namespace, left_out: Counter[str]) -> Iterator[Row]:
    """Users that aren't disabled."""
    for path in args.exports:
        for user in members(path):
            if user.get("disabled"):
                left_out["disabled users"] += 1
            else:
                yield user


def cognito(args: argparse.Namespace, left_out: Counter[str]) -> Iterator[Row]:
    """Users that aren't disabled: the usual attributes in columns, all of them in one."""
    with closing(sqlite3.connect("")) as db:
        db.execute("CREATE TABLE groups (username TEXT, name TEXT)")
        db.executemany(
            "INSERT INTO groups VALUES (?, ?)",
            ((user["Username"], path.stem) for path in args.groups for user in members(path)),
        )
        db.execute("CREATE INDEX groups_by_username ON groups (username)")
        for path in args.exports:
            for user in members(path):
                if not user.get("Enabled", True):
                    left_out["disabled users"] += 1
                    continue
                found = db.execute(
                    "SELECT name FROM groups WHERE username = ? ORDER BY name", [user["Username"]]
                )
                groups = ",".join(name for (name,) in found)
                attributes = {item["Name"]: item.get("Value") for item in user["Attributes"]}
                yield user | attributes | {"groups": groups, "attributes": attributes}


def lines(path: Path | None) -> Iterator[Row]:
    """The objects of an NDJSON file; none if there is no file."""
    if path is None:
        return
    with _open(path) as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                try:
                    yield json.loads(line)
                except ValueError:  # its text quotes the line, which may hold a hash
                    raise SystemExit(f"{path}, line {number}: not JSON; is it cut off?") from None


def members(path: Path) -> Iterator[Row]:
    """The objects in the list of a JSON document, one at a time."""
    decoder = json.JSONDecoder()
    with _open(path) as file:
        text = ""
        while "[" not in text:
            text += _more(file, path, text)
        text = text.partition("[")[2]
        while not (text := text.lstrip(" \t\r\n,")).startswith("]"):
            try:
                user, end = decoder.raw_decode(text)
            except ValueError:
                text += _more(file, path, text)
            else:
                yield user
                text = text[end:]


def _more(file: IO[str], path: Path, text: str) -> str:
    more = file.read(CHUNK)
    if not more or len(text) > LARGEST:
        raise SystemExit(f"{path}: not a JSON document with a list; is it cut off?")
    return more


def _open(path: Path) -> IO[str]:
    opened = gzip.open if path.suffix == ".gz" else open
    return opened(path, "rt", encoding="utf-8-sig", errors="surrogateescape")


def write_csv(path: Path, columns: list[str], rows: Iterator[Row], left_out: Counter[str]) -> int:
    """Write the rows that have an email, for WorkOS has no users without; returns how many."""
    written = 0
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    try:
        # What is no Unicode text becomes bytes that tap-csv reports, not another name.
        with open(
            part, "x", encoding="utf-8", errors="surrogatepass", newline="", opener=_private
        ) as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            for row in rows:
                if not row.get("email"):
                    left_out["users without an email"] += 1
                    continue
                writer.writerow([_text(row.get(column)) for column in columns])
                written += 1
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return written


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False)


def main() -> None:
    """The command line: one CSV on disk, counts on stderr."""
    parser = argparse.ArgumentParser(description="An export -> a CSV file for tap-csv.")
    providers = parser.add_subparsers(required=True, dest="provider")
    for name, convert in (("auth0", auth0), ("firebase", firebase), ("cognito", cognito)):
        command = providers.add_parser(name)
        command.set_defaults(convert=convert)
        command.add_argument("csv", type=Path, help="the file to write, with mode 0600")
        command.add_argument("exports", type=Path, nargs="+", help="the export, may be .gz")
        if name == "auth0":
            command.add_argument("--passwords", type=Path, help="the password hashes, NDJSON")
            command.add_argument("--factors", type=Path, help="the MFA factors, NDJSON")
        if name == "cognito":
            command.add_argument(
                "--groups", type=Path, nargs="+", default=[], help="members of a group, GROUP.json"
            )
    args = parser.parse_args()
    left_out: Counter[str] = Counter()
    try:
        rows = args.convert(args, left_out)
        written = write_csv(args.csv, COLUMNS[args.provider].split(), rows, left_out)
    except KeyError as name:
        raise SystemExit(f"a user has no {name}: is it an export of {args.provider}?") from None
    except (OSError, EOFError) as error:
        raise SystemExit(str(error)) from None
    sys.stderr.write(f"{args.csv}: {written:,} users\n")
    for what, count in sorted(left_out.items()):
        sys.stderr.write(f"left out, {what}: {count:,}\n")


if __name__ == "__main__":
    main()
