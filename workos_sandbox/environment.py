"""A WorkOS environment: how it is set up, what is in it, what it allows, what goes wrong in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from workos_sandbox.faults import FaultInjector, Faults
from workos_sandbox.limits import Limits, RateBudgets
from workos_sandbox.request_counts import RequestCounts

if TYPE_CHECKING:
    from workos_sandbox.store import Store

DEFAULT_API_KEY = "sk_test_sandbox"


class EnvironmentSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an environment of live WorkOS has switches for, or what isn't known of it.

    Attributes:
        multiple_roles: Whether a membership may have several roles.
        ip_address_required: Radar is in Decision mode: a user is made only with ``ip_address``.
        radar_denies: The users that Radar denies: email to the code of the 403.
        external_id_taken: The code for an external id that another has. The WorkOS OpenAPI spec
            has the first; both are among the codes of the workos package (10.8.0).
    """

    multiple_roles: bool = True
    ip_address_required: bool = False
    radar_denies: dict[str, Literal["policy_denied", "action_denied"]] = {}
    external_id_taken: Literal["external_id_already_used", "external_id_already_in_use"] = (
        "external_id_already_used"
    )


class Environment:
    """What the handlers of requests work on.

    Attributes:
        store: The open file.
        settings: How it is set up; may be replaced at any time.
        counts: Counts of requests.
        budgets: The rate budgets in use.
        fault_injector: Deals out the faults.
    """

    store: Store

    def __init__(self, settings: EnvironmentSettings, limits: Limits, faults: Faults) -> None:
        self.settings = settings
        self.counts = RequestCounts()
        self.budgets = RateBudgets(limits)
        self.fault_injector = FaultInjector(faults)

    @property
    def limits(self) -> Limits:
        """The rate limits; setting them empties their windows."""
        return self.budgets.limits

    @limits.setter
    def limits(self, limits: Limits) -> None:
        self.budgets = RateBudgets(limits)

    @property
    def faults(self) -> Faults:
        """The faults; setting them restarts their script and their random numbers."""
        return self.fault_injector.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self.fault_injector = FaultInjector(faults)
