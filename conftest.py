"""Options of the whole test run: whether slow tests run, and how long the random ones go on."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is no fault of the code.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="run tests marked slow")
    parser.addoption("--kills", type=int, default=6, help="random kills of a running import")
    parser.addoption("--soak", type=int, default=2_000, help="records of the soak test")
    parser.addoption("--kill-every", type=float, default=2.0, help="seconds, in the soak test")
    parser.addoption("--fuzz", type=int, default=12, help="examples of each fuzzer")
    parser.addoption("--kill-seed", type=int, help="seed of the random kills, as they print it")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--slow"):
        return
    skip = pytest.mark.skip(reason="slow: takes minutes; run with --slow")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(skip)
