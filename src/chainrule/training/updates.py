"""One update: the mean gradient of some batches, and the weights moved along it.

Where a batch does not fit in memory it is halved, as often as needed, and the gradients of its parts are added up: the
same gradient, but for what couples the rows of a batch (batch norm's statistics, views that are compared).
"""

import math
from contextlib import nullcontext
from dataclasses import dataclass, field

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from chainrule.system.errors import ChainruleError
from chainrule.training import averaging, peers, precision, schedules
from chainrule.training.audit.finite import first_not_finite
from chainrule.training.batches import mean, parts, read, share, views
from chainrule.training.course import Course, State, Watchers
from chainrule.training.memory import halving, too_many
from chainrule.training.prediction import Inputs
from chainrule.training.seeds import mix, seed_default, seeded
from chainrule.training.strategy import Strategy

CURVE_POINTS = 200


class DivergedError(ChainruleError):
    """A loss is not finite: nothing can be learnt any more."""


@dataclass
class Run:
    """A training under way."""

    label: str
    objective: nn.Module
    inputs: Inputs
    course: Course
    strategy: Strategy | None
    watchers: Watchers
    accelerator: Accelerator
    wrapped: nn.Module
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler  # of the loss in fp16; in other formats it does nothing
    weights: list[nn.Parameter]  # all: to find them in the modules takes half as long as to clip their gradients
    batches: int  # of an epoch
    state: State = field(default_factory=State)
    best: dict[str, Tensor] = field(default_factory=dict)
    average: dict[str, Tensor] = field(default_factory=dict)  # empty without `ema`
    unread: list[tuple[Tensor, Tensor]] = field(default_factory=list)  # losses and counts still where they came to be

    @property
    def updates(self) -> int:
        """Return how many updates the whole training has."""
        return self.course.epochs * math.ceil(self.batches / self.course.accumulation)

    @property
    def between_points(self) -> int:
        """Return how many updates there are between two points of the curves."""
        return max(1, self.updates // CURVE_POINTS)

    def rate(self, update: int) -> float:
        """Return the learning rate of an update."""
        course = self.course
        losses = (record["validation_loss"] for record in self.state.history)
        return course.learning_rate * schedules.factor(course.schedule, update, self.updates, course.warm_up, losses)

    def say(self, text: str) -> None:
        """Print one line under the training's name; of several processes the first does."""
        if self.accelerator.is_main_process:
            print(f"{self.label}: {text}", flush=True)

    def tell_batches(self, more: int = 0, ended: bool = False) -> None:
        """Tell the watchers how many batches are done: so many more than the state says."""
        done = self.state.epoch * self.batches + self.state.batch + more
        self.watchers.on_batch(done, done if ended else self.course.epochs * self.batches, lambda: self._where(more))

    def _where(self, more: int) -> str:
        """Return the epoch and its loss as far as it was read; between two epochs, those of the one that is over."""
        state, loss, epoch = self.state, self.state.train_loss if self.state.count else None, self.state.epoch + 1
        if state.history and not state.batch + more:
            loss, epoch = state.history[-1]["train_loss"], state.epoch
        return f"epoch {epoch}/{self.course.epochs}{'' if loss is None else f' loss {loss:.3f}'}"

    def read(self) -> float:
        """Add the losses that nobody has read yet to the state, and return the last (NaN: there is none).

        Raises DivergedError for one that is not finite.
        """
        losses = read(self.unread)
        _refuse_not_finite(self, [loss for loss, _ in losses], self.state.batch - len(losses))
        self.state.add(losses)
        return losses[-1][0] if losses else math.nan


def _refuse_not_finite(run: Run, losses: list[float], first: int) -> None:
    """Raise DivergedError for the first loss that is not finite, and say where in the model its batch went wrong.

    first: the place of the first loss's batch in the present epoch.
    """
    place = next((place for place, loss in enumerate(losses) if not math.isfinite(loss)), None)
    if place is None:
        return
    order = run.inputs.order(run.course.batch_size, seeded(run.course.seed, run.state.epoch))
    batches = _batches(run, first + place, order[first + place])
    found = first_not_finite(run.objective, batches, run.course.precision)
    where = f"epoch {run.state.epoch + 1}, batch {first + place + 1}"
    raise DivergedError(f"{where}: the loss is {losses[place]}: {found}; {calmer(run.course)}")


def calmer(course: Course) -> str:
    """Return what to change where a training diverged."""
    clip = course.key("gradient_clip")
    limit = f"set {clip}" if course.gradient_clip is None else f"{clip} (now {course.gradient_clip:g})"
    return f"lower {course.key('learning_rate')} (now {course.learning_rate:g}) or {limit}"


def update(run: Run, together: list[Tensor], rate: float) -> None:
    """Move the weights along the mean gradient of some batches of row indices, with which the state goes on."""
    losses = halving(lambda: _backward(run, together), lambda: halve(run))
    if run.accelerator.device.type == "cpu":  # nothing has to be waited for, and the weights are as they were
        _refuse_not_finite(run, [float(loss) for loss, _ in losses], run.state.batch)
    run.unread += losses
    run.state.batch += len(together)
    _step(run, rate)


def _backward(run: Run, together: list[Tensor]) -> list[tuple[Tensor, Tensor]]:
    """Add up the gradients of some batches and return their losses and counts, which nothing has waited for."""
    losses = []
    for position, index in enumerate(together):
        pieces = parts(_batches(run, run.state.batch + position, index), run.state.parts)
        found = []
        for number, (weight, batches) in enumerate(pieces, start=1):
            # Processes exchange gradients only where an update follows. accelerate's `accumulate` always counts to the
            # same number; for updates of fewer batches, such as the last of an epoch, its documentation has `no_sync`.
            last = position + 1 == len(together) and number == len(pieces)
            with nullcontext() if last else run.accelerator.no_sync(run.wrapped):
                result = precision.called(run.wrapped, batches, run.course.precision)
                loss = result["loss"] if weight == 1 else result["loss"] * weight
                run.scaler.scale(loss / len(together)).backward()
            found.append((result["loss"].detach(), result["count"]))
        losses.append(peers.pooled(run.accelerator, *(found[0] if len(found) == 1 else mean(found))))
        if position + 1 < len(together):
            run.tell_batches(more=position + 1)
    return losses


def _batches(run: Run, position: int, index: Tensor) -> list[dict[str, Tensor]]:
    """Return what this process sees of a batch of the present epoch, with all that is random seeded by its place."""
    accelerator, seed = run.accelerator, run.course.seed
    place = (seed, run.state.epoch * run.batches + position, accelerator.process_index)
    seed_default(mix(*place), accelerator.device)
    mine = share(index, accelerator.process_index, accelerator.num_processes)
    return views(run.objective, run.inputs, mine, seeded(*place), accelerator.device)


def halve(run: Run) -> None:
    """Take batches in twice as many parts from now on, and say so; ChainruleError where that cannot help."""
    course, state = run.course, run.state
    run.optimizer.zero_grad()
    found = too_many(math.ceil(course.batch_size / run.accelerator.num_processes / state.parts))
    if run.accelerator.num_processes > 1:  # the others have gone on to exchange what this one does not have
        remedy = f"lower {course.key('batch_size')} and raise {course.key('accumulation')}"
        raise ChainruleError(f"{found}: {remedy}")
    state.parts *= 2
    run.say(f"{found}: each batch of {course.batch_size} is learnt in {state.parts} parts, their gradients added up")


def _step(run: Run, rate: float) -> None:
    """Move the weights along the gradients that are there."""
    course, optimizer = run.course, run.optimizer
    run.scaler.unscale_(optimizer)
    if course.l1:
        _add_l1(run.weights, course.l1)
    with run.watchers.around_update(run.state.update):
        if course.gradient_clip is not None:
            run.accelerator.clip_grad_norm_(run.weights, course.gradient_clip)
        for group in optimizer.param_groups:
            group["lr"] = rate * group["multiplier"]
        run.scaler.step(optimizer)
        run.scaler.update()
    optimizer.zero_grad()
    if run.average:
        averaging.follow(run.average, run.objective, course.ema or 0.0, run.state.update)


@torch.no_grad()
def _add_l1(weights: list[nn.Parameter], strength: float) -> None:
    """Add the gradient of the sum of magnitudes, of the weights that decay, to their gradients."""
    for weight in weights:
        if weight.ndim > 1 and weight.grad is not None:
            weight.grad.add_(weight.sign(), alpha=strength)
