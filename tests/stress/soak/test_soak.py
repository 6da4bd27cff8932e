"""A long import with faults and kills.

``pytest tests/stress/soak --soak 1000000 --kill-every 180`` takes hours.
"""

from __future__ import annotations

import json
import time
import urllib.request

import pytest

from tests.stress.kill.conftest import sandbox_process
from tests.stress.soak.soak import Soak
from tests.stress.soak.source import Source

_CHUNKS = 8
# 1 % of the requests. A 429 slows down everything for seconds, so there are few.
_FAULTS = {
    "--share-500": 0.002,
    "--share-503": 0.002,
    "--share-429": 0.0002,
    "--share-500-after-write": 0.002,
    "--share-drop-before": 0.0016,
    "--share-drop-after": 0.0017,
    "--share-hang": 0.0002,
    "--share-hang-after-write": 0.0003,
}
_MOST_RSS_MB = 150
_MOST_FILES = 100  # 50 connections among them


def counts(base_url):
    with urllib.request.urlopen(f"{base_url}/_sandbox/counts") as answer:
        return json.load(answer)


@pytest.mark.timeout(0)  # takes as long as it was told to; one that hangs is found by its silence
def test_an_import_with_faults_that_is_killed_over_and_over_loses_and_doubles_nothing(
    request, tmp_path, figure
):
    source = Source(request.config.getoption("--soak"))
    source.write(tmp_path / "source.singer")
    db = tmp_path / "sandbox.db"
    options = (str(word) for option in _FAULTS.items() for word in option)
    started = time.monotonic()
    with sandbox_process(db, *options) as url:
        chunk = min(max(source.records // _CHUNKS, 1), 1000)
        soak = Soak(tmp_path, url, chunk, request.config.getoption("--kill-every"))
        soak.run_to_the_end()
        seconds = time.monotonic() - started
        loading = counts(url)
        assert soak.run() == 0  # once more, over the unchanged source
        assert counts(url)["total"] == loading["total"]

    source.check_world(db)
    source.check_errors(tmp_path / "errors.jsonl")
    assert soak.stream["complete"]
    assert soak.stream["records"] == source.records
    summary = json.loads((tmp_path / "summary.json").read_text())["records"]
    assert summary["read"] == source.records
    assert summary["failed"] == sum(map(source.is_invalid, range(1, source.records + 1)))
    assert summary["unchanged"] == summary["read"] - summary["failed"]
    assert max(soak.rss_mb) < _MOST_RSS_MB
    assert soak.files < _MOST_FILES
    figure(
        f"soak: {source.records:,} records, {loading['total']:,} requests, faults, "
        f"{soak.kills.total()} kills {dict(soak.kills)} in {seconds:,.0f} s: none lost, none "
        f"doubled; {soak.files} files open at most, MB resident by run: "
        + ", ".join(f"{mb:.0f}" for mb in soak.rss_mb)
    )
