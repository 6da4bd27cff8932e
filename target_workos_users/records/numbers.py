"""JSON of records, in which numbers keep all their digits. Pure."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec


def decimal(written: str) -> Decimal | str:
    """A fraction as it was written: 1.10 stays 1.10, as in the SDK's message readers.

    Its text, where the exponent is beyond what Decimal takes.
    """
    try:
        return Decimal(written)
    except InvalidOperation:
        return written


def integer(written: str) -> int | str:
    """A whole number; its text, where it has more digits than Python converts (4,300)."""
    with suppress(ValueError):
        return int(written)
    return written


encode = msgspec.json.Encoder(decimal_format="number", enc_hook=str).encode
"""Whatever JSON has no form for is written as its text."""
decode = msgspec.json.Decoder(float_hook=decimal).decode
decode_object = msgspec.json.Decoder(dict[str, Any], float_hook=decimal).decode
