"""HTTP over aiohttp: one request, sent once, and its response, or why there is none."""

from __future__ import annotations

import urllib.request
import zlib
from contextlib import suppress
from functools import lru_cache
from http import HTTPStatus

import aiohttp
from yarl import URL

from target_workos_users.api.response import NoResponse, Response, TooLarge

_CONNECT_TIMEOUT = 10.0  # seconds; less than an attempt's, so that "nothing was sent" is known
_LONGEST_BODY = 1 << 20  # bytes; WorkOS's objects have about half a kilobyte, pages a hundred times
_LOWEST_FINAL = 200  # status; the SDK would take a lower one, 101 say, for a success


def open_session(connections: int) -> aiohttp.ClientSession:
    """An aiohttp session without cookies, that trusts the system's certificates.

    Args:
        connections: How many it opens and keeps at most.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept-Encoding": "identity"},  # bodies are half a kilobyte
        auto_decompress=False,  # aiohttp would unpack all that a body holds
    )


async def send(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    *,
    headers: dict[str, str],
    content: bytes | None,
    seconds: float,
) -> Response:
    """Send a request once and read its response, whatever its status.

    Args:
        session: From :func:`open_session`.
        method: HTTP method, in capitals.
        url: Complete and encoded.
        headers: As sent.
        content: Body.
        seconds: The longest that it may take, from connecting to the last byte.

    Returns:
        The response.

    Raises:
        NoResponse: With ``ambiguous`` telling whether anything was sent. A success that is no JSON
            object (nor a DELETE's, which may be empty) is none of WorkOS's: something on the way
            has put a page of its own in its place.
    """
    target = URL(url, encoded=True)
    timeout = _timeout(seconds)
    proxy = _proxy_for(target.scheme, target.host or "")
    try:
        answered = await session.request(
            method,
            target,
            headers=headers,
            data=content,
            timeout=timeout,
            proxy=proxy,
            allow_redirects=False,  # another host would be sent the key
            middlewares=None if method == "POST" else (_send_once,),  # aiohttp repeats no POST
        )
        body = await _body(answered)
    except (
        aiohttp.ClientConnectorError,
        aiohttp.ConnectionTimeoutError,
        aiohttp.ClientHttpProxyError,
    ) as error:
        raise NoResponse(_describe(error, target.host, timeout), ambiguous=False) from None
    except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
        raise NoResponse(_describe(error, target.host, timeout), ambiguous=True) from None
    response = Response(answered.status, answered.headers, body)
    # A DELETE is answered with nothing, or, of an organization, with "Accepted" in plain text.
    empty = method == "DELETE" and (not body or answered.status == HTTPStatus.ACCEPTED)
    below = response.status_code < _LOWEST_FINAL
    if below or (response.is_success and response.object is None and not empty):
        answered.close()
        raise NoResponse(f"HTTP {answered.status} without WorkOS's JSON", ambiguous=True)
    return response


async def _body(answered: aiohttp.ClientResponse) -> bytes:
    """The body, unpacked if it is packed all the same.

    Raises:
        TooLarge: It is, or unpacks to, more than 1 MiB.
    """
    try:
        body = await _bytes(answered)
    except BaseException:
        answered.close()
        raise
    if "Content-Encoding" not in answered.headers:
        return body
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)  # gzip or deflate
    try:
        unpacked = unpacker.decompress(body, _LONGEST_BODY + 1)
    except zlib.error:
        return body  # identity, say; or it is no JSON, and looked at as such
    if len(unpacked) > _LONGEST_BODY:
        raise _too_large(answered)
    return unpacked


async def _bytes(answered: aiohttp.ClientResponse) -> bytes:
    """As they came. aiohttp's own read() would take whatever comes."""
    body = b""
    while chunk := await answered.content.readany():
        body += chunk
        if len(body) > _LONGEST_BODY:
            raise _too_large(answered)
    return body


def _too_large(answered: aiohttp.ClientResponse) -> TooLarge:
    return TooLarge(f"HTTP {answered.status} with more than 1 MiB", ambiguous=True)


async def _send_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep aiohttp from repeating a GET, PUT or DELETE by itself when the connection is gone."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientConnectionError(str(error)) from error


def _describe(  # noqa: PLR0911 - a line each
    error: Exception, host: str | None, timeout: aiohttp.ClientTimeout
) -> str:
    """What happened, without the URL that aiohttp's own texts hold: it may name a user."""
    match error:
        case aiohttp.ConnectionTimeoutError():
            return f"no connection within {timeout.sock_connect:g} s"
        case TimeoutError():
            return f"no answer within {timeout.total:g} s"
        case aiohttp.ClientConnectorCertificateError():
            return f"can't connect to {host} ({error.certificate_error})"
        case aiohttp.ClientProxyConnectionError():
            return f"can't connect to the proxy that https_proxy names ({error.os_error})"
        case aiohttp.ClientConnectorError():
            return f"can't connect to {host} ({error.os_error})"
        case aiohttp.ClientHttpProxyError():
            return f"can't connect to {host} (the proxy refuses the tunnel: HTTP {error.status})"
        case aiohttp.ClientConnectionError() | OSError():
            return f"connection lost ({error})"
        case _:
            return f"unreadable answer ({type(error).__name__})"


@lru_cache(maxsize=16)
def _timeout(seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=seconds, sock_connect=min(seconds / 2, _CONNECT_TIMEOUT))


@lru_cache(maxsize=16)
def _proxy_for(scheme: str, host: str) -> URL | None:
    """The proxy that the environment names (``https_proxy``, ``no_proxy``), read once a process.

    Plain ``http`` is for a server on this machine: a proxy would see the key. Not aiohttp's
    ``trust_env``, which asks two threads about every request and fails on a host that ``.netrc``
    has a password for.

    Raises:
        NoResponse: It can't be used.
    """
    if scheme == "http" or urllib.request.proxy_bypass(host):
        return None
    named = urllib.request.getproxies().get(scheme)
    if not named:
        return None
    with suppress(ValueError):
        proxy = URL(named if "://" in named else f"http://{named}")
        if proxy.scheme in {"http", "https"} and proxy.host:
            return proxy
    # Its text may hold a password.
    message = f"{scheme}_proxy in the environment is no URL of an HTTP proxy (http://host:port)"
    raise NoResponse(message, ambiguous=False)
