"""A tap that a test holds by the hand: messages, pauses and signals when the test says so."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from tests.stress.kill.conftest import until

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.stress.kill.lab import Ended, Lab


class Tap:
    """The tap, and the target behind it.

    Args:
        lab: Whose next run it is.
    """

    def __init__(self, lab: Lab) -> None:
        os.mkfifo(lab.folder / f"{lab.next_name}.in")
        self.lab = lab
        self.name, self.process = lab.start()
        self.pipe = (lab.folder / f"{self.name}.in").open("wb", buffering=0)

    def send(self, messages: Iterable[dict[str, Any]]) -> None:
        for message in messages:
            self.pipe.write(json.dumps(message).encode() + b"\n")

    def wait_for_states(self, count: int) -> None:
        out = self.lab.folder / f"{self.name}.out"
        until(lambda: out.read_bytes().count(b"\n") >= count)

    def signal(self, *numbers: int) -> None:
        for number in numbers:
            os.kill(self.process.pid, number)

    def end(self) -> Ended:
        ended = self.lab.end(self.name, self.process)
        self.pipe.close()
        return ended
