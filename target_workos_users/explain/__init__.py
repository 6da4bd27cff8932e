"""Errors explained to a person: grouped, listed, with advice."""

from target_workos_users.explain.advice import advice
from target_workos_users.explain.groups import Groups
from target_workos_users.explain.listing import listing_json, listing_lines, read_groups
from target_workos_users.explain.table import write_errors_table

__all__ = [
    "Groups",
    "advice",
    "listing_json",
    "listing_lines",
    "read_groups",
    "write_errors_table",
]
