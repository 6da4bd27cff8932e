"""A connection that HTTP/1.1 is spoken on: one request at a time, and its response."""

from __future__ import annotations

import asyncio
import select
from typing import TYPE_CHECKING, cast

from target_workos_users.api.response import NoResponse
from target_workos_users.api.response_parser import ResponseParser

if TYPE_CHECKING:
    import ssl

_READ = 1 << 15  # bytes at a time
_HUNG_UP = "the server hung up"


class Connection(asyncio.BufferedProtocol):
    """What asyncio calls when bytes come, and what is called to send some."""

    def __init__(self) -> None:
        self._idle_since = 0.0
        self._transport: asyncio.Transport
        self._unread = select.poll()
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
            NoResponse: The connection was lost, or what came isn't a response.
        """
        if self._transport.is_closing():  # right after TLS was agreed on, say
            raise NoResponse(f"connection lost ({_HUNG_UP})", ambiguous=False)
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
            parser.close()
        self._idle_since = self._loop.time()
        return parser

    async def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """Speak TLS from now on, with what is behind a tunnel.

        Raises:
            OSError: It doesn't.
            ValueError: The host's name isn't valid.
        """
        transport = None
        try:
            transport = await self._loop.start_tls(
                self._transport, self, context, server_hostname=host
            )
        except TypeError as error:  # Python 3.12's own, when it closes TLS within TLS
            if isinstance(error.__context__, OSError):
                raise error.__context__ from None
        if transport is None:  # despite its type: closed meanwhile
            raise ConnectionResetError(_HUNG_UP)
        self._transport = transport

    @property
    def is_ready(self) -> bool:
        """Whether another request may be sent: all was sent and answered, and nothing came since.

        What has come may not have been read yet: the event loop was busy.
        """
        transport = self._transport
        closing = transport.is_closing() or transport.get_write_buffer_size()
        return not (closing or self._unread.poll(0))

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
        self._unread.register(transport.get_extra_info("socket"), select.POLLIN)

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
        """It is closed, by either side."""
        if self._parser is None or self._done is None or self._done.done():
            return
        if exc is None and self._parser.feed_eof():
            self._done.set_result(None)
        else:
            why = str(exc or "") or _HUNG_UP
            self._done.set_exception(NoResponse(f"connection lost ({why})", ambiguous=True))
