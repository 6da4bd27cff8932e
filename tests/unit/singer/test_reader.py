from __future__ import annotations

import io
import json
import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_workos_users.exceptions import InputError
from target_workos_users.singer.reader import MessageReader, TruncatedInputError

SCHEMA = {"type": "SCHEMA", "stream": "users", "schema": {}, "key_properties": []}
RECORD = {"type": "RECORD", "stream": "users", "record": {"email": "ann@example.com"}}
STATE = {"type": "STATE", "value": {"bookmarks": {}}}


def encode(*messages):
    return b"".join(json.dumps(message).encode() + b"\n" for message in messages)


class Reader(MessageReader):
    """Keeps what it read."""

    def __init__(self):
        super().__init__()
        self.read = []

    def read_all(self, file):
        self.process_lines(file, dict.fromkeys(["SCHEMA", "RECORD", "STATE"], self.read.append))
        return self.read


@pytest.fixture
def read(tmp_path):
    """Reads bytes from a file, as from stdin."""

    def run(content):
        path = tmp_path / "input"
        path.write_bytes(content)
        with path.open() as file:
            return Reader().read_all(file)

    return run


def test_messages_come_in_order(read):
    assert read(encode(SCHEMA, RECORD, STATE)) == [SCHEMA, RECORD, STATE]


def test_blank_lines_are_passed_over(read):
    assert read(b"\n \n" + encode(RECORD) + b"\n") == [RECORD]


def test_no_input_at_all_is_fine(read):
    assert read(b"") == []


def test_a_last_line_without_a_line_end_counts_if_it_is_whole(read):
    assert read(encode(SCHEMA, RECORD)[:-1]) == [SCHEMA, RECORD]


def test_a_text_stream_without_a_descriptor_is_read_too():
    assert Reader().read_all(io.StringIO(encode(SCHEMA, RECORD).decode())) == [SCHEMA, RECORD]


@given(st.data())
def test_where_a_pipe_breaks_the_bytes_does_not_matter(data):
    record = {"type": "RECORD", "stream": "users", "record": {"email": "å" * 20}}
    content = b"".join(
        json.dumps(each, ensure_ascii=False).encode() + b"\n" for each in (SCHEMA, record, STATE)
    )
    cuts = sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=6)))
    reading, writing = os.pipe()

    def write():
        for start, end in zip([0, *cuts], [*cuts, len(content)], strict=True):
            os.write(writing, content[start:end])
        os.close(writing)

    thread = threading.Thread(target=write)
    thread.start()
    with os.fdopen(reading) as file:
        assert Reader().read_all(file) == [SCHEMA, record, STATE]
    thread.join()


@given(cut=st.integers(1, len(encode(RECORD)) - 2))
def test_a_tap_that_dies_in_the_middle_of_a_line_is_told_from_a_bad_line(tmp_path_factory, cut):
    path = tmp_path_factory.mktemp("input") / "input"
    path.write_bytes(encode(SCHEMA, RECORD) + encode(RECORD)[:cut])
    reader = Reader()
    with path.open() as file, pytest.raises(TruncatedInputError, match="middle of line 3"):
        reader.read_all(file)
    assert reader.read == [SCHEMA, RECORD]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"not JSON", "not valid JSON"),
        (b'"hunter2"', "not a JSON object"),
        (b'{"type": "HELLO", "x": "hunter2"}', "type is none of"),
        (b'{"type": ["RECORD"], "x": "hunter2"}', "type is none of"),
        (b'{"stream": "hunter2"}', "type is none of"),
        (b'{"type": "RECORD", "record": NaN "hunter2"}', "not valid JSON"),
        (b"[" * 100_000, "nested more than 100 levels deep"),
        (b"INFO starting the tap", "have the tap log on stderr"),
        (b'{"type": "SCHEMA", "stream": "users", "schema": ' + b'{"a":' * 980, "n"),
        (b'def"}}', "not valid JSON"),
    ],
)
def test_a_bad_line_is_named_by_its_number_and_never_quoted(read, line, reason):
    with pytest.raises(InputError) as caught:
        read(encode(SCHEMA) + line + b"\n" + encode(RECORD))
    assert str(caught.value).startswith("Line 2 of the input isn't a Singer message: ")
    assert reason in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert not isinstance(caught.value, TruncatedInputError)


def test_a_record_with_bytes_that_are_no_utf8_goes_on_with_the_reason(read):
    line = encode(RECORD).replace(b"ann", b"\xff")
    (message,) = read(line)
    assert message["record"]["email"] == "\N{REPLACEMENT CHARACTER}@example.com"
    assert "UTF-8" in message["record"]["_sdc_error"]


def test_not_a_number_is_null(read):
    (message,) = read(b'{"type": "RECORD", "stream": "users", "record": {"n": NaN}}\n')
    assert message["record"] == {"n": None}


def test_requests_in_flight_get_a_turn_every_hundred_lines_and_while_there_is_no_input():
    reader = Reader()
    turns, waits = [], []
    reading, writing = os.pipe()
    os.write(writing, encode(*[RECORD] * 250))

    def wait(descriptor):
        waits.append(descriptor)
        os.close(writing)

    reader.turn = lambda: turns.append(len(reader.read))
    reader.wait = wait
    with os.fdopen(reading) as file:
        reader.read_all(file)
    assert turns == [99, 199]
    assert waits == [reading]


# Lines that can't be read, and records that can


def record_line(text, stream="users"):
    return b'{"type": "RECORD", "stream": "%b", "record": %b}\n' % (stream.encode(), text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b'{"email": "ann@example.com", "password": "hunter2}', "not valid JSON"),
        (b"null", "the message has no record object"),
        (b'["hunter2"]', "the message has no record object"),
        (b'{"bio": ' + b"[" * 980 + b"]" * 980 + b"}", "nested more than 100 levels deep"),
        (b'{"bio": ' + b"[" * 99 + b"]" * 99 + b"}", "nested more than 100 levels deep"),
        (b'{"bio": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested more than 100 levels deep"),
    ],
)
def test_a_record_that_cannot_be_read_goes_on_as_one_that_says_so(read, text, why):
    _, bad, good = read(encode(SCHEMA) + record_line(text) + encode(RECORD))
    assert bad == {
        "type": "RECORD",
        "stream": "users",
        "record": {
            "_sdc_where": "line 2 of the input",
            "_sdc_error": f"{why}; fix the tap, or the source",
        },
    }
    assert good == RECORD


def test_a_record_nested_a_hundred_levels_deep_is_read(read):
    (message,) = read(record_line(b'{"bio": ' + b"[" * 98 + b"]" * 98 + b"}"))
    assert "bio" in message["record"]


def test_a_record_of_many_brackets_need_not_be_deep(read):
    (message,) = read(record_line(json.dumps({"email": "a@b", "tags": [[1]] * 500}).encode()))
    assert len(message["record"]["tags"]) == 500


def test_control_characters_in_a_text_are_taken_as_if_they_were_escaped(read):
    (message,) = read(record_line(b'{"email": "ann@example.com", "name": "A\0\tn"}'))
    assert message["record"]["name"] == "A\0\tn"


def test_a_byte_order_mark_is_passed_over_wherever_a_line_begins_with_one(read):
    mark = b"\xef\xbb\xbf"
    assert read(mark + encode(SCHEMA) + mark + encode(RECORD)) == [SCHEMA, RECORD]


def test_a_line_whose_ends_were_lost_is_all_the_messages_in_it(read):
    line = encode(RECORD, STATE, RECORD).replace(b"\n", b"")
    assert read(encode(SCHEMA) + line + b"\n") == [SCHEMA, RECORD, STATE, RECORD]


def test_a_column_that_looks_like_a_message_does_not_tell_the_stream(read):
    line = b'{"record": {"type": "RECORD", "stream": "other", "x": }, "type": "RECORD"}\n'
    with pytest.raises(InputError, match="Line 2 "):
        read(encode(SCHEMA) + line)


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_called_by_its_name(read, codec):
    with pytest.raises(InputError, match="UTF-16, as PowerShell"):
        read(encode(SCHEMA, RECORD).decode().encode(codec))


def test_a_key_error_of_what_takes_the_messages_is_not_blamed_on_the_tap(tmp_path):
    path = tmp_path / "input"
    path.write_bytes(encode(RECORD))

    def fail(message):
        raise KeyError(message["type"])

    with path.open() as file, pytest.raises(KeyError):
        MessageReader().process_lines(file, {"RECORD": fail})
