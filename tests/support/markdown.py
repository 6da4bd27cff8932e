"""The code blocks of a Markdown file, and what each is for.

A fenced block names its language; an indented one holds commands. A block that a test can't run
says why, in a comment right before it: ``<!-- not run: needs a cluster -->``.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAMS = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
SHELL = "sh"
OUTPUT = "text"
_REASON = re.compile(r"<!-- not run: (?P<reason>\S.*\S) -->\s*")


@dataclass(frozen=True)
class Block:
    """A code block.

    Attributes:
        line: Where it begins, from 1.
        language: As the fence names it; of an indented block ``sh``.
        text: What is in it.
        not_run: Why not, if so.
    """

    line: int
    language: str
    text: str
    not_run: str | None


def blocks(path: Path) -> Iterator[Block]:
    """All of a file, those in lists included."""
    reason = None
    for token in MarkdownIt().parse(path.read_text()):
        if token.type == "html_block":
            match = _REASON.fullmatch(token.content)
            reason = match and match["reason"]
            continue
        if token.type in {"fence", "code_block"}:
            language = token.info or SHELL
            yield Block(token.map[0] + 1, language, token.content, reason)
        reason = None
