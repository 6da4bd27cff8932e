"""The command that runs a sandbox by itself."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from workos_sandbox.environment import DEFAULT_API_KEY, EnvironmentSettings
from workos_sandbox.exceptions import SandboxError
from workos_sandbox.faults import Faults
from workos_sandbox.limits import NO_LIMITS, Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from workos_sandbox.server import Sandbox

_SHARES = {
    "share_500": "answered with 500",
    "share_503": "answered with 503 and an HTML page",
    "share_429": "answered with 429",
    "share_500_after_write": "answered with 500 after taking effect",
    "share_drop_before": "whose connection is reset before they take effect",
    "share_drop_after": "whose connection is reset after they took effect",
    "share_hang": "never answered, without effect",
    "share_hang_after_write": "never answered, after taking effect",
}


def _fault_options(command: Callable[..., None]) -> Callable[..., None]:
    for name, text in reversed(_SHARES.items()):
        flag = "--" + name.replace("_", "-")
        command = click.option(
            flag, name, type=click.FloatRange(0, 1), default=0.0, help=f"Share of requests {text}."
        )(command)
    return command


@click.command("sandbox")
@click.option("--db", "path", type=click.Path(path_type=Path), required=True, help="SQLite file.")
@click.option("--host", default="127.0.0.1", show_default=True, help="A loopback address.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=4100, show_default=True, help="0 picks one."
)
@click.option(
    "--api-key", default=DEFAULT_API_KEY, show_default=True, help="The API key that it accepts."
)
@click.option("--role", "roles", multiple=True, help="An environment role to add; repeatable.")
@click.option(
    "--multiple-roles/--single-role", default=True, help="Whether a membership may have several."
)
@click.option("--limits/--no-limits", default=True, help="Rate limits, as WorkOS publishes them.")
@click.option("--write-limit", type=click.IntRange(1), help="Writes in 10 s.  [default: 500]")
@click.option("--read-limit", type=click.IntRange(1), help="Reads in 10 s.  [default: 1000]")
@click.option("--request-limit", type=click.IntRange(1), help="All in 60 s.  [default: 6000]")
@click.option(
    "--retry-after",
    type=click.IntRange(0),
    help="Seconds in Retry-After of a 429.  [default: the true one]",
)
@click.option(
    "--latency", "latency_ms", type=click.FloatRange(0), default=0.0, help="Milliseconds."
)
@click.option("--jitter", "jitter_ms", type=click.FloatRange(0), default=0.0, help="Milliseconds.")
@click.option("--seed", type=int, help="Seed of the random faults.")
@_fault_options
def main(
    *,
    path: Path,
    host: str,
    port: int,
    api_key: str,
    roles: tuple[str, ...],
    multiple_roles: bool,
    limits: bool,
    write_limit: int | None,
    read_limit: int | None,
    request_limit: int | None,
    retry_after: int | None,
    **fault_options: Any,
) -> None:
    """Run a sandbox in WorkOS's place on this machine, kept in a SQLite file.

    It prints its URL once it listens, and runs until it is interrupted.
    """
    from workos_sandbox.server import Sandbox  # noqa: PLC0415 - aiohttp, slow to import

    given = {
        "writes": write_limit,
        "reads": read_limit,
        "requests": request_limit,
        "retry_after": retry_after,
    }
    adjusted = {name: value for name, value in given.items() if value is not None}
    if adjusted and not limits:
        raise click.UsageError("--no-limits excludes the options that adjust limits.")
    try:
        sandbox = Sandbox(
            path,
            host=host,
            port=port,
            api_key=api_key,
            roles=roles,
            settings=EnvironmentSettings(multiple_roles=multiple_roles),
            limits=Limits(**adjusted) if limits else NO_LIMITS,
            faults=msgspec.convert(fault_options, Faults),
        )
        asyncio.run(_serve_until_signal(sandbox))
    except (SandboxError, msgspec.ValidationError) as error:
        raise click.ClickException(str(error)) from error


async def _serve_until_signal(sandbox: Sandbox) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with sandbox:
        click.echo(f"WorkOS sandbox listening on {sandbox.base_url}")
        await stop.wait()
