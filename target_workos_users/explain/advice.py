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
    f"the WorkOS dashboard, or give the columns ip_address and user_agent; then {_AGAIN}"
)
_EXTERNAL_ID = (
    "Find out which user holds the external_id in WorkOS; give one of the two another, in the "
    f"source or in WorkOS, then {_AGAIN}"
)

# By WorkOS's code, as the OpenAPI spec and the answers recorded in workos-ruby's cassettes have it.
_BY_CODE = {
    "multiple_roles_not_enabled": "Switch multiple roles on in the WorkOS dashboard, or give "
    f"one role each, then {_AGAIN}",
    "invalid_role": f"Create the role in WorkOS, or correct role_slugs in the source, then "
    f"{_AGAIN}",
    "password_strength_error": "Relax the password policy of the WorkOS environment, or leave "
    f"these passwords out and let the users reset them, then {_AGAIN}",
    "invalid_password_hash": "Compare password_hash and password_hash_type with the formats "
    "in docs/records.md and correct them, or leave the hash out and let the users reset it; "
    f"then {_AGAIN}",
    "external_id_already_used": _EXTERNAL_ID,
    "external_id_already_in_use": _EXTERNAL_ID,
    "invalid_metadata": "Correct metadata: at most 50 keys of 40 characters, values of 600; "
    f"then {_AGAIN}",
    "cannot_reactivate_pending_organization_membership": "Have the invitation accepted or "
    f"revoke it in WorkOS, then {_AGAIN}",
    "user_creation_error": "WorkOS refuses the user, in most cases for its email: correct it "
    f"in the source, then {_AGAIN}",
    "entity_not_found": f"What the record needs was deleted in WorkOS meanwhile: {_AGAIN}",
    "policy_denied": _RADAR,
    "action_denied": _RADAR,
    "ip_address_required": _RADAR,
}

_BY_TYPE = {
    "invalid_record": f"Correct these records in the source, or with a stream map, then {_AGAIN}",
    "org_resolution": "Correct org_id or org_external_id, or give org_name and let "
    "create_missing_orgs create the organization, or create it in WorkOS; then "
    f"{_AGAIN}",
    "user_create": "Read WorkOS's message: correct the record in the source, or clear up what "
    f"is in its way in WorkOS, then {_AGAIN}",
    "user_update": "The user is there, but keeps its old fields: correct the source, or clear "
    f"up what WorkOS refuses, then {_AGAIN}",
    "user_missing": "The record is about a user that WorkOS doesn't have: load the user as "
    f"well, in any order; or correct the column that names it; then {_AGAIN}",
    "organization_create": "The organization isn't there: clear up what WorkOS says (a domain "
    f"that another one has, say), then {_AGAIN}",
    "organization_update": "The organization is there, but keeps its old fields: clear up what "
    f"WorkOS says, then {_AGAIN}",
    "role_write": "The role lacks what the message says: create it in WorkOS, or load a stream "
    f"of permissions too, then {_AGAIN}",
    "permission_write": f"Clear up what WorkOS says of the permission, then {_AGAIN}",
    "membership_create": "The user is there, but isn't a member yet: clear up what WorkOS "
    f"says, then {_AGAIN}",
    "role_assignment": "The roles are missing: create them in WorkOS, or correct role_slugs in "
    f"the source, then {_AGAIN}",
    "totp_enroll": "The user is there, but without its second factor: correct totp_secret and "
    "run the import again, or let the user enroll anew.",
}


def advice(group: Group) -> str:
    """What to do about the errors of a group."""
    if group.retryable:
        return _RETRY
    if text := _BY_CODE.get(group.workos_code or ""):
        return text
    if group.http_status == HTTPStatus.FORBIDDEN:
        return f"Give the API key the permission that is missing, then {_AGAIN}"
    return _BY_TYPE.get(group.error_type, f"Read the message, fix the cause, then {_AGAIN}")
