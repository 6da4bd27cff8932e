"""Rows through WorkOS: organization, user, membership, roles, TOTP factor."""
