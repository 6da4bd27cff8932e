"""An HTTP proxy that opens tunnels and does nothing else."""

from __future__ import annotations

import asyncio
from contextlib import suppress


class ConnectProxy:
    """A proxy that takes CONNECT only and keeps what it saw.

    Args:
        tls: It is spoken to by TLS, as this context says.
        userinfo: Before the host in its URL.

    Attributes:
        heads: What it was asked for in clear.
        seen: All bytes that went through it.
        url: Its own.
    """

    def __init__(self, *, tls=None, userinfo="user:p%40ss"):
        self.heads, self.seen = [], b""
        self._tls, self._userinfo = tls, userinfo
        self._tasks = set()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        scheme = "https" if self._tls else "http"
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"{scheme}://{self._userinfo}@127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader, writer):
        self._tasks.add(asyncio.current_task())
        try:
            await self._open_tunnel(reader, writer)
        except (asyncio.IncompleteReadError, OSError):
            pass  # whoever asked has gone
        finally:
            writer.transport.abort()

    async def _open_tunnel(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        method, target, _ = head.split("\r\n")[0].split()
        if method != "CONNECT":
            writer.write(b"HTTP/1.1 405 X\r\nContent-Length: 0\r\n\r\n")
            return await writer.drain()
        host, _, port = target.rpartition(":")
        to_reader, to_writer = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        try:
            await asyncio.gather(self._pass_on(reader, to_writer), self._pass_on(to_reader, writer))
        finally:
            to_writer.transport.abort()

    async def _pass_on(self, reader, writer):
        with suppress(OSError):
            while data := await reader.read(65536):
                self.seen += data
                writer.write(data)
        writer.close()
