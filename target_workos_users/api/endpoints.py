"""WorkOS's endpoints: a method and a path template, whatever ids a URL holds. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from target_workos_users.api.pacing import Lane

if TYPE_CHECKING:
    from collections.abc import Sequence

_WORDS = frozenset(
    {
        "user_management",
        "users",
        "external_id",
        "auth_factors",
        "organization_memberships",
        "deactivate",
        "organizations",
        "authorization",
        "roles",
        "permissions",
        "auth",
        "factors",
    }
)
_NOBODY = "0" * 26  # as long as WorkOS's ids are, and nothing's


@dataclass(frozen=True)
class Endpoint:
    """What a request is sent to.

    Attributes:
        name: Method and path template, such as ``POST /user_management/users/{id}/auth_factors``.
        lane: The budgets it counts against.
        writes: Whether it changes anything.
        repeatable: Whether sending it twice does no harm. A TOTP enrollment sent twice makes two
            factors; all else that is written is unique by email, external id, slug or membership.
    """

    name: str
    lane: Lane
    writes: bool
    repeatable: bool


@lru_cache(maxsize=256)
def endpoint_of(method: str, url: str) -> Endpoint:
    """The endpoint of a request.

    Args:
        method: HTTP method, in capitals.
        url: Complete URL; ids in its path are percent-encoded.
    """
    segments = [segment for segment in urlsplit(url).path.split("/") if segment]
    if "user_management" in segments:
        lane = Lane.READS if method == "GET" else Lane.WRITES
    elif method == "DELETE" and "organizations" in segments:
        lane = Lane.ORGANIZATION_DELETES
    else:
        lane = Lane.OTHERS
    return Endpoint(
        endpoint_name(method, segments),
        lane,
        writes=method != "GET",
        repeatable=is_repeatable(method, segments),
    )


def is_repeatable(method: str, segments: Sequence[str]) -> bool:
    """Whether sending a request twice does no harm."""
    return method != "POST" or segments[-1] != "auth_factors"


def endpoint_name(method: str, segments: Sequence[str]) -> str:
    """Method and path template."""
    template = "".join(f"/{each if each in _WORDS else '{id}'}" for each in segments)
    return f"{method} {template}"


def path_to_nobody(segments: Sequence[str]) -> str:
    """A path of the same endpoint that names nothing that exists."""
    return "".join(f"/{each if each in _WORDS else _NOBODY}" for each in segments)
