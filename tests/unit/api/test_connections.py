"""How WorkOS is reached: by TLS, through proxies, by connections that are kept."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
import time
from contextlib import asynccontextmanager, suppress

import pytest
import trustme

from target_workos_users.api.connections import Connections
from target_workos_users.api.http import send
from target_workos_users.api.response import NoResponse
from target_workos_users.api.response_parser import ResponseParser
from tests.support.connect_proxy import ConnectProxy
from tests.support.scripted_server import OK, Last, ScriptedServer, reply


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def trusted(authority, tmp_path, monkeypatch):
    """Makes contexts of servers whose certificates are good."""
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    for name in ("https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)

    def context(*hosts):
        made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert(*hosts).configure_cert(made)
        return made

    return context


@asynccontextmanager
async def client():
    connections = Connections()

    async def get(url, *, content=None, seconds=30.0):
        headers = {"Authorization": "Bearer sk_test"}
        method = "GET" if content is None else "POST"
        return await send(
            connections, method, url, headers=headers, content=content, seconds=seconds
        )

    yield get
    await connections.close()


async def test_a_server_is_spoken_to_by_tls_on_a_connection_that_is_kept(trusted):
    async with ScriptedServer(tls=trusted("127.0.0.1")) as server, client() as get:
        for _ in range(3):
            assert (await get(f"{server.url}/users")).object == {"id": "user_1"}
    assert (server.requests, server.connections) == (["GET /users"] * 3, 1)


@pytest.mark.parametrize(
    ("host", "trusts", "why"),
    [
        ("127.0.0.1", False, "self-signed|unable to get local issuer"),
        ("other.test", True, "IP address mismatch"),
    ],
)
async def test_a_certificate_that_is_not_good_is_sent_nothing(
    trusted, monkeypatch, host, trusts, why
):
    context = trusted(host)
    if not trusts:
        monkeypatch.delenv("SSL_CERT_FILE")
    async with ScriptedServer(tls=context) as server, client() as get:
        with pytest.raises(
            NoResponse, match=rf"can't connect to 127\.0\.0\.1 \(.*({why})"
        ) as caught:
            await get(server.url)
    assert not caught.value.ambiguous
    assert not server.requests


@pytest.mark.usefixtures("trusted")
async def test_a_server_that_speaks_no_tls_is_sent_nothing():
    async with ScriptedServer() as server, client() as get:
        with pytest.raises(NoResponse, match=r"can't connect to|no connection within") as caught:
            await get(server.url.replace("http:", "https:"), seconds=1.0)
    assert not caught.value.ambiguous


@pytest.mark.parametrize("proxy_tls", [False, True])
async def test_a_tunnel_of_a_proxys_is_kept_and_the_proxy_sees_no_key(
    trusted, monkeypatch, proxy_tls
):
    context = trusted("127.0.0.1")
    async with ConnectProxy(tls=context if proxy_tls else None) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        async with ScriptedServer(tls=context) as server, client() as get:
            for _ in range(2):
                assert (await get(f"{server.url}/users")).object == {"id": "user_1"}
    [asked] = proxy.heads
    assert asked.startswith(f"CONNECT 127.0.0.1:{server.port} HTTP/1.1\r\n")
    assert "Proxy-Authorization: Basic dXNlcjpwQHNz\r\n" in asked  # user:p@ss
    assert b"sk_test" not in proxy.seen
    assert len(server.requests) == 2


@pytest.mark.parametrize("proxy_tls", [False, True])
async def test_what_is_behind_a_proxy_must_have_a_good_certificate_too(
    trusted, monkeypatch, proxy_tls
):
    async with ConnectProxy(tls=trusted("127.0.0.1") if proxy_tls else None) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        async with ScriptedServer(tls=trusted("other.test")) as server, client() as get:
            with pytest.raises(NoResponse, match=r"can't connect to 127.0.0.1 \(IP add") as caught:
                await get(server.url)
    assert not caught.value.ambiguous
    assert not server.requests


@pytest.mark.parametrize("proxy_tls", [False, True])
@pytest.mark.parametrize("abruptly", [False, True])
async def test_a_proxy_that_hangs_up_on_the_tunnel_is_sent_nothing(
    trusted, monkeypatch, proxy_tls, abruptly
):
    async def serve(reader, writer):
        with suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 X\r\n\r\n")
            writer.transport.abort() if abruptly else writer.close()

    tls = trusted("127.0.0.1") if proxy_tls else None
    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls) as proxy, client() as get:
        port = proxy.sockets[0].getsockname()[1]
        monkeypatch.setenv("https_proxy", f"{'https' if tls else 'http'}://127.0.0.1:{port}")
        with pytest.raises(NoResponse, match=r"can't connect to workos.test \(\S.+\)") as caught:
            await get("https://workos.test/", content=b"{}")
    assert not caught.value.ambiguous


@pytest.mark.parametrize(
    "last",
    [
        reply(200, {"id": "user_1"}, "Connection: close"),
        OK + OK,
        Last(b'HTTP/1.1 200 X\r\n\r\n{"id": "user_1"}'),
    ],
    ids=["says so", "two at once", "no length"],
)
async def test_a_connection_that_ends_is_not_used_again(last):
    async with ScriptedServer(last, OK) as server, client() as get:
        for _ in range(2):
            assert (await get(server.url)).object == {"id": "user_1"}
    assert (len(server.requests), server.connections) == (2, 2)


async def test_a_response_is_gone_once_it_was_read():
    gc.collect()
    gc.disable()
    try:
        async with ScriptedServer() as server, client() as get:
            await get(server.url)
        assert not [each for each in gc.get_objects() if isinstance(each, ResponseParser)]
    finally:
        gc.enable()


async def test_a_connection_that_was_closed_meanwhile_costs_no_request():
    async with ScriptedServer() as server, client() as get:
        await get(server.url)
        await server.hang_up()
        await asyncio.sleep(0.05)
        await get(server.url)
    assert (len(server.requests), server.connections) == (2, 2)


class Peer:
    """A server whose every byte the test sends by itself."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(5.0)
        self._open = []
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for opened in (self._listener, *self._open):
            opened.close()

    async def accept(self):
        """The next connection, on which a request has begun to come."""
        opened, _ = await asyncio.to_thread(self._listener.accept)
        self._open.append(opened)
        await asyncio.to_thread(opened.recv, 10)
        return opened


@pytest.mark.parametrize("what", ["response", "end"])
async def test_what_came_unasked_costs_no_request_and_answers_none(what):
    with Peer() as peer:
        async with client() as get:
            first = asyncio.create_task(get(peer.url))
            opened = await peer.accept()
            opened.sendall(OK)
            await first
            if what == "response":  # which the event loop has no time to read
                opened.sendall(reply(200, {"id": "user_2"}))
            else:
                opened.close()
            second = asyncio.create_task(get(peer.url))
            (await peer.accept()).sendall(reply(200, {"id": "user_3"}))
            assert (await second).object == {"id": "user_3"}


async def test_a_request_does_not_wait_behind_one_that_was_answered_too_early():
    with Peer() as peer:
        async with client() as get:
            first = asyncio.create_task(get(peer.url, content=bytes(20_000_000)))
            (await peer.accept()).sendall(reply(413, {}))
            assert (await first).status_code == 413
            second = asyncio.create_task(get(peer.url, seconds=5.0))
            (await peer.accept()).sendall(OK)
            assert (await second).object == {"id": "user_1"}


@pytest.mark.usefixtures("trusted")
async def test_what_a_busy_event_loop_had_no_time_to_send_was_not_sent():
    with Peer() as peer:
        async with client() as get:
            asyncio.get_running_loop().call_later(0.02, time.sleep, 0.4)
            with pytest.raises(NoResponse, match="no answer within") as caught:
                await get(peer.url.replace("http:", "https:"), seconds=0.3)
    assert not caught.value.ambiguous


def end_tls_as_it_begins(listener, context):
    """Answer a client's last part of the handshake with the server's and the end, at once."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = context.wrap_bio(incoming, outgoing, server_side=True)
    opened, _ = listener.accept()
    with opened:
        for _ in range(2):
            incoming.write(opened.recv(65536))
            with suppress(ssl.SSLWantReadError):
                session.do_handshake()
                session.unwrap()
            opened.sendall(outgoing.read())
        opened.recv(65536)


async def test_a_server_that_ends_tls_as_it_begins_was_sent_nothing(trusted):
    context = trusted("127.0.0.1")
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # in which the server has the last word
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5.0)
        serving = asyncio.create_task(asyncio.to_thread(end_tls_as_it_begins, listener, context))
        async with client() as get:
            with pytest.raises(NoResponse, match="connection lost") as caught:
                await get(f"https://127.0.0.1:{listener.getsockname()[1]}", content=b"{}")
        await serving
    assert not caught.value.ambiguous


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
async def test_a_request_that_is_cancelled_while_it_connects_leaves_no_socket_open():
    async with ScriptedServer() as server:
        for turns in range(30):
            async with client() as get:
                sending = [asyncio.create_task(get(server.url)) for _ in range(20)]
                for _ in range(turns):
                    await asyncio.sleep(0)
                for task in sending:
                    task.cancel()
                await asyncio.gather(*sending, return_exceptions=True)
        await asyncio.sleep(0.05)
        gc.collect()


async def test_the_second_address_is_tried_while_the_first_says_nothing(monkeypatch):
    async with ScriptedServer() as server, client() as get:
        with socket.socket() as silent, socket.socket() as first, socket.socket() as second:
            silent.bind(("127.0.0.1", 0))
            silent.listen(0)
            for waiting in (first, second):  # it takes no more than these
                waiting.setblocking(False)
                waiting.connect_ex(silent.getsockname())

            async def addresses(*_, **__):
                found = [silent.getsockname(), ("127.0.0.1", server.port)]
                return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", at) for at in found]

            monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", addresses)
            response = await get("http://workos.test", seconds=5.0)
    assert response.object == {"id": "user_1"}
