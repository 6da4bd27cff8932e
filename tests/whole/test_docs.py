"""Every command and snippet of every Markdown file is run, or says why it can't be."""

from __future__ import annotations

import ast
import asyncio
import csv
import io
import json
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from target_workos_users.records.parse import parse_record
from target_workos_users.settings.schema import SETTINGS
from target_workos_users.target import TargetWorkosUsers
from tests.stress.kill.conftest import listens, until
from tests.support.markdown import OUTPUT, PROGRAMS, SHELL, blocks
from tests.support.whole_target import running_sandbox
from workos_sandbox import read_contents

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.support.markdown import Block

pytest.importorskip("meltano")
pytestmark = pytest.mark.timeout(1200)  # the README alone starts Meltano a dozen times

ROOT = Path(__file__).parents[2]
FOLDERS = (
    *("docs", "plugins", "sample_data", "target_workos_users", "workos_sandbox"),
    *("meltano.yml", "pyproject.toml"),
)
OWN_TESTS = "docs/recipes/*/*.md"  # test_recipes.py runs them, and looks at what comes of it
FILES = sorted(
    str(path.relative_to(ROOT))
    for pattern in ("*.md", "docs/**/*.md", "plugins/*/*.md", "sample_data/*.md")
    for path in ROOT.glob(pattern)
)
README = "README.md"
GO_ON = ("docs/cut-over.md", "docs/operations.md", "docs/state.md")  # from what the README left
LONG = {*GO_ON, "docs/from-the-node-tools.md", "docs/running.md"}  # Meltano by the half dozen
WITH_UV = (  # pip would install it anew
    "PIP_BREAK_SYSTEM_PACKAGES=1 python3 -m pip install -q uv && python3 -m uv run"
)
SAVE = "{ export -p; echo cd $(pwd); }"


@dataclass
class Reader:
    """Somebody who follows the documents, in a copy of the project, with a sandbox for WorkOS."""

    folder: Path
    workos: str
    groups: list[int] = field(default_factory=list)

    def follow(self, file: str) -> list[str]:
        """Run the commands of a document as they stand, but for what a test must not do.

        Returns:
            What those of each block wrote to stdout and stderr.
        """
        shell = self.folder / "shell.sh"  # where the last block left the terminal
        shell.write_text(f"cd {self.folder}\n")
        return [self._run(block, shell) for block in commands(file)]

    def _run(self, block: Block, state: Path) -> str:
        text = "\n".join(line for line in block.text.splitlines() if not is_pytest(line))
        text = text.replace(WITH_UV, "uv run").replace("sk_…", "sk_test_sandbox")
        output = self.folder / "terminal.txt"
        with output.open("wb") as terminal:
            shell = subprocess.Popen(
                ["bash", "-euo", "pipefail", "-c", f". {state}\n{text}\n{SAVE} > {state}"],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=terminal,
                stderr=terminal,
                start_new_session=True,
            )
            self.groups.append(shell.pid)
            exit_code = shell.wait(900)
        said = output.read_text()
        assert exit_code == 0, f"line {block.line}: {block.text}{said[-3000:]}"
        if re.search(r"workos-users sandbox .* &$", text, re.MULTILINE):
            until(lambda: listens(4100))
        return said

    @property
    def environment(self) -> dict[str, str]:
        ours = ("WORKOS", "MELTANO", "TARGET_", "TAP_")
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(ours)},
            "PATH": PROGRAMS,
            "UV_PROJECT_ENVIRONMENT": sys.prefix,  # `uv run` finds all of it there
            "UV_NO_SYNC": "1",
            "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
            "WORKOS_BASE_URL": self.workos,
            "TARGET_WORKOS_USERS_RATE_LIMIT": "100000",  # the sandbox needs none
        }

    def leave(self) -> None:
        """End what runs in the background."""
        for group in self.groups:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)


def is_pytest(line: str) -> bool:
    """Whether a line runs the tests; a test doesn't."""
    return re.search(r"\bpytest\b", line) is not None


def commands(file: str) -> Iterator[Block]:
    return (each for each in blocks(ROOT / file) if each.language == SHELL and not each.not_run)


def each_file(files: Iterable[str]) -> pytest.MarkDecorator:
    """A test for each; the long ones are deep."""
    deep = dict.fromkeys(LONG, pytest.mark.deep)
    return pytest.mark.parametrize(
        "file", [pytest.param(file, marks=deep.get(file, ())) for file in files]
    )


@contextmanager
def reader_in(folder: Path) -> Iterator[Reader]:
    """Has the project as it is after cloning, and a few files of its own."""
    for name in FOLDERS:
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
    lines = (ROOT / "sample_data/users.csv").read_bytes().splitlines(keepends=True)
    (folder / "users.csv").write_bytes(b"".join(lines[:30]))
    (folder / ".venv").symlink_to(sys.prefix)
    tap = {"files": [{"entity": "users", "path": "users.csv", "keys": []}]}
    (folder / "tap.json").write_text(json.dumps(tap))
    (folder / "target.json").write_text('{"sandbox_path": "piped.db", "errors_path": "p.jsonl"}')
    with running_sandbox(folder / "workos.db", roles=["admin", "auditor", "billing"]) as sandbox:
        follower = Reader(folder, sandbox.base_url)
        yield follower
        follower.leave()


@each_file(
    file
    for file in FILES
    if file not in {README, *GO_ON} and not Path(file).match(OWN_TESTS) and any(commands(file))
)
def test_its_commands_work(tmp_path, file):
    with reader_in(tmp_path) as reader:
        assert reader.follow(file)


# README.md

one_clone = pytest.mark.xdist_group("README")


@pytest.fixture(scope="module")
def reader(tmp_path_factory) -> Iterator[Reader]:
    with reader_in(tmp_path_factory.mktemp("clone")) as follower:
        yield follower


@pytest.fixture(scope="module")
def read_me(reader) -> list[str]:
    """What the commands of README.md said, by block."""
    return reader.follow(README)


def test_it_opens_with_one_sentence_a_picture_and_two_commands():
    _, sentence, picture, _ = (ROOT / README).read_text().split("\n\n")[:4]
    assert sentence.count(". ") == 0
    assert sentence.endswith(".")
    assert picture.startswith("![")
    assert next(commands(README)).text.splitlines() == [
        f"{WITH_UV} meltano run tap-csv target-workos-users",
        f"{WITH_UV} pytest",
    ]


def expected_world() -> tuple[set[str], set[tuple[str, str]]]:
    """Emails, and pairs of email and organization, that the sample data asks for."""
    bad = runpy.run_path(str(ROOT / "sample_data" / "generate.py"))["BAD_ROWS"]
    emails, memberships = set(), set()
    with (ROOT / "sample_data" / "users.csv").open(
        encoding="utf-8-sig", errors="replace", newline=""
    ) as file:
        for number, record in enumerate(csv.DictReader(file), start=1):
            if number in bad:
                continue
            row = parse_record(record)
            emails.add(row.email)
            if row.organization:
                memberships.add((row.email, row.organization.external_id))
    return emails, memberships


@one_clone
def test_the_first_command_loads_what_the_csv_describes(reader, read_me):
    said = next(iter(read_me))
    assert "records: 2,000 read = 1,986 loaded + 0 unchanged + 14 failed" in said
    assert "WORKOS_API_KEY" in said
    lines = (reader.folder / "output/errors.jsonl").read_text().splitlines()
    errors = [json.loads(line) for line in lines]
    assert len({error["record_number"] for error in errors}) == 14
    world = read_contents(reader.folder / "output/sandbox.db")
    emails, memberships = expected_world()
    # Two of the bad rows leave a user: its organization or role doesn't exist.
    half_made = {error["email"] for error in errors if error["user_id"]}
    assert emails | half_made == {user["email"] for user in world.users}
    found = {(m["email"], m["organization_external_id"]) for m in world.memberships}
    assert found - memberships <= {(e["email"], e["org_external_id"]) for e in errors}
    assert memberships <= found
    assert len(world.memberships) == len(found)


@one_clone
def test_the_next_ones_look_around_load_into_workos_and_resume(reader, read_me):
    _, _, look, prod, pipe, resume = read_me
    assert '"target-workos-users":{"version":2' in look
    assert "14 errors in all" in look
    plan, canary, others = re.findall(r"Plan for .*|records: 26 read = .*", prod)
    assert "26 records, 0 would fail" in plan
    assert "5 loaded + 0 unchanged + 0 failed + 21 left out" in canary
    assert "21 loaded + 5 unchanged + 0 failed" in others
    assert len(read_contents(reader.folder / "workos.db").users) > 20
    assert "records: 26 read = 26 loaded" in pipe
    assert json.loads((reader.folder / "state.jsonl").read_text().splitlines()[-1])["bookmarks"]
    unchanged, again = re.findall(r"records: 26 read = .*", resume)
    assert "0 loaded + 26 unchanged + 0 failed" in unchanged
    assert "requests: 0" in resume
    assert "26 loaded + 0 unchanged + 0 failed" in again
    assert "users: 0 created" in resume


@one_clone
@each_file(GO_ON)
@pytest.mark.usefixtures("read_me")
def test_the_commands_of_what_goes_on_from_it_work(reader, file):
    assert reader.follow(file)


# docs/troubleshooting.md

TROUBLESHOOTING = (ROOT / "docs/troubleshooting.md").read_text()


def texts_of_the_package() -> list[str]:
    """Every text in its code, with … for what is put in when it runs."""
    found = []
    for path in (ROOT / "target_workos_users").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                parts = (
                    each.value if isinstance(each, ast.Constant) else "…" for each in node.values
                )
                found.append("".join(parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return found


def test_the_messages_that_it_explains_are_the_target_s():
    ours = TROUBLESHOOTING.partition("<!-- said by Meltano")[0]
    rows = re.findall(r"^\| (`.*?) \|", ours, re.MULTILINE)
    messages = [each for row in rows for each in re.findall("`([^`]+)`", row)]
    assert len(messages) > 30
    texts = texts_of_the_package()
    assert [each for each in messages if not any(each in text for text in texts)] == []


def test_the_exit_codes_are_those_of_the_help():
    table = TROUBLESHOOTING.partition("| exit code |")[2].partition("\n\n")[0]
    codes = set(re.findall(r"\d+", " ".join(re.findall(r"^\| ([\d, ]+) \|", table, re.MULTILINE))))
    target = TargetWorkosUsers.get_singer_command()
    assert codes - {"137"} == set(re.findall(r"\b\d+\b", target.epilog))


# What needn't be run


def headings(path: Path) -> set[str]:
    """Of a Markdown file, as links name them."""
    titles = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in titles}


@pytest.mark.parametrize("file", FILES)
def test_what_it_links_to_is_there(file):
    text = (ROOT / file).read_text()
    for link, anchor in re.findall(r"\]\((?!http)([^)#]*)(?:#([^)]*))?\)", text):
        path = (ROOT / file).parent / link if link else ROOT / file
        assert path.exists(), link
        assert not anchor or anchor in headings(path), f"{link}#{anchor}"


def check_csv(text: str) -> None:
    header, *rows = csv.reader(io.StringIO(text))
    assert all(len(row) == len(header) for row in rows)


def check_json(text: str) -> None:
    """A value, or one a line."""
    try:
        json.loads(text)
    except ValueError:
        for line in text.splitlines():
            json.loads(line)


def check_python(text: str) -> None:
    """It runs, ``await`` at the top included."""
    code = compile(text, "snippet", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)

    async def run() -> None:
        if (waiting := eval(code, {})) is not None:
            await waiting

    asyncio.run(run())


CHECKS = {
    "csv": check_csv,
    "json": check_json,
    "python": check_python,
    "yaml": lambda text: list(yaml.safe_load_all(text)),
}


@pytest.mark.parametrize("file", FILES)
def test_its_snippets_are_what_they_say(file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for block in blocks(ROOT / file):
        if block.language in {SHELL, OUTPUT} or block.not_run:
            continue
        assert block.language in CHECKS, f"line {block.line}: nothing checks {block.language!r}"
        CHECKS[block.language](block.text)


def test_the_tests_that_it_runs_and_their_options_are_there(pytestconfig):
    known = subprocess.run(
        [sys.executable, "-m", "pytest", "--help"], cwd=ROOT, capture_output=True, check=True
    ).stdout.decode()
    lines = [
        line.partition("#")[0].split()
        for file in FILES
        for block in blocks(ROOT / file)
        if block.language == SHELL
        for line in block.text.splitlines()
        if is_pytest(line)
    ]
    assert lines
    for line in lines:
        words = line[line.index("pytest") + 1 :]
        for option in (word for word in words if word.startswith("--")):
            assert re.search(rf"[ ,] {option}\b", known), option
        for path in (word for word in words if "/" in word):
            assert (pytestconfig.rootpath / path).exists(), path


def test_what_is_not_run_is_counted(figure):
    """What needs a cluster, WorkOS, or hours; everything else is run."""
    reasons = [
        f"{file}:{block.line}: {block.not_run}"
        for file in FILES
        for block in blocks(ROOT / file)
        if block.not_run
    ]
    figure("\n  ".join([f"{len(reasons)} blocks of the documents are not run:", *reasons]))
    run = sum(1 for file in FILES for _ in commands(file))
    assert len(reasons) < run / 2


@pytest.mark.parametrize("file", FILES)
def test_the_settings_that_a_document_names_are_settings(file):
    named = set(re.findall(r"TARGET_WORKOS_USERS_([A-Z][A-Z_]*)", (ROOT / file).read_text()))
    assert {name.lower() for name in named} <= {*SETTINGS["properties"], "loglevel"}
