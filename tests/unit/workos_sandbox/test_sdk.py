"""WorkOS's own SDK, whose models refuse an answer that lacks one of their keys."""

from __future__ import annotations

import pytest
from workos import AuthorizationError, BadRequestError, ConflictError, NotFoundError, WorkOSClient
from workos.authorization.models import Role
from workos.common.models import AuthenticationFactor, AuthorizationPermission, User
from workos.multi_factor_auth.models import UserAuthenticationFactorEnrollResponse
from workos.organization_membership import OrganizationMembership, RoleMultiple, RoleSingle
from workos.organizations import Organization, OrganizationDomainData
from workos.user_management import PasswordHashed, UserCreateResponse

from workos_sandbox import EnvironmentSettings


@pytest.fixture
def sdk(sandbox):
    with WorkOSClient(api_key=sandbox.api_key, base_url=sandbox.base_url, max_retries=0) as client:
        yield client


@pytest.fixture
def user(sdk):
    return sdk.user_management.create_user(email="ada@example.com")


@pytest.fixture
def organization(sdk):
    return sdk.organizations.create_organization(name="Acme", external_id="acme")


def test_users(sdk, bcrypt):
    users = sdk.user_management
    created = users.create_user(
        email="ada@example.com",
        external_id="a/b",
        metadata={"plan": "pro"},
        password=PasswordHashed(bcrypt, "bcrypt"),
        ip_address="192.0.2.1",
        user_agent="import",
    )
    updated = users.update_user(created.id, first_name="Ada", name="Ada Lovelace", locale="en")
    assert (updated.first_name, updated.name, updated.locale) == ("Ada", "Ada Lovelace", "en")
    assert users.get_user(created.id) == users.get_user_by_external_id("a/b") == updated
    assert [user.id for user in users.list_users(email="ada@example.com")] == [created.id]
    users.delete_user(created.id)
    with pytest.raises(NotFoundError):
        users.get_user(created.id)


def test_what_radar_denies(sdk, sandbox):
    sandbox.settings = EnvironmentSettings(radar_denies={"ada@example.com": "action_denied"})
    with pytest.raises(AuthorizationError) as caught:
        sdk.user_management.create_user(email="ada@example.com")
    assert caught.value.code == "action_denied"


def test_organizations(sdk):
    organizations = sdk.organizations
    created = organizations.create_organization(
        name="Acme",
        external_id="acme",
        metadata={"a": "1"},
        domain_data=[OrganizationDomainData("acme.com", "verified")],
        allow_profiles_outside_organization=True,
    )
    assert created.stripe_customer_id is None
    assert [(each.domain, each.state.value) for each in created.domains] == [
        ("acme.com", "verified")
    ]
    updated = organizations.update_organization(
        created.id,
        domain_data=[OrganizationDomainData("acme.org", "pending")],
        stripe_customer_id="cus_1",
    )
    assert updated.stripe_customer_id == "cus_1"
    assert [each.domain for each in updated.domains] == ["acme.org"]
    assert organizations.get_organization(created.id) == updated
    assert organizations.get_organization_by_external_id("acme") == updated
    for found in (
        organizations.list_organizations(domains=["acme.org", "other.com"]),
        organizations.list_organizations(search="acm"),
    ):
        assert [each.id for each in found] == [created.id]
    with pytest.raises(ConflictError, match=r"with the domain acme\.org already exists"):
        organizations.create_organization(name="B", domains=["acme.org"])
    with pytest.raises(BadRequestError) as caught:
        organizations.create_organization(name="B", external_id="acme")
    assert caught.value.code == "external_id_already_used"
    organizations.delete_organization(created.id)
    assert organizations.list_organizations().data == []


def test_memberships(sdk, user, organization):
    memberships = sdk.organization_membership
    made = memberships.create_organization_membership(
        user_id=user.id, organization_id=organization.id
    )
    assert (made.role.slug, made.organization_name, made.user.id) == ("member", "Acme", user.id)
    assert made.directory_managed is False
    both = memberships.update_organization_membership(
        made.id, role=RoleMultiple(["admin", "member"])
    )
    assert [role.slug for role in both.roles] == ["admin", "member"]
    memberships.deactivate_organization_membership(made.id)
    listed = memberships.list_organization_memberships(
        organization_id=organization.id, statuses=["active", "inactive"]
    )
    assert [(each.id, each.status.value) for each in listed] == [(made.id, "inactive")]
    assert memberships.reactivate_organization_membership(made.id).roles == both.roles
    memberships.deactivate_organization_membership(made.id)
    again = memberships.create_organization_membership(
        user_id=user.id, organization_id=organization.id, role=RoleSingle("admin")
    )
    assert (again.id, again.status.value) == (made.id, "active")
    memberships.delete_organization_membership(made.id)
    with pytest.raises(NotFoundError):
        memberships.get_organization_membership(made.id)


def test_roles_and_permissions(sdk, organization):
    authorization = sdk.authorization
    permission = authorization.create_permission(slug="docs:read", name="Read", description="It")
    assert authorization.get_permission("docs:read") == permission
    assert authorization.update_permission("docs:read", name="Read all").name == "Read all"
    authorization.create_permission(slug="docs:write", name="Write")
    role = authorization.create_environment_role(slug="editor", name="Editor")
    assert authorization.get_environment_role("editor") == role
    assert authorization.update_environment_role("editor", description="Edits").name == "Editor"
    authorization.set_environment_role_permissions("editor", permissions=["docs:read"])
    both = authorization.add_environment_role_permission("editor", body_slug="docs:write")
    assert both.permissions == ["docs:read", "docs:write"]
    own = authorization.create_organization_role(organization.id, slug="org-lead", name="Lead")
    assert authorization.get_organization_role(organization.id, "org-lead") == own
    authorization.update_organization_role(organization.id, "org-lead", name="Team lead")
    authorization.set_organization_role_permissions(
        organization.id, "org-lead", permissions=["docs:read"]
    )
    authorization.add_organization_role_permission(
        organization.id, "org-lead", body_slug="docs:write"
    )
    listed = authorization.list_organization_roles(organization.id).data
    assert [(each.slug, each.name, each.type.value, each.permissions) for each in listed] == [
        ("admin", "Admin", "EnvironmentRole", []),
        ("member", "Member", "EnvironmentRole", []),
        ("editor", "Editor", "EnvironmentRole", ["docs:read", "docs:write"]),
        ("org-lead", "Team lead", "OrganizationRole", ["docs:read", "docs:write"]),
    ]
    assert len(authorization.list_environment_roles().data) == 3


def test_factors(sdk, user):
    factors = sdk.multi_factor_auth
    enrolled = factors.create_user_auth_factor(
        user.id, type="totp", totp_secret="JBSWY3DPEHPK3PXP"
    ).authentication_factor
    assert enrolled.totp.secret == "JBSWY3DPEHPK3PXP"
    (listed,) = factors.list_user_auth_factors(user.id)
    assert listed == factors.get_factor(enrolled.id)
    factors.delete_factor(enrolled.id)
    with pytest.raises(NotFoundError):
        factors.get_factor(enrolled.id)


class Lists:
    """A way to make seven objects of each kind, and to list them by pages."""

    def __init__(self, sdk):
        self.sdk = sdk
        users = [sdk.user_management.create_user(email=f"{n}@example.com") for n in range(7)]
        organizations = [sdk.organizations.create_organization(name=f"{n}") for n in range(7)]
        self.user, self.organization = users[0].id, organizations[0].id
        self.everybody = [user.id for user in users]
        self.organizations = [each.id for each in organizations]

    def users(self):
        return self.everybody, self.sdk.user_management.list_users

    def users_of_an_organization(self):
        self._members()

        def listing(**query):
            return self.sdk.user_management.list_users(organization_id=self.organization, **query)

        return self.everybody, listing

    def memberships_of_an_organization(self):
        made = self._members()

        def listing(**query):
            memberships = self.sdk.organization_membership
            return memberships.list_organization_memberships(
                organization_id=self.organization, **query
            )

        return made, listing

    def memberships_of_a_user(self):
        memberships = self.sdk.organization_membership
        made = [
            memberships.create_organization_membership(user_id=self.user, organization_id=each).id
            for each in self.organizations
        ]

        def listing(**query):
            return memberships.list_organization_memberships(user_id=self.user, **query)

        return made, listing

    def all_organizations(self):
        return self.organizations, self.sdk.organizations.list_organizations

    def factors(self):
        mfa = self.sdk.multi_factor_auth
        made = [
            mfa.create_user_auth_factor(self.user, type="totp").authentication_factor.id
            for _ in range(7)
        ]
        return made, lambda **query: mfa.list_user_auth_factors(self.user, **query)

    def permissions(self):
        create = self.sdk.authorization.create_permission
        made = [create(slug=f"p{n}", name=f"{n}").id for n in range(7)]
        return made, self.sdk.authorization.list_permissions

    def _members(self):
        create = self.sdk.organization_membership.create_organization_membership
        return [
            create(user_id=each, organization_id=self.organization).id for each in self.everybody
        ]


@pytest.fixture(
    params=[
        "users",
        "users_of_an_organization",
        "memberships_of_an_organization",
        "memberships_of_a_user",
        "all_organizations",
        "factors",
        "permissions",
    ]
)
def listed(request, sdk):
    """Ids from the oldest to the newest, and the call that lists them."""
    return getattr(Lists(sdk), request.param)()


def walked(listing, cursor, **query):
    """Ids of each page, following one of the two cursors."""
    pages = []
    while True:
        page = listing(**query)
        pages.append([each.id for each in page])
        if (following := getattr(page, cursor)) is None:
            return pages
        query[cursor] = following


@pytest.mark.parametrize("limit", [1, 3, 7, 100])
def test_every_list_is_walked_through_newest_first_and_oldest_first(listed, limit):
    made, listing = listed
    for order, expected in (("asc", made), ("desc", made[::-1])):
        pages = [expected[n : n + limit] for n in range(0, len(expected), limit)]
        assert walked(listing, "after", limit=limit, order=order) == pages
        found = [each.id for each in listing(limit=limit, order=order).auto_paging_iter()]
        assert found == expected


def test_every_list_leads_back_by_before(listed):
    made, listing = listed
    for order, ids in (("asc", made), ("desc", made[::-1])):
        found = walked(listing, "before", limit=3, order=order, before=ids[6])
        assert found == [ids[3:6], ids[:3]]


def test_in_normal_order_before_leads_to_older_ones_and_after_to_newer_ones(listed):
    """As recorded: a first page has no ``after``, so the SDK's iterator ends with it."""
    made, listing = listed
    newest_first = made[::-1]
    pages = [newest_first[:3], newest_first[3:6], newest_first[6:]]
    assert walked(listing, "before", limit=3, order="normal") == pages
    first = listing(limit=3, order="normal")
    assert [each.id for each in first.auto_paging_iter()] == pages[0]
    newer = listing(limit=3, order="normal", after=made[0])
    assert [each.id for each in newer.auto_paging_iter()] == newest_first[3:6] + newest_first[:3]


def test_an_object_is_just_what_the_sdks_model_writes(api):
    """So nothing that isn't nullable is null."""
    member = api.member()
    user = f"/user_management/users/{member['user_id']}"
    permission = api.post("/authorization/permissions", {"slug": "read", "name": "Read"}).body
    enrolled = api.post(f"{user}/auth_factors", {"type": "totp"}).body
    factor = enrolled["authentication_factor"]["id"]
    for model, shown in [
        (UserCreateResponse, api.user()),
        (User, api.get(user).body),
        (Organization, api.organization(domains=["example.com"])),
        (OrganizationMembership, member),
        (Role, api.get("/authorization/roles/admin").body),
        (AuthorizationPermission, permission),
        (UserAuthenticationFactorEnrollResponse, enrolled),
        (AuthenticationFactor, api.get(f"/auth/factors/{factor}").body),
    ]:
        assert model.from_dict(shown).to_dict() == shown
