"""HTTP/1.1: one request, sent once, and its response, or why there is none."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from target_workos_users.api.connections import Origin
from target_workos_users.api.proxy import PORTS
from target_workos_users.api.response import LOWEST_FINAL, NoResponse, Response

if TYPE_CHECKING:
    from target_workos_users.api.connections import Connections
    from target_workos_users.api.response_parser import ResponseParser

_CONNECT_TIMEOUT = 10.0  # seconds; less than an attempt's, so that "nothing was sent" is known
_HEADERS = ("Accept: */*", "Accept-Encoding: identity")  # bodies are half a kilobyte
_WITHOUT_BODY = {"GET", "DELETE"}  # some servers want the length of any other, even if it is 0


async def send(
    connections: Connections,
    method: str,
    url: str,
    *,
    headers: dict[str, str],
    content: bytes | None,
    seconds: float,
) -> Response:
    """Send a request once and read its response, whatever its status.

    Args:
        connections: To be used, and added to.
        method: HTTP method, in capitals.
        url: Complete and encoded.
        headers: As sent.
        content: Body.
        seconds: The longest that it may take, from connecting to the last byte.

    Returns:
        The response.

    Raises:
        NoResponse: With ``ambiguous`` telling whether anything was sent. A success that isn't a
            JSON object (nor a DELETE's, which may be empty) isn't WorkOS's: something on the way
            has put its own page in its place.
        ValueError: The request can't be written.
    """
    base, target = _split(url)
    origin, host = _origin(base)
    request = _request(method, target, {"Host": host, **headers}, content)
    sent = False
    try:
        async with asyncio.timeout(seconds):
            connection = await connections.take(origin, seconds=min(seconds / 2, _CONNECT_TIMEOUT))
            sent = True
            answered = await connection.exchange(request)
    except TimeoutError:
        raise NoResponse(f"no answer within {seconds:g} s", ambiguous=sent) from None
    try:
        response = _response(method, answered)
    except NoResponse:
        connection.abort()
        raise
    if answered.keeps_alive:
        connections.put_back(origin, connection)
    else:
        connection.abort()
    return response


def _response(method: str, answered: ResponseParser) -> Response:
    status, body = answered.status, answered.read()
    response = Response(status, answered.headers, body)
    # A DELETE is answered with nothing, or, of an organization, with "Accepted" in plain text.
    empty = method == "DELETE" and (not body or status == HTTPStatus.ACCEPTED)
    # The SDK would take a lower status than 200, 101 say, for a success.
    if status < LOWEST_FINAL or (response.is_success and response.object is None and not empty):
        raise NoResponse(f"HTTP {status} without WorkOS's JSON", ambiguous=True)
    return response


def _request(method: str, target: str, headers: dict[str, str], content: bytes | None) -> bytes:
    """The bytes of a request.

    Raises:
        ValueError: A header would end its line, or isn't ASCII.
    """
    lines = [f"{method} {target} HTTP/1.1", *_HEADERS]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if content is not None or method not in _WITHOUT_BODY:
        lines.append(f"Content-Length: {len(content or b'')}")
    head = "\r\n".join(lines)
    if len(head.splitlines()) != len(lines):
        raise ValueError("a line end in a header")
    return head.encode("ascii") + b"\r\n\r\n" + (content or b"")


def _split(url: str) -> tuple[str, str]:
    """A URL's scheme and host, and the rest of it."""
    at = url.find("/", url.index("://") + 3)
    return (url, "/") if at < 0 else (url[:at], url[at:])


@lru_cache(maxsize=16)
def _origin(base: str) -> tuple[Origin, str]:
    """Where a URL's requests go, and what ``Host`` says."""
    url = urlsplit(base)
    host = url.hostname or ""
    return Origin(url.scheme, host, url.port or PORTS[url.scheme]), url.netloc
