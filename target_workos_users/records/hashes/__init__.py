"""Password hashes as systems write them: recognized, then passed on, converted, or refused. Pure.

One place knows what looks like a hash: ``password_hash`` is converted by it, a hash in the column
``password`` is found by it, and redaction hides what it knows. ``forms`` lists what is known,
``phc`` and ``others`` read it, ``documents`` reads JSON, ``wrapped`` takes off what exports put
around a hash, and ``workos`` checks and writes what WorkOS takes.
"""

from __future__ import annotations

import re
from typing import Any

from target_workos_users.records.hashes import documents
from target_workos_users.records.hashes.forms import FORMS
from target_workos_users.records.hashes.parts import NULLS
from target_workos_users.records.hashes.workos import EXPECTED, HASH_TYPES, Hash, UnusableHash
from target_workos_users.records.hashes.wrapped import layers
from target_workos_users.records.values import decoded

__all__ = [
    "EXPECTED",
    "HASH_SIGN",
    "HASH_TYPES",
    "NULLS",
    "Hash",
    "UnusableHash",
    "is_no_password",
    "recognize",
]

# Letters count where a word begins only, so that no text takes longer than its length allows.
_START = r"(?:(?=[${*])|(?<![\w+/-])(?=[0-9a-z:]))"
HASH_SIGN = _START + "(?:" + "|".join(form.sign for form in FORMS if form.found) + ")"
"""A pattern for the beginning of a hash, anywhere in a text, in any case of letters."""

_SIGNS = re.compile(
    "|".join(
        f"(?P<f{number}>(?:{form.sign})" + ("" if form.rest else r"\Z") + ")"
        for number, form in enumerate(FORMS)
    ),
    re.IGNORECASE | re.ASCII,
)
_WHOLE = [re.compile(f"(?:{form.sign}){form.rest}", re.IGNORECASE | re.ASCII) for form in FORMS]
_MARKER = re.compile(r"!|!(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9])[A-Za-z0-9]{28,}|![A-Za-z0-9]{40}")


def recognize(value: Any, *, whole: bool = False) -> Hash | None:
    """The hash that a text or a JSON object holds, as WorkOS takes it.

    Args:
        value: A text, or a decoded JSON object or list.
        whole: Take it for a hash only if nothing of one is lacking: it may be a password.

    Returns:
        None if it is no hash of a known form.

    Raises:
        UnusableHash: It is one that WorkOS can't verify.
    """
    if not isinstance(value, str):
        return documents.convert(value, recognize)
    weak = None
    for text in layers(value):
        if (match := _SIGNS.match(text)) and match.lastgroup:
            number = int(match.lastgroup[1:])
            form = FORMS[number]
            if not whole or _WHOLE[number].fullmatch(text):
                if not form.weak:
                    return form.convert(text)
                weak = weak or (form, text)
        if text[0] in "{[" and (document := decoded(text)) is not None:
            return documents.convert(document, recognize)
    return weak[0].convert(weak[1]) if weak else None


def is_no_password(text: str, *, whole: bool = False) -> bool:
    """Whether a text is what systems put in a hash's place for a user without a password.

    Django: ``!`` and 40 letters and digits, ``!`` alone up to 1.5, and what begins with ``!``
    matches no password. ``/etc/shadow``: ``*`` and ``!``.
    """
    if whole:
        return _MARKER.fullmatch(text) is not None
    return text.startswith("!") or text in {"*", "*LK*", "*NP*"}
