"""Two jobs load into one WorkOS environment at the same time."""

from __future__ import annotations

import json
import os
import random
from collections import Counter

import pytest

from tests.stress.kill.lab import Lab
from tests.support.intended import EndState, expected, random_rows, roles_of_failed, spell
from tests.support.whole_target import running_sandbox
from workos_sandbox import Limits, read_contents

ROLES = ["billing", "support"]


@pytest.fixture
def dice():
    """Random numbers; a failing test prints their seed, and ``SEED=… pytest`` repeats it."""
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(10**9))
    print(f"SEED={seed}")  # noqa: T201 - for whoever repeats it
    return random.Random(seed)


def two_jobs(sandbox, tmp_path, sources, **settings):
    """Run both at once to their ends."""
    jobs = []
    for number, records in enumerate(sources):
        folder = tmp_path / f"job{number}"
        folder.mkdir()
        jobs.append(Lab(folder, sandbox.base_url, sandbox.path, records))
        jobs[-1].settings = {**settings, "summary_path": str(folder / "summary.json")}
    running = [job.start() for job in jobs]
    for job, (name, process) in zip(jobs, running, strict=True):
        ended = job.end(name, process)
        assert ended.exit_code == 0, ended.err
    return jobs


def test_two_imports_of_the_same_users_end_as_one_would(tmp_path, dice):
    rows = random_rows(dice, rows=600, users=200, organizations=10)
    wanted = expected(rows, EndState())
    with running_sandbox(tmp_path / "sandbox.db", roles=ROLES) as sandbox:
        sources = [[spell(dice, row, {}) for row in rows] for _ in range(2)]
        jobs = two_jobs(sandbox, tmp_path, sources, batch_size_rows=100)
        world = read_contents(sandbox.path)
    for job in jobs:
        assert {number for number, _ in job.errors()} == wanted.failed
    assert sorted(user["email"] for user in world.users) == sorted(wanted.users)
    organizations = [each["external_id"] for each in world.organizations]
    assert len(organizations) == len(set(organizations))
    memberships = {
        (m["email"], m["organization_external_id"]): set(m["role_slugs"]) for m in world.memberships
    }
    besides = roles_of_failed(rows)
    assert memberships.keys() == wanted.memberships.keys()
    for who, roles in wanted.memberships.items():
        assert set(roles) <= memberships[who] <= set(roles) | besides.get(who, set())
    # Nothing in WorkOS's API keeps two enrollments of one moment apart: their secret is one.
    assert {(f["email"], f["secret"]) for f in world.auth_factors} == set(wanted.factors.items())
    assert max(Counter(f["email"] for f in world.auth_factors).values()) <= 2


@pytest.mark.slow
def test_two_imports_share_the_limit_with_few_refusals(tmp_path):
    """Each may use all of it, and finds out that it can't."""
    sources = [
        [
            {"email": f"{job}-{n}@example.com", "org_external_id": "acme", "org_name": "Acme"}
            for n in range(1_500)
        ]
        for job in range(2)
    ]
    limits = Limits(writes=2_000, reads=4_000, requests=None)
    with running_sandbox(tmp_path / "sandbox.db", limits=limits) as sandbox:
        jobs = two_jobs(
            sandbox,
            tmp_path,
            sources,
            rate_limit=200,
            batch_size_rows=500,
        )
        world = read_contents(sandbox.path)
    assert len(world.users) == len(world.memberships) == 3_000
    assert len(world.organizations) == 1
    for job in jobs:
        requests = json.loads((job.folder / "summary.json").read_text())["requests"]
        assert requests["refused"] < 0.03 * requests["sent"]
        assert not job.errors()
