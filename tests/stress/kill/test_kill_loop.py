"""Kills at random: ``pytest tests/stress/kill/test_kill_loop.py --kills 200``."""

from __future__ import annotations

import signal
import time
from collections import Counter
from itertools import accumulate
from random import Random, SystemRandom

from tests.stress.kill.conftest import sandbox_process
from tests.stress.kill.killer import STEPS, TORN_STEPS, Kill
from tests.stress.kill.lab import CHUNK, CONCURRENCY, Lab

_MOST_KILLS_AN_IMPORT = 8
_SIZES = [CHUNK // 2, CHUNK, CHUNK]


def random_kill(random, calls):
    """At any call of any step; None stands for a kill at any moment."""
    if random.random() < 0.4:
        return None
    number = random.choices([signal.SIGKILL, signal.SIGTERM, signal.SIGINT], [8, 1, 1])[0]
    step = random.choice(STEPS + TORN_STEPS if number == signal.SIGKILL else STEPS)
    # A third: a run that goes on from an earlier one comes by less often.
    return Kill(step, random.randint(1, max(1, calls[step] // 3)), number)


def killed_run(lab, random, calls):
    lab.settings["batch_size_rows"] = random.choice(_SIZES)
    kill = random_kill(random, calls)
    if kill:
        return lab.run(kill)
    name, process = lab.start()
    time.sleep(random.uniform(0, 0.3))
    process.kill()
    return lab.end(name, process)


def killed_import(lab, random, calls, most):
    """Kill an import so many times at most, let it end, and check what came of it.

    Returns:
        How often it was killed, by signal.
    """
    kills = Counter()
    may_repeat = [0]  # by run
    while kills.total() < most:
        ended = killed_run(lab, random, calls)
        if ended.exit_code == 0:
            break
        number = -ended.exit_code if ended.exit_code < 0 else ended.exit_code - 128
        kills[signal.Signals(number).name] += 1
        lab.store(random.choice([ended.states, ended.states_before_the_signal]))
        may_repeat.append(CONCURRENCY)
        if random.random() < 0.1:
            lab.ledger_path.unlink(missing_ok=True)
            may_repeat[-1] += CHUNK
    if lab.runs[-1].exit_code != 0:
        ended = lab.run()
        assert ended.exit_code == 0, ended.err
    lab.check()
    repeated = [len(rows) for rows in lab.redone_by_run()]
    # A run that is killed early leaves what an earlier one had in flight to a later one.
    totals = zip(accumulate(repeated), accumulate(may_repeat), strict=True)
    assert all(so_far <= at_most for so_far, at_most in totals), repeated
    return kills


def test_random_kills_lose_and_double_nothing(request, tmp_path, calls, figure):
    wanted = request.config.getoption("--kills")
    seed = request.config.getoption("--kill-seed") or SystemRandom().randrange(2**32)
    print(f"--kills {wanted} --kill-seed {seed}")  # noqa: T201 - for whoever repeats it
    random = Random(seed)
    kills, repeated, imports = Counter(), [], 0
    while kills.total() < wanted:
        imports += 1
        folder = tmp_path / str(imports)
        folder.mkdir()
        most = min(_MOST_KILLS_AN_IMPORT, wanted - kills.total())
        with sandbox_process(folder / "sandbox.db") as url:
            lab = Lab(folder, url, folder / "sandbox.db")
            kills += killed_import(lab, random, calls, most)
            repeated += [len(rows) for rows in lab.redone_by_run()[1:]]
    figure(
        f"{kills.total()} kills {dict(kills)} in {imports} imports of {len(lab.records)} "
        "records: none lost, none doubled, error lines exact; records repeated by the next "
        f"run: {sum(repeated) / len(repeated):.2f} on average, {max(repeated)} at most "
        f"(concurrency {CONCURRENCY}, chunks of {CHUNK})"
    )
