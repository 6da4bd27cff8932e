"""Anything on stdin: the run ends with 0 or 1, and the next one over the fixed source has all."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.stress.fuzz.conftest import CLEAN, encode
from tests.stress.fuzz.mutations import WORSE, mutated


def test_bytes_that_are_no_messages_stop_the_run(fuzz, fresh):
    def check(content):
        run = fresh()
        finished = run(content)
        but_states = content.replace(b'{"type": "STATE"}', b"")  # which are told, and passed over
        assert finished.exit_code == int(bool(but_states.strip()))
        assert not finished.states

    pieces = st.sampled_from(WORSE) | st.binary(max_size=60)
    fuzz(st.lists(pieces, max_size=20).map(b"\n".join), check)


def test_what_was_read_before_and_after_a_mutation_is_not_lost(fuzz, fresh):
    def check(content):
        run = fresh()
        states = run(content).states
        handed_back = [{"type": "STATE", "value": states[-1]}] if states else []
        again = run(encode(handed_back) + CLEAN, on_source_change="reload")
        assert again.exit_code == 0
        run.check_all_is_there()

    fuzz(mutated(CLEAN), check)


def test_a_dry_run_takes_the_same(fuzz, fresh):
    def check(content):
        assert not fresh()(content, dry_run=True, validate_records=True).states

    fuzz(mutated(CLEAN), check)
