from __future__ import annotations

import csv
import io
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tap_csv.exceptions import TapError
from tap_csv.reader import FIELD_LIMIT, CSVFile

HEADER = b"email,name\n"


@pytest.fixture
def read(tmp_path):
    """Content of a file, and its format -> its rows."""

    def read(content, encoding="utf-8", **dialect):
        path = tmp_path / "users.csv"
        path.write_bytes(content)
        return list(CSVFile(path, encoding, dialect).rows())

    return read


def records(rows):
    return [row.record for row in rows]


def test_rows_come_in_order_with_the_line_they_start_on(read):
    rows = read(HEADER + b'a@example.com,"two\nlines"\n\nb@example.com,B\n')
    assert [(row.line, row.record["email"]) for row in rows] == [
        (2, "a@example.com"),
        (5, "b@example.com"),
    ]


def test_a_quoted_newline_stays_in_its_field(read):
    [row] = read(HEADER + b'a@example.com,"two\r\nlines"\r\n')
    assert row.record == {"email": "a@example.com", "name": "two\r\nlines"}


def test_crlf_and_a_missing_last_line_ending_leave_no_trace(read):
    rows = read(b"email,name\r\na@example.com,A\r\nb@example.com,B")
    assert records(rows) == [
        {"email": "a@example.com", "name": "A"},
        {"email": "b@example.com", "name": "B"},
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_a_byte_order_mark_is_no_part_of_the_first_column(read, encoding):
    text = "email,name\nzoë@example.com,Zoë\n"
    content = text.encode(encoding)
    if encoding in {"utf-8", "utf-16-le", "utf-16-be"}:
        content = ("\ufeff" + text).encode(encoding)
    [row] = read(content, encoding)
    assert row.record == {"email": "zoë@example.com", "name": "Zoë"}


def test_an_empty_field_is_an_empty_string(read):
    [row] = read(HEADER + b'a@example.com,""\n')
    assert row.record == {"email": "a@example.com", "name": ""}


def test_a_dialect_is_obeyed(read):
    [row] = read(b"email;name\n'a;b@example.com'; A\n", delimiter=";", quotechar="'")
    assert row.record == {"email": "a;b@example.com", "name": " A"}


@pytest.mark.parametrize(
    ("line", "kept", "count"),
    [
        (b"a@example.com\n", {"email": "a@example.com"}, 1),
        (b"a@example.com,A,hidden\n", {"email": "a@example.com", "name": "A"}, 3),
    ],
)
def test_a_ragged_row_goes_on_with_its_fields_and_a_reason(read, tmp_path, line, kept, count):
    bad, good = read(HEADER + line + b"b@example.com,B\n")
    reason = f"{tmp_path}/users.csv, line 2: {count} fields, the header has 2"
    assert bad.record == kept | {"_sdc_error": reason}
    assert good.record == {"email": "b@example.com", "name": "B"}


def test_undecodable_bytes_are_replaced_and_located(read):
    rows = read(HEADER + b'a@example.com,"x\nJos\xe9"\nb@example.com,B\n')
    assert records(rows)[0]["name"] == "x\nJos\ufffd"
    assert records(rows)[0]["_sdc_error"].endswith("lines 2 to 3: bytes that aren't utf-8")
    assert records(rows)[1] == {"email": "b@example.com", "name": "B"}


def test_a_replacement_character_that_stands_in_the_file_is_no_flaw(read):
    [row] = read(HEADER + "a@example.com,\ufffd\n".encode())
    assert row.record == {"email": "a@example.com", "name": "\ufffd"}


def test_undecodable_utf_16_is_located_as_well(read):
    content = "email,name\na@example.com,A?\nb@example.com,B\n".encode("utf-16-le")
    lone_surrogate = content.replace("?".encode("utf-16-le"), b"\x00\xdc")
    bad, good = read(lone_surrogate, "utf-16-le")
    assert bad.record["name"] == "A\ufffd"
    assert bad.record["_sdc_error"].endswith("line 2: bytes that aren't utf-16-le")
    assert good.record == {"email": "b@example.com", "name": "B"}


def test_nul_bytes_are_a_flaw(read):
    [row] = read(HEADER + b"a@example.com,A\0B\n")
    assert row.record["_sdc_error"].endswith("line 2: NUL bytes")


def test_a_quote_left_open_at_the_end_is_a_flaw(read):
    good, bad = read(HEADER + b'a@example.com,A\nb@example.com,"B\nC\n')
    assert "_sdc_error" not in good.record
    assert bad.record["name"] == "B\nC\n"
    assert bad.record["_sdc_error"].endswith(
        "lines 3 to 4: a quote isn't closed before the end of the file"
    )


def test_several_flaws_of_a_row_stand_in_one_text(read):
    [row] = read(HEADER + b"a@example.com,\0,\xff\0\n")
    assert row.record["_sdc_error"].endswith(
        "line 2: bytes that aren't utf-8; NUL bytes; 3 fields, the header has 2"
    )


def test_what_strict_refuses_is_one_flawed_row(read):
    content = HEADER + b'"a"@example.com,A\nb@example.com,B\n'
    assert "_sdc_error" not in read(content)[0].record
    bad, good = read(content, strict=True)
    assert set(bad.record) == {"_sdc_error"}
    assert good.record == {"email": "b@example.com", "name": "B"}


def test_a_field_of_several_megabytes_is_read_whole(read):
    [row] = read(HEADER + b"a@example.com," + b"x" * 5_000_000 + b"\n")
    assert len(row.record["name"]) == 5_000_000


def test_an_endless_field_ends_at_the_limit_and_the_rows_after_it_are_read(read):
    line = b"x" * 1023 + b"\n"
    content = HEADER + b'a@example.com,"' + line * (FIELD_LIMIT // 1024 + 1) + b"b@example.com,B\n"
    rows = read(content)
    assert "lines 2 to " in rows[0].record["_sdc_error"]
    assert "field larger than field limit" in rows[0].record["_sdc_error"]
    assert rows[-1].record == {"email": "b@example.com", "name": "B"}


def test_no_reason_quotes_the_row(read):
    secret = b"hunter2"
    content = HEADER + b"".join(
        [secret + b",\xff,x\n", secret + b"\n", b'"' + secret + b'"x\0,\n', b'"' + secret]
    )
    for strict in (False, True):
        reasons = [row.record["_sdc_error"] for row in read(content, strict=strict)]
        assert len(reasons) == 4
        assert not any("hunter2" in reason for reason in reasons)


@pytest.mark.parametrize(
    ("content", "encoding", "message"),
    [
        (b"", "utf-8", "is empty"),
        (b"\xef\xbb\xbf", "utf-8", "the first line is blank"),
        (b"\na,b\n", "utf-8", "the first line is blank"),
        (b"a,b,a\n1,2,3\n", "utf-8", "columns 1 and 3 of the header have the same name"),
        (b"a,,c\n1,2,3\n", "utf-8", "column 2 of the header has no name"),
        (b"Stra\xdfe,b\n1,2\n", "utf-8", "the header has bytes that aren't utf-8: set `encoding`"),
        ("a,b\n".encode("utf-16-le"), "utf-8", "the header has NUL bytes: set `encoding`"),
        (b"a,b\n", "utf-16", "can't be read as utf-16"),
    ],
)
def test_a_file_without_a_usable_header_is_refused_by_name(read, content, encoding, message):
    with pytest.raises(TapError, match=r"users\.csv") as refused:
        read(content, encoding)
    assert message in refused.value.message


def test_a_file_that_is_gone_is_an_error_by_name(tmp_path):
    with pytest.raises(TapError, match=r"users\.csv: No such file"):
        CSVFile(tmp_path / "users.csv").header()


@given(
    rows=st.lists(
        st.tuples(*[st.text(st.characters(codec="utf-8", exclude_characters="\0"))] * 3), max_size=8
    ),
    delimiter=st.sampled_from(",;\t|"),
    line_ending=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32", "gb18030"]),
)
def test_what_a_csv_writer_wrote_is_read_back(
    tmp_path_factory, rows, delimiter, line_ending, encoding
):
    text = io.StringIO(newline="")
    writer = csv.writer(
        text, delimiter=delimiter, lineterminator=line_ending, quoting=csv.QUOTE_ALL
    )
    writer.writerows([["a", "b", "c"], *rows])
    path = tmp_path_factory.mktemp("written") / "users.csv"
    path.write_bytes(text.getvalue().encode(encoding))

    read = CSVFile(path, encoding, {"delimiter": delimiter}).rows()

    assert records(read) == [dict(zip("abc", row, strict=True)) for row in rows]


@given(
    content=st.text(string.ascii_letters + '",\r\n\0').map(str.encode) | st.binary(),
    strict=st.booleans(),
)
def test_no_bytes_after_the_header_stop_the_reader(tmp_path_factory, content, strict):
    path = tmp_path_factory.mktemp("noise") / "users.csv"
    path.write_bytes(HEADER + content)
    for row in CSVFile(path, dialect={"strict": strict}).rows():
        assert "_sdc_error" in row.record or set(row.record) == {"email", "name"}
        "".join(row.record.values()).encode()  # raises if a lone surrogate were left
