"""Inputs of the kinds that public bug reports describe: a row each, or the cause of a refusal."""

from __future__ import annotations

from pathlib import Path

import pytest

from target_workos_users.exceptions import RecordError
from target_workos_users.records.numbers import decode
from target_workos_users.records.parse import parse_record

CASES = Path(__file__).parent / "cases"


def cases(name):
    """The records of a file; a line that is no JSON is the reader's affair."""
    lines = (CASES / name).read_text(encoding="utf-8").splitlines()[1:]
    return [decode(line)["record"] for line in lines if "Infinity" not in line]


INVISIBLE = "space, control or invisible"
NO_ADDRESS = "not an address"
WRONG_EMAILS = {
    "trailing_dot": NO_ADDRESS,
    "zwsp_end": INVISIBLE,
    "zwsp_begin": INVISIBLE,
    "zwsp_mid": INVISIBLE,
    "bom": INVISIBLE,
    "rtl_mark": INVISIBLE,
    "word_joiner": INVISIBLE,
    "softhyphen": INVISIBLE,
    "ideographic space": INVISIBLE,
    "quoted_local": INVISIBLE,
    "quoted_local2": NO_ADDRESS,
    "display": INVISIBLE,
    "mailto": NO_ADDRESS,
    "markdown": "2 '@'",
    "two": "2 '@'",
    "semicolon": "2 '@'",
    "len255": "255 characters",
    "ip": NO_ADDRESS,
    "kelvin": "ASCII letter in lower case",
    "fullwidth_at": "no '@'",
    "ctrl": INVISIBLE,
    "nul": INVISIBLE,
    "fffd": "U.FFFD",
    "NULL": "no '@'",
    "NA": "no '@'",
    "amp": NO_ADDRESS,
    "htmlent": NO_ADDRESS,
}


@pytest.mark.parametrize("record", cases("emails.jsonl"), ids=lambda record: record["first_name"])
def test_an_address(record):
    wrong = WRONG_EMAILS.get(record["first_name"])
    if wrong is None:
        assert parse_record(record).email == record["email"].strip().lower()
    else:
        with pytest.raises(RecordError, match=f"^email: .*{wrong}"):
            parse_record(record)


def test_an_attackers_address_does_not_become_the_victims():
    attacker, victim = cases("kelvin_sign.jsonl")
    assert attacker["email"].lower() == victim["email"]
    with pytest.raises(RecordError, match="somebody else's address"):
        parse_record(attacker)
    assert parse_record(victim).organization


METADATA = {
    "nested": {"a": '{"b":[1,2,{"c":null}]}'},
    "num": {"n": "1.1", "i": "3", "big": "12345678901234567890123"},
    "boolnull": {"t": "true", "f": "false"},
    "k51": "more than 50 keys",
    "k50": {f"k{number}": "v" for number in range(50)},
    "key41": "the key itself: 41 characters",
    "val601": "key 'k': 601 characters",
    "unikey": {"clé": "v"},
    "unival": {"k": "名前"},
    "emptykey": "an empty key",
    "emptyval": {"k": ""},
    "list": "a list; expected an object",
    "text": {"a": "1"},
    "pyrepr": "JSON is malformed",
    "pytrue": "JSON is malformed",
    "dupkey": {"a": "2"},
    "nantext": "JSON is malformed",
    "jsonnull": None,
    "double": "Expected `object`",
    "hstore": "Expected `object`",
    "empty": None,
    "emptyarr": None,
    "phpempty": None,
    "bom": "JSON is malformed",
    "nulval": "key 'a': has a NUL",
    "dots": {"a.b": "1"},
    "proto": {"__proto__": "x"},
    "date": {"d": "2026-01-01T00:00:00Z"},
    "trail": "trailing comma",
    "deep": "key 'd': 603 characters",
    "k51null": {f"k{number}": "v" for number in range(50)},
}


def name_of(record):
    return record["email"].partition("@")[0].removeprefix("m_")


@pytest.mark.parametrize("record", cases("metadata.jsonl"), ids=name_of)
def test_metadata(record):
    expected = METADATA[name_of(record)]
    if isinstance(expected, str):
        with pytest.raises(RecordError, match=f"^metadata.*{expected}"):
            parse_record(record)
    else:
        assert parse_record(record).fields.get("metadata") == expected
