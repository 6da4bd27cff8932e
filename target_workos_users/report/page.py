"""The page: what the files hold, put into the template."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from target_workos_users.checkpoint.resume import read_state_file
from target_workos_users.checkpoint.state import read_entry
from target_workos_users.exceptions import SettingsError
from target_workos_users.explain import advice, read_groups
from target_workos_users.files import DIFFERENCES, write_output
from target_workos_users.ledger.lookup import read_counts
from target_workos_users.plan.difference import read_differences
from target_workos_users.progress.history import beside_run, progress_files
from target_workos_users.progress.summary import read_summary
from target_workos_users.progress.timeline import read_timeline
from target_workos_users.progress.wording import duration
from target_workos_users.report.charts import (
    HEIGHT,
    WIDTH,
    bins,
    durations_chart,
    rate_chart,
    records_chart,
)
from target_workos_users.texts import neutralize

if TYPE_CHECKING:
    from pathlib import Path

    from target_workos_users.progress.summary import Summary
    from target_workos_users.progress.timeline import ChunkLine

_BEGINNING = b"<!DOCTYPE html>\n<!-- workos-users report -->"
_WHOLE = ("records", "failed", "users", "memberships", "requests")
_MOST_GROUPS = 50
_SLOWEST = 10
_LARGEST = 20


@dataclass(frozen=True)
class Sources:
    """The files that a report is made of.

    Attributes:
        summary: The JSON that ``summary_path`` named.
        progress: A run's progress; None: that of all runs of the import, as far as it is there.
        errors: The errors file; None: the one that the summary names, if it is there.
        state: A Singer state, or what ``meltano state get`` prints.
        differences: What a diff found; None: a ``differences.jsonl`` beside the errors file.
    """

    summary: Path
    progress: Path | None = None
    errors: Path | None = None
    state: Path | None = None
    differences: Path | None = None


def write_report(sources: Sources, out: Path) -> None:
    """Write the page; mode 0600, since it may name users.

    Raises:
        SettingsError: A file can't be read or written.
        CheckpointError: The state is damaged.
    """
    page = render(sources).encode()
    given = (sources.progress, sources.errors, sources.state, sources.differences)
    inputs = filter(None, (sources.summary, *given))
    write_output(out, [page], like=_BEGINNING, inputs=inputs)


def render(sources: Sources) -> str:
    """The page as HTML: self-contained, everything from the files escaped.

    Raises:
        SettingsError: A file can't be read.
        CheckpointError: The state is damaged.
    """
    summary = read_summary(sources.summary)
    its_own = beside_run(sources.summary, summary.progress_path)
    errors = sources.errors or _if_there(beside_run(sources.summary, summary.errors_path))
    known = summary.ledger_path and beside_run(sources.summary, summary.ledger_path)
    ledger = _if_there(known) if known else None
    beside = beside_run(sources.summary, summary.errors_path).with_name(DIFFERENCES)
    differences = sources.differences or _if_there(beside)
    files = [sources.progress] if sources.progress else list(progress_files(its_own.parent))
    lines = [line for file in files for line in _lines(file, summary)]
    listing = read_groups(errors) if errors else None
    groups = listing.by_count() if listing else []
    loaded = [line for line in lines if not line.unchanged]
    return _BEGINNING.decode() + _template().render(
        summary=summary,
        took=duration(summary.seconds),
        box=(WIDTH, HEIGHT),
        charts=_charts(loaded, summary),
        slowest=sorted(loaded, key=lambda line: -line.seconds)[:_SLOWEST],
        runs=len({line.run for line in lines}),
        chunks=len(loaded),
        whole={name: sum(getattr(line, name) for line in loaded) for name in _WHOLE},
        listing=listing,
        groups=[(group, advice(group)) for group in groups[:_MOST_GROUPS]],
        more_groups=max(0, len(groups) - _MOST_GROUPS),
        largest=summary.organizations.largest[:_LARGEST],
        ledger=read_counts(ledger) if ledger else None,
        streams=_streams(sources.state) if sources.state else None,
        differences=read_differences(differences) if differences else None,
        made=datetime.now(UTC),
        files=[path for path in (sources.summary, errors, sources.state, differences) if path],
    )


def _charts(loaded: list[ChunkLine], summary: Summary) -> dict[str, Any]:
    if not loaded:
        return {}
    binned = bins(loaded)
    return {
        "records": records_chart(binned),
        "rate": rate_chart(binned, summary.requests.rate_limit),
        "durations": durations_chart(binned),
    }


def _lines(progress: Path, summary: Summary) -> list[ChunkLine]:
    """The chunks of a run, if it is a part of the same import."""
    return [line for line in read_timeline(progress) if line.began == summary.began]


def _streams(state: Path) -> dict[str, Any]:
    entry = read_entry(read_state_file(state))
    if entry is None:
        raise SettingsError(
            f"--state: {state} holds no checkpoint of target-workos-users. Expected a STATE line "
            "that it printed, or what `meltano state get` prints."
        )
    return {"updated": entry.updated, "streams": entry.streams, "cached": len(entry.org_cache)}


def _if_there(path: Path) -> Path | None:
    with suppress(OSError):  # the name may be too long for one
        return path if path.is_file() else None
    return None


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("target_workos_users.report", "."),
        autoescape=True,
        finalize=lambda value: neutralize(value, "\n") if type(value) is str else value,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["n"] = lambda number: f"{number:,}"
    environment.filters["time"] = lambda timestamp: f"{timestamp[:16].replace('T', ' ')} UTC"
    return environment.get_template("page.html")
