"""The error that ends the tap."""

from __future__ import annotations

import click


class TapError(click.ClickException):
    """A setting is wrong, or a file isn't there, can't be read or has no usable header.

    The command line prints the message as one line on stderr and exits with 1. It names the file
    or the setting and the way out, and quotes nothing that stands in a file: where the header is
    missing, the first line is somebody's data.
    """
