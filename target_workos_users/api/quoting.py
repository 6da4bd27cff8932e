"""What WorkOS says, fit to be shown: without the secrets that it quotes, and bounded. Pure."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from target_workos_users.records.redaction import REDACTED

_MAX_TEXT = 500  # characters of a message that are kept
_MAX_ITEMS = 20  # of a list or object that are kept
_MAX_DEPTH = 5
_CODE = re.compile("[a-z_]+")
_TRUNCATED = 12  # characters of a long secret that give it away when WorkOS quotes its beginning


class Quoter:
    """Takes secrets out of what WorkOS says, and shortens it.

    Args:
        secrets: As they were sent. Their escaped forms and long beginnings are taken out as well.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = set(filter(None, secrets))
        forms = {form for secret in self._secrets for form in _forms(secret)}
        self._patterns = [(form, re.escape(form)) for form in sorted(forms, key=len, reverse=True)]
        self._patterns += (
            (beginning, re.escape(beginning) + r"\S*")
            for secret in self._secrets
            if len(secret) > _TRUNCATED
            for beginning in _forms(secret[:_TRUNCATED])
        )

    def text(self, text: str) -> str:
        """A text without the secrets, at most 500 characters long."""
        # Few of them occur, and to compile all takes longer than a request.
        found = [pattern for literal, pattern in self._patterns if literal in text]
        shown = re.sub("|".join(found), REDACTED, text) if found else text
        return shown if len(shown) <= _MAX_TEXT else f"{shown[: _MAX_TEXT - 1]}…"

    def code(self, code: str) -> str:
        """A code, left whole: ``password_too_weak`` says nothing of a password ``password``."""
        if _CODE.fullmatch(code) and code not in self._secrets:
            return code[:_MAX_TEXT]
        return self.text(code)

    def value(self, value: Any, depth: int = 0) -> Any:
        """A JSON value without the secrets, at most 20 items in a list and 5 levels deep."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list | Mapping) and depth >= _MAX_DEPTH:
            return "…"
        if isinstance(value, list):
            return [self.value(item, depth + 1) for item in value[:_MAX_ITEMS]]
        if isinstance(value, Mapping):
            return {
                self.text(name): self.code(item)
                if name == "code" and isinstance(item, str)
                else self.value(item, depth + 1)
                for name, item in list(value.items())[:_MAX_ITEMS]
            }
        return REDACTED if str(value) in self._secrets else value


def _forms(secret: str) -> tuple[str, ...]:
    """A secret as it may stand in a text: plain, or escaped for JSON, HTML or a URL."""
    return (
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        html.escape(secret),
        quote(secret, safe="", errors="replace"),
    )
