"""Which learning rates a training bears: the range test of Smith 2017 (arXiv:1506.01186, section 3.3).

Over some updates the rate grows by the same factor from one to the next. Where it is too low the loss stays, where it
is right the loss falls, where it is too high the loss rises or is none any more.
"""

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from torch import nn

from chainrule.training.course import Course, Watchers
from chainrule.training.loop import prepared
from chainrule.training.prediction import Inputs
from chainrule.training.seeds import seeded
from chainrule.training.strategy import Strategy
from chainrule.training.updates import DivergedError, Run, update

LOWEST, HIGHEST = 1e-6, 10.0
UPDATES = 100
TOO_HIGH = 4.0
"""Of the least smoothed loss: at so many times as much the test ends."""
BESIDE = 4
"""Updates on either side that a loss is averaged with, for batches differ more than rates do."""


class Point(NamedTuple):
    """One update: its rate, and the loss of its batches before it."""

    rate: float
    loss: float


class Found(NamedTuple):
    """What a test found: its points with their losses smoothed, and the rate of the steepest descent, or None."""

    points: list[Point]
    smoothed: list[float]
    suggested: float | None
    diverged: bool


def range_test(
    objective: nn.Module, inputs: Inputs, course: Course, strategy: Strategy | None, watchers: Watchers
) -> Found:
    """Train `objective` over UPDATES updates at rates from LOWEST to HIGHEST, or until it diverges.

    Rows, batches, optimizer and clipping are the course's; its schedule and epochs are not used, and it is one process.
    """
    course = replace(course, shard=False)
    run = prepared("learning rate", objective, inputs, course, strategy, Watchers())
    run.wrapped.train()
    if strategy:
        strategy.begin(0)
    points: list[Point] = []
    diverged = False
    for number, rate in enumerate(np.geomspace(LOWEST, HIGHEST, UPDATES).tolist()):
        try:
            points.append(Point(rate, _loss(run, rate)))
        except DivergedError:
            diverged = True
            break
        watchers.on_batch(number + 1, UPDATES, lambda: f"rate {points[-1].rate:.1e} loss {points[-1].loss:.3f}")
        smooth = smoothed([point.loss for point in points])
        if smooth[-1] - min(smooth) > (TOO_HIGH - 1) * abs(min(smooth)):
            diverged = True
            break
    return found(points, diverged)


def found(points: list[Point], diverged: bool) -> Found:
    """Return what the points tell."""
    smooth = smoothed([point.loss for point in points])
    return Found(points, smooth, steepest(points, smooth), diverged)


def smoothed(losses: list[float]) -> list[float]:
    """Return the mean of each loss and of those up to BESIDE places before and behind it, as many on either side."""
    reach = [min(BESIDE, place, len(losses) - 1 - place) for place in range(len(losses))]
    return [float(np.mean(losses[place - aside : place + aside + 1])) for place, aside in enumerate(reach)]


def steepest(points: list[Point], smooth: list[float]) -> float | None:
    """Return the rate at which the loss falls fastest per factor of the rate, before it is least; None: never."""
    least = int(np.argmin(smooth)) + 1 if smooth else 0
    if least < 3:
        return None
    slopes = np.gradient(smooth[:least], np.log([point.rate for point in points[:least]]))
    place = int(np.argmin(slopes))
    return float(f"{points[place].rate:.1g}") if slopes[place] < 0 else None


def _loss(run: Run, rate: float) -> float:
    """Do an update with the next batches, over the rows again and again, and return their mean loss."""
    course, state = run.course, run.state
    order = run.inputs.order(course.batch_size, seeded(course.seed, state.epoch))
    together = order[state.batch : state.batch + course.accumulation]
    update(run, together, rate)
    losses = [float(loss) for loss, _ in run.unread]
    run.read()
    state.update += 1
    if state.batch == len(order):
        state.epoch, state.batch = state.epoch + 1, 0
    return math.fsum(losses) / len(losses)
