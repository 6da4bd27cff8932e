"""One attempt of one request over aiohttp: an answer, or why there is none."""

from __future__ import annotations

import urllib.request
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import aiohttp
import msgspec
from workos import HTTPResponse, TransportError
from yarl import URL

if TYPE_CHECKING:
    from collections.abc import Mapping

_CONNECT_TIMEOUT = 10.0  # seconds; less than an attempt's, so that "nothing was sent" is known
_SUCCESS = range(200, 300)  # plain numbers: an enum's members cost a microsecond a request
_REDIRECTIONS = range(300, 400)
_SERVER_ERROR = 500
_NOT_FOUND = 404
_PASSING = {408, 429}

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class NoAnswer(TransportError):
    """Nothing came back that could be read.

    Attributes:
        ambiguous: The request may have taken effect all the same.
    """

    def __init__(self, message: str, *, ambiguous: bool) -> None:
        super().__init__(message)
        self.ambiguous = ambiguous


class Redirected(TransportError):
    """A 3xx answer; it isn't followed, as another host would be sent the key."""


class Answer(HTTPResponse):
    """WorkOS's answer.

    Attributes:
        object: Its body's JSON object, as all of WorkOS's bodies are; None if it is none.
        ambiguous: The request is a write that may have taken effect whatever this answer says:
            this attempt got a 5xx, or an earlier one did, or was lost after it was sent.
        attempt: Which attempt of its request it answers, from 1.
    """

    ambiguous = False
    attempt = 1

    def __init__(
        self, status_code: int, headers: Mapping[str, str], content: bytes, method: str, url: str
    ) -> None:
        # What the frozen HTTPResponse's own constructor does, at a fifth of its cost.
        self.__dict__.update(
            status_code=status_code,
            headers=headers,
            content=content,
            request_method=method,
            request_url=url,
        )
        self.object = _object(content)

    @property
    def is_success(self) -> bool:
        """2xx."""
        return self.status_code in _SUCCESS

    @property
    def is_redirect(self) -> bool:
        """3xx."""
        return self.status_code in _REDIRECTIONS

    @property
    def is_server_error(self) -> bool:
        """5xx, and what lies beyond."""
        return self.status_code >= _SERVER_ERROR

    @property
    def is_passing(self) -> bool:
        """Whether asking again may bring another: 408, 429, 5xx, and a 404 that isn't WorkOS's."""
        status = self.status_code
        return (
            self.is_server_error
            or status in _PASSING
            or (status == _NOT_FOUND and self.object is None)
        )

    def json(self) -> Any:
        """Body parsed as JSON.

        The SDK looks up the ``error`` of an error, and fails with a TypeError if it is an object
        or a list (measured, workos 10.8.0): it is left out then.

        Raises:
            ValueError: It is no JSON object: the SDK fails with an AttributeError on an error that
                is another value (measured, workos 10.8.0).
        """
        if self.object is None:
            raise ValueError("the body is no JSON object")
        if isinstance(self.object.get("error"), dict | list):
            return {name: value for name, value in self.object.items() if name != "error"}
        return self.object


def _object(content: bytes) -> dict[str, Any] | None:
    try:
        return _decode(content)
    except (ValueError, RecursionError):
        return None


def open_session(connections: int) -> aiohttp.ClientSession:
    """An aiohttp session without cookies, that trusts the system's certificates.

    Args:
        connections: How many it opens and keeps at most.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept-Encoding": "identity"},  # answers are half a kilobyte
    )


async def send(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    *,
    headers: dict[str, str],
    content: bytes | None,
    seconds: float,
) -> Answer:
    """Send a request once and read its answer, whatever its status.

    Args:
        session: From :func:`open_session`.
        method: HTTP method, in capitals.
        url: Complete and encoded.
        headers: As sent.
        content: Body.
        seconds: The longest that it may take, from connecting to the last byte.

    Returns:
        The answer.

    Raises:
        NoAnswer: With ``ambiguous`` telling whether anything was sent. A success that is no JSON
            object (nor a DELETE's, which may be empty) is none of WorkOS's: something on the way
            has put a page of its own in its place.
    """
    target = URL(url, encoded=True)
    timeout = _timeout(seconds)
    proxy = _proxy_for(target.scheme, target.host or "")
    try:
        response = await session.request(
            method,
            target,
            headers=headers,
            data=content,
            timeout=timeout,
            proxy=proxy,
            allow_redirects=False,  # another host would be sent the key
            middlewares=None if method == "POST" else (_send_once,),  # aiohttp repeats no POST
        )
        body = await response.read()  # closes the connection if it is cut off
    except (
        aiohttp.ClientConnectorError,
        aiohttp.ConnectionTimeoutError,
        aiohttp.ClientHttpProxyError,
    ) as error:
        raise NoAnswer(_describe(error, target.host, timeout), ambiguous=False) from None
    except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
        raise NoAnswer(_describe(error, target.host, timeout), ambiguous=True) from None
    answer = Answer(response.status, response.headers, body, method, url)
    empty = method == "DELETE" and not body
    below = answer.status_code < _SUCCESS.start  # 101, say; the SDK would take it for a success
    if below or (answer.is_success and answer.object is None and not empty):
        response.close()
        raise NoAnswer(f"HTTP {response.status} without WorkOS's JSON", ambiguous=True)
    return answer


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
        NoAnswer: It can't be used.
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
    raise NoAnswer(message, ambiguous=False)
