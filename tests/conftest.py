"""Options of the tests of the target."""

from __future__ import annotations


def pytest_addoption(parser):
    parser.addoption(
        "--update-golden", action="store_true", help="write what the golden tests expect anew"
    )
