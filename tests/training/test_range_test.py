"""A range test of learning rates: what it tries, where it ends and what it suggests."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from chainrule.training.course import Course, Watchers
from chainrule.training.range_test import Found, Point, found, range_test
from small_trainings import SETTINGS, Linear, images, weights


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def tried(objective: torch.nn.Module, **changes: Any) -> Found:
    return range_test(objective, images(60), Course(**(SETTINGS | changes)), None, Watchers())


def test_rates_grow_by_the_same_factor_and_the_suggested_one_teaches() -> None:
    outcome = tried(Linear(), optimizer="adamw", gradient_clip=None)
    rates = np.array([point.rate for point in outcome.points])
    assert rates[0] == pytest.approx(1e-6)
    np.testing.assert_allclose(rates[1:] / rates[:-1], 10 ** (7 / 99), rtol=1e-6)
    assert outcome.suggested is not None
    assert 1e-4 < outcome.suggested < 1
    smooth = dict(zip(rates, outcome.smoothed, strict=True))
    near = min(rates, key=lambda rate: abs(np.log(rate / outcome.suggested)))
    assert min(smooth.values()) < smooth[near] < outcome.smoothed[0]


def test_it_ends_where_the_loss_is_no_number() -> None:
    outcome = tried(Linear(), optimizer="sgd", gradient_clip=None, weight_decay=1.0, learning_rate=1.0)
    assert all(np.isfinite(point.loss) for point in outcome.points)

    class Broken(Linear):
        def forward(self, batch: dict[str, torch.Tensor]) -> dict[str, Any]:
            result = super().forward(batch)
            broken = self.layer.weight.abs().max() > 0.3
            return result | {"loss": result["loss"] * (torch.nan if broken else 1.0)}

    broken = tried(Broken(), optimizer="adamw", gradient_clip=None)
    assert broken.diverged
    assert 10 < len(broken.points) < 100
    assert all(np.isfinite(point.loss) for point in broken.points)


def test_the_same_seed_gives_the_same_curve_and_no_schedule_counts() -> None:
    one, other = tried(Linear()), tried(Linear(), schedule="linear", warm_up=0.0, epochs=9)
    assert one == other
    assert tried(Linear(), seed=5).points != one.points


def test_it_goes_over_few_rows_again_and_again() -> None:
    objective = Linear()
    outcome = range_test(objective, images(12), Course(**SETTINGS), None, Watchers())
    assert len(outcome.points) > 2 * 5
    assert not torch.equal(weights(objective)["layer.weight"], weights(Linear())["layer.weight"])


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([2.0] * 20 + list(np.linspace(2, 1, 5)) + list(np.linspace(1, 9, 10)), 22),
        ([2.0] * 30, None),
        (list(np.linspace(1, 9, 30)), None),  # it only rises
    ],
)
def test_the_steepest_descent_before_the_least_loss_is_suggested(losses: list[float], expected: int | None) -> None:
    points = [Point(10.0 ** (place / 10 - 5), loss) for place, loss in enumerate(losses)]
    suggested = found(points, False).suggested
    if expected is None:
        assert suggested is None
    else:
        assert suggested is not None
        assert abs(np.log10(suggested / points[expected].rate)) < 0.3
