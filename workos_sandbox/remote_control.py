"""Endpoints under ``/_sandbox/`` that set up and read a running sandbox. They need no key.

::

    GET  /_sandbox/faults             Faults as JSON
    PUT  /_sandbox/faults             set them; what is left out is off
    GET  /_sandbox/limits             Limits as JSON
    PUT  /_sandbox/limits             set them; what is left out is as published, null is off
    GET  /_sandbox/settings           EnvironmentSettings as JSON
    PUT  /_sandbox/settings           set them; what is left out is the default
    GET  /_sandbox/counts             counts of requests
    POST /_sandbox/counts/reset
    POST /_sandbox/users              somebody signs up
    PUT  /_sandbox/users/{id}         an administrator edits a user, or somebody signs in
    PUT  /_sandbox/memberships/{id}   status, directory_managed
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from workos_sandbox import outside_changes
from workos_sandbox.environment import EnvironmentSettings
from workos_sandbox.faults import Faults
from workos_sandbox.limits import Limits
from workos_sandbox.response import ErrorResponse, Response
from workos_sandbox.validation import read_struct

if TYPE_CHECKING:
    from workos_sandbox.request import Request

PREFIX = "/_sandbox/"


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's loopback."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_host(header: str) -> None:
    """Let in only who knows this machine by a loopback name.

    A web page that a browser on this machine shows, and whose name was made to point here, must
    not get in.

    Args:
        header: The ``Host`` header.

    Raises:
        ErrorResponse: 403.
    """
    if not is_loopback(urlsplit(f"//{header}").hostname or ""):
        raise ErrorResponse(403, "The sandbox is for this machine only.")


def get_faults(request: Request) -> Response:
    """GET /_sandbox/faults."""
    return Response(200, request.environment.faults)


def set_faults(request: Request) -> Response:
    """PUT /_sandbox/faults."""
    request.environment.faults = read_struct(request.body, Faults)
    return get_faults(request)


def get_limits(request: Request) -> Response:
    """GET /_sandbox/limits."""
    return Response(200, request.environment.limits)


def set_limits(request: Request) -> Response:
    """PUT /_sandbox/limits."""
    request.environment.limits = read_struct(request.body, Limits)
    return get_limits(request)


def get_settings(request: Request) -> Response:
    """GET /_sandbox/settings."""
    return Response(200, request.environment.settings)


def set_settings(request: Request) -> Response:
    """PUT /_sandbox/settings."""
    request.environment.settings = read_struct(request.body, EnvironmentSettings)
    return get_settings(request)


def get_counts(request: Request) -> Response:
    """GET /_sandbox/counts."""
    return Response(200, request.environment.counts.as_dict())


def reset_counts(request: Request) -> Response:
    """POST /_sandbox/counts/reset."""
    request.environment.counts.reset()
    return get_counts(request)


def sign_up(request: Request) -> Response:
    """POST /_sandbox/users."""
    return Response(201, outside_changes.sign_up(request.environment, request.body))


def edit_user(request: Request) -> Response:
    """PUT /_sandbox/users/{id}."""
    user_id = request.variables["id"]
    return Response(200, outside_changes.edit_user(request.environment, user_id, request.body))


def edit_membership(request: Request) -> Response:
    """PUT /_sandbox/memberships/{id}."""
    edit, membership_id = outside_changes.edit_membership, request.variables["id"]
    return Response(200, edit(request.environment, membership_id, request.body))
