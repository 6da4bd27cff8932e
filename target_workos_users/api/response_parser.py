"""Reads a response from the bytes that come in, by llhttp, the parser of Node.js. Pure.

What is read is bounded: a response of WorkOS's has about half a kilobyte, a page of them a hundred
times as much.
"""

from __future__ import annotations

import zlib

import httptools

from target_workos_users.api.response import LOWEST_FINAL, NoResponse, TooLarge

_LONGEST_HEAD = 1 << 16  # bytes
_LONGEST_BODY = 1 << 20
_LONGEST = 1 << 21  # with what chunked encoding adds
_SWITCHING_PROTOCOLS = 101


class ResponseParser:
    """Reads one response.

    Args:
        tunnel: It answers a CONNECT, so that it ends with its headers.

    Attributes:
        status: HTTP status.
        headers: By names in lower case; of one that comes again, the last.
        is_complete: Whether all of it has come.
    """

    def __init__(self, *, tunnel: bool = False) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.is_complete = False
        self._parser = httptools.HttpResponseParser(self)
        self._tunnel = tunnel
        self._has_head = False
        self._has_more = False
        self._keeps_alive = False
        self._received = 0
        self._body = bytearray()

    def feed(self, data: memoryview | bytes) -> bool:
        """Take what has come; returns whether the response is complete.

        Raises:
            NoResponse: It isn't HTTP.
            TooLarge: It has more than 1 MiB.
        """
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._has_more = True
        except httptools.HttpParserError as error:
            if not self.is_complete:
                raise _unreadable(type(error).__name__) from None
            self._has_more = True
        if self.is_complete:
            return True
        self._received += len(data)
        if not self._has_head and self._received > _LONGEST_HEAD:
            raise _unreadable("no end of its headers")
        if len(self._body) > _LONGEST_BODY or self._received > _LONGEST:
            raise self._too_large()
        return False

    def feed_eof(self) -> bool:
        """The connection was closed; returns whether that completes the response."""
        lengths = {"content-length", "transfer-encoding"}
        self.is_complete = self._has_head and not lengths & self.headers.keys()
        return self.is_complete

    @property
    def keeps_alive(self) -> bool:
        """Whether another request may follow on the same connection."""
        return self._keeps_alive and not self._has_more

    def close(self) -> None:
        """Let go of llhttp's parser: the two hold each other, and a body until they are found."""
        del self._parser

    def read(self) -> bytes:
        """The body, unpacked if it is packed though nobody asked for that.

        Raises:
            TooLarge: It is, or unpacks to, more than 1 MiB.
        """
        body = bytes(self._body)
        if "content-encoding" in self.headers:
            unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)  # gzip or deflate
            try:
                body = unpacker.decompress(body, _LONGEST_BODY + 1)
            except zlib.error:
                return body  # identity, say; or it isn't JSON, which is found out later
        if len(body) > _LONGEST_BODY:
            raise self._too_large()
        return body

    def _too_large(self) -> TooLarge:
        return TooLarge(f"HTTP {self.status} with more than 1 MiB", ambiguous=True)

    # What llhttp calls, in this order:

    def on_message_begin(self) -> None:
        """Bytes of a response; of another one, if this is complete."""
        self._has_more = self.is_complete

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or after the body a trailer."""
        if not self._has_head:
            self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Body comes next, if any."""
        if not self.is_complete:
            self.status = self._parser.get_status_code()
            self._has_head = True
            self.is_complete = self._tunnel and self.status >= LOWEST_FINAL

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        if not self.is_complete:
            self._body += body

    def on_message_complete(self) -> None:
        """The end; of an interim response (1xx), which another follows, if it is one."""
        if _SWITCHING_PROTOCOLS != self.status < LOWEST_FINAL:
            self.headers.clear()
            self._has_head = False
        elif not self.is_complete:
            self.is_complete = True
            self._keeps_alive = self._parser.should_keep_alive()


def _unreadable(why: str) -> NoResponse:
    return NoResponse(f"unreadable answer ({why})", ambiguous=True)
