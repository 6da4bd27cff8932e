"""What a command imports before it does anything: start-up is felt each time."""

from __future__ import annotations

import subprocess
import sys

import pytest

LATER = {"workos", "aiohttp", "cryptography", "sqlite3", "rich", "redis", "pyarrow"}
FOREIGN = {"singer_sdk", "msgspec", "jsonschema", "joblib", "requests"}


def imported(module, *arguments):
    program = (
        f"import sys; sys.argv = ['command', *{arguments!r}]\n"
        f"from {module} import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print('imported:', *{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.rpartition("imported:")[2].split())


@pytest.mark.parametrize("option", ["--version", "--about", "--help"])
def test_the_target_says_what_it_is_without_what_an_import_needs(option):
    assert not imported("target_workos_users.target", option) & LATER


def test_the_other_commands_import_what_they_need_when_they_are_called():
    assert not imported("target_workos_users.cli", "--help") & (LATER | FOREIGN)
