"""What to do about an error, in a sentence. Pure."""

from __future__ import annotations

from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from target_workos_users.explain.groups import Group

_RETRY = (
    "Nothing is wrong with these records: WorkOS was overloaded or out of reach. Load them again "
    "with only_errors_from and retryable_only."
)

# By WorkOS's code, as the OpenAPI spec and the answers recorded in workos-ruby's cassettes have it.
_BY_CODE: Mapping[str, str] = MappingProxyType(
    {
        "multiple_roles_not_enabled": "Switch multiple roles on in the WorkOS dashboard, then load "
        "these records again with only_errors_from.",
        "invalid_role": "Create the role in WorkOS, then load these records again with "
        "only_errors_from; or correct role_slugs in the source.",
        "password_strength_error": "Relax the password policy of the WorkOS environment and use "
        "only_errors_from; or leave these passwords out and let the users reset them.",
        "invalid_password_hash": "Compare password_hash and password_hash_type with the formats "
        "in docs/records.md and correct them; or leave the hash out and let the users reset it.",
        "external_id_already_used": "Find out which user holds the external_id in WorkOS; give "
        "one of the two another, in the source or in WorkOS; in the latter case load the record "
        "again with only_errors_from.",
        "invalid_metadata": "Correct metadata: at most 50 keys of 40 characters, values of 600.",
        "cannot_reactivate_pending_organization_membership": "Have the invitation accepted or "
        "revoke it in WorkOS, then load these records again with only_errors_from.",
        "user_creation_error": "WorkOS refuses the user, in most cases for its email: correct it "
        "in the source and run again.",
        "entity_not_found": "What the record needs was deleted in WorkOS meanwhile: load it again "
        "with only_errors_from.",
    }
)

_BY_TYPE: Mapping[str, str] = MappingProxyType(
    {
        "invalid_record": "Correct these records in the source, or with a stream map, once the "
        "import is complete, and run it again: only the chunks that changed are loaded.",
        "org_resolution": "Correct org_id or org_external_id; or give org_name and let "
        "create_missing_orgs create the organization; or create it in WorkOS and use "
        "only_errors_from.",
        "user_create": "Read WorkOS's message: correct the record in the source and run again; or "
        "clear up the user that is in its way, and load these records with only_errors_from.",
        "user_update": "The user is there, but keeps its old fields: correct the source and run "
        "again; or clear up what WorkOS refuses, and load these records with only_errors_from and "
        'existing_users "update".',
        "user_missing": "The record is about a user that WorkOS doesn't have: load the user as "
        "well, in any order; or correct the column that names it.",
        "organization_create": "The organization isn't there: clear up what WorkOS says (a domain "
        "that another one has, say), and run again.",
        "organization_update": "The organization is there, but keeps its old fields: clear up what "
        "WorkOS says, and run again.",
        "role_write": "The role lacks what the message says: create it in WorkOS, or load a stream "
        "of permissions too, and run again.",
        "permission_write": "Clear up what WorkOS says of the permission, and run again.",
        "membership_create": "The user is there, but isn't a member yet: clear up what WorkOS "
        "says, then load these records again with only_errors_from.",
        "role_assignment": "The user is a member, but without these roles: create the roles in "
        "WorkOS, then load these records again with only_errors_from; "
        "or correct role_slugs in the source.",
        "totp_enroll": "The user is there, but without its second factor: correct totp_secret, or "
        "let the user enroll anew.",
    }
)


def advice(group: Group) -> str:
    """What to do about the errors of a group."""
    if group.retryable:
        return _RETRY
    if group.http_status == HTTPStatus.FORBIDDEN:
        return "Give the API key the permission that is missing, and use only_errors_from."
    by_type = _BY_TYPE.get(group.error_type, "Read the message, fix the cause, and run again.")
    return _BY_CODE.get(group.workos_code or "", by_type)
