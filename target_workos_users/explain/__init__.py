"""Errors explained to a person: grouped, listed, with advice."""
