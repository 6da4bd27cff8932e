"""``workos-users sandbox`` in a process of its own."""

from __future__ import annotations

import asyncio
import signal
import sys

import aiohttp
import pytest

from workos_sandbox import read_world
from workos_sandbox.server import DEFAULT_API_KEY

KEY = {"Authorization": f"Bearer {DEFAULT_API_KEY}"}


@pytest.fixture
async def start(db):
    """Starts the command; whatever still runs is killed at the end."""
    processes = []

    async def run(*arguments):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            "from target_workos_users.cli import main; main()",
            "sandbox",
            "--db",
            str(db),
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        processes.append(process)
        return process

    yield run
    for process in processes:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def listening(process):
    """Its URL, from the one line that it prints."""
    line = (await process.stdout.readline()).decode()
    assert line.startswith("WorkOS sandbox listening on http://127.0.0.1:"), line
    return line.split()[-1]


async def create_user(session, number=1):
    body = {"email": f"user{number}@example.com"}
    async with session.post("/user_management/users", json=body) as response:
        return response.status


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_prints_its_url_and_ends_cleanly_on_a_signal(start, db, number):
    process = await start("--port", "0", "--role", "editor")
    async with aiohttp.ClientSession(await listening(process), headers=KEY) as session:
        assert await create_user(session) == 201
    process.send_signal(number)
    rest, errors = await process.communicate()
    assert (process.returncode, rest, errors) == (0, b"", b"")
    world = read_world(db)
    assert [user["email"] for user in world.users] == ["user1@example.com"]
    assert [role["slug"] for role in world.roles] == ["admin", "member", "editor"]


async def test_a_killed_sandbox_has_everything_that_it_answered(start, db):
    process = await start("--port", "0", "--no-limits")
    answered = []
    async with aiohttp.ClientSession(await listening(process), headers=KEY) as session:

        async def load(first):
            for number in range(first, 10_000, 10):
                assert await create_user(session, number) == 201
                answered.append(f"user{number}@example.com")
                if len(answered) == 300:
                    process.kill()

        results = await asyncio.gather(*map(load, range(10)), return_exceptions=True)
    assert all(isinstance(result, aiohttp.ClientError) for result in results)
    assert set(answered) <= {user["email"] for user in read_world(db).users}
    again = await start("--port", "0")
    await listening(again)


async def settings(process, name):
    """What the running sandbox says about its faults or limits."""
    session = aiohttp.ClientSession(await listening(process))
    async with session, session.get(f"/_sandbox/{name}") as response:
        return await response.json()


async def test_published_limits_are_on_unless_said_otherwise(start):
    process = await start("--port", "0", "--write-limit", "3", "--retry-after", "0")
    assert await settings(process, "limits") == {
        "writes": 3,
        "reads": 1_000,
        "requests": 6_000,
        "organization_deletes": 50,
        "retry_after": 0,
    }


async def test_fault_options_reach_the_sandbox(start):
    process = await start(
        "--port", "0", "--latency", "5", "--share-drop-after", "0.25", "--seed", "7"
    )
    faults = await settings(process, "faults")
    assert (faults["latency_ms"], faults["share_drop_after"], faults["seed"]) == (5, 0.25, 7)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--host", "0.0.0.0"], "loopback only"),
        (["--share-500", "0.7", "--share-503", "0.7"], "more than 1"),
        (["--role", "No"], "no role slug"),
        (["--no-limits", "--write-limit", "5"], "--no-limits excludes"),
    ],
)
async def test_a_mistake_is_one_line_and_no_traceback(start, arguments, message):
    process = await start("--port", "0", *arguments)
    output, errors = await process.communicate()
    assert process.returncode != 0
    assert output == b""
    assert message in errors.decode()
    assert "Traceback" not in errors.decode()


async def test_a_file_in_use_is_told_with_the_process_that_has_it(start):
    first = await start("--port", "0")
    await listening(first)
    second = await start("--port", "0")
    _, errors = await second.communicate()
    assert second.returncode == 1
    assert f"in use by another sandbox (process {first.pid})" in errors.decode()
