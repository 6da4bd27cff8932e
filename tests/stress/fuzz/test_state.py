"""A state that was edited, cut off or mixed up: it is refused, or nothing is lost by it."""

from __future__ import annotations

import pytest

from tests.stress.fuzz.conftest import CLEAN
from tests.stress.fuzz.mutations import mutated


@pytest.mark.parametrize("where", ["in band", "--state"])
def test_a_mutated_state_loses_nothing(fuzz, interrupted, where):
    state = (interrupted().folder / "state").read_bytes()

    def check(content):
        run, file = interrupted(), None
        content = content.replace(b"ERRORS", str(run.errors).encode())
        if where == "in band":
            message = b'{"type": "STATE", "value": ' + content.replace(b"\n", b" ") + b"}\n"
        else:
            message, file = b"", run.folder / "state"
            file.write_bytes(content)
        finished = run(message + CLEAN, state_file=file)
        if finished.exit_code:
            assert run(CLEAN).exit_code == 0  # as after `meltano state clear`
        run.check_all_is_there()

    fuzz(mutated(state), check)
