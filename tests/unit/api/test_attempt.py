from __future__ import annotations

from dataclasses import fields

import pytest
from workos import HTTPResponse

from target_workos_users.api.attempt import Answer


def answer(status=200, content=b"{}"):
    return Answer(status, {}, content, "GET", "https://api.workos.com/x")


def test_an_answer_has_all_that_the_sdk_reads_of_one():
    assert {field.name for field in fields(HTTPResponse)} <= vars(answer()).keys()
    assert answer(content=b"\xff{}").text == "\N{REPLACEMENT CHARACTER}{}"


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"null", b"1", b"<html>", b"{", b"\xff{}", b"[" * 100_000]
)
def test_a_body_that_is_no_object_is_none(content):
    assert answer(content=content).object is None
    with pytest.raises(ValueError, match="no JSON object"):
        answer(content=content).json()


@pytest.mark.parametrize(
    ("content", "read"),
    [
        (b'{"message": "No", "error": "invalid"}', {"message": "No", "error": "invalid"}),
        (b'{"message": "No", "error": {"code": 1}}', {"message": "No"}),
        (b'{"message": "No", "error": ["x"]}', {"message": "No"}),
    ],
)
def test_an_error_that_the_sdk_would_fail_on_is_left_out(content, read):
    assert answer(400, content).json() == read


@pytest.mark.parametrize(
    ("status", "content", "passing"),
    [
        (200, b"{}", False),
        (400, b"{}", False),
        (404, b'{"message": "Not Found"}', False),
        (404, b"<html>", True),
        (408, b"{}", True),
        (429, b"{}", True),
        (500, b"{}", True),
        (530, b"", True),
    ],
)
def test_what_may_pass(status, content, passing):
    assert answer(status, content).is_passing == passing
