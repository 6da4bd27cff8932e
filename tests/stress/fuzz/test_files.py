"""Files of ours that were edited, cut off or mixed up between two runs."""

from __future__ import annotations

import json

from click.testing import CliRunner

from target_workos_users.cli import main
from tests.stress.fuzz.conftest import CLEAN, LOADED, encode
from tests.stress.fuzz.mutations import mutated


def test_a_mutated_ledger_loses_nothing_and_doubles_nothing(fuzz, interrupted):
    """It is read as it is, or refused in one line, and gone or set aside it is no loss."""
    ledger = interrupted().errors.with_suffix(".jsonl.ledger").read_bytes()

    def check(content):
        run = interrupted()
        path = run.errors.with_suffix(".jsonl.ledger")
        path.write_bytes(content)
        state = (run.folder / "state").read_text().replace("ERRORS", str(run.errors))
        messages = encode([{"type": "STATE", "value": json.loads(state)}]) + CLEAN
        finished = run(messages)
        if finished.exit_code:
            (said,) = (text for level, text in finished.log if level == "ERROR")
            assert f"ledger_path: {path} can't be used (" in said
            path.unlink(missing_ok=True)
            state = finished.states[-1] if finished.states else json.loads(state)
            finished = run(encode([{"type": "STATE", "value": state}]) + CLEAN)
        assert finished.exit_code == 0
        assert run.emails() == LOADED
        run.check_all_is_there()
        results = ("created", "existing", "merged", "updated", "failed", "unchanged")
        assert sum(finished.tally.get(name, 0) for name in results) == 30

    fuzz(mutated(ledger), check)


def test_a_mutated_errors_file_is_refused_or_read(fuzz, fresh):
    run = fresh()
    run(CLEAN)
    listed = run.folder / "listed.jsonl"

    def check(content):
        listed.write_bytes(content)
        run(CLEAN, only_errors_from=str(listed))
        run(CLEAN, only_errors_from=str(listed), dry_run=True)
        for arguments in (["errors"], ["errors", "--json"], ["errors", "--csv", f"{listed}.csv"]):
            assert_well(CliRunner().invoke(main, [*arguments, str(listed)]))

    fuzz(mutated(run.errors.read_bytes()), check)


def test_a_report_of_mutated_files_is_refused_or_made(fuzz, fresh):
    run = fresh()
    state = run(CLEAN).states[-1]
    (progress,) = run.folder.glob("errors.runs/*.progress.jsonl")
    names = ("summary.json", str(progress.relative_to(run.folder)), "errors.jsonl", "state")
    (run.folder / "state").write_bytes(encode([state]))
    whole = {name: (run.folder / name).read_bytes() for name in names}

    def check(content):
        for name in names:
            (run.folder / name).write_bytes(content if name == mutant else whole[name])
        path = run.folder / "summary.json"
        arguments = ["report", str(path), "--state", str(run.folder / "state")]
        assert_well(CliRunner().invoke(main, arguments))

    for mutant in names:
        fuzz(mutated(whole[mutant]), check)


def assert_well(result):
    assert result.exit_code in {0, 1}
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
