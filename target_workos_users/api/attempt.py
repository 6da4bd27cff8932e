"""One attempt of one request over pyreqwest: an answer, or why there is none.

pyreqwest is Rust's reqwest; a request takes half the CPU that it takes with aiohttp (benchmark
``ceiling``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property, lru_cache
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import DecodeError, RequestError
from workos import HTTPResponse, TransportError

if TYPE_CHECKING:
    from collections.abc import Mapping

_CONNECT_TIMEOUT = 10.0  # seconds; less than an attempt's, so that "nothing was sent" is known
_SERVER_ERROR = 500  # plain numbers: an enum's members cost a microsecond a request
_NOT_FOUND = 404
_PASSING = {408, 429}
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


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


@dataclass(frozen=True)
class Answer(HTTPResponse):
    """WorkOS's answer.

    Attributes:
        ambiguous: The request is a write that may have taken effect whatever this answer says:
            this attempt got a 5xx, or an earlier one did, or was lost after it was sent.
        attempt: Which attempt of its request it answers, from 1.
    """

    ambiguous: bool = False
    attempt: int = 1

    @cached_property
    def object(self) -> dict[str, Any] | None:
        """Body parsed as JSON; None if it is no JSON object, as all of WorkOS's bodies are."""
        try:
            value = msgspec.json.decode(self.content)
        except (ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) else None

    @property
    def is_passing(self) -> bool:
        """Whether asking again may bring another: 408, 429, 5xx, and a 404 that isn't WorkOS's."""
        status = self.status_code
        return (
            status >= _SERVER_ERROR
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


def open_client(url: str, *, connections: int, seconds: float) -> Client:
    """An HTTP client that keeps so many connections, and neither cookies nor redirects.

    It takes the proxy that the environment names (``https_proxy``, ``no_proxy``), and trusts the
    system's certificates (``SSL_CERT_FILE``).

    Args:
        url: Any URL of the server. Plain ``http`` is for a server on this machine: it is never
            asked for through a proxy, which would see the key.
        connections: Idle connections kept.
        seconds: The longest that an attempt may take.
    """
    builder = (
        ClientBuilder()
        .follow_redirects(enable=False)  # another host would be sent the key
        .gzip(enable=False)  # answers are half a kilobyte
        .brotli(enable=False)
        .zstd(enable=False)
        .deflate(enable=False)
        .pool_max_idle_per_host(connections)
        .connect_timeout(timedelta(seconds=min(seconds / 2, _CONNECT_TIMEOUT)))
    )
    return (builder.no_proxy() if url.startswith("http:") else builder).build()


async def send(
    client: Client,
    method: str,
    url: str,
    *,
    headers: dict[str, str],
    content: bytes | None,
    seconds: float,
) -> Answer:
    """Send a request once and read its answer, whatever its status.

    Args:
        client: From :func:`open_client`.
        method: HTTP method, in capitals.
        url: Complete and encoded.
        headers: As sent.
        content: Body.
        seconds: The longest that it may take, from connecting to the last byte.

    Raises:
        NoAnswer: With ``ambiguous`` telling whether anything was sent. A success that isn't JSON
            is none of WorkOS's: something on the way has put a page of its own in its place.
    """
    request = client.request(method, url).headers(headers).timeout(_duration(seconds))
    if content is not None:
        request = request.body_bytes(content)
    try:
        response = await request.build().send()
        body = bytes(await response.bytes())
    except RequestError as error:
        raise _no_answer(error, url, seconds) from None
    status = response.status
    told = _NO_HEADERS if status < HTTPStatus.MULTIPLE_CHOICES else _readable(response.headers)
    answer = Answer(status, told, body, method, url)
    empty = method == "DELETE" and not body
    if status < HTTPStatus.MULTIPLE_CHOICES and answer.object is None and not empty:
        raise NoAnswer(f"HTTP {status} without WorkOS's JSON", ambiguous=True)
    return answer


def _no_answer(error: RequestError, url: str, seconds: float) -> NoAnswer:
    """What happened, without the URL that the first cause holds: it may name a user.

    The class of the error doesn't tell whether anything was sent: a connection closed instead of
    an answer is a ``ConnectError`` too (measured, pyreqwest 0.15.1). The causes tell.
    """
    details: Any = error.details
    causes = [cause["message"] for cause in details["causes"] or ()][1:]
    why = ": ".join(causes[1:]) or error.message
    if causes[:1] == ["client error (Connect)"]:
        server = urlsplit(url)
        return NoAnswer(f"can't connect to {server.hostname} ({why})", ambiguous=False)
    if isinstance(error, TimeoutError):
        return NoAnswer(f"no answer within {seconds:g} s", ambiguous=True)
    if isinstance(error, DecodeError) and "end of file" not in why:
        return NoAnswer(f"unreadable answer ({why})", ambiguous=True)
    return NoAnswer(f"connection lost ({why})", ambiguous=True)


def _readable(headers: Mapping[str, str]) -> Mapping[str, str]:
    """The headers, case-insensitive; empty if one of them is no text."""
    try:
        dict(headers)
    except ValueError:
        return _NO_HEADERS
    return headers


@lru_cache(maxsize=16)
def _duration(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)
