"""The package as it is published: what is in it, and that it works where the repository isn't."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from workos_sandbox import read_contents

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PACKAGES = ("target_workos_users", "workos_sandbox")
SOURCES = (
    *("docs", *PACKAGES),
    *(".gitignore", "CHANGELOG.md", "LICENSE", "README.md", "pyproject.toml"),
)
pytestmark = pytest.mark.xdist_group("package")  # built once
NO_UPPER_BOUND = {"pyarrow"}  # a major release every quarter, and only files are read with it
UV = shutil.which("uv") or "uv"


def run(*command: str | Path, cwd: Path, **options) -> subprocess.CompletedProcess[bytes]:
    ours = ("WORKOS", "UV_PROJECT", "UV_NO", "UV_PYTHON", "VIRTUAL_ENV", "PYTHON", "TARGET_")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, check=False, **options
    )
    assert done.returncode == 0, done.stderr.decode()
    return done


def files(folder: Path) -> set[str]:
    """What belongs to the project below a folder, from its root."""
    return {
        str(path.relative_to(ROOT))
        for path in folder.rglob("*")
        if path.is_file() and not {"__pycache__", "output", ".meltano"} & set(path.parts)
    }


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """A folder with the sdist, and with the wheel that is built from it."""
    copy, dist = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in SOURCES:
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, copy / name)
    (copy / "plugins/tap-csv").mkdir(parents=True)
    shutil.copy(ROOT / "plugins/tap-csv/pyproject.toml", copy / "plugins/tap-csv")
    run(UV, "build", "--out-dir", dist, "--python", sys.executable, cwd=copy)
    return dist


def test_the_wheel_holds_the_package_its_templates_and_its_types(built):
    (wheel,) = built.glob("*.whl")
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert names == set().union(*(files(ROOT / package) for package in PACKAGES))
    assert {f"{package}/py.typed" for package in PACKAGES} <= names


def test_the_sdist_holds_the_documents_too(built):
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as file:
        names = {name.partition("/")[2] for name in file.getnames()}
    assert names >= set().union(*(files(ROOT / folder) for folder in ("docs", *PACKAGES)))
    assert names >= {"README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml", "PKG-INFO"}


def test_the_wheel_works_outside_the_repository(built, tmp_path):
    (wheel,) = built.glob("*.whl")
    run(UV, "venv", "--python", sys.executable, "venv", cwd=tmp_path)
    run(UV, "pip", "install", "--python", "venv", wheel, cwd=tmp_path)
    programs = tmp_path / "venv/bin"
    about = run(programs / "target-workos-users", "--about", "--format=json", cwd=tmp_path)
    assert json.loads(about.stdout)["name"] == "target-workos-users"
    assert b"sandbox" in run(programs / "workos-users", "--help", cwd=tmp_path).stdout

    messages = [
        {"type": "SCHEMA", "stream": "users", "schema": {"properties": {}}, "key_properties": []},
        *(
            {"type": "RECORD", "stream": "users", "record": {"email": f"{name}@example.com"}}
            for name in ("ann", "bob", "cy")
        ),
        {"type": "STATE", "value": {"bookmarks": {"users": {}}}},
    ]
    lines = "".join(json.dumps(message) + "\n" for message in messages).encode()
    (tmp_path / "config.json").write_text('{"sandbox_path": "sandbox.db"}')
    program = programs / "target-workos-users"
    done = run(program, "--config", "config.json", cwd=tmp_path, input=lines)
    (*_, last) = done.stdout.splitlines()
    stream = json.loads(last)["bookmarks"]["target-workos-users"]["streams"]["users"]
    assert (stream["records"], stream["complete"]) == (3, True)
    assert b"3 read = 3 loaded" in done.stderr
    assert len(read_contents(tmp_path / "sandbox.db").users) == 3


def test_every_dependency_has_bounds_on_purpose():
    """``.ci/run`` tests with the lowest of them, and everything else with the highest."""
    extras = PROJECT["optional-dependencies"].values()
    lines = [*PROJECT["dependencies"], *(line for extra in extras for line in extra)]
    for requirement in map(Requirement, lines):
        bounds = {specifier.operator for specifier in requirement.specifier}
        expected = {">="} if requirement.name in NO_UPPER_BOUND else {">=", "<"}
        assert bounds == expected, requirement
