"""A row's TOTP factor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from target_workos_users.exceptions import ApiError, ErrorType
from target_workos_users.loading.memberships import UserGone
from target_workos_users.loading.outcome import Tally

if TYPE_CHECKING:
    from target_workos_users.api.workos import WorkOS
    from target_workos_users.loading.loaded import LoadedUser
    from target_workos_users.loading.outcome import Outcome
    from target_workos_users.records.totp import Totp

_ATTEMPTS = 4


class Factors:
    """Enrolls TOTP factors, one per user: WorkOS would add a second."""

    def __init__(self, api: WorkOS) -> None:
        self._api = api

    async def enroll(self, totp: Totp, user: LoadedUser, outcome: Outcome) -> bool:
        """Enroll the factor, unless the user has one.

        Args:
            totp: The factor.
            user: The row's user.
            outcome: Takes the tallies, and a ``totp_enroll`` error.

        Returns:
            Whether the user has a factor now.

        Raises:
            UserGone: The user isn't in WorkOS.
        """
        try:
            if not user.fresh and await self._of(user):
                outcome.tallies.append(Tally.FACTORS_EXISTING)
                return True
            own = await self._enroll_once(totp, user)
            factors = await self._of(user)
            first = min(factors, key=_age, default=None)
            if own and first and own != first["id"] and any(own == each["id"] for each in factors):
                # Another import enrolled one at the same time: both leave the older one.
                await self._api.delete_auth_factor(own)
                outcome.tallies.append(Tally.FACTORS_EXISTING)
            else:
                outcome.tallies.append(Tally.FACTORS)
        except ApiError as error:
            if error.is_about(user.id):
                raise UserGone(str(error)) from error
            outcome.errors.append(error.as_record_error(ErrorType.TOTP_ENROLL))
            return False
        return True

    async def _enroll_once(self, totp: Totp, user: LoadedUser) -> str | None:
        """Enroll; where it is open whether that worked, look before trying again.

        Returns:
            The id of the factor; None if its answer was lost.
        """
        for attempts_left in reversed(range(_ATTEMPTS)):
            try:
                factor = await self._api.enroll_totp(
                    user.id, secret=totp.secret, issuer=totp.issuer, user=totp.user
                )
            except ApiError as error:
                if not error.ambiguous:
                    raise
                if await self._of(user):
                    return None
                if not attempts_left:
                    raise
            else:
                return str(factor["id"])
        raise AssertionError("unreachable")

    async def _of(self, user: LoadedUser) -> list[dict[str, Any]]:
        """The user's TOTP factors."""
        factors = await self._api.list_auth_factors(user.id)
        return [factor for factor in factors if factor.get("type") == "totp"]


def _age(factor: dict[str, Any]) -> tuple[str, str]:
    return str(factor.get("created_at") or ""), str(factor["id"])
