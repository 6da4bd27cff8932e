"""The sandbox is useful to anyone who tests against WorkOS: it needs nothing of the target."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import workos_sandbox

MODULES = sorted(Path(workos_sandbox.__file__).parent.rglob("*.py"))


def imported(path):
    """Names of modules, those that only the type checker sees included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module)
            yield from (f"{node.module}.{name.name}" for name in node.names)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_module_imports_nothing_of_the_target(path):
    assert [name for name in imported(path) if name.startswith("target_workos_users")] == []


def test_modules_do_not_import_each_other_in_a_circle():
    graph = {f"workos_sandbox.{path.stem}": set(imported(path)) for path in MODULES}
    own = graph.keys()
    order = TopologicalSorter({name: needs & own for name, needs in graph.items()}).static_order()
    assert set(order) == own  # a circle would have raised


def test_all_modules_are_looked_at():
    assert {"__init__", "server", "users"} <= {path.stem for path in MODULES}
