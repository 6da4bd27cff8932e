"""A source compared with WorkOS: what an import would create, complete and update."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, TypeVar

from target_workos_users.loading.changes import differences
from target_workos_users.loading.pages import Allowance, read_members, read_users
from target_workos_users.loading.role_writes import slugs_of
from target_workos_users.parallel import for_each
from target_workos_users.plan.compare_entities import compare_entity
from target_workos_users.plan.difference import Difference, pair

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator

    from target_workos_users.api.workos import WorkOS
    from target_workos_users.loading.index import Index
    from target_workos_users.plan.source import Organization, Person, Source, Wanted
    from target_workos_users.progress.steps import Steps
    from target_workos_users.settings.settings import Settings

_FEW = 20  # of what the lists don't have: asked one by one
_FEW_SHARE = 0.01
_MOST_SHOWN = 100  # users that the source doesn't have

_T = TypeVar("_T")


class Comparison:
    """Reads WorkOS as far as a source needs it, and compares.

    Attributes:
        counts: How many of what were compared, and how many differ, by kind of difference.
        fields: Users that differ, by field.
    """

    def __init__(
        self,
        api: WorkOS,
        settings: Settings,
        index: Index,
        source: Source,
        steps: Steps,
    ) -> None:
        self._api = api
        self._settings = settings
        self._index = index
        self._source = source
        self._steps = steps
        self.counts: Counter[str] = Counter()
        self.fields: Counter[str] = Counter()

    async def read(self) -> None:
        """Read what the source is to be compared with.

        Raises:
            ApiError: WorkOS answered with an error.
            StopRun: It can't be reached, or refuses the key.
        """
        people = self._source.count("people")
        self._steps.begin("Comparing users", people)

        def answered(emails: list[str]) -> int:
            number = self._source.names_any(emails)
            self._steps.step(number)
            return number

        await read_users(self._api, self._index, Allowance(people), answered)
        await self._ask(
            self._unknown_people, self._ask_user, of=people, has_all=self._index.has_all_users
        )
        organizations = self._source.count("organizations")
        self._steps.begin("Comparing memberships of organizations", organizations)
        await self._each(self._source.organizations(), self._resolve)
        await self._each(self._source.organizations(), self._read_organization)

    async def entities(self) -> list[Difference]:
        """Those of organizations, roles and permissions, which have calls of their own."""
        found: list[Difference] = []
        for entity in self._source.entities():
            self.counts[entity.kind] += 1
            found += await compare_entity(self._api, self._source, entity)
        return found

    def people(self) -> Iterator[Difference]:
        """Users who are missing or differ."""
        for person in self._source.people():
            user = self._user(person)
            if person.fields is None:
                if user is None and not self._source.will_be_made(person):
                    yield _of(person, "user_unknown", {})
                continue
            self.counts["users"] += 1
            if user is None:
                yield _of(person, "user_missing", {})
            elif differing := differences(user, person.fields):
                self.fields.update(differing.keys())
                shown = {name: pair(name, differing[name], user) for name in differing}
                yield _of(person, "user_differs", {"user_id": user["id"], "fields": shown})

    def memberships(self) -> Iterator[Difference]:
        """Organizations that are missing, and memberships that are missing or differ."""
        for organization in self._source.organizations():
            if organization.workos_id is None:
                yield from self._missing_organization(organization)
            for wanted in self._source.wanted(organization.key):
                self.counts["memberships"] += 1
                yield from self._compare_membership(organization, wanted)

    async def factors(self) -> list[Difference]:
        """Users with a TOTP secret in the source and no factor in WorkOS: a request each."""
        lacking: list[Difference] = []

        async def look(person: Person) -> None:
            self.counts["factors"] += 1
            user = self._user(person)
            if user is None or not await self._api.list_auth_factors(user["id"]):
                lacking.append(_of(person, "factor_missing", {"user_id": user and user["id"]}))

        await self._each((each for each in self._source.people() if each.factors), look)
        return lacking

    def not_in_the_source(self) -> Iterator[Difference]:
        """The first users that only WorkOS has; all are counted."""
        rest = (
            "FROM users WHERE email NOT IN (SELECT email FROM people) AND id NOT IN "
            "(SELECT user_id FROM people WHERE user_id IS NOT NULL) AND (external_id IS NULL OR "
            "external_id NOT IN (SELECT external_id FROM people WHERE external_id IS NOT NULL))"
        )
        database = self._index.database
        self.counts["only_in_workos"] = database.execute(f"SELECT count(*) {rest}").fetchone()[0]
        listed = database.execute(f"SELECT id, email {rest} ORDER BY id LIMIT {_MOST_SHOWN}")
        for user_id, email in listed:
            about = {"email": email, "user_id": user_id}
            yield Difference("only_in_workos", None, None, about)

    # Users

    def _user(self, person: Person) -> dict[str, Any] | None:
        if person.email:
            return self._index.user(email=person.email)
        if person.external_id:
            return self._index.user(external_id=person.external_id)
        return self._index.user(id=person.user_id or "")

    def _unknown_people(self) -> Iterator[Person]:
        return (each for each in self._source.people() if self._user(each) is None)

    async def _ask_user(self, person: Person) -> None:
        if person.email:
            found = await self._api.find_user_by_email(person.email)
        elif person.external_id:
            found = await self._api.find_user_by_external_id(person.external_id)
        else:
            found = await self._api.get_user(person.user_id or "")
        self._steps.step()
        if found is not None:
            self._index.add_users([found])

    # Organizations and memberships

    async def _resolve(self, organization: Organization) -> None:
        ref = organization.ref
        if ref.id:
            found = await self._api.get_organization(ref.id)
        else:
            found = await self._api.get_organization_by_external_id(ref.external_id or "")
        if found is not None:
            self._source.found(organization, str(found["id"]))

    async def _read_organization(self, organization: Organization) -> None:
        self._steps.step()
        key, workos_id = organization.key, organization.workos_id
        if workos_id is None:
            return
        of_users = (self._member(workos_id, each)[0] for each in self._source.wanted(key))
        number = sum(user is not None for user in of_users)
        if not number:
            return

        def answered(user_ids: list[str]) -> int:
            users = (self._index.user(id=user_id) for user_id in user_ids)
            return self._source.names_any([user["email"] for user in users if user], key)

        await read_members(self._api, self._index, workos_id, Allowance(number), answered)

        def unknown() -> Iterator[str]:
            for wanted in self._source.wanted(key):
                user, membership = self._member(workos_id, wanted)
                if user is not None and membership is None:
                    yield user["id"]

        async def ask(user_id: str) -> None:
            found = await self._api.list_memberships(user_id=user_id, organization_id=workos_id)
            self._index.add_members(workos_id, found)

        has_all = workos_id in self._index.has_all_members
        await self._ask(unknown, ask, of=number, has_all=has_all)

    def _member(
        self, workos_id: str, wanted: Wanted
    ) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
        """Whom a membership is for, and the membership."""
        person = self._source.person(wanted.person)
        user = person and self._user(person)
        return user, user and self._index.member(workos_id, user["id"])

    def _missing_organization(self, organization: Organization) -> Iterator[Difference]:
        ref = organization.ref
        named = ref.name and self._settings.create_missing_orgs
        first = min(
            self._source.wanted(organization.key), key=lambda each: each.number, default=None
        )
        if first is not None and not self._source.has_organization_record(ref):
            about = {"org_external_id": ref.external_id, "org_id": ref.id}
            kind = "organization_missing" if named else "organization_unknown"
            yield Difference(kind, first.stream, first.number, about)

    def _compare_membership(
        self, organization: Organization, wanted: Wanted
    ) -> Iterator[Difference]:
        user, membership = self._member(organization.workos_id or "", wanted)
        person = self._source.person(wanted.person)
        about: dict[str, Any] = {
            "email": person and person.email,
            "user_id": user and user["id"],
            "org_id": organization.workos_id or organization.ref.id,
            "org_external_id": organization.ref.external_id,
        }
        if membership is None:
            about["role_slugs"] = wanted.roles
            yield Difference("membership_missing", wanted.stream, wanted.number, about)
            return
        status = membership.get("status")
        if status not in {None, wanted.status or "active"}:
            shown = {"status": {"source": wanted.status or "active", "workos": status}}
            yield Difference(
                "status_differs", wanted.stream, wanted.number, {**about, "fields": shown}
            )
        held = slugs_of(membership)
        if missing := [slug for slug in wanted.roles if slug not in held]:
            lacking = {**about, "role_slugs": missing}
            yield Difference("roles_missing", wanted.stream, wanted.number, lacking)

    # In parallel

    async def _ask(
        self,
        unknown: Callable[[], Iterable[_T]],
        ask: Callable[[_T], Awaitable[None]],
        *,
        of: int,
        has_all: bool,
    ) -> None:
        """Ask for what the lists don't have; where they are whole, only if that is little.

        Lists change while they are read. Few are asked for again; where many are missing, they are.
        """
        if has_all and sum(1 for _ in unknown()) > max(_FEW, of * _FEW_SHARE):
            return
        await self._each(unknown(), ask)

    async def _each(self, items: Iterable[_T], call: Callable[[_T], Awaitable[None]]) -> None:
        await for_each(items, call, self._settings.concurrency)


def _of(person: Person, kind: str, about: dict[str, Any]) -> Difference:
    who = {"email": person.email, "external_id": person.external_id, "user_id": person.user_id}
    return Difference(kind, person.stream, person.number, who | about)
