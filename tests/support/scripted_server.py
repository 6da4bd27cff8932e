"""A small HTTP server whose every answer, silence or hang-up a test decides."""

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
    body: bytes
    at: float
    connection: int

    @property
    def json(self):
        return json.loads(self.body)


@dataclass
class Reply:
    """An answer; ``body`` is JSON unless it is bytes."""

    status: int = 200
    body: object = None
    headers: tuple[tuple[str, str], ...] = ()

    def encode(self):
        body = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        lines = [f"HTTP/1.1 {self.status} X", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Drop:
    """Hang up without an answer."""


class Cut:
    """Hang up in the middle of an answer."""


class Hang:
    """Never answer."""


class ScriptedServer:
    """Gives the ``script``'s answers in turn, and after that ``default``.

    Attributes:
        received: The requests, in order.
        connections: Number of connections made so far.
    """

    def __init__(self, *script, default=None):
        self.script = deque(script)
        self.default = default or Reply(200, {"id": "user_1"})
        self.received = []
        self.connections = 0
        self._open = set()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def requests(self):
        return [f"{request.method} {request.target}" for request in self.received]

    async def _serve(self, reader, writer):
        self._open.add(asyncio.current_task())
        self.connections += 1
        connection = self.connections
        try:
            while await self._answer(reader, writer, connection):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _answer(self, reader, writer, connection):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
        method, target, _ = head[0].split(" ")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        now = asyncio.get_running_loop().time()
        self.received.append(Received(method, target, headers, body, now, connection))
        match self.script.popleft() if self.script else self.default:
            case Reply() as reply:
                writer.write(reply.encode())
                return True
            case Hang():
                await asyncio.sleep(3600)
            case Cut():
                writer.write(Reply(200, {"id": "user_1"}).encode()[:-5])
                await writer.drain()
        return False
