"""Mutations of JSON lines: bytes flipped, cut, added and moved, values replaced by worse ones."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

    Draw = Callable[[st.SearchStrategy], object]

WORSE = (
    *(b"null", b"true", b"[]", b"{}", b'""', b"0", b"-1", b"1.5", b"NaN", b"-Infinity", b"1e400"),
    *(b"9" * 6_000, b"-" + b"9" * 5_000, b"1e99999999999999999999", b"1.5e999999999999", b"1e-999"),
    *(
        b'"\\ud800"',
        b'"\xff\xfe"',
        b'"\\u0000"',
        b'"' + b"x" * 70_000 + b'"',
        b"\0",
        b"\r\n",
        b"\n",
    ),
    *(b"[" * 3_000, b'{"a":' * 3_000, b"[" * 900 + b"]" * 900, b'{"type": "STATE"}', b"{"),
    *(b'{"users": {}}', b"[[1]]", b"[1e5]", b'[["x", 1]]', b'{"a": {"b": [null]}}', b'"users"'),
)
_TOKEN = re.compile(rb'"[^"]{0,80}"|-?\d+(?:\.\d+)?|true|false|null|\[\]|\{\}')


def _position(draw: Draw, content: bytes) -> int:
    return draw(st.integers(0, max(0, len(content) - 1)))


def _flip(draw: Draw, content: bytes) -> bytes:
    at = _position(draw, content)
    return content[:at] + bytes([draw(st.integers(0, 255))]) + content[at + 1 :]


def _cut(draw: Draw, content: bytes) -> bytes:
    at = _position(draw, content)
    return content[:at] + content[at + draw(st.integers(1, 200)) :]


def _cut_off(draw: Draw, content: bytes) -> bytes:
    return content[: _position(draw, content)]


def _insert(draw: Draw, content: bytes) -> bytes:
    at = _position(draw, content)
    return content[:at] + draw(st.binary(max_size=40)) + content[at:]


def _repeat_line(draw: Draw, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True) or [b""]
    line = draw(st.sampled_from(lines))
    at = draw(st.integers(0, len(lines)))
    return b"".join([*lines[:at], line, *lines[at:]])


def _drop_line(draw: Draw, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True) or [b""]
    at = draw(st.integers(0, len(lines) - 1))
    return b"".join(lines[:at] + lines[at + 1 :])


def _swap_lines(draw: Draw, content: bytes) -> bytes:
    return b"".join(draw(st.permutations(content.splitlines(keepends=True))))


def _worse_value(draw: Draw, content: bytes) -> bytes:
    tokens = list(_TOKEN.finditer(content))
    if not tokens:
        return content
    token = draw(st.sampled_from(tokens))
    return content[: token.start()] + draw(st.sampled_from(WORSE)) + content[token.end() :]


_MUTATIONS = (_flip, _cut, _cut_off, _insert, _repeat_line, _drop_line, _swap_lines)


@st.composite
def mutated(draw: Draw, content: bytes) -> bytes:
    """The content after one to four mutations; half of them replace a value."""
    for _ in range(draw(st.integers(1, 4))):
        mutate = draw(st.one_of(st.just(_worse_value), st.sampled_from(_MUTATIONS)))
        content = mutate(draw, content)
    return content
