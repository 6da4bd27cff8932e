"""Runs the benchmarks: ``uv run python -m benchmarks [NAME …]``, a line of JSON each."""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path

from benchmarks.long_run import long_run
from benchmarks.measures import ALL
from benchmarks.peers import peers

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
_TABLE = re.compile(r"(?<=<!-- results -->\n).*?(?=<!-- /results -->)", re.DOTALL)


def main(names: list[str]) -> None:
    """Run all of them, or those that are named; with all, write the table of the docs."""
    rows = ["| benchmark | figure | value |", "|---|---|---|"]
    for measure in (*ALL, long_run, peers):
        if names and measure.__name__ not in names:
            continue
        started = time.monotonic()
        figures = measure()
        seconds = round(time.monotonic() - started)
        print(json.dumps({"benchmark": measure.__name__, **figures, "took_s": seconds}), flush=True)
        if "skipped" in figures:
            continue
        rows += [f"| `{measure.__name__}` | {key} | {value} |" for key, value in figures.items()]
    if not names:
        table = "\n".join(rows)
        PAGE.write_text(_TABLE.sub(lambda _: f"{table}\n", PAGE.read_text()))


if __name__ == "__main__":
    main(sys.argv[1:])
