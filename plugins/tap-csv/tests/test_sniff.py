from __future__ import annotations

import codecs

import pytest
from tap_csv import sniff


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (b"PK\x03\x04", "an .xlsx or .zip file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "an .xls file"),
        (b"\x1f\x8b\x08", "compressed with gzip"),
        (b'{"email": 1}', "JSON"),
        (b'[{"email": 1}]', "JSON"),
        (b"<!DOCTYPE html>", "HTML or XML"),
    ],
)
def test_a_file_of_another_format_is_told_by_its_first_bytes(head, what):
    assert (sniff.other_format(head) or "").startswith(what)


@pytest.mark.parametrize(
    "head", [b"", b"email,name\n", b'"email"', b"\xef\xbb\xbfemail", b"P\0K\0"]
)
def test_what_may_be_text_with_delimiters_is_no_other_format(head):
    assert sniff.other_format(head) is None


@pytest.mark.parametrize(
    ("head", "encoding", "other"),
    [
        (codecs.BOM_UTF8 + b"email", "utf-8", None),
        (codecs.BOM_UTF8 + b"email", "utf_8_sig", None),
        (codecs.BOM_UTF8 + b"email", "cp1252", "utf-8"),
        (codecs.BOM_UTF8 + b"email", "utf-16", "utf-8"),
        ("email".encode("utf-16"), "utf-8", "utf-16"),
        ("email".encode("utf-16"), "UTF-16LE", None),
        ("\ufeffemail".encode("utf-16-be"), "cp1252", "utf-16"),
        ("email".encode("utf-32"), "utf-8", "utf-32"),
        ("email".encode("utf-32"), "utf-32", None),
        ("email".encode("utf-16-le"), "utf-8", "utf-16-le"),
        ("email".encode("utf-16-le"), "utf-16", "utf-16-le"),
        ("email".encode("utf-16-le"), "utf-16-le", None),
        ("email".encode("utf-16-be"), "utf-8", "utf-16-be"),
        ("email".encode("utf-32-le"), "utf-32-le", None),
        (b"email,name", "utf-8", None),
        (b"a", "utf-8", None),
        (b"", "utf-8", None),
    ],
)
def test_another_encoding_is_told_by_its_mark_or_its_nul_bytes(head, encoding, other):
    assert sniff.other_encoding(head, encoding) == other


@pytest.mark.parametrize(
    ("line", "delimiter"),
    [
        ("sep=,\r\n", ","),
        ("sep=\t\n", "\t"),
        ('"sep=;"\n', ";"),
        ("Sep=|", "|"),
        ("sep=\n", None),
        ("sep=ab\n", None),
        ("separator,name\n", None),
    ],
)
def test_excels_line_names_a_delimiter(line, delimiter):
    assert sniff.separator(line) == delimiter


@pytest.mark.parametrize(
    ("header", "delimiter", "other"),
    [
        ("email;name", ",", "';'"),
        ("email\tname", ",", r'a tab ("\t")'),
        ("email|name", ",", "'|'"),
        ("email,name", ";", "','"),
        ("email;name;note, if any", ",", "';'"),
        ("email", ",", None),
        ("first name", ",", None),
    ],
)
def test_a_header_of_one_column_shows_its_delimiter(header, delimiter, other):
    assert sniff.other_delimiter(header, delimiter) == other


@pytest.mark.parametrize(
    ("names", "found"),
    [(["1", "ann@example.com"], True), (["email", "e-mail@home"], False), (["@"], False)],
)
def test_an_address_in_the_header_is_found(names, found):
    assert sniff.has_address(names) is found


@pytest.mark.parametrize(
    "text", ["José", "Zoë", "Ünal", "Ça", "España", "it\u2019s", "São", "10 °C", "Straße", "«Â»"]
)
def test_utf_8_read_as_cp1252_is_told(text):
    assert sniff.is_mojibake(text.encode().decode("cp1252", "replace"))


@pytest.mark.parametrize("text", ["José", "Łódź", "SÃO PAULO", "Ângela", "âge", "Ã", "10 °C"])
def test_letters_with_accents_are_no_mojibake(text):
    assert not sniff.is_mojibake(text)
