from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.stress.kill.lab")

from tests.stress.kill.conftest import sandbox_process  # noqa: E402 - after the line above
from tests.stress.kill.lab import Lab  # noqa: E402


class DiskLab(Lab):
    """An import whose files are in a folder of their own; and what is to be said when it stops."""

    @property
    def output(self):
        return self.folder / "output"

    @property
    def errors_path(self):
        return self.output / "errors.jsonl"

    @property
    def ledger_path(self):
        return self.output / "errors.jsonl.ledger"

    def stopped(self, ended, *messages):
        """It stopped cleanly, and said why in one line; the state that it left is stored.

        Args:
            ended: The run.
            messages: What the line may say.
        """
        assert ended.exit_code == 1, ended.err
        lines = [line for line in ended.err.splitlines() if " | ERROR " in line]
        assert len(lines) == 1, "\n".join(lines)
        line = lines[0]
        assert any(message in line for message in messages), line
        assert "Traceback" not in ended.err
        self.store(ended.states)

    def go_on(self):
        """The next run ends well, and repeats nothing but what was in flight."""
        ended = self.run()
        assert ended.exit_code == 0, ended.err
        self.store(ended.states)
        assert self.entry["streams"]["users"]["complete"]
        assert self.entry["streams"]["users"]["records"] == len(self.records)
        self.check_world()


@pytest.fixture
def lab(tmp_path):
    db = tmp_path / "sandbox.db"
    with sandbox_process(db) as url:
        yield DiskLab(tmp_path, url, db)
