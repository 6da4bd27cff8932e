from __future__ import annotations

from datetime import UTC, datetime

import pytest

from target_workos_users.checkpoint.state import VERSION, Entry, StoredChunk, StoredStream
from target_workos_users.progress.pace import Pace
from target_workos_users.progress.wording import (
    duration,
    how_far,
    nothing_to_do,
    point_in_time,
    resuming,
)

NOW = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (12.4, "12s"),
        (60, "1m 0s"),
        (3370, "56m 10s"),
        (4000, "1h 7m"),
        (90_000, "25h 0m"),
    ],
)
def test_durations_read_as_people_say_them(seconds, text):
    assert duration(seconds) == text


def test_a_time_has_its_date_unless_it_is_todays():
    assert point_in_time("2026-11-24T14:02:59Z", NOW) == "14:02 UTC"
    assert point_in_time("2026-11-24T15:02:00+01:00", NOW) == "14:02 UTC"
    assert point_in_time("2026-11-23T14:02:00Z", NOW) == "2026-11-23 14:02 UTC"
    assert point_in_time("", NOW) == "an unknown time"


def line(chunks, records, total, *, ahead=0, seconds_a_chunk=40.16):
    pace = Pace(0.0)
    pace.add(seconds_a_chunk, 1_000)
    return " · ".join(how_far(chunks, records, total, 1_000, pace, ahead=ahead))


def test_a_last_small_chunk_counts_as_one():
    assert line(1, 1_000, 1_001).startswith("1/2 chunks (99%)")
    assert line(2, 1_001, 1_001) == "2/2 chunks (100%) · 1,001 of 1,001 records · 24.9/s"


def test_records_ahead_of_the_commits_leave_the_number_of_chunks_alone():
    assert line(5, 5_000, 20_000, ahead=999).startswith("5/20 chunks (29%) · 5,999 of 20,000")


def entry(records, *, complete=False, size=1_000):
    chunks = [StoredChunk(size, "x")] * (records // size)
    stream = StoredStream(complete=complete, records=records, chunks=chunks)
    return Entry(
        version=VERSION, lineage="a", streams={"users": stream}, updated="2026-11-24T14:02:00Z"
    )


def test_resuming_says_how_much_is_loaded_and_since_when():
    assert resuming(entry(45_000), 100_000, 1_000, NOW) == (
        "Resuming: 45 of 100 chunks already loaded (45%), last at 14:02 UTC"
    )


def test_resuming_goes_by_what_is_stored_where_the_chunk_size_changed():
    assert resuming(entry(45_000), 100_000, 500, NOW) == (
        "Resuming: 45 of 155 chunks already loaded (45%), last at 14:02 UTC"
    )


@pytest.mark.parametrize("total", [None, 44_999])
def test_resuming_without_a_total_that_fits_has_no_percentage(total):
    assert resuming(entry(45_000), total, 1_000, NOW) == (
        "Resuming: 45 chunks already loaded (45,000 records), last at 14:02 UTC"
    )


def test_a_complete_import_is_called_so():
    said = resuming(entry(100_000, complete=True), None, 1_000, NOW)
    assert said.startswith("The last import was complete: 100 chunks (100,000 records), at 14:02")


def test_nothing_to_do_names_the_way_to_load_again():
    assert nothing_to_do(100, "2026-11-24T14:02:00Z", NOW) == (
        "Nothing to do: 100 chunks unchanged since 14:02 UTC; `--full-refresh` loads them again"
    )
