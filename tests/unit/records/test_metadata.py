from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_workos_users.exceptions import RecordError
from target_workos_users.records.metadata import metadata

OBJECT = (
    '{"plan": "pro", "beta": true, "seats": 42, "price": 42.0, "discount": 1.10, '
    '"tags": ["a", 1, null], "nested": {"a": 1, "b": {"c": false}}, "gone": null, "city": "Malmö"}'
)
TEXTS = {
    "plan": "pro",
    "beta": "true",
    "seats": "42",
    "price": "42.0",
    "discount": "1.10",
    "tags": '["a",1,null]',
    "nested": '{"a":1,"b":{"c":false}}',
    "city": "Malmö",
}


def short(value) -> str:
    return ascii(value)[:30]


def refusal(value) -> str:
    with pytest.raises(RecordError) as caught:
        metadata({"metadata": value})
    return str(caught.value)


def test_values_become_texts_as_json_writes_them_and_nulls_are_left_out():
    assert metadata({"metadata": OBJECT}) == TEXTS


def test_an_object_from_a_tap_gives_the_same_as_its_json_text():
    assert metadata({"metadata": json.loads(OBJECT, parse_float=Decimal)}) == TEXTS


@pytest.mark.parametrize("nothing", [None, "", "  ", "null", "{}", {}, {"a": None}, '{"a": null}'])
def test_empty_metadata_is_left_out(nothing):
    assert metadata({"metadata": nothing}) is None
    assert metadata({}) is None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("[1]", "got `array`"),
        ('"text"', "got `str`"),
        ("plan=pro", "malformed"),
        ('{"plan": ', "truncated"),
        ("{'plan': 'pro'}", "malformed"),
        ('{"a":' * 99_999, "recursion"),
        ('{"plan": "\udc80"}', "surrogates"),
        ([{"plan": "pro"}], "a list; expected an object"),
        (42, "a number; expected an object"),
        (True, "a boolean; expected an object"),
    ],
    ids=short,
)
def test_what_is_no_object_is_refused(wrong, said):
    message = refusal(wrong)
    assert message.startswith("metadata: ")
    assert said in message


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"k" * 41: "v"}, f"key '{'k' * 40}', the key itself: 41 characters; expected 40"),
        ({"bio": "v" * 601}, "key 'bio': 601 characters; expected 600 at most"),
        ({"list": list(range(300))}, "key 'list': 1,091 characters"),
        ({"bio": "v" * 5_000_000}, "key 'bio': 5,000,000 characters"),
        ({"bio": "a\0b"}, "key 'bio': has a NUL"),
        ({"b\0": "a"}, "the key itself: has a NUL"),
        ({"bio": "\udc80"}, "key 'bio': has half a surrogate"),
        ({"bio": ["\udc80"]}, "key 'bio': a list that can't be written"),
        ({f"key{n}": n for n in range(51)}, "more than 50 keys"),
    ],
    ids=short,
)
def test_what_is_over_workos_limits_is_refused_and_the_key_named(wrong, said):
    assert said in refusal(wrong)


def test_the_limits_themselves_pass():
    fifty = {f"{n:040}": "v" * 600 for n in range(50)}
    assert metadata({"metadata": fifty | {"null": None}}) == fifty


def test_a_value_is_never_quoted_nor_a_key_that_looks_like_a_hash():
    assert "hunter2" not in refusal({"note": "hunter2" * 100})
    message = refusal({"$2b$10$" + "k" * 53: "v" * 601})
    assert "kkkk" not in message


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc"), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(st.dictionaries(st.text("abcö", min_size=1, max_size=9), json_values, max_size=9))
def test_no_value_is_lost_and_texts_can_be_read_back(value):
    result = metadata({"metadata": value}) or {}
    assert result.keys() == {key for key, item in value.items() if item is not None}
    for key, item_text in result.items():
        if not isinstance(value[key], str):
            assert json.loads(item_text, parse_float=Decimal) == value[key]
