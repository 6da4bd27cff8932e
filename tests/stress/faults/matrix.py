"""The fault matrix: four lists and their product, and how each case must end.

:func:`expected` is the oracle. It knows what each kind of request is for, and nothing of how the
target goes about it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import product
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from tests.stress.faults.source import CHUNKS, OWN_ERRORS, REFUSAL, ROLES, number
from workos_sandbox import Action, ScriptedFault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from workos_sandbox import Contents

POSITIONS = {"first": 0, "middle": CHUNKS // 2, "last": CHUNKS - 1}
TIMES: dict[str, int | None] = {"once": 1, "three times": 3, "for ever": None}
REFUSED = ("refused", "create membership")
_HTML = "<html><body><h1>We'll be right back</h1></body></html>\n"


class Kind(NamedTuple):
    """A kind of request.

    Attributes:
        name: Of the call.
        method: HTTP method.
        path: Regular expression for the path.
        needed_by: Roles whose records send it, in the order in which they do.
        error: ``error_type`` of a record that fails for want of it.
        foreign: Picks from what the sandbox holds an entity of somebody else's, for an answer.
    """

    name: str
    method: str
    path: str
    needed_by: tuple[str, ...]
    error: str
    foreign: Callable[[Contents], object]

    @property
    def creates(self) -> bool:
        """Whether it makes something that can be looked up afterwards."""
        return self.method == "POST"

    @property
    def is_search(self) -> bool:
        """Whether it looks for what WorkOS has just said exists."""
        return self.name in {"find user by email", "list memberships"}

    @property
    def shared(self) -> bool:
        """Whether several records share what came of it."""
        return "organization" in self.name


def _user(world: Contents) -> object:
    return next(user for user in world.users if user["email"] == "other@example.com")


def _organization(world: Contents) -> object:
    return next(each for each in world.organizations if each["name"] == "Other")


def _membership(world: Contents) -> object:
    return world.memberships[0] | {"user_id": "user_0", "id": "om_0", "organization_id": "org_0"}


def _factor(world: Contents) -> object:
    return world.auth_factors[0] | {"type": "totp"}


def _enrolled(world: Contents) -> object:
    return {"authentication_factor": _factor(world)}


def _list(entity: Callable[[Contents], object]) -> Callable[[Contents], object]:
    return lambda world: {"data": [entity(world)], "list_metadata": {}}


_USERS, _MEMBERSHIPS = "^/user_management/users", "^/user_management/organization_memberships"
_ORGANIZATIONS = "^/organizations"
KINDS = (
    Kind("create user", "POST", f"{_USERS}$", ROLES, "user_create", _user),
    Kind(
        "find user by email",
        "GET",
        f"{_USERS}$",
        ("existing", "conflict"),
        "user_create",
        _list(_user),
    ),
    Kind(
        "find user by external id",
        "GET",
        f"{_USERS}/external_id/",
        ("conflict",),
        "user_create",
        _user,
    ),
    Kind("update user", "PUT", f"{_USERS}/[^/]+$", ("existing",), "user_update", _user),
    Kind("delete user", "DELETE", f"{_USERS}/[^/]+$", ("refused",), "user_create", _user),
    Kind(
        "get organization",
        "GET",
        f"{_ORGANIZATIONS}/[^/]+$",
        ("existing", "refused"),
        "org_resolution",
        _organization,
    ),
    Kind(
        "get organization by external id",
        "GET",
        f"{_ORGANIZATIONS}/external_id/",
        ("new",),
        "org_resolution",
        _organization,
    ),
    Kind(
        "create organization",
        "POST",
        f"{_ORGANIZATIONS}$",
        ("new",),
        "org_resolution",
        _organization,
    ),
    Kind(
        "create membership",
        "POST",
        f"{_MEMBERSHIPS}$",
        ("new", "existing", "refused"),
        "membership_create",
        _membership,
    ),
    Kind(
        "list memberships",
        "GET",
        f"{_MEMBERSHIPS}$",
        ("existing", "existing", "refused"),  # found, read again; before a user is deleted
        "membership_create",
        _list(_membership),
    ),
    Kind(
        "update membership",
        "PUT",
        f"{_MEMBERSHIPS}/[^/]+$",
        ("existing",),
        "role_assignment",
        _membership,
    ),
    Kind(
        "list factors",
        "GET",
        f"{_USERS}/[^/]+/auth_factors$",
        ("existing", "existing", "totp"),  # before and after one is enrolled
        "totp_enroll",
        _list(_factor),
    ),
    Kind(
        "enroll factor",
        "POST",
        f"{_USERS}/[^/]+/auth_factors$",
        ("existing", "totp"),
        "totp_enroll",
        _enrolled,
    ),
)


@dataclass(frozen=True)
class Fault:
    """Something that happens to a request.

    Attributes:
        name: Of the fault.
        action: What the sandbox does; None: it goes away, and refuses connections for a while.
        reading: What its answer means: that it should be asked ``again``, a ``refusal``, the
            ``truth`` all the same, or what is ``foreign``.
        ambiguous: Whether a write may have taken effect.
        effect: Whether it has.
    """

    name: str
    action: Action | None
    reading: Literal["again", "refusal", "truth", "foreign"] = "again"
    ambiguous: bool = True
    effect: bool = False

    @property
    def is_whole_when_empty(self) -> bool:
        """Whether it can't be told from a true answer that has no body."""
        return self.action is not None and (self.action.body == "" or self.action.kind == "cut_off")


def _answer(name: str, status: int, body: str = '{"message":"No."}', **more: object) -> Fault:
    headers = {"Retry-After": str(more.pop("wait"))} if "wait" in more else {}
    content_type = "text/html" if body.startswith("<") else "application/json"
    effect = bool(more.get("effect"))
    kind: Literal["answer", "answer_after_write"] = "answer_after_write" if effect else "answer"
    action = Action(kind, status=status, body=body, headers=headers, content_type=content_type)
    return Fault(name, action, **more)  # type: ignore[arg-type]


_IN_FIVE_SECONDS = "in five seconds"

FAULTS = (
    Fault("connection refused", None),
    Fault("reset before", Action("drop_before")),
    Fault("reset after", Action("drop_after"), effect=True),
    Fault("answer cut off", Action("cut_off"), effect=True),
    Fault("no answer", Action("hang")),
    Fault("no answer, with effect", Action("hang_after_write"), effect=True),
    _answer("408", 408, ambiguous=False),
    _answer("425", 425, ambiguous=False),
    _answer("409", 409, '{"message":"Conflict."}', reading="refusal", ambiguous=False),
    _answer("429, Retry-After 0", 429, ambiguous=False, wait=0),
    _answer("429, Retry-After 5", 429, ambiguous=False, wait=5),
    _answer("429, Retry-After a date", 429, ambiguous=False, wait=_IN_FIVE_SECONDS),
    _answer("429, no Retry-After", 429, ambiguous=False),
    _answer("500", 500),
    _answer("500, with effect", 500, effect=True),
    _answer("502", 502, _HTML),
    _answer("503", 503, _HTML),
    _answer("520", 520, _HTML),
    _answer("HTML", 200, _HTML),
    _answer("HTML, with effect", 200, _HTML, effect=True),
    _answer("404 in HTML", 404, _HTML, ambiguous=False),
    _answer("empty body", 200, ""),
    _answer("empty body, with effect", 200, "", effect=True),
    Fault(
        "wrong content type",
        Action("answer_after_write", body=None, content_type="text/html"),
        reading="truth",
        effect=True,
    ),
    Fault("another user's id", Action("answer_after_write"), reading="foreign", effect=True),
)


class Case(NamedTuple):
    """One case: it happens to this kind of request, from this chunk on, so many times."""

    fault: Fault
    kind: Kind
    position: str
    times: str

    def __str__(self) -> str:
        return f"{self.fault.name}, {self.kind.name}, {self.position}, {self.times}"

    @property
    def chunk(self) -> int:
        """The first chunk that is hit, from 0."""
        return POSITIONS[self.position]

    @property
    def skip(self) -> int:
        """How many requests of the kind come before that chunk."""
        per_chunk = 1 if self.kind.shared else len(self.kind.needed_by)
        return self.chunk * per_chunk

    def script(self, world: Contents) -> list[ScriptedFault]:
        """The fault, for the sandbox, and the refusal that the records are made for.

        Args:
            world: What the sandbox holds.
        """
        action = self.fault.action
        assert action is not None
        if self.fault.reading == "foreign":
            body = msgspec.json.encode(self.kind.foreign(world)).decode()
            action = msgspec.structs.replace(action, status=200, body=body)
        if _IN_FIVE_SECONDS in action.headers.values():
            date = format_datetime(datetime.now(UTC) + timedelta(seconds=5), usegmt=True)
            action = msgspec.structs.replace(action, headers={"Retry-After": date})
        fault = ScriptedFault(
            method=self.kind.method,
            path=self.kind.path,
            skip=self.skip,
            count=TIMES[self.times],
            action=action,
        )
        return [REFUSAL, fault] if self.fault.reading == "truth" else [fault, REFUSAL]


def all_cases() -> list[Case]:
    """The whole product."""
    return [Case(*each) for each in product(FAULTS, KINDS, POSITIONS, TIMES)]


def some_cases() -> Iterator[Case]:
    """Each fault with each kind once; the places and the times take turns."""
    turns = [(position, times) for times in TIMES for position in POSITIONS]
    for index, (fault, kind) in enumerate(product(FAULTS, KINDS)):
        yield Case(fault, kind, *turns[(index + index // len(turns)) % len(turns)])


@dataclass
class Ending:
    """How a case must end.

    Attributes:
        stops: Whether the run stops, and a second one goes on.
        errors: Lines of errors.jsonl: (record number, ``error_type``), each so many times.
        perhaps: Lines of which each may be there or not.
    """

    stops: bool = False
    errors: Counter[tuple[int, str]] = field(default_factory=Counter)
    perhaps: set[tuple[int, str]] = field(default_factory=set)


def expected(case: Case) -> Ending:
    """How a case must end: each record loaded, or with its error lines, or the run stopped."""
    if case.times == "for ever" and (case.fault.action is None or _is_an_outage(case)):
        return Ending(stops=True, errors=own_errors())
    ending = Ending(errors=own_errors())
    if case.kind.name == "create membership" and case.fault.effect:
        for chunk in range(case.chunk, CHUNKS):  # what WorkOS would have refused was made
            line = number("refused", chunk), "membership_create"
            ending.errors.pop(line, None)
            ending.perhaps.add(line)
    for role, chunk in _failing(case):
        looked = (role, case.kind.name) == ("refused", "list memberships")
        line = number(role, chunk), "user_create" if looked else case.kind.error
        own = [(number(role, chunk), error) for error in OWN_ERRORS.get(role, ())]
        if case.kind.shared and case.fault.reading == "foreign":
            ending.perhaps |= {line, *own}  # which of those that share a look-up sent it is open
        if case.kind.name != "delete user" and not looked:  # its line is beside the membership's
            for each in own:
                ending.errors.pop(each, None)
        if line not in ending.perhaps:
            ending.errors[line] += 1
    return ending


def own_errors() -> Counter[tuple[int, str]]:
    """The lines of the records that fail whatever happens."""
    return Counter(
        (number(role, chunk), error)
        for role, errors in OWN_ERRORS.items()
        for chunk in range(CHUNKS)
        for error in errors
    )


def _is_an_outage(case: Case) -> bool:
    """Whether the endpoint says nothing, whoever asks."""
    deleted = case.kind.name == "delete user" and case.fault.is_whole_when_empty
    return case.fault.reading == "again" and not deleted


def _failing(case: Case) -> list[tuple[str, int]]:
    """The records that must get an error line: (role, chunk)."""
    fault, kind, times = case.fault, case.kind, TIMES[case.times]
    if fault.reading in {"truth", "again"}:
        return []
    if kind.name == "delete user" and fault.reading == "foreign":
        return []  # such an answer means that it is deleted
    if fault.reading == "foreign" and times and kind.is_search:
        return []  # what WorkOS says exists is looked for again
    hit = [(r, c) for c in range(case.chunk, CHUNKS) for r in dict.fromkeys(kind.needed_by)]
    if times and kind.shared:
        hit = [(role, chunk) for role, chunk in hit if chunk < case.chunk + times]
    elif times:
        hit = hit[:times]
    return [(role, chunk) for role, chunk in hit if not _is_there(case, role)]


def _is_there(case: Case, role: str) -> bool:
    """Whether what the request is to make is there all the same, and can be looked up."""
    fault, kind = case.fault, case.kind
    if not kind.creates or role == "conflict" or (role, kind.name) == REFUSED:
        return False
    before = role == "existing" and kind.name != "enroll factor"
    if before:  # a conflict, or an answer that leaves it open, makes the target look
        return fault.ambiguous or fault.name == "409"
    return fault.effect
