"""The one training loop: every task, pretraining and fine-tuning alike, on Hugging Face accelerate.

Device placement and distributed launch come from accelerate. The course of a training is a pure
function of the seed: the order of an epoch comes from (seed, epoch), all other randomness of a step (masks, dropout,
distortions) from (seed, step). So nothing random needs saving, when a checkpoint is written changes nothing, and a
training that was killed and resumed ends with the same weights, bit for bit. No step waits for a number of its own:
losses are read where they are told, so that a GPU always has the next step to do.
"""

import copy
import math
import time
from dataclasses import asdict
from pathlib import Path

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from torch import nn

from chainrule.system.errors import DataError
from chainrule.system.files import remove
from chainrule.training import averaging, checkpoints, peers
from chainrule.training.course import Course, Record, State, Watchers
from chainrule.training.memory import halving
from chainrule.training.optimizers import make_optimizer
from chainrule.training.prediction import Inputs
from chainrule.training.seeds import seeded
from chainrule.training.strategy import Strategy
from chainrule.training.updates import DivergedError, Run, calmer, halve, update
from chainrule.training.validation import Score, evaluate

SAVE_SECONDS = 20.0
LOSS = "validation_loss"


def fit(
    objective: nn.Module,
    inputs: Inputs,
    validation: Inputs,
    course: Course,
    *,
    score: Score | None = None,
    decides: str = LOSS,
    strategy: Strategy | None = None,
    checkpoint: Path | None = None,
    save_seconds: float = SAVE_SECONDS,
    watchers: Watchers | None = None,
    label: str = "training",
) -> list[Record]:
    """Train `objective` in place and leave it with the weights of the best epoch, the one with the least `decides`.

    score tells the metrics of each epoch from what the objective calls its outputs, and the targets, of validation
    rows; decides is validation_loss, or validation_ and the name of a metric of which less is better; strategy says
    what of its model learns when, and how fast. checkpoint: where one is kept, at most every save_seconds. Returns the
    history: one record per epoch with epoch (from 1), train_loss, validation_loss, validation_ and the name of each
    metric, learning_rate, best. Raises ChainruleError if the training diverges.
    """
    run = prepared(label, objective, inputs, course, strategy, watchers or Watchers())
    if checkpoint is not None and checkpoint.exists():
        _resume(run, checkpoint)
    keeper = _Keeper(checkpoint, save_seconds)
    run.tell_batches()
    while run.state.epoch < course.epochs and not _stopped(run.state.history, course.patience):
        _learn(run, keeper)
        record = _measured(run, validation, score, decides)
        if record["best"]:
            run.best = copy.deepcopy(run.average or run.objective.state_dict())
        run.state.close(record)
        run.watchers.on_epoch(record)
        keeper.save(run, share=1 / 4)
    run.tell_batches(ended=True)  # it may have stopped early
    if run.best:
        objective.load_state_dict({name: peers.whole(tensor) for name, tensor in run.best.items()})
    objective.eval()
    return run.state.history


def prepared(
    label: str, objective: nn.Module, inputs: Inputs, course: Course, strategy: Strategy | None, watchers: Watchers
) -> Run:
    """Return a training that has not begun, on the device that accelerate chose."""
    if course.shard:  # what is given stays whole, for what comes after
        objective, strategy = copy.deepcopy((objective, strategy))
        peers.cut(objective)
    # A weight that does not learn yet has no gradient, which processes must expect of one another.
    partly = strategy is not None and strategy.partly
    accelerator = Accelerator(
        mixed_precision="no", kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=partly)]
    )
    rates = strategy.rates(strategy.model) if strategy else {}
    optimizer = make_optimizer(objective, course.optimizer, course.learning_rate, course.weight_decay, rates)
    wrapped = accelerator.prepare_model(objective, evaluation_mode=course.shard)  # which wraps in no DDP
    scaler = torch.amp.GradScaler(accelerator.device.type, enabled=course.precision == "fp16")
    batches = len(inputs.order(course.batch_size, seeded(course.seed, 0)))
    weights = list(wrapped.parameters())
    run = Run(
        label, objective, inputs, course, strategy, watchers, accelerator, wrapped, optimizer, scaler, weights, batches
    )
    if course.ema is not None:
        run.average = averaging.begun(objective)
    return run


def _resume(run: Run, checkpoint: Path) -> None:
    """Go on from a checkpoint; one that is not whole or another training's is dropped, and that is said."""
    try:
        kept, run.best, average = checkpoints.load(checkpoint, run.objective, run.optimizer)
    except DataError as error:
        remove(checkpoint)
        run.say(f"{error}: dropped, training starts anew")
        return
    run.watchers.kept.update(kept.pop("watchers"))
    run.state = State(**kept)
    for name, tensor in run.average.items():
        tensor.copy_(average[name])
    run.scaler.load_state_dict(run.state.scaler)
    run.say(f"resumes in epoch {run.state.epoch + 1} of {run.course.epochs}, batch {run.state.batch + 1}")


def _learn(run: Run, keeper: "_Keeper") -> None:
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
        update(run, together, rate)
        if state.update % run.between_points == 0:
            run.watchers.on_update({"update": state.update, "train_loss_step": run.read(), "learning_rate": rate})
        state.update += 1
        run.tell_batches()
        keeper.save(run)
    run.read()


def _measured(run: Run, validation: Inputs, score: Score | None, decides: str) -> Record:
    """Return the record of the present epoch, which is over; ChainruleError where there is nothing left to learn."""
    course, state = run.course, run.state
    with averaging.instead(run.objective, run.average):
        found = halving(
            lambda: evaluate(run.objective, validation, course, run.accelerator.device, score, state.parts),
            lambda: halve(run),
        )
    found = peers.agreed(run.accelerator, found)
    loss = found[LOSS]
    if not math.isfinite(loss):
        raise DivergedError(
            f"the validation loss is {loss} after epoch {state.epoch + 1}: training diverged; {calmer(course)}"
        )
    return {
        "epoch": state.epoch + 1,
        "train_loss": state.train_loss,
        # A training that was killed during validation comes here without a step of its own.
        "learning_rate": run.rate(state.update - 1),
        **found,
        "best": found[decides] <= min((earlier[decides] for earlier in state.history), default=math.inf),
    }


def _stopped(history: list[Record], patience: int | None) -> bool:
    if patience is None or not history:
        return False
    best = max(position for position, record in enumerate(history) if record["best"])
    return len(history) - 1 - best >= patience


class _Keeper:
    """Keeps a checkpoint, written when some seconds have passed since the one before."""

    def __init__(self, path: Path | None, seconds: float) -> None:
        self.path, self.seconds, self.saved = path, seconds, time.monotonic()

    def save(self, run: Run, share: float = 1.0) -> None:
        """Write the checkpoint if a share of the seconds has passed; what it holds is between two updates."""
        if self.path is None or not self._due(run, share * self.seconds):
            return
        run.read()
        run.state.scaler = run.scaler.state_dict()
        state = {**asdict(run.state), "watchers": run.watchers.kept}
        writes = run.accelerator.is_main_process
        checkpoints.save(self.path, state, run.objective, run.optimizer, run.best, run.average, writes=writes)
        self.saved = time.monotonic()

    def _due(self, run: Run, seconds: float) -> bool:
        """Whether it is time; several processes, of which each has a clock, ask the first, and not at every update."""
        if run.accelerator.num_processes > 1 and run.state.batch and run.state.update % run.between_points:
            return False
        return bool(peers.agreed(run.accelerator, time.monotonic() - self.saved >= seconds))
