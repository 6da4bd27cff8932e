"""The tables of a sandbox file.

Ids are ULIDs and grow with time, so ordering by id is ordering by creation. Each list of the API
is answered from an index that ends with the column that it is ordered by.
"""

from __future__ import annotations

APPLICATION_ID = 0x574F5302  # "WOS" and the version of this schema
SCHEMA = """
CREATE TABLE users (
  id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, external_id TEXT UNIQUE,
  first_name TEXT, last_name TEXT, name TEXT, email_verified INTEGER NOT NULL,
  locale TEXT, metadata TEXT NOT NULL,
  password_hash TEXT, password_hash_type TEXT, password_salt_position TEXT,
  last_sign_in_at TEXT, created_at TEXT NOT NULL, updated_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE organizations (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, external_id TEXT UNIQUE, metadata TEXT NOT NULL,
  stripe_customer_id TEXT UNIQUE, allow_profiles_outside_organization INTEGER NOT NULL,
  created_at TEXT NOT NULL, updated_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE organization_domains (
  id TEXT PRIMARY KEY,
  organization_id TEXT NOT NULL REFERENCES organizations ON DELETE CASCADE,
  domain TEXT NOT NULL UNIQUE, state TEXT NOT NULL,
  created_at TEXT NOT NULL, updated_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX domains_of_organization ON organization_domains (organization_id);
CREATE TABLE memberships (
  id TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
  organization_id TEXT NOT NULL REFERENCES organizations ON DELETE CASCADE,
  status TEXT NOT NULL, directory_managed INTEGER NOT NULL, role_slugs TEXT NOT NULL,
  created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
  UNIQUE (organization_id, user_id)
) WITHOUT ROWID;
CREATE INDEX memberships_of_organization ON memberships (organization_id, id);
CREATE INDEX memberships_of_user ON memberships (user_id, id);
CREATE TABLE roles (
  id TEXT PRIMARY KEY, organization_id TEXT NOT NULL, slug TEXT NOT NULL, name TEXT NOT NULL,
  description TEXT, resource_type_slug TEXT NOT NULL, permissions TEXT NOT NULL,
  created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
  UNIQUE (organization_id, slug)
) WITHOUT ROWID;
CREATE TABLE permissions (
  id TEXT PRIMARY KEY, slug TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
  description TEXT, resource_type_slug TEXT NOT NULL,
  created_at TEXT NOT NULL, updated_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE auth_factors (
  id TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
  issuer TEXT NOT NULL, user TEXT NOT NULL, secret TEXT NOT NULL,
  created_at TEXT NOT NULL, updated_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX factors_of_user ON auth_factors (user_id, id);
"""
