"""The settings: their schema, their checks, and as the rest of the package sees them."""
