"""How records are read, where the settings have a say in it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from target_workos_users.records.organizations import OrganizationRef


@dataclass(frozen=True, slots=True)
class RecordRules:
    """The settings that decide what a record means.

    Attributes:
        default_organization: The ``org_*`` settings; win over the record's own columns.
        unusable_hashes: A password hash that WorkOS can't verify: ``fail`` the record, or ``skip``
            the hash and load the user without a password.
        totp_secret_format: How ``totp_secret`` is written: ``base32``, or ``raw`` where its
            characters are the key itself.
        domain_state: Of the domains of organizations.
    """

    default_organization: OrganizationRef | None = None
    unusable_hashes: Literal["fail", "skip"] = "fail"
    totp_secret_format: Literal["base32", "raw"] = "base32"  # noqa: S105 - the name of a form
    domain_state: Literal["pending", "verified"] = "pending"


DEFAULT_RULES = RecordRules()
