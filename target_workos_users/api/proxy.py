"""The proxy that the environment names."""

from __future__ import annotations

import urllib.request
from base64 import b64encode
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from target_workos_users.api.response import NoResponse

PORTS = {"http": 80, "https": 443}
"""By scheme, where a URL names none."""


class Proxy(NamedTuple):
    """An HTTP proxy.

    Attributes:
        tls: Whether it is spoken to by TLS.
        host: Its host.
        port: Its port.
        authorization: ``Proxy-Authorization``, if it needs one.
    """

    tls: bool
    host: str
    port: int
    authorization: str | None


def proxy_for(scheme: str, host: str) -> Proxy | None:
    """The proxy that ``https_proxy`` and ``no_proxy`` name.

    Plain ``http`` is for a server on this machine: a proxy would see the key.

    Args:
        scheme: ``https``, or ``http``.
        host: To be reached.

    Raises:
        NoResponse: It can't be used.
    """
    if scheme == "http" or urllib.request.proxy_bypass(host):
        return None
    named = urllib.request.getproxies().get(scheme)
    if not named:
        return None
    with suppress(ValueError):
        url = urlsplit(named if "://" in named else f"http://{named}")
        if url.scheme in PORTS and url.hostname:
            port = url.port or PORTS[url.scheme]
            return Proxy(url.scheme == "https", url.hostname, port, _basic(url.netloc))
    # Its text may hold a password.
    message = f"{scheme}_proxy in the environment isn't the URL of an HTTP proxy (http://host:port)"
    raise NoResponse(message, ambiguous=False)


def _basic(netloc: str) -> str | None:
    userinfo, at, _ = netloc.rpartition("@")
    if not at:
        return None
    user, _, password = userinfo.partition(":")
    return f"Basic {b64encode(f'{unquote(user)}:{unquote(password)}'.encode()).decode()}"
