"""The command line: singer-sdk's, with ``--state``, exit codes, and errors without a traceback."""

from __future__ import annotations

import os
import sys
from abc import abstractmethod
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click
from singer_sdk.exceptions import ConfigValidationError, StreamMapConfigError
from singer_sdk.plugin_base import JSONSchemaValidator
from singer_sdk.target_base import Target

import target_workos_users.settings.about  # noqa: F401 - singer-sdk finds the formatters in it
from target_workos_users.exceptions import SettingsError, StopRun
from target_workos_users.settings.checks import describe, with_numbers

if TYPE_CHECKING:
    from singer_sdk.plugin_base import _ConfigInput


class CommandLineTarget(Target):
    """A Singer target that says what is wrong with its settings, and exits with a run's code.

    Attributes:
        state_file: Where ``--state`` says a checkpoint is.
    """

    def __init__(self, *, state_file: Path | None = None, **kwargs: Any) -> None:
        """Check the settings against their schema.

        Args:
            state_file: Where ``--state`` says a checkpoint is.
            kwargs: As the SDK's :class:`Target` takes them.

        Raises:
            SettingsError: A setting is missing or wrong.
        """
        try:
            super().__init__(**kwargs)
        except ConfigValidationError as error:  # of the flattening options
            raise SettingsError("\n".join(error.errors)) from None
        except StreamMapConfigError as error:
            raise SettingsError(f"stream_maps: {error} Correct the setting.") from None
        self._warn_of_settings_kept_back()
        self.state_file = state_file

    @abstractmethod
    def run(self, file_input: IO[str] | None) -> int:
        """Read to the end, or to whatever stops the run.

        Args:
            file_input: Messages, from elsewhere than stdin.

        Returns:
            The exit code.
        """

    @classmethod
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        """Nothing: the SDK's settings that mean something here are declared with the others."""

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """As the SDK's, but the message says what is expected, and shows no secret."""
        self._config = with_numbers(self._config)
        validator = JSONSchemaValidator(self.config_jsonschema)
        errors = [describe(error) for error in validator.iter_errors(self._config)]
        if errors and raise_errors:
            raise SettingsError("\n".join(errors))
        return errors

    def _warn_of_settings_kept_back(self) -> None:
        """Meltano hands on only what ``meltano.yml`` declares, and says nothing of the rest."""
        for name in self.config_jsonschema["properties"]:
            variable = f"{self.name.replace('-', '_')}_{name}".upper()
            if os.environ.get(variable) and self.config.get(name) is None:
                self.logger.warning(
                    "%s is in the environment, but not among the settings handed on: it has no "
                    "effect. Under Meltano, declare %s in the loader's settings in meltano.yml; "
                    "without it, give --config=ENV.",
                    variable,
                    name,
                )

    def _setup_signal_handlers(self) -> None:
        """None yet: the SDK's re-enter a chunk that is being loaded, and exit 0 (measured)."""

    @classmethod
    def invoke(  # type: ignore[override]
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: _ConfigInput | None = None,
        file_input: IO[str] | None = None,
        state: Path | None = None,
    ) -> None:
        """Run the target; exits with its code.

        Args:
            about: Only show what the target is.
            about_format: How to show it.
            config: The settings.
            file_input: Messages, from elsewhere than stdin.
            state: A file with a checkpoint, for taps that don't hand the state back.
        """
        if about:
            cls.print_about(about_format)
            sys.exit(0)
        try:
            target = cls(
                config=config.config if config else {},
                parse_env_config=config.parse_env if config else False,
                state_file=state,
            )
        except StopRun as error:
            cls.logger.error("%s", error)  # noqa: TRY400 - the message says it all
            sys.exit(1)
        sys.exit(target.run(file_input))

    @classmethod
    def cb_config(
        cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]
    ) -> _ConfigInput:
        """Read the config files; a bad one is named, without a traceback."""
        try:
            return super().cb_config(ctx, param, value)
        except (OSError, ValueError, TypeError) as error:
            text = (
                f"{' '.join(value)}: no such file, or not a JSON object ({type(error).__name__})."
            )
            raise click.BadParameter(text) from None

    @classmethod
    def get_singer_command(cls) -> click.Command:
        """The SDK's command line, and ``--state``."""
        command = super().get_singer_command()
        command.params.append(
            click.Option(
                ["--state"],
                type=click.Path(path_type=Path),
                help="A file with the state to go on from, for taps that don't hand it back.",
            )
        )
        return command


def close_stdout() -> None:
    """What is left in a broken stdout must not raise once more when Python exits."""
    try:
        sys.stdout.flush()
    except AttributeError:
        pass  # closed from the start
    except (OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
