"""Opens connections, by a proxy if the environment names one, and keeps them."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from aiohappyeyeballs import start_connection

from target_workos_users.api.connection import Connection
from target_workos_users.api.proxy import proxy_for
from target_workos_users.api.response import NoResponse

if TYPE_CHECKING:
    from target_workos_users.api.proxy import Proxy

_KEPT = 15.0  # seconds; servers and what is before them keep an idle one for a minute, mostly
_SECOND_ADDRESS_AFTER = 0.25  # seconds (RFC 8305)
_SUCCESS = range(200, 300)
_NO_CONNECTION = (OSError, ValueError)  # a UnicodeError, of a name that no host can have


class Origin(NamedTuple):
    """Where requests go.

    Attributes:
        scheme: ``https``, or ``http``.
        host: Name or address, without brackets.
        port: Its port.
    """

    scheme: str
    host: str
    port: int


class Connections:
    """The connections of a client. How many are in use at a time is for the client to bound."""

    def __init__(self) -> None:
        self._idle: defaultdict[Origin, list[Connection]] = defaultdict(list)

    async def take(self, origin: Origin, *, seconds: float) -> Connection:
        """A connection that nobody else uses: the one that was used last, or a new one.

        Args:
            origin: Where to.
            seconds: The longest that it may take to open a new one.

        Raises:
            NoResponse: There is none; nothing was sent.
        """
        idle = self._idle[origin]
        while idle:
            connection = idle.pop()
            if connection.idle_for > _KEPT:
                connection.abort()
            if connection.is_ready:
                return connection
        try:
            async with asyncio.timeout(seconds):
                return await self._open(origin)
        except TimeoutError:
            text = f"no connection within {seconds:g} s"
        except _NO_CONNECTION as error:
            text = f"can't connect to {origin.host} ({_why(error)})"
        raise NoResponse(text, ambiguous=False)

    def put_back(self, origin: Origin, connection: Connection) -> None:
        """Keep it for another request."""
        self._idle[origin].append(connection)

    async def close(self) -> None:
        """Close those that nobody uses."""
        for idle in self._idle.values():
            for connection in idle:
                connection.abort()
        self._idle.clear()
        await asyncio.sleep(0)  # the event loop closes their sockets in its next turn

    async def _open(self, origin: Origin) -> Connection:
        proxy = proxy_for(origin.scheme, origin.host)
        if proxy:
            return await self._open_tunnel(proxy, origin)
        return await self._connect(origin.host, origin.port, tls=origin.scheme == "https")

    async def _open_tunnel(self, proxy: Proxy, origin: Origin) -> Connection:
        """A connection through a proxy, which sees no more than the origin's name and port.

        Raises:
            NoResponse: The proxy doesn't open it.
            OSError, ValueError: The origin doesn't.
        """
        try:
            connection = await self._connect(proxy.host, proxy.port, tls=proxy.tls)
        except _NO_CONNECTION as error:
            text = f"can't connect to the proxy that {origin.scheme}_proxy names ({_why(error)})"
            raise NoResponse(text, ambiguous=False) from None
        try:
            await _ask_for_tunnel(connection, proxy, origin)
            await connection.start_tls(self._tls, origin.host)
        except BaseException:
            connection.abort()
            raise
        return connection

    async def _connect(self, host: str, port: int, *, tls: bool) -> Connection:
        loop = asyncio.get_running_loop()
        context, name = (self._tls, host) if tls else (None, None)
        addresses = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        # asyncio's own (Python 3.13) leaves sockets open when it is cancelled.
        opened = await start_connection(addresses, happy_eyeballs_delay=_SECOND_ADDRESS_AFTER)
        _, connection = await loop.create_connection(
            Connection, sock=opened, ssl=context, server_hostname=name
        )
        return connection

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """Trusts what the system trusts, or the file that ``SSL_CERT_FILE`` names."""
        context = ssl.create_default_context()
        context.set_alpn_protocols(["http/1.1"])
        return context


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    return str(error) or type(error).__name__  # asyncio raises some without a text


async def _ask_for_tunnel(connection: Connection, proxy: Proxy, origin: Origin) -> None:
    """Have a proxy connect to the origin.

    Raises:
        NoResponse: It doesn't.
    """
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    lines = [f"CONNECT {host}:{origin.port} HTTP/1.1", f"Host: {host}:{origin.port}"]
    if proxy.authorization:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    try:
        answered = await connection.exchange("\r\n".join([*lines, "", ""]).encode(), tunnel=True)
    except NoResponse as error:
        why = str(error)
    else:
        if answered.status in _SUCCESS:
            return
        why = f"HTTP {answered.status}"
    text = f"can't connect to {origin.host} (the proxy refuses the tunnel: {why})"
    raise NoResponse(text, ambiguous=False)
