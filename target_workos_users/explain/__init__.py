"""Errors explained to a person: grouped, listed, with advice."""

from target_workos_users.explain.advice import advice
from target_workos_users.explain.groups import Group, Groups
from target_workos_users.explain.listing import (
    Listing,
    listing_json,
    listing_lines,
    read_listing,
)
from target_workos_users.explain.table import write_errors_table, write_table

__all__ = [
    "Group",
    "Groups",
    "Listing",
    "advice",
    "listing_json",
    "listing_lines",
    "read_listing",
    "write_errors_table",
    "write_table",
]
