from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.stress.faults.lab", "tests.stress.faults.source")

from tests.stress.faults import source  # noqa: E402 - after the line above
from tests.stress.faults.lab import open_lab  # noqa: E402


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    return source.make_template(tmp_path_factory.mktemp("template") / "sandbox.db")


@pytest.fixture
def lab(template):
    with open_lab(template) as opened:
        yield opened


@pytest.fixture
def count_ending(record_property):
    """Counts how a case of the matrix ended; the counts are in the summary of the test run."""
    return lambda ending: record_property("cases of the fault matrix", ending)
