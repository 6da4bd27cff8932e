"""A connection that HTTP/1.1 is spoken on: one request at a time, and its response."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from target_workos_users.api.response import NoResponse
from target_workos_users.api.response_parser import ResponseParser

if TYPE_CHECKING:
    import ssl

_READ = 1 << 15  # bytes at a time


class Connection(asyncio.BufferedProtocol):
    """What asyncio calls when bytes come, and what is called to send some."""

    def __init__(self) -> None:
        self._idle_since = 0.0
        self._transport: asyncio.Transport
        self._loop = asyncio.get_running_loop()
        self._buffer = memoryview(bytearray(_READ))
        self._parser: ResponseParser | None = None
        self._done: asyncio.Future[None] | None = None

    async def exchange(self, request: bytes, *, tunnel: bool = False) -> ResponseParser:
        """Send a request and wait for its response.

        Args:
            request: All of it, as it is sent.
            tunnel: It is a CONNECT.

        Returns:
            The response, complete.

        Raises:
            NoResponse: The connection was lost, or something came that is no response.
        """
        self._parser = parser = ResponseParser(tunnel=tunnel)
        self._done = self._loop.create_future()
        try:
            self._transport.write(request)
            await self._done
        except BaseException:  # whoever waited was cancelled, say
            self.abort()
            raise
        finally:
            self._parser = self._done = None
        self._idle_since = self._loop.time()
        return parser

    async def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """Speak TLS from now on, with what is behind a tunnel."""
        transport = await self._loop.start_tls(self._transport, self, context, server_hostname=host)
        self._transport = cast("asyncio.Transport", transport)

    @property
    def is_open(self) -> bool:
        """Whether a request may be sent."""
        return not self._transport.is_closing()

    @property
    def idle_for(self) -> float:
        """Seconds since its last response was complete."""
        return self._loop.time() - self._idle_since

    def abort(self) -> None:
        """Close it, whatever is under way."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        self._transport = cast("asyncio.Transport", transport)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's protocol
        """Where to put what comes."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Something came."""
        if self._parser is None or self._done is None or self._done.done():
            self.abort()  # nobody asked for this
            return
        try:
            if self._parser.feed(self._buffer[:nbytes]):
                self._done.set_result(None)
        except NoResponse as error:
            self._done.set_exception(error)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is closed, by whomever."""
        if self._parser is None or self._done is None or self._done.done():
            return
        if exc is None and self._parser.feed_eof():
            self._done.set_result(None)
        else:
            why = exc or "the server hung up"
            self._done.set_exception(NoResponse(f"connection lost ({why})", ambiguous=True))
