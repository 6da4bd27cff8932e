"""A WorkOS that answers with an error which repeats all that it was sent, the key included."""

from __future__ import annotations

import contextlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator


@dataclass
class Echo:
    """How it answers.

    Attributes:
        status: Of every answer.
        html: A page instead of JSON.
        location: A redirect's.
        url: Where it listens.
        seen: Headers of the requests that came.
    """

    status: int = 400
    html: bool = False
    location: str = ""
    url: str = ""
    seen: list[dict[str, str]] = field(default_factory=list)

    def answer(self, said: str) -> bytes:
        if self.html:
            return f"<html><h1>{self.status}</h1><pre>{said}</pre></html>".encode()
        item = {"code": f"code {said}", "message": said, "field": said, "value": {said: [said]}}
        return json.dumps(
            {
                "message": f"Refused: {said}",
                "code": said,
                "error": said,
                "error_description": said,
                "entity_id": said,
                "errors": [item, said],
            }
        ).encode()


@contextlib.contextmanager
def echo_server(echo: Echo, tls: ssl.SSLContext | None = None) -> Iterator[Echo]:
    """Run it on a free loopback port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            size = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(size).decode()
            said = f"{self.headers['Authorization']} {body} {quote(body)} {self.path}"
            echo.seen.append(dict(self.headers.items()))
            answer = echo.answer(said)
            self.send_response_only(echo.status)
            self.send_header("Content-Length", str(len(answer)))
            self.send_header("X-Request-Id", self.headers["Authorization"] + quote(body)[:300])
            self.send_header("Content-Type", "text/html" if echo.html else "application/json")
            if echo.location:
                self.send_header("Location", f"{echo.location}/{quote(body)}")
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 - as http.server has them

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        echo.url = f"{'https://localhost' if tls else 'http://127.0.0.1'}:{server.server_port}"
        yield echo
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
