"""A small HTTP server for what pytest-httpserver can't do: drop, cut off, hang, and send raw bytes.

It keeps connections open, and counts them.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from dataclasses import dataclass


@dataclass
class Received:
    method: str
    target: str
    headers: dict[str, str]
    at: float


class Drop:
    """Hang up without a response."""


class Cut:
    """Hang up in the middle of a response."""


class Hang:
    """Never respond."""


@dataclass
class Last:
    """Hang up after this response."""

    response: bytes


def reply(status=200, body=None, *headers):
    """The bytes of a response; ``body`` is JSON unless it is bytes."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(content)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


OK = reply(200, {"id": "user_1"})


class ScriptedServer:
    """Gives the ``script``'s responses in turn, and after that ``default``.

    Args:
        tls: By TLS, as this context says.

    Attributes:
        received: The requests, in order.
        connections: Number of connections made so far.
    """

    def __init__(self, *script, default=OK, tls=None):
        self.script = deque(script)
        self.default = default
        self.received = []
        self.connections = 0
        self._open = set()
        self._tls = tls

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *_):
        self._server.close()
        await self.hang_up()
        await self._server.wait_closed()

    async def hang_up(self):
        """Close all connections."""
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    @property
    def requests(self):
        return [f"{request.method} {request.target}" for request in self.received]

    async def _serve(self, reader, writer):
        self._open.add(asyncio.current_task())
        self.connections += 1
        try:
            while await self._respond(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _respond(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
        method, target, _ = head[0].split(" ")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        await reader.readexactly(int(headers.get("content-length", 0)))
        now = asyncio.get_running_loop().time()
        self.received.append(Received(method, target, headers, now))
        match self.script.popleft() if self.script else self.default:
            case bytes() as response:
                writer.write(response)
                return True
            case Last(response):
                writer.write(response)
            case Hang():
                await asyncio.sleep(3600)
            case Cut():
                writer.write(OK[:-5])
                await writer.drain()
        return False
