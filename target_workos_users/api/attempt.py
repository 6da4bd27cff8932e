"""One attempt of one request over aiohttp: an answer, or why there is none."""

from __future__ import annotations

import urllib.request
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import aiohttp
import msgspec
from workos import HTTPResponse, TransportError
from yarl import URL

_CONNECT_TIMEOUT = 10.0  # seconds; less than an attempt's, so that "nothing was sent" is known


class NoAnswer(TransportError):
    """Nothing came back that could be read.

    Attributes:
        ambiguous: The request may have taken effect all the same.
        unreachable: No other request was answered either since this one was first sent.
    """

    def __init__(self, message: str, *, ambiguous: bool, unreachable: bool = False) -> None:
        super().__init__(message)
        self.ambiguous = ambiguous
        self.unreachable = unreachable


class Redirected(TransportError):
    """A 3xx answer; it isn't followed, as another host would be sent the key."""


@dataclass(frozen=True)
class Answer(HTTPResponse):
    """WorkOS's answer.

    Attributes:
        ambiguous: The request is a write that may have taken effect whatever this answer says:
            this attempt got a 5xx, or an earlier one did, or was lost after it was sent.
    """

    ambiguous: bool = False

    def json(self) -> Any:
        """Body parsed as JSON.

        Raises:
            ValueError: It is no JSON, or it is an error and no JSON object: the SDK fails with an
                AttributeError on that (measured, workos 10.8.0).
        """
        value = msgspec.json.decode(self.content)
        if self.status_code >= HTTPStatus.BAD_REQUEST and not isinstance(value, dict):
            raise ValueError("the body of an error is no JSON object")
        return value


def open_session(connections: int) -> aiohttp.ClientSession:
    """An aiohttp session that keeps so many connections, and neither cookies nor redirects."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections),
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=("Accept", "Accept-Encoding"),  # answers are half a kilobyte
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

    Raises:
        NoAnswer: With ``ambiguous`` telling whether anything was sent.
    """
    target = URL(url, encoded=True)
    timeout = _timeout(seconds)
    try:
        async with session.request(
            method,
            target,
            headers=headers,
            data=content,
            timeout=timeout,
            proxy=_proxy_for(target.scheme, target.host or ""),
            allow_redirects=False,  # another host would be sent the key
            middlewares=None if method == "POST" else (_send_once,),
        ) as response:
            body = await response.read()
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        raise NoAnswer(_describe(error, timeout), ambiguous=False) from None
    except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
        raise NoAnswer(_describe(error, timeout), ambiguous=True) from None
    return Answer(response.status, response.headers, body, method, url)


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


def _describe(error: Exception, timeout: aiohttp.ClientTimeout) -> str:
    """What happened, without the URL that aiohttp's own texts hold: it may name a user."""
    match error:
        case aiohttp.ConnectionTimeoutError():
            return f"no connection within {timeout.sock_connect:g} s"
        case TimeoutError():
            return f"no answer within {timeout.total:g} s"
        case aiohttp.ClientConnectorError():
            return f"can't connect to {error.host}:{error.port} ({error.os_error})"
        case aiohttp.ClientConnectionError() | OSError():
            return f"connection lost ({error})"
        case _:
            return f"unreadable answer ({type(error).__name__})"


@lru_cache(maxsize=16)
def _timeout(seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=seconds, sock_connect=min(seconds / 2, _CONNECT_TIMEOUT))


@lru_cache(maxsize=16)
def _proxy_for(scheme: str, host: str) -> str | None:
    """The proxy that the environment names (``https_proxy``, ``no_proxy``).

    Not aiohttp's ``trust_env``, which asks two threads about every request and fails on a host
    that ``.netrc`` has a password for.
    """
    return None if urllib.request.proxy_bypass(host) else urllib.request.getproxies().get(scheme)
