"""What the sandbox was asked, word for word: for tests that compare requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec


@dataclass(slots=True)
class LoggedRequest:
    """A request as it arrived, secrets included.

    Attributes:
        method: HTTP method.
        path: Path and query, percent-encoded as sent.
        body: Request body as sent.
        outcome: The status that was sent, or the kind of fault that the client saw instead;
            empty until then.
    """

    method: str
    path: str
    body: bytes
    outcome: str = ""

    @property
    def json(self) -> Any:
        """The body as JSON; None if there is none.

        Raises:
            msgspec.DecodeError: It isn't JSON.
        """
        return msgspec.json.decode(self.body) if self.body else None
