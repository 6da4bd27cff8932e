"""What comes of bytes, however they come."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_workos_users.api.response import NoResponse
from target_workos_users.api.response_parser import ResponseParser

BODIES = st.binary(max_size=300)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def with_length(body):
    return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


def chunked(body):
    chunks = [body[at : at + 7] for at in range(0, len(body), 7)]
    parts = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return b"Transfer-Encoding: chunked\r\n\r\n" + parts + b"0\r\nX-Trailer: 1\r\n\r\n"


def to_the_end(body):
    return b"\r\n" + body


def read(data, cuts=()):
    """Feed the bytes in pieces, and the end of the connection if they leave the response open."""
    parser = ResponseParser()
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    for start, end in pairwise(places):
        parser.feed(data[start:end])
    parser.is_complete or parser.feed_eof()
    return parser


@given(
    BODIES,
    st.sampled_from([with_length, chunked, to_the_end]),
    st.sampled_from([b"", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"]),
    st.lists(st.integers(0, 700)),
)
def test_a_response_is_the_same_however_its_bytes_come(body, framed, interim, cuts):
    data = interim + b"HTTP/1.1 422 X\r\nRetry-After: 1\r\nretry-after: 2\r\n" + framed(body)
    response = read(data, cuts)
    assert response.is_complete
    assert (response.status, response.read()) == (422, body)
    assert response.headers["retry-after"] == "2"
    assert not {"link", "x-trailer"} & response.headers.keys()
    assert response.keeps_alive == (framed is not to_the_end)


@given(st.sampled_from([with_length(b"0123456789"), chunked(b"0123456789")]), st.integers(1, 12))
def test_a_response_that_is_cut_off_is_none(rest, missing):
    assert not read((b"HTTP/1.1 200 OK\r\n" + rest)[:-missing]).is_complete


@given(BODIES.filter(lambda noise: noise.strip(b"\r\n")))
def test_what_is_no_response_is_told(noise):
    with pytest.raises(NoResponse, match=r"^unreadable answer \(HttpParser") as caught:
        read(noise + b"\r\n\r\n")
    assert caught.value.ambiguous


@pytest.mark.parametrize(
    "data",
    [
        OK + OK,
        OK + b"x",
        OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
        OK.replace(b"1.1", b"1.0"),
        b"HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    ],
)
def test_a_connection_that_something_else_follows_on_is_not_used_again(data):
    response = read(data)
    assert response.is_complete
    assert not response.keeps_alive


@pytest.mark.parametrize("status", [204, 304])
def test_some_responses_have_no_body(status):
    assert read(b"HTTP/1.1 %d X\r\n\r\n" % status).keeps_alive


def test_a_tunnel_begins_after_the_headers():
    parser = ResponseParser(tunnel=True)
    assert not parser.feed(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert parser.feed(b"Via: x\r\n\r\n")
    assert parser.status == 200
