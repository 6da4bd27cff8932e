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
    with ConnectProxy(tls=context if proxy_tls else None) as proxy:
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
    with ConnectProxy(tls=trusted("127.0.0.1") if proxy_tls else None) as proxy:
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


async def test_a_connection_that_was_closed_meanwhile_costs_no_request():
    async with ScriptedServer() as server, client() as get:
        await get(server.url)
        await server.hang_up()
        await asyncio.sleep(0.05)
        await get(server.url)
    assert (len(server.requests), server.connections) == (2, 2)
