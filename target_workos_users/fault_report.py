"""What is said of an exception that nobody expected: where it was raised, never what it says."""

from __future__ import annotations

import traceback
from pathlib import Path

_PACKAGE = Path(__file__).parent.parent


def report_fault(error: BaseException) -> str:
    """Several lines for the log.

    A traceback with the exceptions' own texts isn't fit for it: Python's texts quote values
    (``invalid literal for int(): 'hunter2'``).
    """
    introduction = (
        "A fault of target-workos-users stopped the run. Nothing is lost: run again, and it goes "
        "on from the last STATE line. If it stops again, please report the following lines; they "
        "hold nothing of your records."
    )
    lines = [introduction]
    chained: BaseException | None = error
    while chained is not None:
        lines.append(f"  {type(chained).__module__}.{type(chained).__qualname__}, raised in")
        frames = traceback.extract_tb(chained.__traceback__)
        lines += (f"    {_shown(f.filename)}:{f.lineno} {f.name}" for f in reversed(frames))
        chained = chained.__cause__ or chained.__context__
    return "\n".join(lines)


def _shown(filename: str) -> str:
    path = Path(filename)
    return str(path.relative_to(_PACKAGE)) if path.is_relative_to(_PACKAGE) else filename
