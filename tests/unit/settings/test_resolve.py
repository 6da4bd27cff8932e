from __future__ import annotations

import pytest

from target_workos_users.exceptions import SettingsError
from tests.support.model import make_settings


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.0.1", "[::1]", "LocalHost"])
def test_plain_http_goes_to_a_loopback_address(host):
    found = make_settings(base_url=f"http://{host}:4100/").base_url
    assert found == f"http://{host.lower()}:4100"


@pytest.mark.parametrize(
    "host",
    ["api.example.com", "0.0.0.0", "127.1", "0x7f000001", "localhost.example.com", "[::2]"],
)
def test_plain_http_goes_nowhere_else(host):
    with pytest.raises(SettingsError, match="the API key would travel in clear"):
        make_settings(base_url=f"http://{host}:4100/")


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("https://api.workos.com", "https://api.workos.com"),
        (" HTTPS://API.WorkOS.com:443/ ", "https://api.workos.com"),
        ("http://localhost:80", "http://localhost"),
        ("https://gate.example.com:8443/workos/v1.0/", "https://gate.example.com:8443/workos/v1.0"),
        ("https://workos_sandbox:4100", "https://workos_sandbox:4100"),
        ("https://xn--wrkos-jua.com", "https://xn--wrkos-jua.com"),
    ],
)
def test_a_base_url_has_one_spelling_by_which_the_checkpoint_knows_its_destination(given, used):
    assert make_settings(base_url=given).base_url == used


@pytest.mark.parametrize(
    "url",
    [
        "https://api.workos.com/#v2",
        "https://api.workos.com#",
        "https://api.workos.com?",
        "https://api.workos.com/?a=1",
        "https://api.workos.com/v1;a=1",
        "https://api.workos.com;a",
        "https://api.workos.com.",
        "https://api.workos.com:0",
        "https://api.workos.com:65536",
        "https://api.workos.com:" + "9" * 5000,
        "https://api.workos.com:port",
        "https://api.workos.com:",
        "https://api.workos.com//v1",
        "https://api.workos.com/../v1",
        "https://api.workos.com/./v1",
        "https://api.workos.com/%2e%2e/v1",
        "https://api.workos.com/a b",
        "https://api.workos.com\\v1",
        "https:\\\\api.workos.com",
        "https:/api.workos.com",
        "https:///api.workos.com",
        "https:api.workos.com",
        "//api.workos.com",
        "api.workos.com",
        "ftp://api.workos.com",
        "https://",
        "https://.workos.com",
        "https://api..workos.com",
        "https://-api.workos.com",
        "https://a b.com",
        "https://wörkos.com",
        "https://api。workos。com",
        "https://api.workos.com\n.example.com",
        "https://[::1",
        "https://[1.2.3]",
        "https://[::1%25eth0]",
        "https://api.workos.com:\uff14\uff14\uff13",
    ],
)
def test_a_base_url_is_a_host_a_port_and_a_path_and_nothing_else(url):
    with pytest.raises(SettingsError, match=r"base_url: found .*, expected a URL such as"):
        make_settings(base_url=url)


def test_a_base_url_with_a_user_is_refused():
    with pytest.raises(SettingsError, match="holds a user or a password"):
        make_settings(base_url="https://api.workos.com@example.com")


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost:6379/0",
        "rediss://:pass%2Fword@redis.internal:6380?ssl_cert_reqs=none",
        "unix:///run/redis.sock?db=1",
    ],
)
def test_a_url_of_a_redis_server_is_taken_as_it_is(url):
    assert make_settings(rate_limit_redis_url=f" {url} ").rate_limit_redis_url == url


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("localhost:6379", "isn't a URL of a Redis server"),
        ("http://localhost:6379", "isn't a URL of a Redis server"),
        ("redis://", "isn't a URL of a Redis server"),
        ("redis://localhost:0", "isn't a URL of a Redis server"),
        ("redis://localhost:port", "isn't a URL of a Redis server"),
        ("redis://localhost/one", "isn't a URL of a Redis server"),
        ("redis://localhost/0/1", "isn't a URL of a Redis server"),
        ("redis://:pass#word@localhost", "isn't a URL of a Redis server"),
        ("unix://", "isn't a URL of a Redis server"),
        ("redis://localhost?timeout=1", r"an option .* that redis-py doesn't take \(TypeError\)"),
        ("redis://localhost?db=one", "an option after the ?"),
        ("redis://localhost?socket_timeout=soon", "an option after the ?"),
        ("redis://localhost?retry=5", "an option after the ?"),
        ("rediss://localhost?ssl_cert_reqs=maybe", "an option after the ?"),
    ],
)
def test_a_wrong_redis_url_is_named_before_anything_is_sent(url, message):
    with pytest.raises(SettingsError, match=f"^rate_limit_redis_url .*{message}"):
        make_settings(rate_limit_redis_url=url)
