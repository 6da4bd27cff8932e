"""The ``workos-users`` command."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from target_workos_users.exceptions import TargetError
from target_workos_users.explain import listing_json, listing_lines, read_listing, write_table
from workos_sandbox.cli import main as sandbox


@click.group()
def main() -> None:
    """Tools for loading users into WorkOS with target-workos-users."""


main.add_command(sandbox)


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
