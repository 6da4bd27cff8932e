from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from itertools import groupby, pairwise

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from target_workos_users.cli import main
from target_workos_users.errors import ErrorsFile, error_line
from target_workos_users.exceptions import ErrorType, RecordError
from target_workos_users.progress.summary import (
    Factors,
    Kind,
    Memberships,
    Organizations,
    Records,
    Requests,
    Roles,
    Summary,
    Users,
)
from target_workos_users.progress.timeline import ChunkLine
from target_workos_users.report.charts import (
    HEIGHT,
    WIDTH,
    bins,
    durations_chart,
    rate_chart,
    records_chart,
)

EVIL = "</title><script src=//evil.example>x</script>\"'><img src=x onerror=alert(1)>"


def line(chunk, *, seconds=40.0, run="r1", mode="import", records=1_000, failed=0, unchanged=False):
    return ChunkLine(
        at="2026-11-24T14:02:00.000+00:00",
        run=run,
        began="b1" if mode == "import" else run,
        mode=mode,
        chunk=chunk,
        unchanged=unchanged,
        records=records,
        failed=failed,
        users=records - failed,
        memberships=records - failed,
        seconds=seconds,
        requests=2 * records,
        writes=2 * records,
        refused=1,
        retried=2,
    )


def summary(folder, **changes):
    values = {
        "reason": "complete",
        "started": "2026-11-24T14:00:00+00:00",
        "ended": "2026-11-24T15:07:00+00:00",
        "seconds": 4_020.0,
        "errors_path": str(folder / "errors.jsonl"),
        "progress_path": str(folder / "errors.runs" / "20261124T140000.000Z-1.progress.jsonl"),
        "began": "b1",
        "records": Records(3_000, 2_990, 0, 10),
        "users": Users(created=2_990),
        "memberships": Memberships(created=2_990),
        "organizations": Organizations(created=2, largest=[("acme", 2_000), (EVIL, 990)]),
        "roles": Roles(),
        "factors": Factors(),
        "requests": Requests(
            sent=5_980,
            writes=5_980,
            writes_per_second=49.7,
            rate_limit=50,
            by_kind={"POST /user_management/users": Kind(2_990, 0, {"201": 2_990}, 0.107)},
        ),
    }
    return Summary(**{**values, **changes})


class Page(HTMLParser):
    """What a browser would see: tags with attributes, and the text."""

    def __init__(self, html):
        super().__init__()
        self.tags = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def report(tmp_path):
    """Make a report of what is given; the page."""

    def make(*arguments, timeline=(), errors=None, **changes):
        (tmp_path / "summary.json").write_bytes(msgspec.json.encode(summary(tmp_path, **changes)))
        (tmp_path / "errors.runs").mkdir()
        for number, (_, lines) in enumerate(groupby(timeline, lambda each: each.run)):
            content = b"".join(msgspec.json.encode(each) + b"\n" for each in lines)
            name = f"2026112{number}T140000.000Z-1.progress.jsonl"
            (tmp_path / "errors.runs" / name).write_bytes(content)
        if errors is not None:
            file = ErrorsFile(str(tmp_path / "errors.jsonl"))
            file.open(0, "")
            file.append(errors)
            file.close()
        done = CliRunner().invoke(
            main, ["report", str(tmp_path / "summary.json"), *map(str, arguments)]
        )
        assert done.exit_code == 0, done.output
        out = tmp_path / "summary.html"
        assert out.stat().st_mode & 0o777 == 0o600
        return Page(out.read_text())

    return make


def errors(number=1, message=EVIL):
    error = RecordError(ErrorType.USER_CREATE, message, http_status=400)
    return [
        error_line(
            kind="users",
            stream=EVIL,
            record_number=n,
            chunk=1,
            record={"email": EVIL},
            error=error,
        )
        for n in range(1, number + 1)
    ]


def test_it_has_tiles_charts_failures_chunks_and_organizations(report):
    page = report(timeline=[line(1), line(2, failed=10), line(3)], errors=errors(3, "no luck"))
    for text in ("2,990", "99 % of the limit of 50/s", "user_create: no luck", "acme", "Chunk 2: "):
        assert text in page.text
    assert sum(tag == "svg" for tag, _ in page.tags) == 3
    assert sum(tag == "g" for tag, _ in page.tags) == 3


def test_everything_from_outside_is_escaped(report):
    page = report(timeline=[line(1)], errors=errors(2), reason=EVIL, error=EVIL, sandbox_path=EVIL)
    assert not {tag for tag, _ in page.tags} & {"script", "img", "iframe", "object", "link"}
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert page.text.count("evil.example") >= 5


def test_it_asks_for_nothing_from_outside(report, tmp_path):
    page = report(timeline=[line(1)], organizations=Organizations(largest=[("acme", 1)]))
    html = (tmp_path / "summary.html").read_text().split("<footer>")[0]
    assert not re.search(r"https?:|//|url\(|@import", html)
    for _, attributes in page.tags:
        assert not {"src", "href", "srcset", "data", "action"} & attributes.keys()
    policies = [a["content"] for _, a in page.tags if "http-equiv" in a]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]


def test_it_is_laid_out_for_phones_print_and_the_dark(report, tmp_path):
    report()
    html = (tmp_path / "summary.html").read_text()
    assert 'name="viewport" content="width=device-width' in html
    for query in ("prefers-color-scheme: dark", "max-width: 560px", "@media print"):
        assert query in html


def test_the_state_is_shown_if_it_is_given(report, tmp_path):
    state = tmp_path / "state.json"
    entry = {
        "version": 1,
        "lineage": "a",
        "updated": "2026-11-24T14:02:00Z",
        "streams": {"users": {"records": 45_000, "chunks": [[1_000, "x"]] * 45}},
    }
    state.write_bytes(msgspec.json.encode({"bookmarks": {"target-workos-users": entry}}))
    page = report("--state", state)
    assert "45,000" in page.text
    assert "interrupted" in page.text


def test_an_import_that_went_well_says_so(report):
    assert "Nothing failed." in report(timeline=[line(1)], errors=[]).text


def test_a_missing_errors_file_is_no_obstacle(report):
    assert "isn't there" in report(timeline=[line(1)]).text


def test_a_name_that_no_file_can_have_is_no_obstacle_either(report):
    assert "isn't there" in report(errors_path="e" * 5_000).text


def test_without_a_timeline_there_are_no_charts(report):
    page = report()
    assert "the files of its runs aren't there" in page.text
    assert not any(tag == "svg" for tag, _ in page.tags)


def test_the_runs_of_an_import_are_summed_up_and_retries_are_left_out(report):
    page = report(timeline=[line(1), line(2, run="r2"), line(1, run="r3", mode="retry")])
    assert "All 2 runs together: 2,000 records" in page.text
    assert sum(attributes.get("class") == "mark" for _, attributes in page.tags) == 2


@pytest.mark.parametrize("argument", ["--state", "--errors", "--progress"])
def test_a_file_that_is_missing_is_named(tmp_path, argument):
    path = tmp_path / "summary.json"
    path.write_bytes(msgspec.json.encode(summary(tmp_path)))
    done = CliRunner().invoke(main, ["report", str(path), argument, str(tmp_path / "gone")])
    assert done.exit_code == 1
    assert "gone can't be read" in done.stderr


LINES = st.lists(
    st.builds(
        line,
        st.integers(1, 10_000),
        seconds=st.floats(0, 10_000),
        run=st.sampled_from(["r1", "r2"]),
        records=st.integers(0, 10_000),
    ),
    max_size=400,
)


@given(LINES)
def test_bins_keep_every_chunk_in_order_and_never_mix_runs(lines):
    binned = bins(lines)
    assert [each for one in binned for each in one.lines] == lines
    assert all(len({each.run for each in one.lines}) == 1 for one in binned)
    switches = sum(a.run != b.run for a, b in pairwise(lines))
    assert len(binned) <= 121 + switches


@given(LINES, st.floats(0.1, 1e6))
def test_whatever_is_drawn_stays_in_its_box(lines, limit):
    binned = bins(lines)
    for chart in (records_chart(binned), rate_chart(binned, limit), durations_chart(binned)):
        for points in chart.lines.values():
            for point in points.split():
                x, y = map(float, point.split(","))
                assert 0 <= x <= WIDTH
                assert 0 <= y <= HEIGHT
        assert all(0 <= bar.failed <= bar.height <= HEIGHT for bar in chart.bars)
        assert all(0 <= mark <= WIDTH for mark in chart.marks)
        assert all(0 <= tick.percent <= 100 for tick in (*chart.x_ticks, *chart.y_ticks))


def test_what_a_diff_found_is_shown_from_beside_the_errors_file(report, tmp_path):
    lines = [
        {"difference": "user_differs", "stream": "users", "record_number": 7, "email": EVIL}
        | {"fields": {"first_name": {"source": "a", "workos": "b"}}},
        {"difference": "roles_missing", "org_external_id": "acme", "role_slugs": ["admin"]},
        {"difference": "roles_missing", "org_external_id": "acme", "role_slugs": ["admin"]},
    ]
    (tmp_path / "differences.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines))
    page = report()
    assert "2 roles_missing, 1 user_differs" in page.text
    assert "users 7" in page.text
    assert "first_name" in page.text


def test_without_a_diff_nothing_is_said_of_one(report):
    assert "Differences from WorkOS" not in report().text


def test_a_file_that_holds_no_differences_is_named(tmp_path):
    (tmp_path / "summary.json").write_bytes(msgspec.json.encode(summary(tmp_path)))
    (tmp_path / "other").write_text("[]")
    arguments = ["report", str(tmp_path / "summary.json"), "--differences", str(tmp_path / "other")]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 1
    assert "can't be read as differences" in done.output
