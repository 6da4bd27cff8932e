"""The recipes' export.sql, over tables as the sources have them: their rows are the samples.

In SQLite, which has the same syntax for all that they use; `psql --csv` writes t and f for 1 and 0.
"""

from __future__ import annotations

import csv
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

RECIPES = Path(__file__).parents[2] / "docs" / "recipes"
TABLES = {
    "django": """
        CREATE TABLE auth_user (id, password, username, first_name, last_name, email, is_staff,
            is_active, is_superuser, last_login, date_joined);
        CREATE TABLE account_emailaddress (id, email, verified, "primary", user_id);
        INSERT INTO auth_user SELECT id, password, username, first_name, last_name, email, is_staff,
            is_active, 0, NULL, NULL FROM sample ORDER BY id DESC;
        INSERT INTO account_emailaddress
            SELECT id, email, verified, 1, id FROM sample WHERE verified IS NOT NULL;
        INSERT INTO account_emailaddress VALUES (77, 'second@example.com', 0, 0, 1);
    """,
    "supabase": """
        ATTACH ':memory:' AS auth;
        CREATE TABLE auth.users (id, role, email, encrypted_password, email_confirmed_at, phone,
            raw_user_meta_data, raw_app_meta_data, banned_until, deleted_at, is_anonymous);
        CREATE TABLE auth.mfa_factors (id, user_id, factor_type, status, secret, phone);
        INSERT INTO users SELECT id, 'authenticated', email, encrypted_password, email_confirmed_at,
            phone, raw_user_meta_data, raw_app_meta_data, NULL, NULL, 0 FROM sample ORDER BY email;
        INSERT INTO users (id, email, banned_until, deleted_at, is_anonymous) VALUES
            ('1', 'banned@example.com', '2999-01-01', NULL, 0),
            ('2', 'deleted@example.com', NULL, '2024-01-01', 0), ('3', NULL, NULL, NULL, 1);
        UPDATE users SET banned_until = '2001-01-01' WHERE email = 'ada@example.com';
        INSERT INTO mfa_factors SELECT '1', id, 'totp', 'verified', totp_secret, NULL
            FROM sample WHERE totp_secret IS NOT NULL;
        INSERT INTO mfa_factors SELECT '2', id, 'totp', 'unverified', 'X', NULL FROM sample;
        INSERT INTO mfa_factors SELECT '3', id, 'phone', 'verified', NULL, '1' FROM sample;
    """,
    "better-auth": """
        CREATE TABLE "user" (id, name, email, "emailVerified", image, role, banned);
        CREATE TABLE account (id, "accountId", "providerId", "userId", password);
        CREATE TABLE organization (id, name, slug);
        CREATE TABLE member (id, "organizationId", "userId", role);
        INSERT INTO "user" SELECT DISTINCT id, name, email, "emailVerified", NULL, 'user', NULL
            FROM sample ORDER BY id DESC;
        INSERT INTO "user" VALUES ('A', 'Mallory', 'mallory@example.com', 1, NULL, 'user', 1);
        INSERT INTO account SELECT DISTINCT 1, 1, 'credential', id, password
            FROM sample WHERE password IS NOT NULL;
        INSERT INTO account SELECT DISTINCT 2, 2, 'google', id, NULL FROM sample;
        INSERT INTO organization SELECT DISTINCT 'o-' || organization_slug, organization_name,
            organization_slug FROM sample WHERE role IS NOT NULL;
        INSERT INTO member SELECT 1, 'o-' || organization_slug, id, role
            FROM sample WHERE role IS NOT NULL ORDER BY role;
    """,
}
BOOLEANS = {"is_active", "is_staff", "verified", "emailVerified"}


@pytest.mark.parametrize("name", TABLES)
def test_a_recipes_query_gives_its_sample(name):
    with (RECIPES / name / "users.csv").open(encoding="utf-8", newline="") as file:
        columns, *rows = csv.reader(file)
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute(f"CREATE TABLE sample ({', '.join(columns)})")
        marks = ", ".join("?" * len(columns))
        db.executemany(f"INSERT INTO sample VALUES ({marks})", (stored(columns, r) for r in rows))
        db.executescript(TABLES[name])
        found = db.execute((RECIPES / name / "export.sql").read_text())
        assert [column[0] for column in found.description] == columns
        assert list(found) == [tuple(stored(columns, row)) for row in rows]


def stored(columns, row):
    """A row of the sample as a database has it."""
    texts = zip(columns, row, strict=True)
    return [
        {"t": 1, "f": 0, "": None}.get(text, text) if column in BOOLEANS else text or None
        for column, text in texts
    ]
