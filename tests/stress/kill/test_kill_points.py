"""The target stops at every step between "request sent" and "STATE printed", and goes on."""

from __future__ import annotations

import signal

import pytest

from tests.stress.kill.killer import STEPS, TORN_STEPS, Kill
from tests.stress.kill.lab import CHUNK, CONCURRENCY

SHARES = {"first": 0, "middle": 0.5, "last": 0.97}


def shares(*always):
    """Where to stop: these in every run of the suite, the others with --slow."""
    return [
        share if share in always else pytest.param(share, marks=pytest.mark.slow)
        for share in SHARES
    ]


def number(calls, step, where):
    return max(1, round(calls[step] * SHARES[where]))


def resume(lab):
    ended = lab.run()
    assert ended.exit_code == 0, ended.err
    lab.store(ended.states)
    lab.check()
    stream = lab.stored["bookmarks"]["target-workos-users"]["streams"]["users"]
    assert stream["complete"]
    assert stream["records"] == len(lab.records)


@pytest.mark.parametrize("where", shares("middle", "last"))
@pytest.mark.parametrize("step", STEPS + TORN_STEPS)
def test_a_killed_import_repeats_only_what_was_in_flight(lab, calls, step, where):
    ended = lab.run(Kill(step, number(calls, step, where), signal.SIGKILL))
    assert ended.exit_code == -signal.SIGKILL, ended.err
    lab.store(ended.states)
    resume(lab)
    assert len(lab.redone()) <= CONCURRENCY


@pytest.mark.parametrize("where", SHARES)
@pytest.mark.parametrize("step", ["after an answer", "before a commit", "before a STATE line"])
def test_without_its_ledger_it_repeats_at_most_a_chunk_more(lab, calls, step, where):
    ended = lab.run(Kill(step, number(calls, step, where), signal.SIGKILL))
    lab.store(ended.states)
    lab.ledger_path.unlink(missing_ok=True)
    resume(lab)
    assert len(lab.redone()) <= CHUNK + CONCURRENCY


def is_complete(states):
    if not states:
        return False
    last = states[-1]["bookmarks"]["target-workos-users"]
    return bool(last["streams"]) and last["streams"]["users"].get("complete", False)


def assert_stopped(ended, number_of_signal):
    """Exit code 128 + n, unless all was done already when the signal came."""
    expected = 0 if is_complete(ended.states) else 128 + number_of_signal
    assert ended.exit_code == expected, ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("where", shares("middle"))
@pytest.mark.parametrize("step", STEPS)
def test_a_terminated_import_repeats_nothing(lab, calls, step, where):
    ended = lab.run(Kill(step, number(calls, step, where), signal.SIGTERM))
    assert_stopped(ended, signal.SIGTERM)
    lab.store(ended.states)
    resume(lab)
    assert not lab.redone()


@pytest.mark.parametrize("where", shares("last"))
@pytest.mark.parametrize("step", STEPS)
def test_it_repeats_nothing_even_if_no_state_after_the_signal_is_stored(lab, calls, step, where):
    ended = lab.run(Kill(step, number(calls, step, where), signal.SIGINT))
    assert_stopped(ended, signal.SIGINT)
    lab.store(ended.states_before_the_signal)
    resume(lab)
    # With no state at all stored, the next run is another import; what was in flight is found.
    assert len(lab.redone()) <= (0 if lab.runs[0].states_before_the_signal else CONCURRENCY)


@pytest.mark.parametrize("number_of_signal", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("step", ["before a request", "after a STATE line"])
def test_further_signals_change_nothing(lab, calls, step, number_of_signal):
    ended = lab.run(Kill(step, number(calls, step, "middle"), number_of_signal, again=True))
    assert_stopped(ended, number_of_signal)
    assert ended.states != ended.states_before_the_signal
    lab.store(ended.states)
    resume(lab)
    assert not lab.redone()
