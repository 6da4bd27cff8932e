from __future__ import annotations

import pytest

from target_workos_users.progress.pace import Pace


def test_nothing_loaded_has_no_rate_and_no_eta():
    pace = Pace(0.0)
    pace.add(5.0, 0)
    assert pace.rate is None
    assert pace.eta(1_000) is None


def test_the_time_of_skipped_chunks_does_not_count():
    pace = Pace(0.0)
    pace.add(100.0, 0)
    pace.add(140.0, 1_000)
    pace.add(141.0, 0)
    pace.add(181.0, 1_000)
    assert pace.rate == pytest.approx(25.0)
    assert pace.eta(84_000) == pytest.approx(3_360.0)


def test_the_latest_ten_chunks_count():
    pace = Pace(0.0)
    now = 0.0
    for _ in range(5):
        pace.add(now := now + 1_000, 1_000)
    for _ in range(10):
        pace.add(now := now + 10, 1_000)
    assert pace.rate == pytest.approx(100.0)


def test_a_chunk_says_how_long_it_took():
    pace = Pace(10.0)
    assert pace.add(12.5, 1) == pytest.approx(2.5)
    assert pace.add(13.0, 0) == pytest.approx(0.5)


def test_nothing_to_come_has_no_eta():
    pace = Pace(0.0)
    pace.add(1.0, 10)
    assert pace.eta(0) is None
