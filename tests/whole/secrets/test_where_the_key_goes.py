"""The key goes to base_url over TLS and to nobody else, whatever proxy or certificate there is."""

from __future__ import annotations

import contextlib
import ssl

import pytest
import trustme

from tests.support.connect_proxy import ConnectProxy
from tests.support.sandbox import in_another_thread
from tests.whole.secrets import canaries
from tests.whole.secrets.conftest import Watch
from tests.whole.secrets.echo_server import Echo, echo_server


@contextlib.contextmanager
def https_server(folder, name="localhost"):
    """An echo server behind a certificate that nobody trusts, and its authority's file."""
    authority = trustme.CA()
    path = folder / "users.csv"  # an input: it may hold anything
    authority.cert_pem.write_to_path(path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name, "127.0.0.2").configure_cert(context)
    with echo_server(Echo(status=401), context) as server:
        yield server, path


def running_proxy():
    return in_another_thread(ConnectProxy(userinfo=f"canary:{canaries.PROXY_PASSWORD}"))


def sent_key(server):
    return any(head.get("Authorization") == f"Bearer {canaries.API_KEY}" for head in server.seen)


def test_a_certificate_that_nobody_vouches_for_is_refused_before_the_key_is_sent(tmp_path):
    with https_server(tmp_path) as (server, _):
        said = Watch(tmp_path, base_url=server.url).run()
    assert said.exit_code == 1
    assert "certificate" in said.err
    assert "base_url" in said.err
    assert not server.seen


def test_one_that_ssl_cert_file_names_is_trusted(tmp_path):
    with https_server(tmp_path) as (server, certificate):
        said = Watch(tmp_path, base_url=server.url).run(SSL_CERT_FILE=str(certificate))
    assert "WorkOS refuses the API key" in said.err
    assert sent_key(server)


@pytest.mark.slow
def test_not_if_it_is_another_hosts(tmp_path):
    with https_server(tmp_path, "elsewhere.example") as (server, certificate):
        said = Watch(tmp_path, base_url=server.url).run(SSL_CERT_FILE=str(certificate))
    assert said.exit_code == 1
    assert "certificate" in said.err
    assert not server.seen


@pytest.mark.parametrize(
    "name", ["https_proxy", pytest.param("HTTPS_PROXY", marks=pytest.mark.slow)]
)
def test_through_a_proxy_the_key_goes_encrypted(tmp_path, name):
    with https_server(tmp_path) as (server, certificate), running_proxy() as proxy:
        Watch(tmp_path, base_url=server.url).run(
            **{name: proxy.url}, SSL_CERT_FILE=str(certificate)
        )
    assert sent_key(server)
    assert proxy.heads[0].startswith(f"CONNECT {server.url.removeprefix('https://')} ")
    assert "proxy-authorization: basic" in proxy.heads[0].lower()
    assert proxy.seen
    assert not canaries.secrets_in("".join(proxy.heads) + proxy.seen.decode(errors="replace"))


@pytest.mark.slow
def test_no_proxy_leaves_the_proxy_out(tmp_path):
    with https_server(tmp_path) as (server, certificate), running_proxy() as proxy:
        Watch(tmp_path, base_url=server.url).run(
            https_proxy=proxy.url,
            no_proxy="localhost",
            SSL_CERT_FILE=str(certificate),
        )
    assert sent_key(server)
    assert not proxy.heads


@pytest.mark.slow
def test_a_proxy_that_is_not_there_is_named_without_its_password(tmp_path):
    with https_server(tmp_path) as (server, certificate):
        url = f"http://canary:{canaries.PROXY_PASSWORD}@127.0.0.1:9"
        said = Watch(tmp_path, base_url=server.url).run(
            https_proxy=url, SSL_CERT_FILE=str(certificate)
        )
    assert said.exit_code == 1
    assert "can't be reached" in said.err
    assert not server.seen


def test_what_goes_in_clear_goes_to_this_machine_without_a_proxy(tmp_path):
    with echo_server(Echo(status=401)) as server, running_proxy() as proxy:
        Watch(tmp_path, base_url=server.url).run(http_proxy=proxy.url, all_proxy=proxy.url)
    assert sent_key(server)
    assert not proxy.heads
