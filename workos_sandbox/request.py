"""A request: as the handlers see it, and as tests read it afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from workos_sandbox.environment import Environment
    from workos_sandbox.store import Store


@dataclass(slots=True)
class Request:
    """A request as the handlers see it: authorized, within its budget, its JSON decoded.

    Attributes:
        environment: The one it is for.
        variables: The variable parts of the path, percent-decoded.
        query: The query, the last value of each name.
        body: The JSON object sent, ``{}`` if there was no body.
    """

    environment: Environment
    variables: dict[str, str]
    query: dict[str, str]
    body: dict[str, Any]

    @property
    def store(self) -> Store:
        """Where everything is kept."""
        return self.environment.store


@dataclass(slots=True)
class RecordedRequest:
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
