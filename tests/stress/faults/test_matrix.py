"""Every fault that a request can meet, for every kind of request, at each place, once and for ever.

``pytest tests/stress/faults --slow`` runs the whole matrix, ``pytest tests/stress/faults`` every
second pair of a fault and a kind of request, once.
"""

from __future__ import annotations

import re
from collections import Counter
from contextlib import contextmanager
from itertools import count

import pytest

from tests.stress.faults import matrix, source
from tests.stress.faults.wire import Wire, wired
from workos_sandbox import Faults

SECONDS_AWAY = {"once": 0.1, "three times": 4.0, "for ever": float("inf")}
SHORT = {"request_timeout": 0.1, "max_retries": 3}


def pytest_generate_tests(metafunc):
    if "case" in metafunc.fixturenames:
        whole = metafunc.config.getoption("--slow")
        cases = matrix.all_cases() if whole else list(matrix.some_cases())[::2]
        metafunc.parametrize("case", cases, ids=str)


def test_a_fault_ends_in_the_right_place(lab, template, case, count_ending, capfd):
    wanted = matrix.expected(case)
    if is_silent(case):
        lab.settings |= SHORT
    with inflicted(lab, template, case):
        first = lab.run()
    assert first.exit_code == wanted.stops, first.log
    lab.check_the_state()
    if wanted.stops:
        assert Counter(errors_of(first)) <= wanted.errors
        lab.sandbox.faults = Faults(script=[source.REFUSAL])
        assert lab.run().exit_code == 0
    lab.check_the_state()
    found = Counter(errors_of(lab.runs[-1]))
    assert found - Counter(wanted.perhaps) <= wanted.errors
    assert wanted.errors <= found
    lab.check_the_end()
    lab.check_what_was_said(capfd.readouterr())
    count_ending(ending_of(wanted))


@pytest.mark.slow
@pytest.mark.parametrize("disturbed", list(matrix.some_cases()), ids=str)
def test_a_fault_among_six_requests_in_flight_loses_nothing(lab, template, disturbed, capfd):
    lab.settings |= {"concurrency": 6}
    if is_silent(disturbed):
        lab.settings |= SHORT
    with inflicted(lab, template, disturbed):
        first = lab.run()
    lab.check_the_state()
    if first.exit_code:
        assert first.said("WorkOS can't be reached", "ERROR") == 1
        lab.sandbox.faults = Faults(script=[source.REFUSAL])
        assert lab.run().exit_code == 0
    lab.check_the_end()
    types = {error for _, error in (*errors_of(lab.runs[-1]), *matrix.own_errors())}
    assert types <= {"user_create", "membership_create", disturbed.kind.error}
    lab.check_what_was_said(capfd.readouterr())


@contextmanager
def inflicted(lab, template, case):
    """The fault of a case, while it lasts."""
    if case.fault.action is not None:
        lab.sandbox.faults = Faults(script=case.script(template.world))
        yield
        return
    arrived = count(1)

    def away(request):
        if request.method != case.kind.method or not re.search(case.kind.path, request.path):
            return 0
        return SECONDS_AWAY[case.times] if next(arrived) == case.skip + 1 else 0

    with wired(lab, Wire(lab.base_url, away=away)):
        yield


def is_silent(case):
    """Whether an answer never comes: then real time goes by."""
    return case.fault.action is not None and case.fault.action.kind.startswith("hang")


def errors_of(run):
    return [(error["record_number"], error["error_type"]) for error in run.errors]


def ending_of(wanted):
    if wanted.stops:
        return "stopped, and resumed"
    return "with error lines" if wanted.errors != matrix.own_errors() else "loaded"
