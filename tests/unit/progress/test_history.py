from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from target_workos_users.exceptions import SettingsError
from target_workos_users.files import runs_folder
from target_workos_users.progress.history import (
    KEPT_RUNS,
    beside_run,
    forget_old_runs,
    new_run,
    newest_summary,
    progress_files,
)

NAME = "20261124T1402{:02}.000Z-{}"


def files_of_a_run(folder, second, process=7):
    folder.mkdir(parents=True, exist_ok=True)
    name = NAME.format(second, process)
    for suffix in (".json", ".progress.jsonl"):
        (folder / (name + suffix)).touch()
    return folder / f"{name}.json"


def test_a_run_is_named_after_its_time_and_its_process():
    run = new_run(runs_folder("out/errors.jsonl"), datetime(2026, 11, 24, 14, 2, 3, 4_000, UTC))
    assert run.parent == Path("out/errors.runs")
    assert run.name.startswith("20261124T140203.004Z-")


def test_the_last_hundred_runs_are_kept_and_nothing_else_is_touched(tmp_path):
    for process in range(10, 10 + KEPT_RUNS + 5):
        files_of_a_run(tmp_path, 0, process + 1_000)
    others = [tmp_path / name for name in ("notes.json", "20261124.json", "page.html")]
    for path in others:
        path.touch()
    forget_old_runs(tmp_path)
    assert len(list(progress_files(tmp_path))) == KEPT_RUNS
    assert len(list(tmp_path.iterdir())) == 2 * KEPT_RUNS + len(others)
    assert not (tmp_path / f"{NAME.format(0, 1_014)}.json").exists()


def test_the_newest_of_all_jobs_below_a_folder_is_found(tmp_path):
    files_of_a_run(tmp_path / "a" / "errors.runs", 1)
    newest = files_of_a_run(tmp_path / "b" / "c" / "failed.runs", 3)
    files_of_a_run(tmp_path / "errors.runs", 2)
    files_of_a_run(tmp_path / ".meltano" / "errors.runs", 9)
    files_of_a_run(tmp_path / "elsewhere", 9)
    assert newest_summary(tmp_path) == newest
    assert newest_summary(tmp_path / "a" / "errors.runs").parent.parent.name == "a"


def test_a_run_without_a_summary_is_passed_over(tmp_path):
    files_of_a_run(tmp_path / "errors.runs", 1).unlink()
    with pytest.raises(SettingsError, match="No run of target-workos-users was found below"):
        newest_summary(tmp_path)


def test_what_a_summary_names_is_found_from_another_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = files_of_a_run(tmp_path / "job" / "errors.runs", 1)
    copy = tmp_path / "job" / "workos-users-summary.json"
    for summary in (run, copy):
        assert beside_run(summary, "out/errors.jsonl") == tmp_path / "job" / "errors.jsonl"
        progress = f"out/errors.runs/{NAME.format(1, 7)}.progress.jsonl"
        assert beside_run(summary, progress).exists()
    (tmp_path / "here.jsonl").touch()
    assert beside_run(run, "here.jsonl") == Path("here.jsonl")
