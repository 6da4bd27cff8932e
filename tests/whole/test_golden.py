"""Golden cases: what the target does with an input, written down to be read.

``golden/<point>/<case>.singer`` is what comes on stdin, ``.json`` says what the case shows, the
settings, what is in WorkOS before and which of its answers are faulty, and ``.expected`` has the
requests, the STATE lines, the errors file and the log. ``pytest --update-golden`` writes the
``.expected`` files anew: read the diff before you commit it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.support.whole_target import FAST, call, run_target, running_sandbox
from workos_sandbox import EnvironmentSettings, Faults, Sandbox, ScriptedFault, read_contents

if TYPE_CHECKING:
    from workos_sandbox import RecordedRequest

GOLDEN = Path(__file__).with_name("golden")
CASES = sorted(path.with_suffix("") for path in GOLDEN.glob("*/*.json"))
THEN = "2026-01-01T00:00:00.000Z"
USERS = "/user_management/users"
MEMBERSHIPS = "/user_management/organization_memberships"

# Told by what they stand for: ids of WorkOS, and what is new in every run.
_ID = re.compile(r"\b(?:user|org|om|auth_factor)_[0-9A-Z]{26}\b")
_PLACEHOLDER = re.compile(r"<(?:user|org|om) [^<>]+>")


@dataclass
class SandboxOptions:
    """Arguments of the sandbox."""

    roles: list[str] = field(default_factory=list)
    settings: EnvironmentSettings = field(default_factory=EnvironmentSettings)


@dataclass
class Case:
    """What ``<case>.json`` says.

    Attributes:
        shows: The behavior, in a sentence.
        config: Settings of the target.
        organizations: To be there before: bodies of ``POST /organizations``.
        users: … of ``POST /user_management/users``; ``totp_secret`` adds a factor.
        memberships: …, with the user's ``email`` and the external id of the ``organization``
            for ids, and maybe a ``status``.
        sandbox: How the sandbox is set up.
        faults: Scripted faults.
    """

    shows: str
    config: dict[str, Any] = field(default_factory=dict)
    organizations: list[dict[str, Any]] = field(default_factory=list)
    users: list[dict[str, Any]] = field(default_factory=list)
    memberships: list[dict[str, Any]] = field(default_factory=list)
    sandbox: SandboxOptions = field(default_factory=SandboxOptions)
    faults: list[ScriptedFault] = field(default_factory=list)


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_golden(path, tmp_path, monkeypatch, request):
    monkeypatch.chdir(tmp_path)
    case = msgspec.json.decode(path.with_suffix(".json").read_bytes(), type=Case)
    found = run_case(case, path.with_suffix(".singer").read_bytes(), tmp_path)
    expected = path.with_suffix(".expected")
    if request.config.getoption("--update-golden"):
        expected.write_text(found, encoding="utf-8")
    assert found == expected.read_text(encoding="utf-8")


def test_every_golden_file_belongs_to_a_case():
    known = {path.with_suffix(suffix) for path in CASES for suffix in SUFFIXES}
    assert {path for path in GOLDEN.rglob("*") if path.is_file()} == known


SUFFIXES = (".singer", ".json", ".expected")


def run_case(case: Case, messages: bytes, folder: Path) -> str:
    """Run a case; what happened, as text."""
    db = folder / "sandbox.db"
    with running_sandbox(db, record_requests=True, **vars(case.sandbox)) as sandbox:
        ids = prepare(case, sandbox)
        names = {
            placeholder: ids[placeholder]
            for placeholder in _PLACEHOLDER.findall(
                messages.decode("utf-8", "replace") + json.dumps(case.config)
            )
        }
        for placeholder, value in names.items():
            messages = messages.replace(placeholder.encode(), value.encode())
        file = folder / "messages.singer"
        file.write_bytes(messages)
        settings = json.dumps({**FAST, "concurrency": 1, **case.config})
        for placeholder, value in names.items():
            settings = settings.replace(placeholder, value)
        config = {
            "base_url": sandbox.base_url,
            "api_key": sandbox.api_key,
            **json.loads(settings),
        }
        finished = run_target(config, file, folder / "errors.jsonl")
        clean = Cleaner(placeholders(db), exact_digests=not names)
        sections = {
            "requests": [clean.text(request_line(each)) for each in in_order(sandbox.requests)],
            "stdout": [clean.text(to_json(clean.state(each))) for each in finished.states],
            "errors.jsonl": [clean.text(to_json(clean.error(each))) for each in finished.errors],
            "log": [
                clean.text(f"{level} {text}") for level, text in finished.log if told(level, text)
            ],
        }
    blocks = [
        f"{name}:\n" + "".join(f"  {line}\n" for line in lines)
        for name, lines in sections.items()
        if lines
    ]
    return "\n".join([f"{case.shows}\nexit code {finished.exit_code}\n", *blocks])


def prepare(case: Case, sandbox: Sandbox) -> dict[str, str]:
    """Put what should be there before into the sandbox, then turn on the faults.

    Returns:
        Its ids by their placeholders.
    """
    for organization in case.organizations:
        call(sandbox, "POST", "/organizations", organization)
    for user in case.users:
        secret = user.pop("totp_secret", None)
        made = call(sandbox, "POST", USERS, user)
        if secret:
            body = {"type": "totp", "totp_secret": secret}
            call(sandbox, "POST", f"{USERS}/{made['id']}/auth_factors", body)
    ids = {name: value for value, name in placeholders(sandbox.path).items()}
    for wanted in case.memberships:
        status = wanted.pop("status", "active")
        body = {
            "user_id": ids[f"<user {wanted.pop('email')}>"],
            "organization_id": ids[f"<org {wanted.pop('organization')}>"],
        }
        made = call(sandbox, "POST", MEMBERSHIPS, body | wanted)
        sandbox.edit_membership(made["id"], status=status, created_at=THEN, updated_at=THEN)
    for user in read_contents(sandbox.path).users:
        sandbox.edit_user(user["id"], created_at=THEN, updated_at=THEN)
    sandbox.requests.clear()
    sandbox.faults = Faults(script=case.faults)
    return ids


def placeholders(db: Path) -> dict[str, str]:
    """WorkOS's ids, each with what stands for it in the files."""
    world = read_contents(db)
    names = {user["id"]: f"<user {user['email']}>" for user in world.users}
    for each in world.organizations:
        names[each["id"]] = f"<org {each['external_id'] or each['name']}>"
    for each in world.memberships:
        organization = each["organization_external_id"] or each["organization_name"]
        names[each["id"]] = f"<om {each['email']} {organization}>"
    return names


def to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def request_line(request: RecordedRequest) -> str:
    """``POST /organizations {"name": "Acme"} -> 201``."""
    body = f" {to_json(request.json)}" if request.body else ""
    return f"{request.method} {request.path}{body} -> {request.outcome}"


def in_order(requests: list[RecordedRequest]) -> list[RecordedRequest]:
    """Those of organizations first, by organization: they are sent beside the users'."""

    def organization(request: RecordedRequest) -> str:
        return request.json["external_id"] if request.body else request.path.split("/")[-1]

    ahead = [each for each in requests if each.path.startswith("/organizations")]
    return sorted(ahead, key=organization) + [each for each in requests if each not in ahead]


def told(level: str, text: str) -> bool:
    """Warnings, errors and what is said of a stream; not how far it is, nor the summary."""
    return level != "INFO" or text.startswith("Stream ")


@dataclass
class Cleaner:
    """Replaces what is another in every run.

    Attributes:
        names: Placeholders of ids.
        exact_digests: Whether the digests are the same in every run: the input holds no id.
    """

    names: dict[str, str]
    exact_digests: bool

    def text(self, text: str) -> str:
        """Placeholders for ids."""
        text = re.sub(r"127\.0\.0\.1:\d+", "<host>", text)
        return _ID.sub(lambda match: self.names.get(match[0], "<deleted>"), text)

    def state(self, state: dict[str, Any]) -> dict[str, Any]:
        """A STATE value without what is new in every run."""
        entry = state["bookmarks"]["target-workos-users"]
        for name in ("lineage", "started", "updated"):
            entry[name] = f"<{name}>"
        if entry["errors"]["bytes"]:
            entry["errors"] |= {"bytes": "<bytes>", "tail": "<tail>"}  # it has a time in it
        entry["org_cache"] = dict(sorted(entry["org_cache"].items()))
        if not self.exact_digests:
            for stream in entry["streams"].values():
                stream["chunks"] = [
                    [size, "<digest>", *failed] for size, _, *failed in stream.get("chunks", ())
                ]
        return state

    def error(self, error: dict[str, Any]) -> dict[str, Any]:
        """A line of errors.jsonl: what it says, without what is left empty."""
        del error["timestamp"], error["fingerprint"]
        if error["kind"] == "users":
            del error["kind"]
        if error["workos_request_id"]:
            error["workos_request_id"] = "<request id>"
        return {name: value for name, value in error.items() if value not in (None, [])}
