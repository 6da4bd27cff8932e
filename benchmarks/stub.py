"""A stand-in for WorkOS that costs next to nothing: raw protocol, answers made ready.

``GET /_sandbox/counts`` says how many requests came, and when users were first and last created.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time

_USER = (
    b'{"object":"user","id":"user_%d","first_name":"Ada",'
    b'"last_name":"Lovelace","email_verified":true,"profile_picture_url":null,'
    b'"external_id":null,"metadata":{},"last_sign_in_at":null,'
    b'"created_at":"2026-01-01T00:00:00.000Z","updated_at":"2026-01-01T00:00:00.000Z"}'
)
_OTHER = b'{"object":"thing","id":"thing_%d","name":"Thing","status":"active"}'
_NOT_FOUND = b'{"message":"Not Found","code":"entity_not_found"}'


class Stub(asyncio.Protocol):
    """One connection."""

    ids = itertools.count()
    requests = 0
    created: tuple[float, float] | None = None  # first and last, on the clock of all processes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start."""
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        """Answer what is whole."""
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end]
            at = head.lower().find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.buffer) < end + 4 + length:
                return
            self.buffer = self.buffer[end + 4 + length :]
            self._answer(head)

    def _answer(self, head: bytes) -> None:
        status, body = b"201 Created", _OTHER % next(self.ids)
        if head.startswith(b"GET /_sandbox/counts "):
            counts = {"requests": Stub.requests, "created": Stub.created}
            status, body = b"200 OK", json.dumps(counts).encode()
        elif head.startswith(b"GET"):
            status, body = b"404 Not Found", _NOT_FOUND
        elif head.startswith(b"POST /user_management/users "):
            body = _USER % next(self.ids)
            now = time.monotonic()
            Stub.created = (Stub.created[0] if Stub.created else now, now)
        Stub.requests += not head.startswith(b"GET /_sandbox")
        self.transport.write(  # type: ignore[attr-defined]
            b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nX-Request-Id: req_1\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (status, len(body), body)
        )


async def main() -> None:
    """Listen until terminated."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Stub, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
