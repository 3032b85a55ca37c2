import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.training.schedules import factor

SCHEDULES = ["one_cycle", "linear", "cosine", "constant", "plateau"]
LEVEL = ("constant", "plateau")  # as long as every epoch is the best
schedules = st.sampled_from(SCHEDULES)
lengths = st.integers(1, 400)
warm_ups = st.floats(0, 0.99)


def course(schedule: str, updates: int, warm_up: float) -> list[float]:
    return [factor(schedule, update, updates, warm_up) for update in range(updates)]


@given(schedules, lengths, warm_ups)
def test_stays_between_nothing_and_the_peak(schedule: str, updates: int, warm_up: float) -> None:
    assert all(0 <= share <= 1 for share in course(schedule, updates, warm_up))


@given(schedules, lengths, warm_ups)
def test_rises_during_warm_up_and_never_after(schedule: str, updates: int, warm_up: float) -> None:
    shares = course(schedule, updates, warm_up)
    rising = [share for update, share in enumerate(shares) if update < warm_up * updates]
    falling = shares[len(rising) :]
    assert all(before < after for before, after in itertools.pairwise(rising))
    if schedule in LEVEL:
        assert set(falling) <= {1.0}
    else:
        assert all(before > after for before, after in itertools.pairwise(falling))
    assert max(shares) > 0


@given(schedules, st.integers(20, 400), st.floats(0, 0.9))
def test_reaches_the_peak(schedule: str, updates: int, warm_up: float) -> None:
    steps_of_a_ramp = max(1.0, min(warm_up, 1 - warm_up) * updates)
    assert max(course(schedule, updates, warm_up)) >= 1 - 1.5 / steps_of_a_ramp


@given(schedules, st.integers(10, 400), st.floats(0, 0.8))
def test_ends_near_nothing_unless_level(schedule: str, updates: int, warm_up: float) -> None:
    last = course(schedule, updates, warm_up)[-1]
    if schedule in LEVEL:
        assert last == 1
    else:
        falling = updates - warm_up * updates
        assert 0 < last <= (2 / falling if schedule == "linear" else (4 / falling) ** 2 + 1e-5)


@given(st.integers(2, 400), st.floats(0.01, 0.99))
def test_one_cycle_starts_at_a_twenty_fifth(updates: int, warm_up: float) -> None:
    assert factor("one_cycle", 0, updates, warm_up) == pytest.approx(1 / 25)


@given(schedules, lengths)
def test_without_warm_up_starts_at_the_peak(schedule: str, updates: int) -> None:
    assert factor(schedule, 0, updates, 0.0) == 1


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("one_cycle", [0.04, 0.52, 1.0, 0.853554, 0.500002, 0.146450]),
        ("linear", [0.5, 1.0, 1.0, 0.75, 0.5, 0.25]),
        ("cosine", [0.5, 1.0, 1.0, 0.853553, 0.5, 0.146447]),
        ("constant", [0.5, 1.0, 1.0, 1.0, 1.0, 1.0]),
        ("plateau", [0.5, 1.0, 1.0, 1.0, 1.0, 1.0]),
    ],
)
def test_known_courses(schedule: str, expected: list[float]) -> None:
    assert course(schedule, 6, 1 / 3) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([], 1.0),
        ([3.0, 2.0, 1.0, 0.5], 1.0),
        ([1.0, 2.0], 1.0),  # one epoch may be bad luck
        ([1.0, 1.0, 1.0], 0.2),  # no better is no gain
        ([1.0, 2.0, 0.5, 0.6, 0.4], 1.0),
        ([1.0, 2.0, 2.0, 2.0], 0.2),  # two more are waited for
        ([1.0, 2.0, 2.0, 2.0, 2.0], 0.04),
    ],
)
def test_a_plateau_lowers_the_rate_after_two_epochs_without_a_gain(losses: list[float], expected: float) -> None:
    assert factor("plateau", 60, 100, 0.1, losses) == pytest.approx(expected)
    assert factor("plateau", 0, 100, 0.1, losses) == 0.1
