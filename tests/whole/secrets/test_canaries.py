"""Every kind of run and of failure, at level debug: no secret in anything that is written."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from tests.stress.kill.conftest import until
from tests.support.whole_target import records, schema, write_messages
from tests.whole.secrets import canaries
from tests.whole.secrets.conftest import Watch
from tests.whole.secrets.echo_server import Echo, echo_server

STRUCTURED = """
version: 1
disable_existing_loggers: false
formatters:
  structured:
    (): singer_sdk.logging.StructuredFormatter
handlers:
  console:
    class: logging.StreamHandler
    formatter: structured
    stream: ext://sys.stderr
root:
  level: DEBUG
  handlers: [console]
"""


def slow(*values):
    return [pytest.param(value, marks=pytest.mark.slow) for value in values]


def test_an_import_its_retry_and_its_reports(watch):
    for name in ("errors.jsonl", "summary.json", "errors.jsonl.ledger"):
        (watch.folder / name).touch(0o644)
    said = watch.run()
    assert said.exit_code == 0
    assert said.out
    failed = watch.errors()
    assert {line["error_type"] for line in failed} > {"invalid_record", "user_create"}
    assert len(failed) > 40
    watch.tool("errors", "errors.jsonl")
    watch.tool("errors", "errors.jsonl", "--json", "--csv", "table.csv")
    watch.tool("report", "summary.json", "--out", "report.html")
    watch.settings["only_errors_from"] = str(watch.folder / "errors.jsonl")
    assert watch.run().exit_code == 0
    assert len(list(watch.folder.glob("errors-retry-*.jsonl"))) == 1


def test_a_dry_run(watch):
    watch.settings["dry_run"] = True
    said = watch.run()
    assert said.exit_code == 0
    assert not said.out


@pytest.mark.parametrize(
    ("mapped", "exit_code", "told"),
    [
        ([], 1, "it has no column email"),
        (["email"], 0, "4, not shown since one is an address: is there no header?"),
    ],
)
def test_a_file_without_a_header(watch, mapped, exit_code, told):
    """Its first user becomes the names of the columns."""
    first = ["canary.person@example.com", "Canariaperson", "Canary_Horse", canaries.TOTP, *mapped]
    row = dict(zip(first, ["b@example.com", "x", "y", "z", "c@example.com"], strict=False))
    write_messages(watch.messages, [schema(columns=first), *records([row])])
    said = watch.run()
    assert said.exit_code == exit_code
    assert told in said.err
    assert "Canary_Horse" not in said.err


def test_structured_logs_as_meltano_asks_for_them(watch):
    config = watch.folder / "messages.yaml"
    config.write_text(STRUCTURED)
    config.chmod(0o600)
    said = watch.run(
        command=(sys.executable, "-c", FAULT, "target_workos_users.preparation:read_record"),
        SINGER_SDK_LOG_CONFIG=str(config),
    )
    assert said.exit_code == 1
    assert '"level":"error"' in said.err


# What the server says


@pytest.fixture
def echo(tmp_path):
    """A server that repeats all that it is sent, and the watch over what comes of it."""
    with echo_server(Echo()) as server:
        yield server, Watch(tmp_path, base_url=server.url)


ANSWERS = [(400, False), (403, False), (500, True)]


@pytest.mark.parametrize(
    ("status", "html"),
    [
        *ANSWERS,
        *(
            pytest.param(status, html, marks=pytest.mark.slow)
            for status in (200, 302, 400, 401, 403, 404, 409, 422, 429, 500)
            for html in (False, True)
            if (status, html) not in ANSWERS
        ),
    ],
)
def test_what_the_server_repeats_is_not_passed_on(echo, status, html):
    server, watch = echo
    server.status, server.html = status, html
    if status == 302:
        server.location = "http://elsewhere.invalid"
    if status == 429:
        watch.shorten(4)
    said = watch.run()
    assert said.exit_code in {0, 1}
    assert "fault of target" not in said.err
    assert server.seen[0]["Authorization"] == f"Bearer {canaries.API_KEY}"
    assert watch.errors()
    about_the_key = "WorkOS refuse" in said.err or "let the API key" in said.err
    assert (status in {401, 403}) == about_the_key
    if status == 422:
        watch.tool("errors", "errors.jsonl", "--csv", "table.csv")
        watch.tool("report", "summary.json", "--out", "report.html")


def test_a_redirect_to_another_host_takes_no_key_there(echo):
    server, watch = echo
    with echo_server(Echo()) as elsewhere:
        server.status, server.location = 307, elsewhere.url
        watch.run()
    assert server.seen
    assert not elsewhere.seen
    assert "a redirect to 127.0.0.1" in str(watch.errors())


def test_a_server_that_is_not_there(watch):
    del watch.settings["sandbox_path"]
    watch.settings["base_url"] = "http://127.0.0.1:9"
    said = watch.run()
    assert said.exit_code == 1
    assert "can't be reached" in said.err


# How it is stopped


@pytest.mark.parametrize("number", [signal.SIGTERM, *slow(signal.SIGINT, signal.SIGKILL)])
def test_a_signal_and_the_run_after_it(watch, number):
    watch.settings["rate_limit"] = 40
    process = watch.start()
    errors = watch.folder / "errors.jsonl"
    until(lambda: errors.exists() and errors.stat().st_size > 500)
    os.kill(process.pid, number)
    said = watch.end(process)
    assert said.exit_code == (-9 if number == signal.SIGKILL else 128 + number)
    watch.settings["rate_limit"] = 100_000
    state = watch.folder / "state"
    state.write_text(said.out)
    state.chmod(0o600)
    assert watch.run("--state", str(state)).exit_code == 0


@pytest.mark.parametrize(
    "settings",
    [
        {"api_key": f"{canaries.API_KEY} {canaries.PASSWORD}", "sandbox_path": None},
        {"base_url": f"https://user:{canaries.PROXY_PASSWORD}@workos.example"},
        *slow(
            {"api_key": {"key": canaries.API_KEY}},
            {"base_url": f"http://workos.example/?key={canaries.API_KEY}"},
            {"base_url": canaries.API_KEY},
            {"batch_size_rows": canaries.API_KEY},
            {"stream_maps": {"users": {"first_name": "int(password)"}}},
            {"stream_maps": {"users": {"first_name": "no python"}}},
        ),
    ],
)
def test_a_wrong_setting(watch, settings):
    watch.settings |= settings
    watch.settings = {name: value for name, value in watch.settings.items() if value is not None}
    said = watch.run()
    assert said.exit_code == int("int(password)" not in str(settings))


@pytest.mark.parametrize(
    "state",
    [
        f'{{"bookmarks": {{"target-workos-users": {{"version": 1, "seq": "{canaries.PASSWORD}"}}}}',
        *slow(
            f'{{"bookmarks": {{"target-workos-users": "{canaries.PASSWORD}"}}}}',
            f"{{torn {canaries.PASSWORD}",
        ),
    ],
)
def test_a_bad_state(watch, state):
    path = watch.folder / "users.csv"  # an input: it may hold anything
    path.write_text(state)
    said = watch.run("--state", str(path))
    assert said.exit_code == 1


@pytest.mark.parametrize(
    "line",
    [
        f'{{"type": "RECORD", "stream": "users", "record": {{"pw": "{canaries.PASSWORD}",}}}}\n',
        *slow(
            f'{{"type": "RECORD", "stream": "users", "record": {{"password": "{canaries.PASSWORD}',
            f'{{"type": "{canaries.PASSWORD}"}}\n',
            f'{{"type": "RECORD", "stream": "users", "record": "{canaries.PASSWORD}"}}\n',
            f'{{"type": "STATE", "value": {{"bookmarks": "{canaries.PASSWORD}"}}}}\n',
            f'{{"type": "SCHEMA", "stream": "users", "schema": "{canaries.PASSWORD}"}}\n',
        ),
    ],
)
def test_a_line_that_is_no_message(watch, line):
    watch.messages.write_text(watch.messages.read_text() + line)
    said = watch.run()
    assert said.exit_code in {0, 1}
    assert "ine " in said.err + str(watch.errors()[-1:])


FAULT = """
import sys
from importlib import import_module
from target_workos_users import target
module, name = sys.argv.pop(1).split(":")
owner = import_module(module)
*path, name = name.split(".")
for part in path:
    owner = getattr(owner, part)
def fault(*args, **options):
    secret = open("messages").read()
    try:
        int(secret)
    except ValueError as error:
        raise RuntimeError(secret, args, options) from error
setattr(owner, name, fault)
target.main()
"""


@pytest.mark.parametrize(
    "place",
    [
        *slow(
            "target_workos_users.api.transport:send",
            "target_workos_users.preparation:read_record",
            "target_workos_users.errors.file:ErrorsFile.append",
            "target_workos_users.loading.loader:Loader.load",
            "target_workos_users.loading.organization_lookup:OrganizationLookup.ask",
            "target_workos_users.checkpoint.tracker:Checkpoint.state",
            "target_workos_users.singer.streams:map_record",
            "target_workos_users.progress.progress:Progress.chunk",
        ),
    ],
)
def test_a_fault_of_the_target(watch, place):
    said = watch.run(command=(sys.executable, "-c", FAULT, place))
    assert said.exit_code == 1
    assert "A fault of target-workos-users stopped the run" in said.err
    assert "RuntimeError" in said.err
