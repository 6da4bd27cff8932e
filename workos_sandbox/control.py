"""Endpoints that steer a running sandbox: faults, limits, counts. They need no key.

::

    GET  /_sandbox/faults             Faults as JSON
    PUT  /_sandbox/faults             set them; what is left out is off
    GET  /_sandbox/limits             Limits as JSON
    PUT  /_sandbox/limits             set them; what is left out is as published, null is off
    GET  /_sandbox/stats              counts
    POST /_sandbox/stats/reset
    PUT  /_sandbox/memberships/{id}   {"status": …}, for a pending one, which the API can't make
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import msgspec

from workos_sandbox.exchange import Answer, Refusal
from workos_sandbox.faults import Faults
from workos_sandbox.limits import Limits
from workos_sandbox.memberships import set_status

if TYPE_CHECKING:
    from workos_sandbox.server import Sandbox

PREFIX = "/_sandbox/"


class _Status(msgspec.Struct, forbid_unknown_fields=True):
    status: Literal["active", "inactive", "pending"]


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's loopback."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def answer_control(sandbox: Sandbox, method: str, path: str, host: str, body: bytes) -> Answer:
    """Answer a request to ``/_sandbox/…``.

    Args:
        sandbox: The one to steer.
        method: HTTP method.
        path: Path without the query.
        host: The ``Host`` header. It must be a loopback name: a web page that a browser on this
            machine shows, and whose name was made to point here, must not get in.
        body: Request body.

    Raises:
        Refusal: 400 for a body that isn't what is wanted, 403 for another host, 404.
    """
    if not is_loopback(urlsplit(f"//{host}").hostname or ""):
        raise Refusal(403, "The sandbox is for this machine only.")
    try:
        return _dispatch(sandbox, method, path.removeprefix(PREFIX), body)
    except msgspec.MsgspecError as error:
        raise Refusal(400, str(error)) from None


def _dispatch(sandbox: Sandbox, method: str, name: str, body: bytes) -> Answer:
    match method, name.split("/"):
        case "GET" | "PUT", ["faults"]:
            if method == "PUT":
                sandbox.faults = msgspec.json.decode(body, type=Faults)
            return Answer(200, sandbox.faults)
        case "GET" | "PUT", ["limits"]:
            if method == "PUT":
                sandbox.limits = msgspec.json.decode(body, type=Limits)
            return Answer(200, sandbox.limits)
        case ("GET", ["stats"]) | ("POST", ["stats", "reset"]):
            if method == "POST":
                sandbox.stats.reset()
            return Answer(200, sandbox.stats.as_dict())
        case "PUT", ["memberships", membership_id]:
            wanted = msgspec.json.decode(body, type=_Status)
            set_status(sandbox.store, membership_id, wanted.status)
            return Answer(200, wanted)
    raise Refusal(404, "Not Found")
