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
    assert records(rows)[0]["_sdc_error"].endswith(
        "lines 2 to 3: bytes that aren't utf-8; if it was saved as cp1252, set `encoding`"
    )
    assert records(rows)[1] == {"email": "b@example.com", "name": "B"}


def test_a_replacement_character_that_stands_in_the_file_is_no_flaw(read):
    [row] = read(HEADER + "a@example.com,\ufffd\n".encode())
    assert row.record == {"email": "a@example.com", "name": "\ufffd"}


def test_undecodable_utf_16_is_located_as_well(read):
    content = "email,name\na@example.com,A?\nb@example.com,B\n".encode("utf-16-le")
    lone_surrogate = content.replace("?".encode("utf-16-le"), b"\x00\xdc")
    bad, good = read(lone_surrogate, "utf-16-le")
    assert bad.record["name"] == "A\ufffd"
    assert bad.record["_sdc_error"].endswith(
        "line 2: bytes that aren't utf-16-le; if it was saved as cp1252, set `encoding`"
    )
    assert good.record == {"email": "b@example.com", "name": "B"}


def test_nul_bytes_are_a_flaw(read):
    [row] = read(HEADER + b"a@example.com,A\0B\n")
    assert row.record["_sdc_error"].endswith("line 2: NUL bytes")


def test_a_quote_left_open_at_the_end_is_a_flaw_and_the_log_says_what_it_cost(read, caplog):
    good, bad = read(HEADER + b'a@example.com,A\nb@example.com,"B\nc@example.com,C\n')
    assert "_sdc_error" not in good.record
    assert bad.record["_sdc_error"].endswith(
        "lines 3 to 4: a quote isn't closed before the end of the file"
    )
    assert "a quote that opens in line 3" in caplog.text
    assert "none of its last 2 lines can be read" in caplog.text


def test_several_flaws_of_a_row_stand_in_one_text(read):
    [row] = read(HEADER + b"a@example.com,\0,\xff\0\n")
    assert row.record["_sdc_error"].endswith(
        "line 2: bytes that aren't utf-8; if it was saved as cp1252, set `encoding`; NUL bytes; "
        "3 fields, the header has 2"
    )


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        (b'q@example.com,"Jo "JJ" Doe"\n', {"email": "q@example.com"}),
        (b'"q,1@example.com","Jo "JJ" Doe"\n', {"email": "q,1@example.com"}),
        (b'"a""b@example.com","c" \n', {"email": 'a"b@example.com'}),
        (b'"Jo "JJ" Doe",q@example.com\n', {}),
        (b'"two\nlines "x",q@example.com\n', {}),
    ],
)
def test_text_after_a_closing_quote_is_a_flaw_and_never_another_value(read, line, kept):
    bad, good = read(HEADER + line + b"b@example.com,B\n")
    reason = bad.record.pop("_sdc_error")
    assert bad.record == kept
    assert reason.endswith(
        "text after a closing quote; if that quote is part of the field, it must be doubled"
    )
    assert good.record == {"email": "b@example.com", "name": "B"}


def test_of_a_row_with_text_after_a_quote_no_field_is_guessed_where_another_sign_escapes(read):
    [bad] = read(HEADER + b'a@example.com,"A "x\n', escapechar="|")
    assert set(bad.record) == {"_sdc_error"}


def test_quotes_that_are_escaped_with_a_backslash_name_the_setting_and_are_read_with_it(read):
    content = HEADER + rb'"a@example.com","Jo \"JJ\" Doe"' + b"\n"
    [bad] = read(content)
    assert bad.record["_sdc_error"].endswith(r"set `escapechar` to \ (backslash)")
    [good] = read(content, escapechar="\\")
    assert good.record == {"email": "a@example.com", "name": 'Jo "JJ" Doe'}


def test_mysqls_null_stays_what_it_is_where_the_backslash_escapes(read):
    content = b"a,b,c,d\n" + rb'"1",\N,"C:\\New","\\\N"' + b"\n"
    [row] = read(content, escapechar="\\")
    assert row.record == {"a": "1", "b": r"\N", "c": r"C:\New", "d": r"\\N"}


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
    reasons = [row.record["_sdc_error"] for row in read(content)]
    assert len(reasons) == 4
    assert not any("hunter2" in reason for reason in reasons)


@pytest.mark.parametrize(
    ("content", "encoding", "message"),
    [
        (b"", "utf-8", "is empty"),
        (b"\xef\xbb\xbf", "utf-8", "is empty"),
        (b"\na,b\n", "utf-8", "the first line is blank"),
        (b"a,b,a\n1,2,3\n", "utf-8", "columns 1 and 3 of the header have the same name"),
        (b"a,,c\n1,2,3\n", "utf-8", "column 2 of the header has no name"),
        (b"a, b,b \n1,2,3\n", "utf-8", "columns 2 and 3 of the header have the same name"),
        (b" , ,\n", "utf-8", "the first line is blank"),
        (b"Stra\xdfe,b\n", "utf-8", "the header has bytes that aren't utf-8; if it was saved as"),
        (b"a\0,b\n", "utf-8", "the header has NUL bytes"),
        (b'a, "b"\n', "utf-8", "column 2 begins with a quote: set `skipinitialspace`"),
        (b"'a','b'\n", "utf-8", "column 1 begins with a quote: set `skipinitialspace`"),
        (b'"a"b,c\n', "utf-8", "the header can't be read: text after a closing quote"),
        (b'"a,b\n1,2\n', "utf-8", "the header can't be read: a quote isn't closed"),
        (b"ann@example.com,Ann\n", "utf-8", "has no header: its first line holds an email"),
        (b"sep=,\n", "utf-8", "is empty: its first line must be the header"),
        (b"a;b\n1;2\n", "utf-8", "it looks as if the delimiter is ';': set `delimiter`"),
        (b'"a";"b, c"\n', "utf-8", "it looks as if the delimiter is ';': set `delimiter`"),
        ("a\tb\n".encode("utf-16"), "utf-16", "it looks as if the delimiter is a tab"),
        ("a,b\n".encode("utf-16-le"), "utf-8", "is utf-16-le, not utf-8: set `encoding` of this"),
        (b"PK\x03\x04\x14\0", "utf-8", "is an .xlsx or .zip file: save it as CSV, or unpack it"),
        (b"a,b\n", "utf-16", "can't be read as utf-16"),
        ("a,b\n".encode("utf-16-le"), "utf-16", "is utf-16-le, not utf-16: set `encoding`"),
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
    content=st.text(string.ascii_letters + '\\",\r\n\0').map(str.encode) | st.binary(),
    dialect=st.sampled_from([{}, {"escapechar": "\\"}, {"skipinitialspace": True}]),
)
def test_no_bytes_after_the_header_stop_the_reader(tmp_path_factory, content, dialect):
    path = tmp_path_factory.mktemp("noise") / "users.csv"
    path.write_bytes(HEADER + content)
    for row in CSVFile(path, dialect=dialect).rows():
        assert "_sdc_error" in row.record or set(row.record) == {"email", "name"}
        "".join(row.record.values()).encode()  # raises if a lone surrogate were left


@given(
    rows=st.lists(st.tuples(*[st.text(string.ascii_lowercase + " ")] * 3), min_size=1, max_size=6),
    data=st.data(),
)
def test_one_stray_quote_makes_no_row_another_one(tmp_path_factory, rows, data):
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(rows)
    written = text.getvalue()
    at = data.draw(st.integers(0, len(written) - 1))
    path = tmp_path_factory.mktemp("stray") / "users.csv"
    path.write_text(f'a,b,c\n{written[:at]}"{written[at:]}')

    read = records(CSVFile(path).rows())

    assert any("_sdc_error" in record for record in read)
    for record in read:
        if "_sdc_error" not in record:
            assert tuple(record.values()) in rows


def test_spaces_around_the_names_of_columns_are_dropped(read):
    [row] = read(b" email , name\t\nhs@example.com, Hs \n")
    assert row.record == {"email": "hs@example.com", "name": " Hs "}


@pytest.mark.parametrize("header", [b"email,name,\n", b"email,name, ,\n", b'email,name,""\n'])
def test_columns_without_a_name_at_the_end_are_dropped_while_they_are_empty(read, caplog, header):
    width = header.count(b",") + 1
    full = b"d@example.com,D" + b"," * (width - 3) + b",x\n"
    rows = read(header + b"a@example.com,A,\nb@example.com,B\nc@example.com,C, \n" + full)
    assert [row.record for row in rows[:3]] == [
        {"email": f"{name.lower()}@example.com", "name": name} for name in "ABC"
    ]
    assert rows[3].record.pop("_sdc_error").endswith("line 5: a value in a column without a name")
    assert rows[3].record == {"email": "d@example.com", "name": "D"}
    assert caplog.text.count("ends in a column without a name") == 1


def test_a_row_that_is_wider_than_its_nameless_columns_is_a_flaw(read):
    [row] = read(b"email,name,\na@example.com,A,,\n")
    assert row.record["_sdc_error"].endswith("line 2: 4 fields, the header has 3")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("line", ["sep=;\r\n", '"sep=;"\n', "SEP=;\n"])
def test_excels_sep_line_names_the_delimiter_and_is_no_header(read, line, encoding):
    [row] = read(f"{line}email;name\na@example.com;A\n".encode(encoding), encoding)
    assert row == (3, {"email": "a@example.com", "name": "A"})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a@example.com", "line 2: 1 fields, the header has 2"),
        (b'a@example.com,"A', "line 2: a quote isn't closed before the end of the file"),
        (
            b"a@example.com,Zo\xc3",
            "line 2: bytes that aren't utf-8; if it was saved as cp1252, set",
        ),
    ],
)
def test_a_file_that_ends_in_the_middle_of_a_row_says_so(read, content, reason):
    [row] = read(HEADER + content)
    assert reason in row.record["_sdc_error"]
    assert row.record["_sdc_error"].endswith(
        "; the file ends there, without a line ending: was it cut off?"
    )


def test_a_last_value_that_may_be_cut_off_is_logged(read, caplog):
    assert "_sdc_error" not in read(HEADER + b"a@example.com,A")[0].record
    assert "ends without a line ending: if it was cut off, the last value of line 2" in caplog.text
    caplog.clear()
    read(HEADER + b"a@example.com,A\n")
    assert caplog.text == ""


def test_a_file_without_rows_is_logged(read, caplog):
    assert read(b"email,name") == []
    assert "users.csv has a header and no rows" in caplog.text


@pytest.mark.parametrize(
    ("encoding", "way_out"),
    [
        ("utf-8", "the file was damaged before, export it again"),
        ("cp1252", "set `encoding` of this file"),
    ],
)
def test_letters_that_look_like_utf_8_read_as_cp1252_are_logged_once(
    read, caplog, encoding, way_out
):
    mojibake = "a@example.com,José\nb@example.com,Zoë\n".encode().decode("cp1252")
    assert len(read(HEADER + mojibake.encode(encoding), encoding)) == 2
    assert caplog.text.count("line 2: this looks like UTF-8 that was read as cp1252") == 1
    assert way_out in caplog.text
