"""What a person has to put right: an option, a file in use, a port that is taken."""

from __future__ import annotations


class SandboxError(Exception):
    """The sandbox can't do as asked; ``str(error)`` is fit to be shown to a user."""
