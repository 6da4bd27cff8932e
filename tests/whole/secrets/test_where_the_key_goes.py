"""The key goes to base_url over TLS and to nobody else, whatever proxy or certificate there is."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import select
import socket
import ssl
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.whole.secrets import canaries
from tests.whole.secrets.conftest import Watch
from tests.whole.secrets.echo_server import Echo, echo_server


def self_signed(folder, name):
    """A certificate for a host, by nobody known, and its key; in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    names = [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.2"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "users.csv"  # an input: it may hold anything
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


@contextlib.contextmanager
def https_server(folder, name="localhost"):
    """An echo server behind a certificate that nobody trusts, and the certificate's file."""
    path = self_signed(folder, name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    with echo_server(Echo(status=401), context) as server:
        yield server, path


class ConnectProxy:
    """A proxy that takes CONNECT only, and keeps what it saw.

    Attributes:
        heads: What it was asked for in clear.
        seen: All bytes that went through it.
        url: Its own, with a password.
    """

    def __enter__(self):
        self.heads, self.seen = [], b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        self.url = f"http://canary:{canaries.PROXY_PASSWORD}@127.0.0.1:{port}"
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            if not (more := client.recv(4096)):
                return
            head += more
        self.heads.append(head.decode())
        method, target, _ = head.split(b"\r\n")[0].decode().split()
        if method != "CONNECT":
            client.sendall(b"HTTP/1.1 405 X\r\nContent-Length: 0\r\n\r\n")
            client.close()
            return
        host, _, port = target.rpartition(":")
        with client, socket.create_connection((host, int(port))) as server:
            client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            self._pass_on(client, server)

    def _pass_on(self, client, server):
        with contextlib.suppress(OSError):
            while True:
                for source in select.select([client, server], [], [])[0]:
                    if not (data := source.recv(65536)):
                        return
                    self.seen += data
                    (server if source is client else client).sendall(data)


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
    with https_server(tmp_path) as (server, certificate), ConnectProxy() as proxy:
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
    with https_server(tmp_path) as (server, certificate), ConnectProxy() as proxy:
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
    with echo_server(Echo(status=401)) as server, ConnectProxy() as proxy:
        Watch(tmp_path, base_url=server.url).run(http_proxy=proxy.url, all_proxy=proxy.url)
    assert sent_key(server)
    assert not proxy.heads
