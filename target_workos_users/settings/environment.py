"""Settings from environment variables, over those of the config: with Meltano and without.

Meltano hands on what is declared in the config file, and says it once more in the environment,
as ``TARGET_WORKOS_USERS_<NAME>``, under the loader's own name if it is an inherited one, and as
``MELTANO_LOAD_<NAME>``. Objects are flattened there: ``{"users.email": …}``, and a variable for
each part (measured, 4.4.1). So a variable with such a twin is Meltano's echo of the file; one
without is the user's own, of something that isn't declared.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NamedTuple

from target_workos_users.exceptions import SettingsError
from target_workos_users.records.redaction import redact_text
from target_workos_users.settings.schema import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PREFIX = "TARGET_WORKOS_USERS_"
_LIKE_PREFIX = re.compile(r"TARGET_?WORKOS_?USERS?_(?!_)")
_ECHO = "MELTANO_LOAD_"
_OF_THE_SDK = {"LOGLEVEL"}  # singer_sdk.plugin_base, 0.54.9
_SURE = 0.8  # how like a setting's a name under a loader's own prefix is, to be a misspelled one
_NONE_OF_OURS = {
    "add_record_metadata": "It is for targets that write tables: leave it out.",
    "load_method": "It is for targets that write tables: leave it out.",
    "hard_delete": "This target deletes nothing: leave it out.",
    "faker_config": "Faker isn't installed with this target: leave it out.",
    "journal_path": "ledger_path takes its place.",
}
"""What a user of other targets may look for, or of an older release, and what to do without it."""


class Given(NamedTuple):
    """What is set.

    Attributes:
        config: By name of the setting; what comes from the environment is text.
        variables: The variable that a setting comes from, if it comes from one.
    """

    config: dict[str, Any]
    variables: dict[str, str]


def with_environment(config: Mapping[str, Any], environment: Mapping[str, str]) -> Given:
    """The config, and over it the environment; an empty variable is as good as none.

    Raises:
        SettingsError: Names what isn't a setting, and the nearest that is one.
    """
    given = Given({**config}, {})
    settings = SETTINGS["properties"]
    unknown = [_unknown(name) for name in config if name not in settings]
    for variable, prefix, name in _variables(environment):
        setting = name.lower()
        exact = variable == prefix + name
        echoed = exact and f"{_ECHO}{name}" in environment
        if exact and setting in settings:
            if not echoed or setting not in config:
                given.config[setting] = environment[variable]
                given.variables[setting] = variable
        elif not echoed and (setting in settings or _is_meant(name, prefix)):
            unknown.append(_unknown(name, variable, prefix))
    if unknown:
        raise SettingsError("\n".join(unknown))
    return given


def _prefixes(environment: Mapping[str, str]) -> list[str]:
    """Of the variables that count; a later one counts more.

    An inherited plugin (``target-workos-users--eu``) has a name, and may have a namespace, of its
    own.
    """
    own = (environment.get(f"MELTANO_LOADER_{kind}", "") for kind in ("NAMESPACE", "NAME"))
    names = (re.sub("[^A-Za-z0-9]", "_", name).upper() for name in own if name)
    return list(dict.fromkeys([_PREFIX, *(f"{name}_" for name in names)]))


def _variables(environment: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Variables that aren't empty, with their prefix, and the rest of the name in capitals.

    One whose prefix is spelled almost right is among them.
    """
    prefixes = _prefixes(environment)
    spelled = {
        variable: re.sub("[^A-Z0-9]", "_", variable.upper())
        for variable, text in environment.items()
        if text
    }
    for prefix in prefixes:
        longer = tuple(each for each in prefixes if each.startswith(prefix) and each != prefix)
        for variable, name in spelled.items():
            if name.startswith(prefix) and not name.startswith(longer):
                yield variable, prefix, name.removeprefix(prefix)
    for variable, name in spelled.items():
        if (like := _LIKE_PREFIX.match(name)) and not name.startswith(tuple(prefixes)):
            yield variable, _PREFIX, name[like.end() :]


def _is_meant(name: str, prefix: str) -> bool:
    """Whether a name that isn't a setting was meant as one.

    The SDK's own isn't, nor what begins with one more underscore: that is for a plugin's extras,
    or for another plugin that inherits from this one; unless a setting is all that follows.
    """
    settings = SETTINGS["properties"]
    if name.startswith("_") or name in _OF_THE_SDK:
        return name[1:].lower() in settings
    if prefix == _PREFIX:
        return True
    of_another = any(name.lower().endswith(f"_{setting}") for setting in settings)
    return not of_another and bool(get_close_matches(name.lower(), settings, 1, _SURE))


def _unknown(name: str, variable: str | None = None, prefix: str = _PREFIX) -> str:
    """What to say of a name that isn't a setting, and of the variable that has it."""
    shown = redact_text(repr(variable or name))[:80]
    if why := _NONE_OF_OURS.get(name.lower()):
        return f"{shown} isn't a setting of target-workos-users. {why}"
    if not (nearest := _nearest(name)):
        return f"{shown} isn't a setting. `target-workos-users --about` lists them all."
    meant = f"{prefix}{nearest.upper()}" if variable else nearest
    return f"{shown} isn't a setting. Did you mean {meant}?"


def _nearest(name: str) -> str | None:
    """The setting whose name a name ends with, or is most like."""
    settings = SETTINGS["properties"]
    name = re.sub(r"\W", "_", name.lower())
    within = [setting for setting in settings if name.endswith(f"_{setting}")]
    return max(within, key=len, default=None) or next(
        iter(get_close_matches(name, settings, 1)), None
    )
