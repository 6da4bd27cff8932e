from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_workos_users.api.response import Response


def response(status=200, content=b"{}", **headers):
    return Response(
        status, {name.replace("_", "-").lower(): text for name, text in headers.items()}, content
    )


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"null", b"1", b"<html>", b"{", b"\xff{}", b"[" * 100_000]
)
def test_a_body_that_is_no_object_is_none(content):
    assert response(content=content).object is None


@pytest.mark.parametrize(
    ("status", "content", "passing"),
    [
        (200, b"{}", False),
        (400, b"{}", False),
        (404, b'{"message": "Not Found"}', False),
        (404, b"<html>", True),
        (408, b"{}", True),
        (425, b"{}", True),
        (429, b"{}", True),
        (500, b"{}", True),
        (530, b"", True),
        (409, b'{"code": "lock_timeout"}', True),
        (400, b'{"code": "rate_limit_exceeded"}', True),
        (409, b'{"code": ["lock_timeout"]}', False),
        (200, b'{"code": "lock_timeout"}', False),
    ],
)
def test_what_may_pass(status, content, passing):
    assert response(status, content).is_passing == passing


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("0", 0), ("7", 7), ("2.5", 2.5), ("-3", 0), ("86400", 60), ("nan", 0), ("inf", 0), ("x", 0)],
)
def test_retry_after_is_read_and_bounded(value, seconds):
    assert response(429, Retry_After=value).retry_after == seconds
    assert response(429).retry_after == 0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7), ("2.5", 2.5), ("1e9", 60), ("-1", 0), ('"7"', 0), ("null", 0), ("[7]", 0)],
)
def test_a_429s_body_may_say_it_as_well(value, seconds):
    body = b'{"code": "rate_limit_exceeded", "retry_after": %s}' % value.encode()
    assert response(429, body).retry_after == seconds
    assert response(429, body, Retry_After="0").retry_after == seconds
    assert response(429, body, Retry_After="9").retry_after == max(9, seconds)
    assert response(400, body).retry_after == 0


@pytest.mark.parametrize("our_clock_is_wrong_by", [0, 3_600, -3_600])
def test_a_date_to_retry_after_is_read_by_the_senders_clock(our_clock_is_wrong_by):
    theirs = datetime.now(UTC) + timedelta(seconds=our_clock_is_wrong_by)
    date = format_datetime(theirs, usegmt=True)
    until = format_datetime(theirs + timedelta(seconds=40), usegmt=True)
    assert response(429, Retry_After=until, Date=date).retry_after == 40
    assert response(429, Retry_After=date, Date=until).retry_after == 0


@pytest.mark.parametrize("date", ["", "yesterday"])
def test_without_the_senders_clock_a_date_is_waited_for_as_long_as_may_be(date):
    until = format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True)
    assert response(429, Retry_After=until, Date=date).retry_after == 60


@given(st.text(), st.text() | st.just("Fri, 27 Nov 2026 06:20:15 GMT"))
def test_whatever_retry_after_says_is_survived(value, date):
    assert 0 <= response(429, Retry_After=value, Date=date).retry_after <= 60
