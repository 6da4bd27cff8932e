"""The settings of the target, and those of a command, from a config and the environment."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import msgspec
from singer_sdk.plugin_base import JSONSchemaValidator

from target_workos_users.exceptions import SettingsError
from target_workos_users.settings.checks import describe, with_types
from target_workos_users.settings.environment import with_environment
from target_workos_users.settings.schema import SETTINGS
from target_workos_users.settings.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def checked(
    config: Mapping[str, Any], environment: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str], list[str]]:
    """A config, the environment over it and defaults in it; its variables; what is wrong with it.

    Raises:
        SettingsError: Names what isn't a setting, and the nearest that is one.
    """
    given, variables = with_environment(config, environment)
    given = with_types(given)
    flaws = JSONSchemaValidator(SETTINGS).iter_errors(given)  # fills in defaults, too
    return given, variables, [describe(flaw, variables) for flaw in flaws]


def read_settings(config_file: Path | None) -> Settings:
    """The settings: the environment's over those of a config file.

    Args:
        config_file: JSON, as the target takes it.

    Raises:
        SettingsError: One is missing or wrong.
    """
    config: dict[str, Any] = {}
    if config_file:
        try:
            config = msgspec.json.decode(config_file.read_bytes(), type=dict[str, Any])
        except (OSError, msgspec.DecodeError) as error:
            raise SettingsError(f"--config: {config_file} can't be read ({error}).") from None
    config, _, flaws = checked(config, os.environ)
    if flaws:
        raise SettingsError("\n".join(flaws))
    return Settings.from_config(config)
