"""Makes the README's pictures: ``uv run --with pyte python docs/pictures/make.py``.

It loads the sample data into a sandbox, as a person would in a terminal, and draws what that
terminal showed: the bar half-way, and the summary (run.svg). Where Chromium is installed, it takes
a picture of the run's report too (report.png).
"""

from __future__ import annotations

import csv
import fcntl
import io
import json
import os
import pty
import re
import runpy
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import pyte
from rich.console import Console
from rich.style import Style
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
COLUMNS, LINES = 116, 60
SHOWN_BAD_ROWS = {37, 777, 1733}
RUN = "tap-csv --config tap.json | target-workos-users --config target.json > state.jsonl"
SHOWN_AT = r"\(6\d%\)"
# As rich's own, without its fonts from elsewhere.
SVG = """<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono",
monospace; font-size: {char_height}px; line-height: {line_height}px }} {styles}</style>
<defs>{lines}</defs>{chrome}
<g transform="translate({terminal_x}, {terminal_y})">{backgrounds}
<g class="{unique_id}-matrix">{matrix}</g></g>
</svg>
"""


def prepare() -> None:
    """Write the source and the settings into the current folder."""
    sample = runpy.run_path(str(ROOT / "sample_data/generate.py"))
    bad = sample["BAD_ROWS"].keys() - SHOWN_BAD_ROWS
    records = [each for number, each in sorted(sample["records"]().items()) if number not in bad]
    with Path("users.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, sample["COLUMNS"])
        writer.writeheader()
        writer.writerows(records)
    source = {"files": [{"entity": "users", "path": "users.csv", "keys": []}]}
    Path("tap.json").write_text(json.dumps(source))
    settings = {"sandbox_path": "sandbox.db", "total_records": len(records), "batch_size_rows": 250}
    Path("target.json").write_text(json.dumps(settings | {"rate_limit": 500}))


def screens() -> Iterator[list[Text]]:
    """What the terminal shows, each time that it changes."""
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.ByteStream(screen)
    child, terminal = pty.fork()
    if not child:
        os.execvp("bash", ["bash", "-c", RUN.replace(" |", " 2> tap.log |")])  # noqa: S606, S607
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    try:
        while output := os.read(terminal, 1 << 16):
            stream.feed(output)
            yield [line(screen, number) for number in range(LINES)]
    except OSError:
        pass  # Linux says so that the other end is closed
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        sys.exit("\n".join(screen.display))


def line(screen: pyte.Screen, number: int) -> Text:
    """A line of the screen with its colors."""
    text = Text()
    cells = (screen.buffer[number][column] for column in range(COLUMNS))
    for style, same in groupby(cells, style_of):
        text.append("".join(cell.data for cell in same), style)
    text.rstrip()
    return text


def style_of(cell: pyte.screens.Char) -> Style:
    """Color and weight of a character, under rich's names for them."""
    color = cell.fg.replace("brown", "yellow").replace("bright", "bright_")
    if re.fullmatch("[0-9a-f]{6}", color):
        color = f"#{color}"
    return Style(color=color, bold=cell.bold)


def after(lines: list[Text], start: str) -> list[Text]:
    """The lines from the one that matches ``start``, without the empty ones at the end."""
    first = next(number for number, each in enumerate(lines) if re.search(start, each.plain))
    last = max(number for number, each in enumerate(lines) if each.plain)
    return lines[first : last + 1]


def picture_of_the_report(target: Path) -> None:
    """Take it of the newest run in the current folder."""
    subprocess.run(["workos-users", "report", "--out", "report.html"], check=True)  # noqa: S607
    if chromium := shutil.which("chromium"):
        options = ["--headless", "--no-sandbox", "--hide-scrollbars", "--window-size=1000,1180"]
        page = Path("report.html").resolve().as_uri()
        subprocess.run([chromium, *options, f"--screenshot={target}", page], check=True)  # noqa: S603


def main() -> None:
    """Run, and draw."""
    target = Path(__file__).with_name("run.svg").resolve()
    bar: list[Text] = []
    shown: list[Text] = []
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        prepare()
        for shown in screens():
            if not bar and any(re.search(SHOWN_AT, each.plain) for each in shown):
                bar = after(shown, SHOWN_AT)
        picture_of_the_report(target.with_name("report.png"))
        os.chdir(ROOT)
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    for each in (Text(f"$ {RUN}", "bold"), Text(), *bar, Text(), *after(shown, "Summary:")):
        console.print(each, no_wrap=True, crop=False)
    picture = console.export_svg(title="", code_format=SVG, unique_id="run")
    target.write_text(picture)


if __name__ == "__main__":
    main()
