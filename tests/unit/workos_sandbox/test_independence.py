"""The sandbox is useful to anyone who tests against WorkOS: it needs nothing of the target."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import workos_sandbox

MODULES = sorted(Path(workos_sandbox.__file__).parent.rglob("*.py"))


def imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_module_imports_nothing_of_the_target(path):
    assert [name for name in imported(path) if name.split(".")[0] == "target_workos_users"] == []


def test_all_modules_are_looked_at():
    assert {"__init__", "server", "users"} <= {path.stem for path in MODULES}
