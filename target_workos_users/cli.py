"""The ``workos-users`` command. What a command needs is imported when it is called."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from target_workos_users.exceptions import SettingsError, TargetError
from target_workos_users.files import runs_folder
from target_workos_users.texts import neutralize

if TYPE_CHECKING:
    from collections.abc import Iterator

_FILE = click.Path(path_type=Path)
_SANDBOX = "Run a local sandbox in WorkOS's place: no key, no network."
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
@click.version_option(package_name="target-workos-users", prog_name="workos-users")
def main() -> None:
    """Tools for loading users into WorkOS with target-workos-users.

    Without a file, a command takes the newest run below the current folder (undo doesn't: name its
    file). With the errors file of a job, it takes that job's newest run.
    """


@main.command()
@click.argument("path", metavar="[FILE]", required=False, type=_FILE)
@_JSON
@click.option(
    "--csv",
    "table",
    metavar="OUT",
    type=_FILE,
    help="Write the failed records, secrets redacted, to a CSV for a spreadsheet.",
)
def errors(path: Path | None, *, as_json: bool, table: Path | None) -> None:
    """Group the errors of an errors file, and say what to do about each group.

    The exit code is 0, whatever the file lists.
    """
    from target_workos_users.explain import (
        listing_json,
        listing_lines,
        read_groups,
        write_errors_table,
    )

    with _said_plainly():
        path = path or _named("errors_path", None)
        groups = read_groups(path)
        rows = write_errors_table(path, table) if table else None
    if as_json:
        _print_json(listing_json(groups))
    else:
        for line in listing_lines(path, groups):
            _say(line)
    if table:
        click.echo(f"{rows:,} rows written to {table}", err=True)


@main.command()
@click.argument("path", metavar="[SUMMARY]", required=False, type=_FILE)
@click.option("--errors", type=_FILE, help="Default: the errors file that the summary names.")
@click.option("--progress", type=_FILE, help="Default: the progress of all runs of the import.")
@click.option("--state", type=_FILE, help="A stored state, to show as well.")
@click.option("--differences", type=_FILE, help="Default: differences.jsonl beside the errors.")
@click.option("--out", type=_FILE, help="Default: the summary's name with .html.")
def report(
    *,
    path: Path | None,
    errors: Path | None,
    progress: Path | None,
    state: Path | None,
    differences: Path | None,
    out: Path | None,
) -> None:
    """Make one HTML page of an import: SUMMARY is the file that summary_path names."""
    from target_workos_users.report import Sources, write_report

    with _said_plainly():
        summary = _summary(path)
        out = out or summary.with_suffix(".html")
        write_report(Sources(summary, progress, errors, state, differences), out)
    click.echo(f"Report written to {out}")


@main.command()
@click.argument("path", metavar="[FILE]", required=False, type=_FILE)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object a line.")
@click.option("--csv", "table", metavar="OUT", type=_FILE, help="Write a CSV for a spreadsheet.")
def ids(path: Path | None, *, as_json: bool, table: Path | None) -> None:
    """Print, as CSV, WorkOS's ids of what was loaded: a row for each membership.

    FILE is the errors file of the job, or its ledger.
    """
    import msgspec

    from target_workos_users.explain.table import csv_line, write_table
    from target_workos_users.ledger.lookup import Ids, read_ids

    header = Ids.__struct_fields__
    with _said_plainly():
        path = _ledger(path)
        found = read_ids(path)
        if table:
            rows = write_table(
                table, header, map(msgspec.structs.astuple, found), kept=header, source=path
            )
            click.echo(f"{rows:,} rows written to {table}", err=True)
        elif as_json:
            for each in found:
                _say(msgspec.json.encode(each).decode())
        else:
            first = next(found, None)  # before the header: the ledger may not be there
            click.echo(csv_line(header), nl=False)
            for each in chain([first] if first else (), found):
                click.echo(csv_line(msgspec.structs.astuple(each)), nl=False)


@main.command()
@click.argument("where", metavar="[FILE] EMAIL", nargs=-1, required=True)
@_JSON
def show(where: tuple[str, ...], *, as_json: bool) -> None:
    """Show what happened to one person: records, ids, errors.

    FILE is the errors file of the job, or its ledger.
    """
    from target_workos_users.explain.people import errors_of, fate_lines
    from target_workos_users.ledger.lookup import Fate, read_fate

    if len(where) > 2:  # noqa: PLR2004 - as the usage says
        raise click.UsageError(
            "Expected one email, and before it at most one file: the job's errors file."
        )
    *ledger, email = where
    with _said_plainly():
        path = _ledger(Path(*ledger) if ledger else None)
        fate = read_fate(path, email)
        email = email.strip().lower()
        failed = errors_of(email, path.with_name(path.name.removesuffix(".ledger")), fate)
        if not fate and not failed:
            raise SettingsError(
                f"{path} knows nothing of {email}: no record with this email has come. Check the "
                "spelling; or name another job's errors file: "
                "workos-users show output/errors.jsonl ada@example.com."
            )
        fate = fate or Fate(email, None, None, None, [])
    if as_json:
        messages = [
            {"stream": line.stream, "record_number": line.record_number}
            | {"error_type": line.error_type, "error_message": line.error_message}
            for line in failed
        ]
        _print_json({"fate": fate, "errors": messages})
    else:
        for line in fate_lines(fate, failed):
            _say(line)


@main.command()
@click.argument("ledger", metavar="FILE", type=_FILE)
@click.option("--yes", is_flag=True, help="Do it. Without, it only says what it would do.")
@click.option("--also-active", is_flag=True, help="Delete users who have signed in since, too.")
@click.option("--config", type=_FILE, help="The target's config file, for api_key and the like.")
@click.pass_context
def undo(
    context: click.Context, ledger: Path, *, yes: bool, also_active: bool, config: Path | None
) -> None:
    """Delete in WorkOS what an import made, and only that, as its ledger knows it.

    FILE is the errors file of the job, or its ledger.

    Settings come from where the target takes them: the environment, and --config.
    """
    from target_workos_users.undo import Undo

    with _said_plainly():
        run = Undo(_ledger(ledger), config, also_active=also_active, say=_say)
        context.exit(run.delete() if yes else run.plan())


@main.command(
    add_help_option=False, context_settings={"ignore_unknown_options": True}, short_help=_SANDBOX
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def sandbox(arguments: tuple[str, ...]) -> None:
    """Hand on to the sandbox's own command."""
    from workos_sandbox.cli import main as run_sandbox

    run_sandbox.main(list(arguments), prog_name="workos-users sandbox")


def _summary(path: Path | None) -> Path:
    """The summary that is meant, and a word of which one that is if it wasn't named itself."""
    from target_workos_users.progress.history import newest_summary

    if path and (path.suffix == ".json" or not runs_folder(path).is_dir()):
        return path
    newest = newest_summary(runs_folder(path) if path else Path())
    click.echo(f"The newest run: {newest}", err=True)
    return newest


def _ledger(path: Path | None) -> Path:
    """The ledger that is meant."""
    if path and not runs_folder(path).is_dir():
        return path
    return _named("ledger_path", path)


def _named(name: str, job: Path | None) -> Path:
    """A file that the newest summary names."""
    from target_workos_users.progress.history import beside_run
    from target_workos_users.progress.summary import read_summary

    summary = _summary(job)
    path = getattr(read_summary(summary), name)
    if path is None:
        raise SettingsError(f"The run of {summary} had no {name}.")
    return beside_run(summary, path)


@contextmanager
def _said_plainly() -> Iterator[None]:
    """What is wrong is a line, not a traceback."""
    try:
        yield
    except TargetError as error:
        raise click.ClickException(neutralize(str(error))) from error


def _say(line: str) -> None:
    click.echo(neutralize(line))


def _print_json(value: Any) -> None:
    import msgspec

    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    click.echo(neutralize(text, keep="\n"))
