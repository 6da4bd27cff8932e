"""Options of the whole test run, and the figures that tests give at its end."""

from __future__ import annotations

import os
import sys
from collections import Counter, defaultdict
from itertools import chain

import pytest
from hypothesis import HealthCheck, settings

# Tests start hundreds of processes: none of them should compile again what it imports.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A busy machine isn't the code's fault.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


def pytest_addoption(parser):
    parser.addoption("--deep", action="store_true", help="run tests marked deep, as CI does")
    parser.addoption("--slow", action="store_true", help="run tests marked deep or slow")
    parser.addoption("--kills", type=int, default=6, help="random kills of a running import")
    parser.addoption("--soak", type=int, default=2_000, help="records of the soak test")
    parser.addoption("--kill-every", type=float, default=2.0, help="seconds, in the soak test")
    parser.addoption("--fuzz", type=int, default=12, help="examples of each fuzzer")
    parser.addoption("--kill-seed", type=int, help="seed of the random kills, as they give it")


def pytest_xdist_auto_num_workers():
    return 2 * (os.cpu_count() or 1)  # half of the time tests wait for a process or a clock


def pytest_collection_modifyitems(config, items):
    slow = config.getoption("--slow")
    skips = {
        "slow": not slow and "slow: takes minutes; run with --slow",
        "deep": not (slow or config.getoption("--deep")) and "deep: run with --deep, as CI does",
    }
    for item in items:
        for mark, reason in skips.items():
            if reason and mark in item.keywords:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture
def figure(record_property):
    """Says something in the summary of the test run, whichever process a test runs in."""
    return lambda text: record_property("figure", text)


def pytest_terminal_summary(terminalreporter):
    """Figures as they are, other properties of tests counted."""
    counts = defaultdict(Counter)
    for report in chain.from_iterable(terminalreporter.stats.values()):
        if getattr(report, "when", "") == "call":
            for name, value in report.user_properties:
                counts[name][value] += 1
    for figure in counts.pop("figure", ()):
        terminalreporter.write_line(figure)
    for name, values in counts.items():
        each = ", ".join(f"{count:,} {value}" for value, count in values.most_common())
        terminalreporter.write_line(f"{values.total():,} {name}: {each}")
