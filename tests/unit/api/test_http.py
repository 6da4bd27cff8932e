"""What is read of a response, whoever sends it, and by which way a request goes."""

from __future__ import annotations

import asyncio
import gzip
import subprocess
import sys
import zlib

import pytest

from target_workos_users.api.connections import Connections
from target_workos_users.api.http import send
from target_workos_users.api.response import NoResponse, TooLarge
from tests.support.scripted_server import ScriptedServer, reply

PEAK = """
import asyncio, resource, sys
from target_workos_users.api.connections import Connections
from target_workos_users.api.http import send
from target_workos_users.api.response import NoResponse

async def main():
    connections = Connections()
    for _ in range(int(sys.argv[2])):
        try:
            await send(connections, "GET", sys.argv[1], headers={}, content=None, seconds=60)
        except NoResponse as error:
            print(error)
    await connections.close()

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
asyncio.run(main())
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
FLOOD = bytes(50_000_000)


async def get(url, *, method="GET", seconds=30.0):
    connections = Connections()
    try:
        return await send(connections, method, url, headers={}, content=None, seconds=seconds)
    finally:
        await connections.close()


def packed(encoding):
    """200 MB in 200 KB."""
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    body = packer.compress(bytes(200_000_000)) + packer.flush()
    return reply(200, body, f"Content-Encoding: {encoding}")


def flood(head):
    return b"HTTP/1.1 200 X\r\n" + head + FLOOD


async def test_a_response_without_end_costs_no_memory():
    too_large, unreadable = "HTTP 200 with more than 1 MiB", "unreadable answer"
    bombs = [
        (packed("gzip"), too_large),
        (packed("deflate"), too_large),
        (packed("gzip, gzip"), too_large),
        (packed("unheard-of"), too_large),
        (flood(b"Content-Length: 50000000\r\n\r\n"), too_large),
        (flood(b"Transfer-Encoding: chunked\r\n\r\n2faf080\r\n"), too_large),
        (flood(b"\r\n"), too_large),
        (flood(b"X: x").replace(b"\0", b"x"), unreadable),
        (flood(b"X: x\r\n").replace(b"\0" * 10, b"X: 123\r\n"), unreadable),
    ]
    async with ScriptedServer(*(bomb for bomb, _ in bombs)) as server:
        command = [sys.executable, "-c", PEAK, server.url, str(len(bombs))]
        process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
        *said, grown = (await process.communicate())[0].decode().splitlines()
    assert [text[: len(end)] for text, (_, end) in zip(said, bombs, strict=True)] == [
        end for _, end in bombs
    ]
    assert int(grown) < 20_000  # KiB


@pytest.mark.parametrize(
    ("pack", "encoding"),
    [(gzip.compress, "gzip"), (zlib.compress, "deflate"), (bytes, "gzip"), (bytes, "identity")],
)
async def test_a_body_that_is_packed_unasked_is_unpacked(pack, encoding):
    content = pack(b'{"id": "user_1"}')
    async with ScriptedServer(reply(200, content, f"Content-Encoding: {encoding}")) as server:
        assert (await get(server.url)).object == {"id": "user_1"}


async def test_a_body_of_1_mib_is_read_and_a_larger_one_may_have_taken_effect():
    whole = b'{"id": "user_1"}'.rjust(1 << 20)
    async with ScriptedServer(reply(201, whole), reply(201, whole + b" ")) as server:
        assert (await get(server.url, method="POST")).object == {"id": "user_1"}
        with pytest.raises(TooLarge) as caught:
            await get(server.url, method="POST")
    assert caught.value.ambiguous


@pytest.mark.parametrize("host", ["workos.invalid", "a..b", f"{'x' * 70}.test"])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_name_that_no_host_has_is_sent_nothing(host, scheme):
    with pytest.raises(NoResponse, match=rf"can't connect to {host} \(") as caught:
        await get(f"{scheme}://{host}/", method="POST")
    assert not caught.value.ambiguous


async def test_a_request_that_could_have_a_body_says_that_it_has_none():
    async with ScriptedServer() as server:
        for method in ("GET", "PUT", "POST", "DELETE"):
            await get(server.url, method=method)
    lengths = [request.headers.get("content-length") for request in server.received]
    assert lengths == [None, "0", "0", None]


@pytest.mark.parametrize("prefix", ["http://", "http://user:word@", ""])
async def test_a_proxy_named_by_the_environment_is_used_and_never_sees_the_key(monkeypatch, prefix):
    async with ScriptedServer(default=reply(502)) as proxy:
        monkeypatch.setenv("https_proxy", f"{prefix}127.0.0.1:{proxy.port}")
        monkeypatch.setenv("no_proxy", "localhost")
        with pytest.raises(NoResponse, match=r"can't connect to workos.test .*tunnel") as caught:
            await get("https://workos.test/user_management/users", method="POST")
    assert not caught.value.ambiguous
    assert proxy.requests == ["CONNECT workos.test:443"]
    assert ("proxy-authorization" in proxy.received[0].headers) == ("@" in prefix)
    assert "authorization" not in proxy.received[0].headers


@pytest.mark.parametrize(
    ("proxy", "text"),
    [
        (
            "socks5://user:word@127.0.0.1:1",
            "https_proxy in the environment isn't the URL of an HTTP",
        ),
        ("http://", "https_proxy in the environment isn't the URL of an HTTP"),
        ("http://[word", "https_proxy in the environment isn't the URL of an HTTP"),
        ("http://user:word@127.0.0.1:1", "can't connect to the proxy that https_proxy names"),
        ("http://user:word@a..b", "can't connect to the proxy that https_proxy names"),
    ],
)
async def test_a_proxy_that_cannot_be_used_is_told_of_by_its_variable(monkeypatch, proxy, text):
    monkeypatch.setenv("https_proxy", proxy)
    with pytest.raises(NoResponse) as caught:
        await get("https://workos.test/", method="POST")
    assert not caught.value.ambiguous
    assert str(caught.value).startswith(text)
    assert "word" not in str(caught.value)


async def test_plain_http_and_hosts_in_no_proxy_are_asked_for_directly(monkeypatch):
    async with ScriptedServer() as proxy, ScriptedServer() as server:
        for name in ("http_proxy", "https_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("no_proxy", "workos.invalid")
        await get(server.url)
        with pytest.raises(NoResponse, match=r"can't connect to workos\.invalid"):
            await get("https://workos.invalid/")
    assert (len(server.requests), proxy.requests) == (1, [])
