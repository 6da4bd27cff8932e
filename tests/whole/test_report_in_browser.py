"""The report in a real browser: headless Chromium, driven over the DevTools protocol."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import shutil
import subprocess
import tarfile
from contextlib import asynccontextmanager

import aiohttp
import pytest
from click.testing import CliRunner

from target_workos_users.cli import main
from target_workos_users.progress.history import newest_summary
from target_workos_users.progress.summary import read_summary
from tests.support.whole_target import (
    FAST,
    records,
    run_target,
    running_sandbox,
    schema,
    write_messages,
)

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("chromium")]

ROWS = [
    {
        "email": f"u{n}@example.com" if n % 9 else "broken",
        "org_external_id": f"o{n % 3}",
        "org_name": "O",
        "role_slugs": "member" if n % 5 else "no-such-role",
    }
    for n in range(1, 101)
]
PHONE, DESKTOP = 360, 1_280


@pytest.fixture(scope="module")
def chromium():
    """The browser; installed if this is Debian and we may."""
    if not shutil.which("chromium") and shutil.which("apt-get") and os.geteuid() == 0:
        for command in (
            ["update", "-q"],
            ["install", "-yq", "--no-install-recommends", "chromium"],
        ):
            subprocess.run(["apt-get", *command], check=False, timeout=280, capture_output=True)
    return shutil.which("chromium") or pytest.skip("chromium isn't there, nor can be installed")


@pytest.fixture(scope="module")
def axe(tmp_path_factory):
    """The source of axe-core, from npm."""
    folder = tmp_path_factory.mktemp("axe")
    if not shutil.which("npm"):
        pytest.skip("npm isn't there, and axe-core comes from it")
    command = ["npm", "pack", "axe-core@4", "--silent"]
    got = subprocess.run(command, cwd=folder, check=False, timeout=120, capture_output=True)
    if got.returncode:
        pytest.skip("axe-core can't be had from npm")
    (archive,) = folder.glob("axe-core-*.tgz")
    with tarfile.open(archive) as package:
        return package.extractfile("package/axe.min.js").read().decode()


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The page of a real import, a second run of it included, and the summary."""
    folder = tmp_path_factory.mktemp("job")
    with running_sandbox(folder / "s.db") as sandbox:
        config = {
            **FAST,
            "base_url": sandbox.base_url,
            "api_key": sandbox.api_key,
            "batch_size_rows": 20,
            "errors_path": str(folder / "errors.jsonl"),
            "abort_error_rate": 1.0,
        }
        state = None
        for rows in (ROWS[:60], ROWS):
            head = [{"type": "STATE", "value": state}] if state else []
            source = write_messages(folder / "in", [*head, schema(), *records(rows)])
            state = run_target(config, source, folder / "errors.jsonl").states[-1]
    page = folder / "report.html"
    done = CliRunner().invoke(main, ["report", str(folder / "errors.jsonl"), "--out", str(page)])
    assert done.exit_code == 0, done.output
    return page, read_summary(newest_summary(folder))


class Page:
    """A page of the browser: commands to it, and what it said and asked for meanwhile."""

    def __init__(self, socket):
        self._socket = socket
        self._numbers = itertools.count(1)
        self.asked, self.complaints, self.loaded = [], [], False

    async def do(self, method, **parameters):
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while (message := await self._socket.receive_json(timeout=60)).get("id") != number:
            self._note(message)
        assert "error" not in message, message
        return message["result"]

    async def open(self, path):
        for domain in ("Page", "Network", "Runtime", "Log"):
            await self.do(f"{domain}.enable")
        await self.do("Page.navigate", url=path.as_uri())
        while not self.loaded:
            self._note(await self._socket.receive_json(timeout=60))

    async def value(self, script):
        result = await self.do(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def look(self, width, scheme):
        await self.do(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=800,
            deviceScaleFactor=1,
            mobile=width == PHONE,
        )
        feature = {"name": "prefers-color-scheme", "value": scheme}
        await self.do("Emulation.setEmulatedMedia", features=[feature])

    def _note(self, message):
        match message.get("method"):
            case "Network.requestWillBeSent":
                self.asked.append(message["params"]["request"]["url"])
            case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown" | "Log.entryAdded":
                self.complaints.append(message)
            case "Page.loadEventFired":
                self.loaded = True


@asynccontextmanager
async def opened(chromium, profile, path):
    """The page in a browser of its own."""
    browser = await asyncio.create_subprocess_exec(
        *(chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
        *("--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(60):
            while not (found := re.search(rb"ws://([^/\s]+)/", await browser.stderr.readline())):
                pass
        async with aiohttp.ClientSession(f"http://{found[1].decode()}") as session:
            async with session.get("/json/list") as response:
                (target,) = [each for each in await response.json() if each["type"] == "page"]
            async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                page = Page(socket)
                await page.open(path)
                yield page
    finally:
        browser.terminate()
        await browser.communicate()


LOOKS = [(PHONE, "light"), (PHONE, "dark"), (DESKTOP, "light"), (DESKTOP, "dark")]
TILES = (
    "Object.fromEntries([...document.querySelectorAll('.tile')].map("
    "tile => [tile.querySelector('span').innerText, tile.querySelector('b').innerText]))"
)


async def test_its_numbers_are_the_summarys_and_it_asks_for_nothing(chromium, report, tmp_path):
    path, summary = report
    async with opened(chromium, tmp_path, path) as page:
        assert page.asked == [path.as_uri()]
        assert page.complaints == []
        tiles = await page.value(TILES)
        text = await page.value("document.body.innerText")
    counts = summary.records
    expected = {
        "loaded": counts.loaded,
        "unchanged": counts.unchanged,
        "failed": counts.failed,
        "users created": summary.users.created,
        "memberships created": summary.memberships.created,
        "organizations created": summary.organizations.created,
        "requests": summary.requests.sent,
    }
    assert {name: tiles[name] for name in expected} == {k: f"{n:,}" for k, n in expected.items()}
    assert counts.failed == 29
    assert "29 records with 29 errors" in text
    assert "18 role_assignment: role_slugs 'no-such-role'" in text
    assert "The ledger knows 89 users (89 made by this import, 0 found), 71 memberships" in text


async def test_it_fits_a_phone_and_follows_light_and_dark(chromium, report, tmp_path):
    grounds = {}
    async with opened(chromium, tmp_path, report[0]) as page:
        for width, scheme in LOOKS:
            await page.look(width, scheme)
            assert await page.value("document.documentElement.scrollWidth") <= width
            ground = "getComputedStyle(document.body).backgroundColor"
            grounds.setdefault(scheme, set()).add(await page.value(ground))
        assert page.complaints == []
    assert len(grounds["light"]) == len(grounds["dark"]) == 1
    assert grounds["light"] != grounds["dark"]


async def test_axe_finds_nothing_serious(chromium, report, axe, tmp_path):
    async with opened(chromium, tmp_path, report[0]) as page:
        await page.value(f"{axe};0")
        for width, scheme in LOOKS:
            await page.look(width, scheme)
            found = json.loads(await page.value("axe.run(document).then(JSON.stringify)"))
            serious = [
                (each["id"], [node["target"] for node in each["nodes"]])
                for each in found["violations"]
                if each["impact"] in {"serious", "critical"}
            ]
            assert len(found["passes"]) > 10
            assert serious == [], (width, scheme)
