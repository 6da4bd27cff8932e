"""What stands between the target and the sandbox: it may go away, or send other bytes on."""

from __future__ import annotations

import asyncio
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.stress.faults.lab import Lab

_END = b"\r\n\r\n"


class Request(NamedTuple):
    """A request, as far as a test needs it."""

    method: str
    path: str


class Wire:
    """Hands requests to the sandbox and answers back, raw.

    Args:
        upstream: The sandbox's URL.
        treat: Gets each request and its answer, and returns the bytes to send instead and whether
            the connection stays open.
        away: Gets each request, and returns the seconds for which to go away instead of handing
            it on: the connections are reset, new ones refused. 0: hand it on.
    """

    def __init__(
        self,
        upstream: str,
        *,
        treat: Callable[[Request, bytes], tuple[bytes, bool]] = lambda _, answer: (answer, True),
        away: Callable[[Request], float] = lambda _: 0.0,
    ) -> None:
        self._upstream = urlsplit(upstream)
        self._treat = treat
        self._away = away
        self._open: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        self._go_away()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    def _go_away(self) -> None:
        if self._server:
            self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._open.add(task)
        self._writers.add(writer)
        host, port = self._upstream.hostname, self._upstream.port
        up_reader, up_writer = await asyncio.open_connection(host, port)
        try:
            while await self._exchange(reader, writer, up_reader, up_writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            up_writer.close()
            writer.close()
            self._writers.discard(writer)
            self._open.discard(task)

    async def _exchange(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        up_reader: asyncio.StreamReader,
        up_writer: asyncio.StreamWriter,
    ) -> bool:
        """One request and its answer; returns whether another may follow."""
        sent = await _read_message(reader)
        method, target, _ = sent.split(b"\r\n", 1)[0].decode().split(" ")
        request = Request(method, target.partition("?")[0])
        if seconds := self._away(request):
            self._go_away()
            if seconds < float("inf"):
                loop = asyncio.get_running_loop()
                loop.call_later(seconds, lambda: loop.create_task(self.listen()))
            return False
        up_writer.write(sent)
        answer, stays = self._treat(request, await _read_message(up_reader))
        writer.write(answer)
        await writer.drain()
        return stays


async def _read_message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(_END)
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    return head + await reader.readexactly(int(length[1]) if length else 0)


@contextmanager
def wired(lab: Lab, wire: Wire) -> Iterator[None]:
    """The target of the lab goes through the wire."""
    lab.loop.run_until_complete(wire.listen())
    direct, lab.base_url = lab.base_url, wire.url
    try:
        yield
    finally:
        lab.base_url = direct
        lab.loop.run_until_complete(wire.close())
