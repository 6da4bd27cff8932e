"""Fingerprints of primary keys."""

from __future__ import annotations

from target_workos_users.ledger import Version
from target_workos_users.ledger.prints import Fingerprinter, without_key

OF = Fingerprinter(bytes(16))


def version(**key):
    return Version(b"", prints=OF.prints({"first_name": "Ada"}) | OF.key(key))


def test_a_key_tells_records_apart_as_long_as_its_columns_are_the_same():
    assert version(id=1).has_other_key(OF.key({"id": 2}))
    assert not version(id=1).has_other_key(OF.key({"id": 1}))
    assert not version(id=1).has_other_key(OF.key({"email": 2}))
    assert not version(id=1).has_other_key({})


def test_the_order_of_its_columns_does_not_count():
    assert OF.key({"a": 1, "b": 2}) == OF.key({"b": 2, "a": 1})


def test_a_key_is_no_field():
    assert without_key(version(id=1).prints) == OF.prints({"first_name": "Ada"})
