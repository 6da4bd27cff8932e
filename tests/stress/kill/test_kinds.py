"""Streams of all kinds in any order, killed in between: the end is what the right order gives."""

from __future__ import annotations

import json
import signal
from random import Random

import pytest

from tests.stress.kill.conftest import sandbox_process
from tests.stress.kill.killer import STEPS, Kill
from tests.stress.kill.lab import Lab
from tests.support.kinds import STREAMS, end_state, in_order, messages_of

_KILLS = 4  # an import


def start(folder, url, order):
    """An import of all streams in an order, in chunks of two records."""
    lab = Lab(folder, url, folder / "sandbox.db", settings={"batch_size_rows": 2})

    def write_input(path):
        messages = messages_of(in_order(order), lab.stored)
        path.write_text("".join(json.dumps(message) + "\n" for message in messages))

    lab.write_input = write_input
    return lab


@pytest.fixture(scope="module")
def right(tmp_path_factory):
    """What the right order gives, undisturbed; and how often it comes by each step."""
    folder = tmp_path_factory.mktemp("right")
    with sandbox_process(folder / "sandbox.db") as url:
        ended = start(folder, url, STREAMS).run()
    assert ended.exit_code == 0, ended.err
    return end_state(folder / "sandbox.db"), ended.calls


@pytest.mark.parametrize(
    "seed", [pytest.param(n, marks=() if n < 6 else pytest.mark.slow) for n in range(24)]
)
def test_any_order_killed_in_between(seed, right, tmp_path):
    random = Random(seed)
    order = random.sample(list(STREAMS), len(STREAMS))
    expected, calls = right
    with sandbox_process(tmp_path / "sandbox.db") as url:
        lab = start(tmp_path, url, order)
        for _ in range(_KILLS):
            step = random.choice(STEPS)
            number = random.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM])
            ended = lab.run(Kill(step, random.randint(1, max(1, calls[step])), number))
            lab.store(random.choice([ended.states, ended.states_before_the_signal]))
            if ended.exit_code == 0:
                break
        else:
            ended = lab.run()
            lab.store(ended.states)
        assert ended.exit_code == 0, ended.err
        assert end_state(lab.db) == expected
        assert not lab.errors()
        again = lab.run()
        assert again.exit_code == 0
        assert not again.writes
