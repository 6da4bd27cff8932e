"""The command line: singer-sdk's, with ``--state``, exit codes, and errors without a traceback."""

from __future__ import annotations

import os
import sys
from abc import abstractmethod
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, ClassVar

import click
from dotenv import find_dotenv, load_dotenv
from singer_sdk.exceptions import ConfigValidationError, StreamMapConfigError
from singer_sdk.target_base import Target

import target_workos_users.settings.about  # noqa: F401 - singer-sdk finds the formatters in it
from target_workos_users.exceptions import SettingsError, StopRun
from target_workos_users.settings.read import checked
from target_workos_users.texts import NeutralLog

if TYPE_CHECKING:
    from singer_sdk.plugin_base import _ConfigInput

_NEUTRAL = NeutralLog()
_EXIT_CODES = (
    "Exit codes: 0, the source was read to its end (with fail_on_errors: and no record failed); "
    "1, an error stopped the run (with fail_on_errors: or a record failed), or every record of a "
    "dry run would fail; 2, a diff found differences, or the command line is wrong; 130 or 143, "
    "stopped by SIGINT or SIGTERM. The way on is to run the same command again."
)


class CommandLineTarget(Target):
    """A Singer target that says what is wrong with its settings, and exits with a run's code.

    Attributes:
        state_file: Where ``--state`` says a checkpoint is.
    """

    _env_var_config: ClassVar[dict[str, Any]] = {}  # the SDK's reading of it; see _validate_config

    def __init__(
        self, *, state_file: Path | None = None, parse_env_config: bool = False, **kwargs: Any
    ) -> None:
        """Check the settings against their schema, environment variables too if they count.

        Raises:
            SettingsError: A setting is missing or wrong.
        """
        self.logger.addFilter(_NEUTRAL)
        self._environment = os.environ if parse_env_config else {}
        try:
            super().__init__(parse_env_config=parse_env_config, **kwargs)
        except ConfigValidationError as error:  # of the flattening options
            raise SettingsError("\n".join(error.errors)) from None
        except StreamMapConfigError as error:
            raise SettingsError(f"stream_maps: {error} Correct the setting.") from None
        self.state_file = state_file

    @abstractmethod
    def run(self, file_input: IO[str] | None) -> int:
        """Read stdin or another input to its end, or to whatever stops it; give the exit code."""

    @classmethod
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        """Nothing: the SDK's settings that mean something here are declared with the others."""

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """As the SDK's, with the environment; it says what is expected, and shows no secret."""
        self._config, variables, errors = checked(self._config, self._environment)
        if variables:
            self.logger.info("Settings from the environment: %s.", ", ".join(variables.values()))
        if errors and raise_errors:
            raise SettingsError("\n".join(errors))
        return errors

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
                parse_env_config=True,
                state_file=state,
            )
        except StopRun as error:
            for line in str(error).splitlines():
                cls.logger.error("%s", line)  # noqa: TRY400 - the message says it all
            sys.exit(1)
        sys.exit(target.run(file_input))

    @classmethod
    def cb_config(
        cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]
    ) -> _ConfigInput:
        """Read the config files, and ``.env`` for ``ENV``; a bad one is named."""
        if "ENV" in value:
            load_dotenv(find_dotenv(usecwd=True))  # what is set already counts more
        try:
            return super().cb_config(ctx, param, value)
        except (OSError, ValueError, TypeError) as error:
            text = (
                f"{' '.join(value)}: no such file, or not a JSON object ({type(error).__name__})."
            )
            raise click.BadParameter(text) from None

    @classmethod
    def get_singer_command(cls) -> click.Command:
        """The SDK's command line, ``--state``, and the exit codes in ``--help``."""
        command = super().get_singer_command()
        command.epilog = _EXIT_CODES
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
