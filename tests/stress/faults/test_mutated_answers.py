"""Answers that are no longer what WorkOS had said: no traceback, no hang, nothing lost or twice."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from tests.stress.faults.lab import open_lab
from tests.stress.faults.wire import Wire, wired

if TYPE_CHECKING:
    from collections.abc import Callable

REQUESTS = 58  # of a run that nothing goes wrong in
SHORT = {"request_timeout": 0.25, "max_retries": 2}

any_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


def with_body(raw, body):
    """The answer with another body, and a length that fits."""
    head = re.sub(rb"(?i)(content-length: *)\d+", rb"\g<1>%d" % len(body), split(raw)[0])
    return head + b"\r\n\r\n" + body


def split(raw):
    head, _, body = raw.partition(b"\r\n\r\n")
    return head, body


def with_line(raw, line):
    head, body = split(raw)
    return head + b"\r\n" + line + b"\r\n\r\n" + body


def with_status(raw, status):
    return re.sub(rb"^HTTP/1.1 \d+", b"HTTP/1.1 %03d" % status, raw)


def with_value(raw, where, value):
    """One value of the JSON is another one."""
    try:
        body = json.loads(split(raw)[1])
    except ValueError:
        return raw
    places = [(owner, key) for owner in walk(body) for key in keys(owner)]
    if not places:
        return raw
    owner, key = places[where % len(places)]
    owner[key] = value
    return with_body(raw, json.dumps(body).encode())


def walk(value):
    """Every object and list in a JSON value."""
    if isinstance(value, dict | list):
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from walk(inner)


def keys(owner):
    return list(owner) if isinstance(owner, dict) else range(len(owner))


def with_bytes(raw, where, inserted):
    where %= len(raw) + 1
    return raw[:where] + inserted + raw[where + len(inserted) :]


def cut_off(raw, end):
    return raw[: end % (len(raw) + 1)]


def with_half_a_body(raw, end):
    body = split(raw)[1]
    return with_body(raw, body[: end % (len(body) + 1)])


def with_json(raw, value):
    return with_body(raw, json.dumps(value).encode())


def after_early_hints(raw):
    return b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + raw


def twice(raw):
    return raw + raw


lines = st.sampled_from(
    [
        b"Content-Length: 99999999999999999999",
        b"Content-Length: -1",
        b"Content-Length: 0",
        b"Transfer-Encoding: chunked",
        b"Content-Encoding: gzip",
        b"Connection: close",
        b"Upgrade: h2c",
        b"X: " + b"x" * 100_000,
        b"X-Request-Id: \xff\x00\x80",
        b"Retry-After: \xc2\xb2",
        b"Retry-After: 1e308",
        b"Location: http://[::1",
        b"no colon",
        b": no name",
        b"Set-Cookie: a=b",
    ]
) | st.binary(max_size=20)


@dataclass(frozen=True)
class Mutation:
    """What becomes of an answer; readable where a test fails.

    Attributes:
        change: One of the functions above.
        arguments: Its further arguments.
        stays_open: Whether the connection does.
    """

    change: Callable[..., bytes]
    arguments: tuple[Any, ...]
    stays_open: bool

    def __repr__(self) -> str:
        return f"{self.change.__name__}{str(self.arguments)[:200]}, {self.stays_open}"


def changes(change, *arguments):
    built = st.tuples(st.just(change), st.tuples(*arguments), st.booleans())
    return built.map(lambda parts: Mutation(*parts))


numbers = st.integers(0, 2_000)
deep = st.sampled_from([b"[" * 100_000, b'{"id":' * 100_000, b"\x00" * 1_000, b"9" * 5_000])
odd_statuses = st.sampled_from([100, 101, 102, 103, 199, 200, 204, 205, 206, 226, 300, 301, 304])
mutations = st.one_of(
    changes(cut_off, numbers),
    changes(with_half_a_body, numbers),
    changes(with_json, any_json),
    changes(with_value, numbers, any_json),
    changes(with_body, st.binary(max_size=40) | deep),
    changes(with_bytes, numbers, st.binary(min_size=1, max_size=40)),
    changes(with_line, lines),
    changes(with_status, odd_statuses | st.integers(400, 999)),
    changes(after_early_hints),
    changes(twice),
)
places = st.tuples(st.integers(0, REQUESTS), st.sampled_from([1, 1, 1, 2, 9, 1_000]))
plans = st.lists(st.tuples(places, mutations), min_size=1, max_size=4)


whole = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@settings(parent=whole, max_examples=60, derandomize=True)
@given(plans)
def test_no_answer_whatever_it_is_breaks_an_import(template, capfd, plan):
    check(template, capfd, plan)


@pytest.mark.slow
@settings(parent=whole, max_examples=2_000)
@given(plans)
def test_no_answer_of_two_thousand_breaks_an_import(template, capfd, plan):
    check(template, capfd, plan)


def check(template, capfd, plan):
    """A run with these mutations, and one without if it stopped: all is well in the end."""
    with open_lab(template) as lab:
        lab.settings |= SHORT
        arrived = count()

        def treat(request, answer):
            number, stays = next(arrived), True
            for (start, times), mutation in plan:
                if start <= number < start + times:
                    answer = mutation.change(answer, *mutation.arguments)
                    stays = stays and mutation.stays_open
                    note(f"{request}: {answer[:2_000]!r}")
            return answer, stays

        with wired(lab, Wire(lab.base_url, treat=treat)):
            run = lab.run()
        assert run.exit_code in (0, 1)
        assert run.exit_code == run.said("", "ERROR")
        lab.check_the_state()
        if run.exit_code:
            run = lab.run()
            assert run.exit_code == 0, run.log
        lab.check_the_end()
        lab.check_what_was_said(capfd.readouterr())
