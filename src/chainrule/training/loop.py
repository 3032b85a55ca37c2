"""The one training loop: every task, pretraining and fine-tuning alike, on Hugging Face accelerate.

Device placement, mixed precision and distributed launch come from accelerate. The course of a training is a pure
function of the seed: the order of an epoch comes from (seed, epoch), all other randomness of a step (masks, dropout,
distortions) from (seed, step). So nothing random needs saving, when a checkpoint is written changes nothing, and a
training that was killed and resumed ends with the same weights, bit for bit. No step waits for a number of its own:
losses are read where they are told, so that a GPU always has the next step to do.
"""

import copy
import math
import time
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from accelerate import Accelerator, DistributedDataParallelKwargs
from torch import Tensor, nn

from chainrule.system.errors import ChainruleError, DataError
from chainrule.system.files import remove
from chainrule.training import checkpoints, schedules
from chainrule.training.audit.finite import first_not_finite
from chainrule.training.batches import read, share, views
from chainrule.training.course import Course, Record, State, Watchers
from chainrule.training.optimizers import make_optimizer
from chainrule.training.prediction import Inputs
from chainrule.training.seeds import mix, seed_default, seeded
from chainrule.training.strategy import Strategy
from chainrule.training.validation import Score, evaluate

SAVE_SECONDS = 20.0
CURVE_POINTS = 200


def fit(
    objective: nn.Module,
    inputs: Inputs,
    validation: Inputs,
    course: Course,
    *,
    score: Score | None = None,
    strategy: Strategy | None = None,
    checkpoint: Path | None = None,
    save_seconds: float = SAVE_SECONDS,
    watchers: Watchers | None = None,
    label: str = "training",
) -> list[Record]:
    """Train `objective` in place and leave it with the weights of the epoch with the best validation loss.

    score tells the metrics of each epoch from what the objective calls its outputs, and the targets, of validation
    rows; strategy says what of its model learns when, and how fast. checkpoint: where one is kept, at most every
    save_seconds. Returns the history: one record per epoch with epoch (from 1), train_loss, validation_loss,
    validation_ and the name of each metric, learning_rate, best. Raises ChainruleError if the training diverges.
    """
    run = _prepared(objective, inputs, course, strategy, watchers or Watchers())
    if checkpoint is not None and checkpoint.exists():
        _resume(run, checkpoint, label)
    keeper = _Keeper(checkpoint, save_seconds)
    run.tell_batches()
    while run.state.epoch < course.epochs and not _stopped(run.state.history, course.patience):
        _learn(run, keeper)
        record = _measured(run, validation, score)
        if record["best"]:
            run.best = copy.deepcopy(objective.state_dict())
        run.state.close(record)
        run.watchers.on_epoch(record)
        keeper.save(run, share=1 / 4)
    run.tell_batches(ended=True)  # it may have stopped early
    if run.best:
        objective.load_state_dict(run.best)
    objective.eval()
    return run.state.history


@dataclass
class _Run:
    """A training under way."""

    objective: nn.Module
    inputs: Inputs
    course: Course
    strategy: Strategy | None
    watchers: Watchers
    accelerator: Accelerator
    wrapped: nn.Module
    optimizer: Any
    batches: int  # of an epoch
    state: State = field(default_factory=State)
    best: dict[str, Tensor] = field(default_factory=dict)
    unread: list[tuple[Tensor, Tensor]] = field(default_factory=list)  # losses and counts still where they came to be

    @property
    def updates(self) -> int:
        """Return how many updates the whole training has."""
        return self.course.epochs * math.ceil(self.batches / self.course.accumulation)

    def rate(self, update: int) -> float:
        """Return the learning rate of an update."""
        course = self.course
        return course.learning_rate * schedules.factor(course.schedule, update, self.updates, course.warm_up)

    def tell_batches(self, more: int = 0, ended: bool = False) -> None:
        """Tell the watchers how many batches are done: so many more than the state says."""
        state, epochs = self.state, self.course.epochs
        done = state.epoch * self.batches + state.batch + more
        self.watchers.on_batch(
            done,
            done if ended else epochs * self.batches,
            lambda: f"epoch {state.epoch + 1}/{epochs} loss {state.train_loss:.3f}",
        )


def _prepared(
    objective: nn.Module, inputs: Inputs, course: Course, strategy: Strategy | None, watchers: Watchers
) -> _Run:
    # A weight that does not learn yet has no gradient, which processes must expect of one another.
    partly = strategy is not None and strategy.learning(strategy.model, 0) != [strategy.model]
    accelerator = Accelerator(
        mixed_precision="no" if course.precision == "fp32" else course.precision,
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=partly)],
    )
    rates = strategy.rates(strategy.model) if strategy else {}
    optimizer = make_optimizer(objective, course.optimizer, course.learning_rate, course.weight_decay, rates)
    wrapped, optimizer = accelerator.prepare(objective, optimizer)
    batches = len(inputs.order(course.batch_size, seeded(course.seed, 0)))
    return _Run(objective, inputs, course, strategy, watchers, accelerator, wrapped, optimizer, batches)


def _resume(run: _Run, checkpoint: Path, label: str) -> None:
    """Go on from a checkpoint; one that is not whole or another training's is dropped, and that is said."""
    try:
        kept, run.best = checkpoints.load(checkpoint, run.objective, run.optimizer.optimizer)
    except DataError as error:
        remove(checkpoint)
        print(f"{label}: {error}: dropped, training starts anew", flush=True)
        return
    run.watchers.kept.update(kept.pop("watchers"))
    run.state = State(**kept)
    where = f"epoch {run.state.epoch + 1} of {run.course.epochs}, batch {run.state.batch + 1}"
    print(f"{label}: resumes in {where}", flush=True)


def _learn(run: _Run, keeper: "_Keeper") -> None:
    """Do what is left of the present epoch."""
    course, state = run.course, run.state
    run.wrapped.train()
    if run.strategy:
        run.strategy.begin(state.epoch)
    order = run.inputs.order(course.batch_size, seeded(course.seed, state.epoch))
    while state.batch < len(order):
        # The last batches of an epoch may be fewer than a full accumulation: they make an update of their own.
        together = order[state.batch : state.batch + course.accumulation]
        rate = run.rate(state.update)
        _update(run, together, rate)
        state.batch += len(together)
        if state.update % max(1, run.updates // CURVE_POINTS) == 0:
            losses = _read(run)
            state.add(losses)
            run.watchers.on_update({"update": state.update, "train_loss_step": losses[-1][0], "learning_rate": rate})
        state.update += 1
        run.tell_batches()
        keeper.save(run)
    state.add(_read(run))


def _update(run: _Run, together: list[Tensor], rate: float) -> None:
    """Move the weights along the mean gradient of some batches."""
    for position, index in enumerate(together):
        # Processes exchange gradients only where an update follows. accelerate's `accumulate` always counts to the
        # same number; for updates of fewer batches, such as the last of an epoch, its documentation has `no_sync`.
        last = position + 1 == len(together)
        with nullcontext() if last else run.accelerator.no_sync(run.wrapped):
            result = run.wrapped(*_batches(run, run.state.batch + position, index))
            run.accelerator.backward(result["loss"] / len(together))
        run.unread.append((result["loss"].detach(), result["count"]))
        if not last:
            run.tell_batches(more=position + 1)
    if run.accelerator.device.type == "cpu":  # nothing has to be waited for, and the weights are as they were
        _refuse_not_finite(run, [float(loss) for loss, _ in run.unread[-len(together) :]], run.state.batch)
    with run.watchers.around_update(run.state.update):
        if run.course.gradient_clip is not None:
            run.accelerator.clip_grad_norm_(run.wrapped.parameters(), run.course.gradient_clip)
        for group in run.optimizer.param_groups:
            group["lr"] = rate * group["multiplier"]
        run.optimizer.step()
    run.optimizer.zero_grad()


def _read(run: _Run) -> list[tuple[float, float]]:
    """Return the losses that were not read yet, and their counts; ChainruleError where one is not finite."""
    losses = read(run.unread)
    _refuse_not_finite(run, [loss for loss, _ in losses], run.state.batch - len(losses))
    return losses


def _refuse_not_finite(run: _Run, losses: list[float], first: int) -> None:
    """Raise ChainruleError for the first loss that is not finite, and say where in the model its batch went wrong.

    first: the place of the first loss's batch in the present epoch.
    """
    place = next((place for place, loss in enumerate(losses) if not math.isfinite(loss)), None)
    if place is None:
        return
    order = run.inputs.order(run.course.batch_size, seeded(run.course.seed, run.state.epoch))
    found = first_not_finite(run.objective, _batches(run, first + place, order[first + place]))
    raise ChainruleError(
        f"epoch {run.state.epoch + 1}, batch {first + place + 1}: the loss is {losses[place]}: {found}; {_calmer(run)}"
    )


def _calmer(run: _Run) -> str:
    """Return what to change where a training diverged."""
    clip = run.course.gradient_clip
    return f"lower learning_rate (now {run.course.learning_rate:g}) or gradient_clip (now {clip or 'null, no limit'})"


def _batches(run: _Run, position: int, index: Tensor) -> list[dict[str, Tensor]]:
    """Return what this process sees of a batch of the present epoch, with all that is random seeded by its place."""
    accelerator, seed = run.accelerator, run.course.seed
    place = (seed, run.state.epoch * run.batches + position, accelerator.process_index)
    seed_default(mix(*place), accelerator.device)
    mine = share(index, accelerator.process_index, accelerator.num_processes)
    return views(run.objective, run.inputs, mine, seeded(*place), accelerator.device)


def _measured(run: _Run, validation: Inputs, score: Score | None) -> Record:
    """Return the record of the present epoch, which is over; ChainruleError where there is nothing left to learn."""
    course, state = run.course, run.state
    record: Record = {
        "epoch": state.epoch + 1,
        "train_loss": state.train_loss,
        # A training that was killed during validation comes here without a step of its own.
        "learning_rate": run.rate(state.update - 1),
        **evaluate(run.wrapped, validation, course.batch_size, run.accelerator.device, course.seed, score),
    }
    loss = record["validation_loss"]
    if not math.isfinite(loss):
        raise ChainruleError(
            f"the validation loss is {loss} after epoch {record['epoch']}: training diverged; {_calmer(run)}"
        )
    return record | {"best": loss <= min((earlier["validation_loss"] for earlier in state.history), default=math.inf)}


def _stopped(history: list[Record], patience: int | None) -> bool:
    if patience is None or not history:
        return False
    best = max(position for position, record in enumerate(history) if record["best"])
    return len(history) - 1 - best >= patience


class _Keeper:
    """Keeps a checkpoint, written when some seconds have passed since the one before."""

    def __init__(self, path: Path | None, seconds: float) -> None:
        self.path, self.seconds, self.saved = path, seconds, time.monotonic()

    def save(self, run: _Run, share: float = 1.0) -> None:
        """Write the checkpoint if a share of the seconds has passed; what it holds is between two updates."""
        if self.path is None or time.monotonic() - self.saved < share * self.seconds:
            return
        run.state.add(_read(run))
        if run.accelerator.is_main_process:
            state = {**asdict(run.state), "watchers": run.watchers.kept}
            checkpoints.save(self.path, state, run.objective, run.optimizer.optimizer, run.best)
        self.saved = time.monotonic()
