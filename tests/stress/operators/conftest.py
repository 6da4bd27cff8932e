from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.stress.kill.lab")

from tests.stress.kill.conftest import sandbox_process  # noqa: E402 - after the line above
from tests.stress.kill.lab import Lab  # noqa: E402


@pytest.fixture
def lab(tmp_path):
    db = tmp_path / "sandbox.db"
    with sandbox_process(db) as url:
        yield Lab(tmp_path, url, db)


@pytest.fixture
def another(lab):
    """Makes a run of somebody else's, which has a folder of its own."""

    def make(**settings):
        folder = lab.folder / "another"
        folder.mkdir(exist_ok=True)
        return Lab(folder, lab.base_url, lab.db, settings=settings)

    return make
