"""docs/recipes/to_csv.py: exports as they are, broken and foreign ones too -> a CSV file."""

from __future__ import annotations

import csv
import gzip
import json
import re
import runpy
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

RECIPES = Path(__file__).parents[2] / "docs" / "recipes"
NAMES = sorted(set(re.findall(r'"(\w+)"', (RECIPES / "to_csv.py").read_text())))


@pytest.fixture(scope="module")
def module():
    """to_csv.py's names, as a run of the script sees them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(RECIPES))
        yield runpy.run_path(str(RECIPES / "to_csv.py"))


def to_csv(folder, *arguments):
    return subprocess.run(
        [sys.executable, RECIPES / "to_csv.py", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def rows(path):
    with path.open(encoding="utf-8", errors="surrogatepass", newline="") as file:
        return list(csv.DictReader(file))


def test_the_same_export_gives_the_same_bytes(tmp_path):
    files = [RECIPES / "auth0" / f"{name}.ndjson" for name in ("users", "passwords", "factors")]
    options = [files[0], "--passwords", files[1], "--factors", files[2]]
    for name in ("a.csv", "b.csv"):
        assert to_csv(tmp_path, "auth0", name, *options).returncode == 0
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_of_accounts_with_one_email_the_verified_one_with_a_password_comes_first(tmp_path):
    accounts = [  # (id, verified, hash)
        ("unverified", False, "$2b$10$u"),
        ("verified", True, None),
        ("both", True, "$2b$10$b"),
        ("neither", False, None),
    ]
    users = [
        {"user_id": f"auth0|{name}", "email": " Ann@Example.com ", "email_verified": verified}
        for name, verified, _ in accounts
    ]
    passwords = [
        {"_id": {"$oid": name}, "passwordHash": password_hash}
        for name, _, password_hash in accounts
        if password_hash
    ]
    factors = [{"user_id": "auth0|unverified", "type": "otp", "otp_secret": "JBSWY3DP"}]
    for name, content in (("u", users), ("p", passwords), ("f", factors)):
        (tmp_path / name).write_text("".join(json.dumps(line) + "\n" for line in content))
    done = to_csv(tmp_path, "auth0", "users.csv", "u", "--passwords", "p", "--factors", "f")
    found = rows(tmp_path / "users.csv")
    assert [row["user_id"].partition("|")[2] for row in found] == [
        "both",
        "verified",
        "unverified",
        "neither",
    ]
    assert [row["password_hash"] for row in found] == ["$2b$10$b", "", "", ""]
    assert {row["otp_secret"] for row in found} == {""}
    assert "passwords and TOTP secrets of further accounts with one email: 1" in done.stderr


def test_an_account_with_a_password_keeps_it_whatever_is_linked_to_it(tmp_path):
    linked = [{"provider": "auth0", "user_id": name} for name in ("own", "other")]
    user = {"user_id": "auth0|own", "email": "ann@example.com", "identities": linked}
    passwords = [
        {"_id": {"$oid": name}, "passwordHash": f"$2b$10${name}"} for name in ("own", "other")
    ]
    (tmp_path / "u").write_text(json.dumps(user))
    (tmp_path / "p").write_text("".join(json.dumps(line) + "\n" for line in passwords))
    assert to_csv(tmp_path, "auth0", "users.csv", "u", "--passwords", "p").returncode == 0
    assert rows(tmp_path / "users.csv")[0]["password_hash"] == "$2b$10$own"


def test_a_hash_of_another_kind_is_left_out_and_counted_but_not_shown(tmp_path):
    (tmp_path / "u").write_text('{"user_id": "auth0|1", "email": "ann@example.com"}\n')
    (tmp_path / "p").write_text('{"_id": {"$oid": "1"}, "passwordHash": "md5:5f4dcc3b5aa7"}\n')
    done = to_csv(tmp_path, "auth0", "users.csv", "u", "--passwords", "p")
    assert rows(tmp_path / "users.csv")[0]["password_hash"] == ""
    assert "left out, hashes that aren't bcrypt: 1" in done.stderr
    assert "5f4dcc" not in done.stderr


@pytest.mark.parametrize(
    ("provider", "content", "problem"),
    [
        ("auth0", '{"user_id": "auth0|1", "email": "ann@', "users.json, line 1: not JSON"),
        (
            "auth0",
            '[{"user_id": "auth0|1", "email": "ann@x.y"}\n, {"us',
            "users.json, line 2: not JSON",
        ),
        ("auth0", '[{"user_id": "auth0|1"} {"user_id": "auth0|2"}]', "line 1: not JSON"),
        ("firebase", '{"users": [{"localId": "1", "email": "ann@', "is it cut off?"),
        ("cognito", '{"Users": [{"Username": "1", "Attributes": []},', "is it cut off?"),
        ("firebase", '{"users": [{"localId": "1", "email": "ann@x.y"}]', "is it cut off?"),
        ("keycloak", '{"realm": "r", "users": [], "clients": [{"id":', "is it cut off?"),
        ("okta", '[{"id": "1", "status": "ACTIVE", "profile": {}}', "is it cut off?"),
        ("okta", '{"id": "1", "status": "ACTIVE" "profile": {}}', "is it cut off?"),
        ("cognito", "", "users.json is empty; is it cut off?"),
        ("okta", "<html>", "line 1: not JSON"),
        ("okta", "[" * 100_000, "line 1: not JSON"),
        ("okta", '[{"id": ' + "[" * 100_000, "line 1: not JSON"),
        ("okta", '["ann@example.com"]', "line 1: not JSON of users"),
        ("auth0", '{"localId": "1", "email": "ann@example.com"}', "line 1: has no 'user_id'"),
        ("auth0", '{"user_id": {"a": 1}, "email": "ann@x.y"}', "is it an export of auth0?"),
        (
            "auth0",
            '{"user_id": "google|1", "identities": ["ann@x.y"]}',
            "is it an export of auth0?",
        ),
        ("auth0", '{"user_id": "auth0|1", "email": ["ann@x.y"]}', "is it an export of auth0?"),
        ("firebase", '{"Users": [{"Username": "1"}]}', "is it an export of firebase?"),
        ("keycloak", '{"users": [{"localId": "1"}]}', "line 1: has no 'id'"),
        ("keycloak", '{"users": [{"id": 1, "enabled": 1, "credentials": {"a": 1}}]}', "TypeError"),
        ("cognito", '{"users": [{"localId": "1"}]}', "is it an export of cognito?"),
        ("cognito", '{"Users": [{"Username": "1", "Attributes": null}]}', "TypeError"),
        ("okta", '[{"id": "1", "status": ["ACTIVE"]}]', "is it an export of okta?"),
    ],
)
def test_an_export_that_is_cut_off_or_anothers_is_an_error_and_leaves_no_csv(
    tmp_path, provider, content, problem
):
    (tmp_path / "users.json").write_text(content)
    done = to_csv(tmp_path, provider, "users.csv", "users.json")
    assert done.returncode == 1
    assert problem in done.stderr
    assert "Traceback" not in done.stderr
    assert "ann@" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["users.json"]


def test_an_earlier_csv_is_replaced_by_one_that_only_its_owner_can_read(tmp_path):
    for number in (0, 1):
        user = {"localId": str(number), "email": "a@b.c"}
        (tmp_path / "users.json").write_text(json.dumps({"users": [user]}))
        assert to_csv(tmp_path, "firebase", "users.csv", "users.json").returncode == 0
        if not number:
            (tmp_path / "users.csv").chmod(0o644)
    assert stat.S_IMODE((tmp_path / "users.csv").stat().st_mode) == 0o600
    assert rows(tmp_path / "users.csv")[0]["localId"] == "1"


def test_an_export_that_is_named_where_the_csv_belongs_stays_as_it_is(tmp_path):
    for number in (1, 2):
        user = {"id": number, "status": "ACTIVE", "profile": {"email": f"{number}@example.com"}}
        (tmp_path / f"users-{number}.json").write_text(json.dumps([user]))
    before = (tmp_path / "users-1.json").read_bytes()
    done = to_csv(tmp_path, "okta", "users-1.json", "users-2.json")  # users-*.json, of a shell
    assert done.returncode == 1
    assert "users-1.json is there already" in done.stderr
    assert (tmp_path / "users-1.json").read_bytes() == before


def test_a_document_is_read_whole_however_its_users_lie_across_the_blocks(tmp_path):
    users = [
        {"localId": str(number), "email": f"u{number}@example.com", "displayName": "[é]," * number}
        for number in range(400)
    ]
    (tmp_path / "users.json").write_text(json.dumps({"users": users}, ensure_ascii=False, indent=1))
    assert to_csv(tmp_path, "firebase", "users.csv", "users.json").returncode == 0
    assert [row["displayName"] for row in rows(tmp_path / "users.csv")] == [
        user["displayName"] for user in users
    ]


def test_text_that_isnt_unicode_is_left_for_the_tap_to_report(tmp_path):
    (tmp_path / "users.json").write_bytes(
        b'{"users": [{"localId": "1", "email": "a@b.c", "displayName": "Jos\xe9"},'
        b' {"localId": "2", "email": "d@b.c", "displayName": "half \\ud83d"}]}'
    )
    assert to_csv(tmp_path, "firebase", "users.csv", "users.json").returncode == 0
    with pytest.raises(UnicodeDecodeError):
        (tmp_path / "users.csv").read_text(encoding="utf-8")
    assert [row["localId"] for row in rows(tmp_path / "users.csv")] == ["1", "2"]


ANN = {"user_id": "auth0|1", "email": "ann@example.com"}
BOB = {"user_id": "auth0|2", "email": "bob@example.com"}


@pytest.mark.parametrize(
    "content",
    [
        json.dumps([ANN, BOB]),
        json.dumps([ANN, BOB], indent=2),
        f"\ufeff{json.dumps(ANN)}\r\n\r\n{json.dumps(BOB)}\r\n",
        json.dumps(ANN, indent=2) + json.dumps(BOB, indent=2),
        f"[{json.dumps(ANN)}]\n[]\n[{json.dumps(BOB)}]",
    ],
    ids=["list", "indented", "lines", "documents", "pages"],
)
def test_auth0_users_and_hashes_may_be_lines_or_lists(tmp_path, content):
    (tmp_path / "u").write_text(content)
    (tmp_path / "p").write_text(json.dumps([{"_id": "1", "passwordHash": "$2b$10$1"}], indent=1))
    done = to_csv(tmp_path, "auth0", "users.csv", "u", "--passwords", "p")
    assert done.stderr == "users.csv: 2 users\n"
    found = rows(tmp_path / "users.csv")
    assert [(row["email"], row["password_hash"]) for row in found] == [
        ("ann@example.com", "$2b$10$1"),
        ("bob@example.com", ""),
    ]


@pytest.mark.parametrize("own", ["7", {"$oid": "7"}])
def test_an_auth0_hash_is_found_by_an_id_of_either_form(tmp_path, own):
    (tmp_path / "u").write_text(json.dumps(ANN | {"user_id": "auth0|7"}))
    (tmp_path / "p").write_text(json.dumps({"_id": own, "passwordHash": "$2b$10$7"}))
    assert to_csv(tmp_path, "auth0", "users.csv", "u", "--passwords", "p").returncode == 0
    assert rows(tmp_path / "users.csv")[0]["password_hash"] == "$2b$10$7"


def test_auth0_users_without_an_email_are_counted_once(tmp_path):
    blanks = ({}, {"email": None}, {"email": " "})
    users = [{"user_id": f"auth0|{number}"} | blank for number, blank in enumerate(blanks, start=1)]
    hashes = [{"_id": str(number), "passwordHash": f"$2b$10${number}"} for number in (1, 2, 3)]
    (tmp_path / "u").write_text(json.dumps(users))
    (tmp_path / "p").write_text(json.dumps(hashes))
    done = to_csv(tmp_path, "auth0", "users.csv", "u", "--passwords", "p")
    assert done.stderr == "users.csv: 0 users\nleft out, users without an email: 3\n"


@pytest.mark.parametrize(
    ("passwords", "problem"),
    [
        ('[{"passwordHash": "$2b$10$x"}]', "p, line 1: has no '_id'"),
        ('[{"_id": {"id": 1}, "passwordHash": "$2b$10$x"}]', "p, line 1: has no '$oid'"),
        ('[\n{"_id": "1", "passwordHash": 7}]', "p, line 2: AttributeError"),
    ],
)
def test_hashes_of_another_form_are_named_by_file_and_line_and_never_shown(
    tmp_path, passwords, problem
):
    (tmp_path / "u").write_text(json.dumps(ANN))
    (tmp_path / "p").write_text(passwords)
    done = to_csv(tmp_path, "auth0", "users.csv", "u", "--passwords", "p")
    assert done.returncode == 1
    assert done.stderr == f"{problem}; is it an export of auth0?\n"


@pytest.mark.parametrize("secret", ["\ud83d", 2**70, {"a": 1}])
def test_a_secret_that_cant_be_kept_is_an_error_without_a_traceback(tmp_path, secret):
    factor = {"user_id": "auth0|1", "type": "otp", "otp_secret": secret}
    (tmp_path / "u").write_text(json.dumps(ANN))
    (tmp_path / "f").write_text(json.dumps(factor))
    done = to_csv(tmp_path, "auth0", "users.csv", "u", "--factors", "f")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1


def test_an_export_that_was_damaged_on_the_way_is_an_error_without_a_traceback(tmp_path):
    whole = gzip.compress(json.dumps([ANN] * 1000).encode())
    for name, content in (("cut.gz", whole[:-9]), ("bad.gz", whole[:30] + b"x" + whole[31:])):
        (tmp_path / name).write_bytes(content)
        done = to_csv(tmp_path, "auth0", "users.csv", name)
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "users.csv").exists()


def test_a_firebase_export_without_the_permission_for_hashes_is_refused_by_its_name(tmp_path):
    user = {"localId": "1", "email": "a@b.c", "passwordHash": "UkVEQUNURUQ=", "salt": "42xEC+ix"}
    (tmp_path / "users.json").write_text(json.dumps({"users": [user]}))
    done = to_csv(tmp_path, "firebase", "users.csv", "users.json")
    assert done.returncode == 1
    assert "firebaseauth.configs.getHashConfig" in done.stderr
    assert not (tmp_path / "users.csv").exists()


def test_a_firebase_hash_without_a_salt_is_left_out_and_counted(tmp_path):
    users = [{"localId": "1", "email": "a@b.c", "passwordHash": "aGFzaA=="}]
    (tmp_path / "users.json").write_text(json.dumps({"users": users}))
    done = to_csv(tmp_path, "firebase", "users.csv", "users.json")
    assert "left out, hashes without a salt, which aren't Firebase's own: 1" in done.stderr
    assert rows(tmp_path / "users.csv")[0]["passwordHash"] == ""


def test_of_several_keycloak_credentials_of_a_type_the_first_is_taken(tmp_path):
    credentials = [{"type": "otp", "id": "a"}, {"type": "password-history"}, {"type": "otp"}]
    user = {"id": "1", "enabled": True, "email": "a@b.c", "credentials": credentials}
    (tmp_path / "realm.json").write_text(json.dumps({"users": [user]}))
    done = to_csv(tmp_path, "keycloak", "users.csv", "realm.json")
    [row] = rows(tmp_path / "users.csv")
    assert json.loads(row["otp"]) == {"type": "otp", "id": "a"}
    assert row["password"] == ""
    assert "left out, further credentials of type otp: 1" in done.stderr


def test_keycloaks_users_are_found_after_a_large_realm_and_in_several_files(tmp_path):
    def user(number):
        return {"id": str(number), "enabled": True, "email": f"u{number}@example.com"}

    clients = [{"clientId": "c" * 1000, "users": [user(9)]} for _ in range(300)]
    realm = {"clients": clients, "version": 1.5, "users": [user(1)], "components": {"users": []}}
    (tmp_path / "realm.json").write_text(json.dumps(realm, indent=1))
    (tmp_path / "more.json").write_text(json.dumps({"realm": "r", "users": [user(2), user(3)]}))
    assert to_csv(tmp_path, "keycloak", "users.csv", "realm.json", "more.json").returncode == 0
    assert [row["id"] for row in rows(tmp_path / "users.csv")] == ["1", "2", "3"]


def test_an_okta_profile_cant_pass_for_what_okta_says_itself(tmp_path):
    profile = {"email": "a@b.c", "status": "ACTIVE", "id": "other", "groups": "admin"}
    users = [
        {"id": "1", "status": status, "profile": profile} for status in ("ACTIVE", "SUSPENDED")
    ]
    (tmp_path / "users.json").write_text(json.dumps(users))
    assert to_csv(tmp_path, "okta", "users.csv", "users.json").returncode == 0
    [row] = rows(tmp_path / "users.csv")
    assert (row["id"], row["groups"]) == ("1", "")


@given(
    source=st.sampled_from(["auth0", "cognito", "firebase", "keycloak", "okta"]),
    content=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(st.characters(), max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)
        ),
        max_leaves=20,
    ),
    cut=st.integers(0, 20),
)
def test_whatever_an_export_holds_there_is_a_csv_or_one_line(
    tmp_path_factory, module, source, content, cut
):
    folder = tmp_path_factory.mktemp("any")
    text = json.dumps(content)
    (folder / "e").write_text(text[: len(text) - cut])
    paths = [str(folder / name) for name in ("users.csv", "e")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["to_csv.py", source, *paths])
        said = ""
        try:
            module["main"]()
        except SystemExit as error:
            said = str(error)
    assert len(said.splitlines()) == (not (folder / "users.csv").exists())
