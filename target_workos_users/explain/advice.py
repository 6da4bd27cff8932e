"""What to do about an error, in a sentence. Pure."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from target_workos_users.explain.groups import Group

_AGAIN = "run the import again: failed records are tried again, the others cost nothing."
_RETRY = (
    f"Nothing is wrong with these records: WorkOS was overloaded or out of reach. Just {_AGAIN}"
)
_RADAR = (
    "WorkOS's Radar denies these users, or wants their ip_address: switch it off for the import in "
    "the WorkOS dashboard, or give the columns ip_address and user_agent;"
)
_EXTERNAL_ID = (
    "Most often this is a person whose email changed: change it in WorkOS. Or give one of the two "
    "users another external_id, in the source or in WorkOS,"
)

# What ends without a full stop is followed by "then run the import again".
# By WorkOS's code, as the OpenAPI spec and the answers recorded in workos-ruby's cassettes have it.
_BY_CODE = {
    "multiple_roles_not_enabled": "Switch multiple roles on in the WorkOS dashboard, or give one "
    "role each,",
    "invalid_role": "Create the role in WorkOS, or correct role_slugs in the source,",
    "password_strength_error": "Relax the password policy of the WorkOS environment, or leave "
    "these passwords out and let the users reset them,",
    "invalid_password_hash": "Compare password_hash and password_hash_type with the formats in "
    "docs/records.md and correct them, or leave the hash out and let the users reset it;",
    "external_id_already_used": _EXTERNAL_ID,
    "external_id_already_in_use": _EXTERNAL_ID,
    "invalid_metadata": "Correct metadata: at most 50 keys of 40 characters, values of 600;",
    "cannot_reactivate_pending_organization_membership": "Have the invitation accepted or revoke "
    "it in WorkOS,",
    "user_creation_error": "WorkOS refuses the user, in most cases for its email: correct it in "
    "the source,",
    "entity_not_found": f"What the record needs was deleted in WorkOS meanwhile: {_AGAIN}",
    "policy_denied": _RADAR,
    "action_denied": _RADAR,
    "ip_address_required": _RADAR,
}

_BY_TYPE = {
    "invalid_record": "Correct these records in the source, or with a stream map,",
    "org_resolution": "Correct org_id or org_external_id, or give org_name and let "
    "create_missing_orgs create the organization, or create it in WorkOS;",
    "user_create": "Read WorkOS's message: correct the record in the source, or clear up what is "
    "in its way in WorkOS,",
    "user_update": "The user is there, but keeps its old fields: correct the source, or clear up "
    "what WorkOS refuses,",
    "user_missing": "The record is about a user that WorkOS doesn't have: load the user as well, "
    "in any order; or correct the column that names it;",
    "organization_create": "The organization isn't there: clear up what WorkOS says (a domain "
    "that another one has, say),",
    "organization_update": "The organization is there, but keeps its old fields: clear up what "
    "WorkOS says,",
    "role_write": "The role lacks what the message says: create it in WorkOS, or load a stream of "
    "permissions too,",
    "permission_write": "Clear up what WorkOS says of the permission,",
    "membership_create": "The user is there, but isn't a member yet: clear up what WorkOS says,",
    "role_assignment": "The roles are missing: create them in WorkOS, or correct role_slugs in "
    "the source,",
    "totp_enroll": "The user is there, but without its second factor: correct totp_secret and run "
    "the import again, or let the user enroll anew.",
}


def advice(group: Group) -> str:
    """What to do about the errors of a group."""
    if group.retryable:
        return _RETRY
    text = _BY_CODE.get(group.workos_code or "")
    if "another external_id" in group.pattern:  # WorkOS's code names the user only
        text = _EXTERNAL_ID
    if text is None and group.http_status == HTTPStatus.FORBIDDEN:
        text = "Give the API key the permission that is missing,"
    text = text or _BY_TYPE.get(group.error_type, "Read the message, fix the cause,")
    return text if text.endswith(".") else f"{text} then {_AGAIN}"
