"""The ``workos-users`` command."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from target_workos_users.exceptions import TargetError
from target_workos_users.explain.listing import listing_json, listing_lines, read_listing
from target_workos_users.explain.table import write_table
from workos_sandbox import DEFAULT_API_KEY, NO_LIMITS, Faults, Limits, Sandbox, SandboxError

if TYPE_CHECKING:
    from collections.abc import Callable

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


@click.group()
def main() -> None:
    """Tools for loading users into WorkOS with target-workos-users."""


def _fault_options(command: Callable[..., None]) -> Callable[..., None]:
    for name, text in reversed(_SHARES.items()):
        flag = "--" + name.replace("_", "-")
        command = click.option(
            flag, name, type=click.FloatRange(0, 1), default=0.0, help=f"Share of requests {text}."
        )(command)
    return command


@main.command()
@click.option("--db", "path", type=click.Path(path_type=Path), required=True, help="SQLite file.")
@click.option("--host", default="127.0.0.1", show_default=True, help="A loopback address.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=4100, show_default=True, help="0 picks one."
)
@click.option("--api-key", default=DEFAULT_API_KEY, show_default=True, help="Key to ask for.")
@click.option("--role", "roles", multiple=True, help="An environment role to add; repeatable.")
@click.option(
    "--multiple-roles/--single-role", default=True, help="Whether a membership may have several."
)
@click.option("--limits/--no-limits", default=True, help="Rate budgets, as WorkOS publishes them.")
@click.option("--write-limit", type=click.IntRange(1), help="Writes in 10 s.  [default: 500]")
@click.option("--read-limit", type=click.IntRange(1), help="Reads in 10 s.  [default: 1000]")
@click.option("--request-limit", type=click.IntRange(1), help="All in 60 s.  [default: 6000]")
@click.option(
    "--retry-after", type=click.IntRange(0), help="Retry-After of a 429.  [default: the true one]"
)
@click.option(
    "--latency", "latency_ms", type=click.FloatRange(0), default=0.0, help="Milliseconds."
)
@click.option("--jitter", "jitter_ms", type=click.FloatRange(0), default=0.0, help="Milliseconds.")
@click.option("--seed", type=int, help="Of the random faults.")
@_fault_options
def sandbox(
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
    """Run a WorkOS of your own on this machine, kept in a SQLite file.

    It prints its URL once it listens, and runs until it is interrupted.
    """
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
        faults = msgspec.convert(fault_options, Faults)
        budgets = Limits(**adjusted) if limits else NO_LIMITS
        server = Sandbox(
            path,
            host=host,
            port=port,
            api_key=api_key,
            roles=roles,
            multiple_roles=multiple_roles,
            limits=budgets,
            faults=faults,
        )
        asyncio.run(_serve_until_signal(server))
    except (SandboxError, msgspec.ValidationError) as error:
        raise click.ClickException(str(error)) from error


async def _serve_until_signal(server: Sandbox) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with server:
        click.echo(f"WorkOS sandbox listening on {server.base_url}")
        await stop.wait()


@main.command()
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--csv",
    "table",
    metavar="OUT",
    type=click.Path(path_type=Path),
    help="Write the failed records, secrets redacted, to a CSV for a spreadsheet.",
)
def errors(path: Path, *, as_json: bool, table: Path | None) -> None:
    """Group the errors of an errors file, and say what to do about each group."""
    try:
        listing = read_listing(path)
        rows = write_table(path, table) if table else None
    except TargetError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(listing_json(listing)), indent=2))
    else:
        click.echo("\n".join(listing_lines(path, listing)))
    if table:
        click.echo(f"{rows:,} rows written to {table}", err=True)


@main.command()
@click.argument("summary", type=click.Path(path_type=Path))
@click.option("--errors", type=click.Path(path_type=Path), help="Default: as the summary says.")
@click.option("--progress", type=click.Path(path_type=Path), help="Default: beside the summary.")
@click.option("--state", type=click.Path(path_type=Path), help="A stored state, to show as well.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Default: the summary's name with .html."
)
def report(
    *,
    summary: Path,
    errors: Path | None,
    progress: Path | None,
    state: Path | None,
    out: Path | None,
) -> None:
    """Make one HTML page of an import: SUMMARY is the file that summary_path names."""
    from target_workos_users.report import Sources, write_report  # noqa: PLC0415 - jinja2

    out = out or summary.with_suffix(".html")
    try:
        write_report(Sources(summary, progress, errors, state), out)
    except TargetError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"Report written to {out}")
