from __future__ import annotations

from target_workos_users.progress.steps import Steps


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_it_tells_now_and_then_how_far_it_is_and_what_the_rest_will_take():
    said: list[str] = []
    clock = Clock()
    steps = Steps(said.append, clock=clock)
    steps.begin("Deleting users", 1_000)
    for _ in range(240):
        clock.now += 0.125
        steps.step()
    assert said == [
        "Deleting users: 80 of 1,000 (8%) · 8.0/s · ETA 1m 55s",
        "Deleting users: 160 of 1,000 (16%) · 8.0/s · ETA 1m 45s",
        "Deleting users: 240 of 1,000 (24%) · 8.0/s · ETA 1m 35s",
    ]


def test_what_is_quick_is_not_told():
    said: list[str] = []
    steps = Steps(said.append, clock=Clock())
    steps.begin("Deleting users", 1_000)
    steps.step(1_000)
    steps.end()
    assert said == []


def test_each_part_has_a_rate_of_its_own():
    said: list[str] = []
    clock = Clock()
    steps = Steps(said.append, clock=clock)
    steps.begin("Deleting users", 10)
    clock.now = 100
    steps.begin("Deleting organizations", 40)
    clock.now = 110
    steps.step(20)
    assert said == ["Deleting organizations: 20 of 40 (50%) · 2.0/s · ETA 10s"]
