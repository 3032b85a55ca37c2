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
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from torch import Tensor, nn

from chainrule.system.errors import ChainruleError, DataError
from chainrule.system.files import remove
from chainrule.training import checkpoints, schedules
from chainrule.training.prediction import Inputs, to_device
from chainrule.training.strategy import Rates, Strategy

SAVE_SECONDS = 20.0
CURVE_POINTS = 200
VALIDATION_SEED = 0x5EED
Record = dict[str, Any]
# Outputs [N, …] by name and targets [N, …] of all validation rows, to metrics by name.
Score = Callable[[dict[str, np.ndarray], np.ndarray], dict[str, float]]


def seeded(*parts: int) -> torch.Generator:
    """Return a generator seeded by several numbers."""
    return torch.Generator().manual_seed(mix(*parts))


def mix(*parts: int) -> int:
    """Return one 63-bit seed from several numbers (a linear congruential step per part, Knuth's constants)."""
    state = 0
    for part in parts:
        state = (state * 6364136223846793005 + part * 1442695040888963407 + 0x9E3779B97F4A7C15) % 2**64
        state ^= state >> 29
    return state % 2**63


def seed_default(seed: int, device: torch.device) -> None:
    """Seed what draws without a generator of its own; torch.manual_seed visits every back end, at every step."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)


def _nothing(*arguments: Any) -> None:
    """Do nothing: what happens where no other function is given."""


def fit(
    objective: nn.Module,
    inputs: Inputs,
    validation: Inputs,
    *,
    epochs: int,
    batch_size: int,
    accumulation: int,
    optimizer: str,
    learning_rate: float,
    weight_decay: float,
    schedule: str,
    warm_up: float,
    gradient_clip: float | None,
    precision: str,
    seed: int,
    patience: int | None = None,
    score: Score | None = None,
    strategy: Strategy | None = None,
    checkpoint: Path | None = None,
    save_seconds: float = SAVE_SECONDS,
    on_epoch: Callable[[Record], None] = _nothing,
    on_update: Callable[[Record], None] = _nothing,
    on_batch: Callable[[int, int, Callable[[], str]], None] = _nothing,
    label: str = "training",
) -> list[Record]:
    """Train `objective` in place and leave it with the weights of the epoch with the best validation loss.

    score tells the metrics of each epoch from what the objective calls its outputs, and the targets, of validation
    rows; strategy says what of its model learns when, and how fast. on_epoch gets each epoch's record, on_update about
    200 points over the whole training, on_batch (batches done, batches in all, a function that returns words about the
    last losses that were read) before the first batch and after each. Returns the history: one record per epoch with
    epoch (from 1), train_loss, validation_loss, validation_ and the name of each metric, learning_rate, best.
    """
    # A weight that does not learn yet has no gradient, which processes must expect of one another.
    partly = strategy is not None and strategy.learning(strategy.model, 0) != [strategy.model]
    accelerator = Accelerator(
        mixed_precision="no" if precision == "fp32" else precision,
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=partly)],
    )
    rates = strategy.rates(strategy.model) if strategy else {}
    optim = make_optimizer(objective, optimizer, learning_rate, weight_decay, rates)
    wrapped, optim = accelerator.prepare(objective, optim)
    batches_per_epoch = len(inputs.order(batch_size, seeded(seed, 0)))
    updates = epochs * math.ceil(batches_per_epoch / accumulation)
    state: dict[str, Any] = {"epoch": 0, "batch": 0, "update": 0, "loss_sum": 0.0, "count": 0.0, "history": []}
    best: dict[str, Tensor] = {}
    if checkpoint is not None and checkpoint.exists():
        try:
            state, best = checkpoints.load(checkpoint, objective, optim.optimizer)
            print(f"{label}: resumes in epoch {state['epoch'] + 1} of {epochs}, batch {state['batch'] + 1}", flush=True)
        except DataError as error:
            remove(checkpoint)
            print(f"{label}: {error}: dropped, training starts anew", flush=True)
    saved = time.monotonic()
    total = epochs * batches_per_epoch
    unread: list[tuple[Tensor, Tensor]] = []  # losses and counts that are still where they were computed

    def shown() -> str:
        return f"epoch {state['epoch'] + 1}/{epochs} loss {state['loss_sum'] / max(state['count'], 1):.3f}"

    on_batch(state["epoch"] * batches_per_epoch + state["batch"], total, shown)
    while state["epoch"] < epochs and not _stopped(state["history"], patience):
        epoch = state["epoch"]
        wrapped.train()
        if strategy:
            strategy.begin(epoch)
        order = inputs.order(batch_size, seeded(seed, epoch))
        for position in range(state["batch"], len(order)):
            step = epoch * batches_per_epoch + position
            seed_default(mix(seed, step, accelerator.process_index), accelerator.device)
            index = _share(order[position], accelerator.process_index, accelerator.num_processes)
            generator = seeded(seed, step, accelerator.process_index)
            batches = _views(objective, inputs, index, generator, accelerator.device)
            # The last batches of an epoch may be fewer than a full accumulation: they make an update of their own.
            together = min(accumulation, len(order) - position // accumulation * accumulation)
            closes = position % accumulation + 1 == together
            rate = learning_rate * schedules.factor(schedule, state["update"], updates, warm_up)
            unread.append(_step(accelerator, wrapped, optim, batches, together, closes, rate, gradient_clip))
            state["batch"] = position + 1
            if closes:
                if state["update"] % max(1, updates // CURVE_POINTS) == 0:
                    loss = _read(unread, state)
                    on_update({"update": state["update"], "train_loss_step": loss, "learning_rate": rate})
                state["update"] += 1
            on_batch(step + 1, total, shown)
            if checkpoint is not None and time.monotonic() - saved >= save_seconds and closes:
                _read(unread, state)
                _save(accelerator, checkpoint, state, objective, optim, best)
                saved = time.monotonic()
        # A training that was killed during validation comes here without a step of its own, so nothing of one is used.
        rate = learning_rate * schedules.factor(schedule, state["update"] - 1, updates, warm_up)
        _read(unread, state)
        record: Record = {
            "epoch": epoch + 1,
            "train_loss": state["loss_sum"] / max(state["count"], 1),
            "learning_rate": rate,
        }
        record |= evaluate(wrapped, validation, batch_size, accelerator.device, seed, score)
        if not math.isfinite(record["validation_loss"]):
            raise ChainruleError(
                f"the validation loss is {record['validation_loss']} after epoch {epoch + 1}: training diverged; "
                f"lower learning_rate (now {learning_rate:g}) or set gradient_clip"
            )
        record["best"] = record["validation_loss"] <= min(
            (r["validation_loss"] for r in state["history"]), default=math.inf
        )
        if record["best"]:
            best = copy.deepcopy(objective.state_dict())
        state |= {"epoch": epoch + 1, "batch": 0, "loss_sum": 0.0, "count": 0.0, "history": [*state["history"], record]}
        on_epoch(record)
        if checkpoint is not None and time.monotonic() - saved >= save_seconds / 4:
            _save(accelerator, checkpoint, state, objective, optim, best)
            saved = time.monotonic()
    done = state["epoch"] * batches_per_epoch
    on_batch(done, done, shown)  # it may have stopped early
    if best:
        objective.load_state_dict(best)
    objective.eval()
    return list(state["history"])


def make_optimizer(
    model: nn.Module, name: str, learning_rate: float, weight_decay: float, rates: Rates | None = None
) -> torch.optim.Optimizer:
    """Return AdamW, or SGD with Nesterov momentum, over all weights; norms and biases do not decay.

    rates: multipliers of the learning rate; each group has its own under "multiplier". Weights that do not learn yet
    are in it, too: without a gradient they are passed over, and their moments begin with their first.
    """
    rates = rates or {}
    weights = list(model.parameters())
    groups = []
    for multiplier in dict.fromkeys(rates.get(weight, 1.0) for weight in weights):
        alike = [weight for weight in weights if rates.get(weight, 1.0) == multiplier]
        for decay, matrices in ((weight_decay, True), (0.0, False)):
            params = [weight for weight in alike if (weight.ndim > 1) == matrices]
            groups.append({"params": params, "weight_decay": decay, "multiplier": multiplier})
    if name == "sgd":
        return torch.optim.SGD(groups, lr=learning_rate, momentum=0.9, nesterov=True)
    return torch.optim.AdamW(groups, lr=learning_rate, fused=True)


def _step(
    accelerator: Accelerator,
    wrapped: nn.Module,
    optimizer: Any,
    batches: list[dict[str, Tensor]],
    together: int,
    closes: bool,
    rate: float,
    gradient_clip: float | None,
) -> tuple[Tensor, Tensor]:
    """Do one forward and backward pass, and an update where the batch closes an accumulation of so many together.

    Return loss and count, which nothing has waited for.
    """
    # Processes exchange gradients only where an update follows. accelerate's `accumulate` always counts to the same
    # number; for updates of fewer batches, such as the last of an epoch, its documentation has `no_sync`.
    with nullcontext() if closes else accelerator.no_sync(wrapped):
        result = wrapped(*batches)
        accelerator.backward(result["loss"] / together)
    if closes:
        if gradient_clip is not None:
            accelerator.clip_grad_norm_(wrapped.parameters(), gradient_clip)
        for group in optimizer.param_groups:
            group["lr"] = rate * group["multiplier"]
        optimizer.step()
        optimizer.zero_grad()
    return result["loss"].detach(), result["count"]


def _read(unread: list[tuple[Tensor, Tensor]], state: dict[str, Any]) -> float:
    """Add losses to the state's sums, which waits for them where they are on a GPU, and return the last (NaN: none)."""
    if not unread:
        return math.nan
    losses, counts = (torch.stack(each).tolist() for each in zip(*unread, strict=True))
    for loss, count in zip(losses, counts, strict=True):
        state["loss_sum"] += loss * count
        state["count"] += count
    unread.clear()
    return float(losses[-1])


def _views(
    objective: nn.Module, inputs: Inputs, index: Tensor, generator: torch.Generator | None, device: torch.device
) -> list[dict[str, Tensor]]:
    """Return the same rows as often as the objective wants to see them in a step (`views`), each distorted anew."""
    return [to_device(inputs.take(index, generator), device) for _ in range(getattr(objective, "views", 1))]


@torch.no_grad()
def evaluate(
    objective: nn.Module,
    inputs: Inputs,
    batch_size: int,
    device: torch.device,
    seed: int,
    score: Score | None = None,
) -> Record:
    """Return validation_loss (mean over examples or tokens), and validation_ and the name of each metric of `score`.

    Rows are seen as they are; where an objective compares several views of them, distorted as `inputs` distorts.
    """
    objective.eval()
    losses: list[tuple[Tensor, Tensor]] = []
    said: list[dict[str, Tensor]] = []
    for position, index in enumerate(inputs.order(batch_size, None)):
        part = mix(seed, VALIDATION_SEED, position)
        seed_default(part, device)  # the same masks after every epoch
        distorted = seeded(part) if getattr(objective, "views", 1) > 1 else None
        batches = _views(objective, inputs, index, distorted, device)
        result = objective(*batches)
        losses.append((result["loss"], result["count"]))
        if score is not None:
            said.append(
                {name: tensor.cpu() for name, tensor in {**result["outputs"], "": batches[0]["target"]}.items()}
            )
    sums = {"loss_sum": 0.0, "count": 0.0}
    _read(losses, sums)
    record: Record = {"validation_loss": sums["loss_sum"] / max(sums["count"], 1)}
    if score is None:
        return record
    outputs = {name: torch.cat([batch[name] for batch in said]).numpy() for name in said[0]}
    target = outputs.pop("")
    return record | {f"validation_{name}": value for name, value in score(outputs, target).items()}


def _share(index: Tensor, process: int, processes: int) -> Tensor:
    """Return this process's rows of a batch; the batch is filled up from its start so that all shares are equal."""
    missing = -len(index) % processes
    return torch.cat([index, index[:missing]])[process::processes]


def _stopped(history: list[Record], patience: int | None) -> bool:
    if patience is None or not history:
        return False
    best = max(position for position, record in enumerate(history) if record["best"])
    return len(history) - 1 - best >= patience


def _save(
    accelerator: Accelerator,
    path: Path,
    state: dict[str, Any],
    model: nn.Module,
    optimizer: Any,
    best: dict[str, Tensor],
) -> None:
    if accelerator.is_main_process:
        checkpoints.save(path, state, model, optimizer.optimizer, best)
