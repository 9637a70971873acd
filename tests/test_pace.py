"""Pauses between looks."""

from __future__ import annotations

import pytest

from engine.pace import Pace


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.mark.parametrize(
    ("took", "pause"), [(0.0, 0.5), (0.05, 0.5), (0.1, 0.9), (0.4, 3.6), (0.6, 5.0), (900.0, 5.0)]
)
def test_a_pause_is_nine_times_the_look_within_its_limits(clock, took, pause):
    pace = Pace(0.5, clock)
    assert pace.pause == 0.5
    with pace.look():
        clock.now += took
    assert pace.pause == pytest.approx(pause)


def test_a_look_that_fails_counts_and_a_quick_one_ends_the_long_pauses(clock):
    pace = Pace(1.0, clock)

    def fail():
        with pace.look():
            clock.now += 3.0
            raise OSError("away")

    with pytest.raises(OSError, match="away"):
        fail()
    assert pace.pause == 5.0
    with pace.look():
        clock.now += 0.01
    assert pace.pause == 1.0
