"""docs/recipes: each README's commands, word for word, and what is in the sandbox after them."""

from __future__ import annotations

import base64
import csv
import gzip
import hashlib
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from tests.stress.kill.conftest import until
from tests.stress.kill.test_meltano_stops import plugin
from tests.support.whole_target import records, run_target, running_sandbox, schema, write_messages
from workos_sandbox import read_contents

if TYPE_CHECKING:
    from collections.abc import Iterable

pytest.importorskip("meltano")
pytestmark = pytest.mark.xdist_group("recipes")  # each is followed once
deep = pytest.mark.deep

ROOT = Path(__file__).parents[2]
RECIPES = ROOT / "docs" / "recipes"
CONVERTED = ("auth0", "firebase", "cognito", "keycloak", "okta")
NAMES = (
    *CONVERTED,
    "clerk",
    "django",
    "laravel",
    "supabase",
    "better-auth",
    "sql",
    "workos-package",
)
EVERY_RUN = ("auth0", "firebase", "sql", "workos-package")  # without --deep, too
RUN = "uv run meltano run tap-csv target-workos-users"
IN_FLIGHT = 20  # the setting concurrency


def commands(name: str) -> list[str]:
    """The commands of a README: what is indented by four."""
    text = (RECIPES / name / "README.md").read_text()
    return [
        line
        for line in re.findall(r"^    (\S.*)$", text, re.MULTILINE)
        if line.startswith(("cd ", "mkdir ", "python3 ", "uv run ", "export ", "TAP_CSV_FILES="))
    ]


def environment(**variables: str) -> dict[str, str]:
    """That of somebody in the repository's environment, with no settings but these."""
    ours = ("WORKOS", "MELTANO", "TARGET_", "TAP_")
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(ours)},
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
        **variables,
    }


def shell(folder: Path, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run commands as they stand in a README; the first that fails ends it."""
    return subprocess.run(
        ["bash", "-e", "-c", script.replace("uv run ", "")],
        cwd=folder,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


@dataclass
class Recipe:
    """A recipe after its commands were run."""

    folder: Path
    said: str

    @property
    def users(self):
        return {
            user["email"]: user for user in read_contents(self.folder / "output/sandbox.db").users
        }

    @property
    def memberships(self):
        world = read_contents(self.folder / "output/sandbox.db")
        return {
            (m["email"], m["organization_external_id"], m["organization_name"], *m["role_slugs"])
            for m in world.memberships
        }

    @property
    def factors(self):
        world = read_contents(self.folder / "output/sandbox.db")
        return {factor["email"]: factor["secret"] for factor in world.auth_factors}

    @property
    def errors(self):
        lines = (self.folder / "output/errors.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def recipes(tmp_path_factory):
    """Gives the recipe of a name, followed when it is asked for first."""
    root = tmp_path_factory.mktemp("clone")
    shutil.copytree(
        RECIPES, root / "docs/recipes", ignore=shutil.ignore_patterns("output", ".meltano")
    )

    @cache
    def follow(name: str) -> Recipe:
        done = shell(root, "\n".join(commands(name)))
        assert done.returncode == 0, done.stderr
        return Recipe(root / "docs/recipes" / name, done.stderr)

    return follow


def each_of(names: Iterable[str]) -> pytest.MarkDecorator:
    """A test for each recipe; most are deep."""
    marks = dict.fromkeys(NAMES, deep) | dict.fromkeys(EVERY_RUN, ())
    return pytest.mark.parametrize("name", [pytest.param(n, marks=marks[n]) for n in names])


def names(user):
    return user["first_name"], user["last_name"]


def test_auth0_users_come_with_password_totp_metadata_and_organization(recipes):
    recipe = recipes("auth0")
    users = recipe.users
    assert users.keys() == {f"{name}@example.com" for name in ("ada", "grace", "jose", "linus")}
    ada = users["ada@example.com"]
    assert ada["external_id"] == "auth0|5dea9f9c82dd7c0e76e4ec93"
    assert names(ada) == ("Ada", "Lovelace")
    assert ada["email_verified"]
    assert ada["metadata"] == {"locale": "en", "theme": '{"dark":true}'}
    assert ada["password_hash"] == auth0_hash("ada@example.com")
    assert recipe.factors == {"ada@example.com": "PA6FWZ3EGU2DMZCSKU2DOQCNNY2X26L2"}
    assert recipe.memberships == {
        ("ada@example.com", "acme", "Acme Inc", "admin"),
        ("grace@example.com", "acme", "Acme Inc", "member"),
        ("linus@example.com", "globex", "Globex", "member"),
    }
    assert recipe.errors == []


def auth0_hash(email):
    for line in (RECIPES / "auth0/passwords.ndjson").read_text().splitlines():
        account = json.loads(line)
        if account["identifiers"][0]["value"] == email:
            return account["passwordHash"]
    raise AssertionError(email)


def test_an_auth0_hash_is_found_by_alt_id_and_by_a_linked_identity(recipes):
    users = recipes("auth0").users
    assert users["jose@example.com"]["external_id"] == "auth0|legacy-17"
    assert names(users["jose@example.com"]) == ("José", "Núñez")
    assert not users["jose@example.com"]["email_verified"]
    assert users["linus@example.com"]["external_id"].startswith("google-oauth2|")
    for email in ("jose@example.com", "linus@example.com"):
        assert users[email]["password_hash"] == auth0_hash(email)
        assert users[email]["password_hash_type"] == "bcrypt"


def test_a_password_that_a_stranger_set_for_an_address_doesnt_open_its_owners_account(recipes):
    grace = recipes("auth0").users["grace@example.com"]
    assert grace["external_id"].startswith("google-oauth2|")
    assert grace["email_verified"]
    assert grace["password_hash"] is None


@each_of(CONVERTED)
def test_what_to_csv_leaves_out_is_counted_as_the_readme_says(recipes, name):
    readme = (RECIPES / name / "README.md").read_text()
    expected = re.findall(r"^ *((?:output/users\.csv: |left out, ).*)$", readme, re.MULTILINE)
    said = recipes(name).said.splitlines()
    assert [line for line in said if line in expected] == expected
    assert [line for line in said if line.startswith("left out, ")] == expected[1:]
    csv_file = recipes(name).folder / "output/users.csv"
    assert stat.S_IMODE(csv_file.stat().st_mode) == 0o600


@deep
def test_clerk_hashes_are_put_into_workos_form_and_fit_the_passwords(recipes):
    users = recipes("clerk").users
    types = {email.partition("@")[0]: u["password_hash_type"] for email, u in users.items()}
    assert types == {
        "ada": "bcrypt",
        "jose": "argon2",
        "grace": "pbkdf2",
        "fay": "firebase-scrypt",
        "dina": "pbkdf2",
        "linus": None,  # 260,000 iterations: WorkOS takes 600,000 or more
        "max": None,  # md5
        "sol": None,  # social only
    }
    assert fits(users["grace@example.com"], "correct horse 8")
    assert fits(users["fay@example.com"], "user1password")
    assert fits(users["dina@example.com"], "dina-password")


def fits(user, password):
    """Whether a password opens the hash that WorkOS was given, computed apart from the target."""
    _, name, *fields, salt, digest = user["password_hash"].split("$")
    assert user["password_hash_type"] == {"argon2id": "argon2"}.get(name, name)
    given = dict(item.split("=", 1) for item in fields[-1].split(","))
    check = {"argon2id": argon2, "pbkdf2": pbkdf2, "scrypt": scrypt, "firebase-scrypt": firebase}
    computed = check[name](password.encode(), unpadded(salt), given)
    return computed == unpadded(digest)


def unpadded(text):
    return base64.b64decode(text + "=" * (-len(text) % 4))


def argon2(password, salt, given):
    memory, passes, lanes = (int(given[name]) for name in "mtp")
    return Argon2id(
        salt=salt, length=32, iterations=passes, lanes=lanes, memory_cost=memory
    ).derive(password)


def pbkdf2(password, salt, given):
    return hashlib.pbkdf2_hmac(given["d"], password, salt, int(given["i"]))


def scrypt(password, salt, given):
    cost, block, lanes, length = (int(given[name]) for name in ("n", "r", "p", "kl"))
    return hashlib.scrypt(password, salt=salt, n=cost, r=block, p=lanes, dklen=length, maxmem=2**26)


def firebase(password, salt, given):
    """Firebase's own computation (github firebase/scrypt): AES of the signer key, by scrypt."""
    key = hashlib.scrypt(
        password,
        salt=salt + unpadded(given["ss"]),
        n=2 ** int(given["m"]),
        r=int(given["r"]),
        p=1,
        maxmem=2**26,
    )
    encryptor = Cipher(algorithms.AES(key[:32]), modes.CTR(bytes(16))).encryptor()
    return encryptor.update(unpadded(given["sk"]))


@deep
def test_clerk_users_come_with_verified_email_totp_and_username(recipes):
    recipe = recipes("clerk")
    users = recipe.users
    ada, jose = users["ada@example.com"], users["jose@example.com"]
    assert ada["external_id"] == "user_2YDryYFVMM1W1plDDKz7Gzf4we6"
    assert ada["email_verified"]
    assert ada["metadata"] == {"username": "ada"}
    assert names(jose) == ("José", "Núñez, Jr.")
    assert not jose["email_verified"]
    assert users["grace@example.com"]["metadata"] == {"phone_number": "+15555550100"}
    assert recipe.factors == {"ada@example.com": "JBSWY3DPEHPK3PXP"}


@deep
def test_a_clerk_user_without_email_is_told_of(recipes):
    (line,) = recipes("clerk").errors
    assert line["external_id"] == "user_2YDsIwT7aNdWmPk5xRsEjHvCuYg"
    assert line["error_message"].startswith("email: missing")


@deep
def test_clerk_memberships_come_from_a_second_csv(recipes):
    assert recipes("clerk").memberships == {
        ("ada@example.com", "org_2YDt1Acme", "Acme Inc", "admin"),
        ("ada@example.com", "org_2YDt2Globex", "Globex", "member"),
        ("grace@example.com", "org_2YDt1Acme", "Acme Inc", "member"),
    }


def test_a_package_of_workos_tool_comes_whole(recipes):
    recipe = recipes("workos-package")
    world = read_contents(recipe.folder / "output/sandbox.db")
    assert {
        (m["email"], m["organization_external_id"]): set(m["role_slugs"]) for m in world.memberships
    } == {
        ("ada@example.com", "acme"): {"admin"},
        ("grace@example.com", "acme"): {"editor"},
        ("grace@example.com", "globex"): {"editor", "org-auditor"},
    }
    assert {user["external_id"] for user in world.users} == {
        "auth0|ada",
        "auth0|grace",
        "auth0|linus",
    }
    assert {
        each["external_id"]: (
            each["name"],
            each["metadata"],
            [d["domain"] for d in each["domains"]],
        )
        for each in world.organizations
    } == {
        "acme": ("Acme Inc", {"tier": "gold"}, ["acme.com", "login.acme.com"]),
        "globex": ("Globex", {}, ["globex.com"]),
    }
    permissions = {role["slug"]: role["permissions"] for role in world.roles}
    assert permissions["admin"] == ["posts:read", "posts:write"]
    assert permissions["editor"] == ["posts:read"]
    assert permissions["org-auditor"] == []
    assert recipe.factors == {"ada@example.com": "JBSWY3DPEHPK3PXP"}
    assert recipe.errors == []


def test_firebase_users_come_with_hashes_that_fit_and_claims(recipes):
    recipe = recipes("firebase")
    users = recipe.users
    user, jose = users["user1@test.com"], users["jose@example.com"]
    assert user["external_id"] == "kYi4EvWQlQTKSfnJ3dRSP6IH3ed2"
    assert names(user) == ("Test", "User 1")
    assert user["metadata"] == {"firebase_created_at": "1508893925000"}
    assert not user["email_verified"]
    assert fits(user, "user1password")
    assert not fits(user, "another")
    assert names(jose) == ("José", '["Pepe"] Núñez')
    assert jose["password_hash"] is None
    assert recipe.memberships == {("jose@example.com", "acme", "acme", "admin")}
    assert recipe.errors == []


def test_firebase_users_come_whatever_their_export_lacks(recipes):
    users = recipes("firebase").users
    assert users.keys() == {
        f"{name}@{domain}"
        for name, domain in (
            ("user1", "test.com"),
            ("jose", "example.com"),
            ("foo", "example.com"),
            ("nosalt", "example.com"),
            ("empty", "example.com"),
        )
    }
    foo, nosalt, empty = (users[f"{name}@example.com"] for name in ("foo", "nosalt", "empty"))
    assert names(foo) == ("Foo", "van  Bar")  # a line break between them
    assert fits(foo, "user1password")  # Base64 in its URL-safe alphabet
    assert names(nosalt) == ("Madonna", None)
    assert names(empty) == (None, None)
    assert nosalt["password_hash"] is empty["password_hash"] is None
    assert nosalt["metadata"] == {}


@deep
def test_cognito_users_come_with_custom_attributes_and_groups(recipes):
    recipe = recipes("cognito")
    users = recipe.users
    assert users.keys() == {"ada@example.com", "jose@example.com", "grace@example.com"}
    jose = users["jose@example.com"]
    assert jose["external_id"] == "427f0e89-dd0a-48be-927d-8f8c0e938d57"
    assert names(jose) == ("José", "Núñez")
    assert users["ada@example.com"]["email_verified"]
    assert not jose["email_verified"]
    assert jose["metadata"] == {
        "cognito_username": "Google_117284567890123456789",
        "cognito_status": "EXTERNAL_PROVIDER",
    }
    assert recipe.memberships == {("ada@example.com", "acme", "acme", "admin")}


@deep
def test_keycloak_users_come_with_hashes_that_fit_totp_attributes_and_roles(recipes):
    recipe = recipes("keycloak")
    users = recipe.users
    assert users.keys() == {f"{name}@example.com" for name in ("ada", "grace", "jose", "linus")}
    ada, jose = users["ada@example.com"], users["jose@example.com"]
    assert ada["external_id"] == "5736547a-e61e-465d-8540-e7c2dcf73f8f"
    assert names(jose) == ("José", "Núñez")
    assert (ada["email_verified"], jose["email_verified"]) == (True, False)
    assert ada["metadata"] == {"keycloak_username": "ada"}
    assert fits(ada, "ada-password")  # PBKDF2
    assert fits(jose, "jose-password")  # Argon2
    assert not fits(jose, "another")
    for name in ("grace", "linus"):  # 27,500 iterations; signs in with Google
        assert users[f"{name}@example.com"]["password_hash"] is None
    secret = base64.b32encode(b"Xr3pLq9TzWb7KmVn2sYd").decode()
    assert recipe.factors == {"ada@example.com": secret}
    assert recipe.memberships == {
        ("ada@example.com", "acme", "acme", "admin"),
        ("jose@example.com", "globex", "globex", "member"),
    }
    assert recipe.errors == []


@deep
def test_okta_users_come_with_organization_and_groups(recipes):
    recipe = recipes("okta")
    users = recipe.users
    assert users.keys() == {"ada@example.com", "jose@example.com", "grace@example.com"}
    ada = users["ada@example.com"]
    assert ada["external_id"] == "00ug9GniRPxxM7mXsXVE"
    assert names(ada) == ("Ada", "Lovelace")
    assert ada["metadata"] == {"okta_login": "ada@example.com", "department": "Research"}
    assert not any(user["email_verified"] for user in users.values())
    assert recipe.memberships == {
        ("ada@example.com", "Acme Inc", "Acme Inc", "admin"),
        ("jose@example.com", "Acme Inc", "Acme Inc", "member"),
    }
    assert recipe.errors == []


@deep
def test_django_users_come_with_hashes_that_fit_and_without_inactive_ones(recipes):
    recipe = recipes("django")
    users = recipe.users
    assert users.keys() == {f"{name}@example.com" for name in ("ada", "grace", "jose", "linus")}
    ada, jose = users["ada@example.com"], users["jose@example.com"]
    assert ada["external_id"] == "1"
    assert names(jose) == ("José", "Núñez, Jr.")
    assert (ada["email_verified"], jose["email_verified"]) == (True, False)
    assert ada["metadata"] == {"username": "ada", "staff": "true"}
    assert jose["metadata"] == {"username": "jose"}
    assert fits(ada, "ada-password")  # PBKDF2
    assert fits(jose, "jose-password")  # Argon2
    assert not fits(ada, "another")
    for name in ("grace", "linus"):  # the mark of no password; 260,000 iterations
        assert users[f"{name}@example.com"]["password_hash"] is None
    assert recipe.errors == []


@deep
def test_laravel_users_come_with_bcrypt_hashes_and_without_text_nulls(recipes):
    recipe = recipes("laravel")
    users = recipe.users
    with (RECIPES / "laravel/users.csv").open(newline="") as file:
        rows = {row["email"]: row for row in csv.DictReader(file)}
    assert users.keys() == rows.keys()
    for email, row in rows.items():
        digest = users[email]["password_hash"] or ""
        assert digest.partition("$")[2].partition("$")[2] == row["password"][4:]
        assert users[email]["password_hash_type"] == ("bcrypt" if digest else None)
    assert [email for email, user in users.items() if user["email_verified"]] == ["ada@example.com"]
    assert users["jose@example.com"]["name"] == 'José "Pepe" Núñez'
    assert users["ada@example.com"]["external_id"] == "1"
    assert recipe.factors == {"ada@example.com": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"}
    assert recipe.errors == []


@deep
def test_supabase_users_come_with_hashes_of_each_kind_totp_and_tenant(recipes):
    recipe = recipes("supabase")
    users = recipe.users
    types = {email: user["password_hash_type"] for email, user in users.items()}
    assert types == {
        "ada@example.com": "bcrypt",
        "jose@example.com": "argon2",
        "user1@test.com": "firebase-scrypt",
        "grace@example.com": None,
    }
    assert fits(users["jose@example.com"], "jose-password")
    assert fits(users["user1@test.com"], "user1password")
    ada = users["ada@example.com"]
    assert (ada["name"], ada["email_verified"]) == ("Ada Lovelace", True)
    assert ada["metadata"] == {"phone": "15555550100"}
    assert not users["jose@example.com"]["email_verified"]
    assert recipe.factors == {"ada@example.com": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"}
    assert recipe.memberships == {
        ("ada@example.com", "acme", "acme", "admin"),
        ("grace@example.com", "globex", "globex", "member"),
    }
    assert recipe.errors == []


@deep
def test_better_auth_users_come_with_scrypt_hashes_that_fit_and_organizations(recipes):
    recipe = recipes("better-auth")
    users = recipe.users
    assert users.keys() == {"ada@example.com", "jose@example.com", "grace@example.com"}
    ada, jose = users["ada@example.com"], users["jose@example.com"]
    assert (ada["name"], ada["email_verified"]) == ("Ada Lovelace", True)
    assert not jose["email_verified"]
    assert fits(ada, "ada-password")
    assert fits(jose, "jose-password")
    assert not fits(jose, "another")
    assert users["grace@example.com"]["password_hash"] is None
    assert recipe.memberships == {
        ("ada@example.com", "acme", "Acme Inc", "admin"),
        ("ada@example.com", "globex", "Globex", "member"),
        ("jose@example.com", "acme", "Acme Inc", "admin", "member"),
    }
    assert recipe.errors == []


def test_a_users_table_comes_with_a_membership_a_row_and_without_disabled_users(recipes):
    recipe = recipes("sql")
    users = recipe.users
    assert users.keys() == {
        f"{name}@example.com" for name in ("ada", "grace", "jose", "nell", "zoe")
    }
    ada = users["ada@example.com"]
    assert (ada["external_id"], ada["name"]) == ("1", "Ada Lovelace")
    assert (ada["email_verified"], ada["password_hash_type"]) == (True, "bcrypt")
    assert ada["metadata"] == {"theme": "dark", "beta": "true"}
    verified = [email for email, user in users.items() if user["email_verified"]]
    assert sorted(verified) == ["ada@example.com", "grace@example.com"]  # no date of zeros
    assert (users["nell@example.com"]["name"], users["zoe@example.com"]["metadata"]) == (None, {})
    assert recipe.factors == {"ada@example.com": "JBSWY3DPEHPK3PXP"}
    assert recipe.memberships == {
        ("ada@example.com", "10", "Acme Inc", "admin"),
        ("ada@example.com", "11", "Globex", "member"),
        ("jose@example.com", "10", "Acme Inc", "member"),
    }
    assert recipe.errors == []


@each_of(NAMES)
def test_no_recipe_prints_a_secret(recipes, name):
    assert not re.search(
        r"\$2[aby]\$|argon2id\$|pbkdf2\w*\$|jxspr8Ki|JBSWY3|PA6FWZ|Xr3pLq|9iHxvs94|16a93d72",
        recipes(name).said,
    )


@pytest.mark.parametrize(
    "name",
    ["auth0", *(pytest.param(name, marks=pytest.mark.slow) for name in NAMES[1:])],
)
def test_a_second_conversion_and_run_send_no_request(recipes, name):
    once_more = [line for line in commands(name) if not line.startswith(("mkdir", "TAP_CSV"))]
    again = shell(recipes(name).folder.parent.parent.parent, "\n".join(once_more))
    assert again.returncode == 0, again.stderr
    assert "requests: 0" in again.stderr


def test_an_auth0_import_into_workos_goes_on_after_a_kill(tmp_path):
    folder = shutil.copytree(RECIPES, tmp_path / "recipes") / "auth0"
    write_users(folder / "many.json.gz", 300)
    convert = "mkdir output; python3 ../to_csv.py auth0 output/users.csv many.json.gz"
    assert shell(folder, convert).returncode == 0
    run = ["meltano", "--environment=prod", *RUN.split()[3:]]
    with running_sandbox(tmp_path / "sandbox.db", record_requests=True) as sandbox:
        workos = {"WORKOS_API_KEY": sandbox.api_key, "WORKOS_BASE_URL": sandbox.base_url}
        with subprocess.Popen(
            run, cwd=folder, env=environment(**workos), stderr=subprocess.DEVNULL
        ) as first:
            until(lambda: len(sandbox.requests) >= 30)
            os.kill(plugin(first, "target-workos-users"), signal.SIGKILL)
        assert first.returncode != 0
        before = len(sandbox.requests)
        assert before < 300
        second = shell(folder, " ".join(run), TARGET_WORKOS_USERS_RATE_LIMIT="100000", **workos)
        assert second.returncode == 0, second.stderr
        again = [request for request in sandbox.requests if request.method == "POST"]
    assert len(again) <= 300 + IN_FLIGHT
    loaded = [user["external_id"] for user in read_contents(tmp_path / "sandbox.db").users]
    assert sorted(loaded) == sorted(f"auth0|{number}" for number in range(300))


def write_users(path, count):
    with gzip.open(path, "wt") as file:
        for number in range(count):
            user = {"user_id": f"auth0|{number}", "email": f"user{number}@example.com"}
            file.write(json.dumps(user) + "\n")


def test_a_row_that_the_tap_couldnt_read_isnt_loaded_whatever_a_map_leaves_out(tmp_path):
    """Every recipe's map ends in ``__else__: __NULL__``, which drops ``_sdc_error`` too."""
    flawed = {"mail": "ann@example.com", "_sdc_error": "users.csv, line 7: NUL bytes"}
    messages = [schema(columns=("mail",)), *records([flawed, {"mail": "bob@example.com"}])]
    config = {
        "sandbox_path": str(tmp_path / "sandbox.db"),
        "errors_path": str(tmp_path / "errors.jsonl"),
        "stream_maps": {"users": {"email": "mail", "__else__": "__NULL__"}},
    }
    path = write_messages(tmp_path / "messages", messages)
    done = run_target(config, path, tmp_path / "errors.jsonl")
    assert [line["error_message"] for line in done.errors] == ["users.csv, line 7: NUL bytes"]
    assert [u["email"] for u in read_contents(tmp_path / "sandbox.db").users] == ["bob@example.com"]
