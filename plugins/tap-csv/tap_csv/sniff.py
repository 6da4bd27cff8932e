"""What a file is that isn't the CSV file it was said to be, told from its first bytes or lines."""

from __future__ import annotations

import codecs
import re

SIGNATURES = (
    (b"PK\x03\x04", "an .xlsx or .zip file: save it as CSV, or unpack it"),
    (b"\xd0\xcf\x11\xe0", "an .xls file: save it as CSV"),
    (b"\x1f\x8b", "compressed with gzip: unpack it"),
    (b"{", "JSON, not CSV"),
    (b"[", "JSON, not CSV"),
    (b"<", "HTML or XML, not CSV; is it the page of a sign-in?"),
)
MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins as that of UTF-16 does
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
SAMPLE = 8  # bytes of ASCII text in which UTF-16 has a NUL in every other one

_DELIMITERS = {",": "','", ";": "';'", "\t": r'a tab ("\t")', "|": "'|'"}
_SEPARATOR = re.compile(r'"?sep=([^\r\n])"?\s*', re.IGNORECASE)
_ADDRESS = re.compile(r"\S@\S+\.\S")
# UTF-8's two bytes of a Latin letter, or the first two of a typographic sign, as cp1252 shows them.
_MOJIBAKE = re.compile(
    f"[ÂÃ][\u0080-\u00bf{bytes(range(0x80, 0xA0)).decode('cp1252', 'ignore')}]|â€"
)


def other_format(head: bytes) -> str | None:
    """What a file is that isn't text with delimiters, and what to do; None if it may be.

    Args:
        head: Its first bytes.
    """
    return next((what for signature, what in SIGNATURES if head.startswith(signature)), None)


def other_encoding(head: bytes, encoding: str) -> str | None:
    """The encoding that a file says it has, or shows by its NUL bytes, if it is another.

    Args:
        head: Its first bytes.
        encoding: A Python codec, the one that it is to be read with.
    """
    known = codecs.lookup(encoding).name
    for mark, family in MARKS:
        if head.startswith(mark):
            return None if known.startswith(family) else family
    even, odd = head[:SAMPLE:2], head[1:SAMPLE:2]
    for other, nul, text in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if nul and not any(nul) and all(text) and known != other:
            return other
    return None


def separator(line: str) -> str | None:
    """The delimiter in a line such as ``sep=;``, which Excel reads and doesn't show."""
    found = _SEPARATOR.fullmatch(line)
    return found[1] if found else None


def other_delimiter(header: str, delimiter: str) -> str | None:
    """How to name the delimiter that a header of one column seems to have; None if it has none.

    Args:
        header: The first line.
        delimiter: The one that it was read with.
    """
    found = max(_DELIMITERS.keys() - {delimiter}, key=header.count)
    return _DELIMITERS[found] if found in header else None


def has_address(names: list[str]) -> bool:
    """Whether what should be names of columns holds an email address."""
    return any(map(_ADDRESS.search, names))


def is_mojibake(text: str) -> bool:
    """Whether a text looks as if its UTF-8 had been read as cp1252: ``JosÃ©``."""
    likely = "Ã" in text or "Â" in text or "â€" in text  # ten times as fast as the pattern
    return likely and _MOJIBAKE.search(text) is not None
