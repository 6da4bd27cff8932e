r"""What exports put around a hash, taken off. Pure.

Quotes, Python's ``b'…'``, backslashes of JSON and shells, PostgreSQL's ``\x…``, SQL Server's
``0x…``, Base64 (MongoDB, LDIF), percent-encoding; the names that Spring, Dovecot, OpenLDAP and
Django put before a hash that says itself what it is, and Nextcloud's ``1|``.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterator

_DEPTH = 4
_AROUND = " \t\r\n\0\ufeff\u200b\u00a0"
_QUOTED = re.compile(r"""b?(["'])(.+)\1""", re.DOTALL)
_NAMED = re.compile(
    r"\{(?:CRYPT|BLF-CRYPT|BCRYPT|(?:ARGON2(?:ID|I|D)?|SCRYPT)(?:@\w+)?|(?:SHA256|SHA512|MD5)-CRYPT"
    r"|LDAP)\}|(?:bcrypt|argon2(?:id|i|d)?|\d)[:|](?=\$)|bcrypt\$(?=\$2)|argon2(?=\$argon2)",
    re.IGNORECASE | re.ASCII,
)
_HEX = re.compile(r"(?:\\{1,2}x|0x)?((?:[0-9a-f]{2}){20,})", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{24,}={0,2}")


def layers(text: str) -> Iterator[str]:
    """The text itself, without what is around it, and what may be inside it; none is empty."""
    current = [text.strip(_AROUND)]
    for _ in range(_DEPTH):
        current = [layer for layer in current if layer and layer.isascii()]
        yield from current
        current = [inner for layer in current for inner in _inside(layer)]


def _inside(text: str) -> Iterator[str]:
    if match := _QUOTED.fullmatch(text):
        yield match[2].strip(_AROUND)
    if match := _NAMED.match(text):
        yield text[match.end() :]
    if "\\/" in text or "\\$" in text:
        yield text.replace("\\/", "/").replace("\\$", "$")
    if text.startswith("%24"):
        yield unquote(text)
    if match := _HEX.fullmatch(text):
        yield _printable(bytes.fromhex(match[1]))
    elif _BASE64.fullmatch(text):
        stripped = text.rstrip("=").replace("-", "+").replace("_", "/")
        try:
            yield _printable(base64.b64decode(stripped + "=" * (-len(stripped) % 4)))
        except binascii.Error:
            return


def _printable(raw: bytes) -> str:
    text = raw.decode("latin-1").strip(_AROUND)
    return text if text.isascii() and text.isprintable() else ""
