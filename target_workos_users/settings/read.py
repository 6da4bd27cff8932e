"""The settings for a command of its own, from where the target takes them."""

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
    from pathlib import Path


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
    config, variables = with_environment(config, os.environ)
    config = with_types(config)
    flaws = list(JSONSchemaValidator(SETTINGS).iter_errors(config))  # fills in defaults, too
    if flaws:
        raise SettingsError("\n".join(describe(flaw, variables) for flaw in flaws))
    return Settings.from_config(config)
