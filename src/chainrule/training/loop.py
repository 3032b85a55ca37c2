"""The one training loop: every task, pretraining and fine-tuning alike, on Hugging Face accelerate.

Device placement, mixed precision, gradient accumulation and distributed launch come from accelerate. The course of a
training is a pure function of the seed: the order of an epoch comes from (seed, epoch), all other randomness of a step
(masks, dropout, distortions) from (seed, step). So nothing random needs saving, when a checkpoint is written changes
nothing, and a training that was killed and resumed ends with the same weights, bit for bit.
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
from accelerate import Accelerator
from torch import Tensor, nn

from chainrule.system.errors import ChainruleError, DataError
from chainrule.system.files import remove
from chainrule.training import checkpoints, schedules
from chainrule.training.prediction import Inputs, to_device

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
    freeze: Callable[[nn.Module], None] = _nothing,
    checkpoint: Path | None = None,
    save_seconds: float = SAVE_SECONDS,
    on_epoch: Callable[[Record], None] = _nothing,
    on_update: Callable[[Record], None] = _nothing,
    on_batch: Callable[[int, int, Callable[[], str]], None] = _nothing,
    label: str = "training",
) -> list[Record]:
    """Train `objective` in place and leave it with the weights of the epoch with the best validation loss.

    score tells the metrics of each epoch from what the objective calls its outputs, and the targets, of validation
    rows. freeze is called before every epoch, after the objective was put in training mode. on_epoch gets each epoch's
    record, on_update about 200 points over the whole training, on_batch (batches done, batches in all, a function that
    returns words about the last one) before the first batch and after each. Returns the history: one record per epoch
    with epoch (from 1), train_loss, validation_loss, validation_ and the name of each metric, learning_rate, best.
    """
    accelerator = Accelerator(
        mixed_precision="no" if precision == "fp32" else precision, gradient_accumulation_steps=accumulation
    )
    freeze(objective)
    optim = make_optimizer(objective, optimizer, learning_rate, weight_decay)
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
    batches = epochs * batches_per_epoch

    def shown() -> str:
        return f"epoch {state['epoch'] + 1}/{epochs} loss {state['loss_sum'] / max(state['count'], 1):.3f}"

    on_batch(state["epoch"] * batches_per_epoch + state["batch"], batches, shown)
    while state["epoch"] < epochs and not _stopped(state["history"], patience):
        epoch = state["epoch"]
        wrapped.train()
        freeze(objective)
        order = inputs.order(batch_size, seeded(seed, epoch))
        for position in range(state["batch"], len(order)):
            step = epoch * batches_per_epoch + position
            seed_default(mix(seed, step, accelerator.process_index), accelerator.device)
            index = _share(order[position], accelerator.process_index, accelerator.num_processes)
            batch = to_device(inputs.take(index, seeded(seed, step, accelerator.process_index)), accelerator.device)
            # The last batches of an epoch may be fewer than a full accumulation: they make an update of their own.
            together = min(accumulation, len(order) - position // accumulation * accumulation)
            closes = position % accumulation + 1 == together
            rate = learning_rate * schedules.factor(schedule, state["update"], updates, warm_up)
            # accelerate divides every loss by the full number.
            share = accumulation / together
            loss, count = _step(accelerator, wrapped, optim, batch, share, closes, rate, gradient_clip)
            state["loss_sum"] += loss * count
            state["count"] += count
            state["batch"] = position + 1
            if closes:
                if state["update"] % max(1, updates // CURVE_POINTS) == 0:
                    on_update({"update": state["update"], "train_loss_step": loss, "learning_rate": rate})
                state["update"] += 1
            on_batch(step + 1, batches, shown)
            if checkpoint is not None and time.monotonic() - saved >= save_seconds and closes:
                _save(accelerator, checkpoint, state, objective, optim, best)
                saved = time.monotonic()
        # A training that was killed during validation comes here without a step of its own, so nothing of one is used.
        rate = learning_rate * schedules.factor(schedule, state["update"] - 1, updates, warm_up)
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


def make_optimizer(model: nn.Module, name: str, learning_rate: float, weight_decay: float) -> torch.optim.Optimizer:
    """Return AdamW, or SGD with Nesterov momentum, over the weights that learn; norms and biases do not decay."""
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [parameter for parameter in learning if parameter.ndim > 1], "weight_decay": weight_decay},
        {"params": [parameter for parameter in learning if parameter.ndim <= 1], "weight_decay": 0.0},
    ]
    if name == "sgd":
        return torch.optim.SGD(groups, lr=learning_rate, momentum=0.9, nesterov=True)
    return torch.optim.AdamW(groups, lr=learning_rate, fused=True)


def _step(
    accelerator: Accelerator,
    wrapped: nn.Module,
    optimizer: Any,
    batch: dict[str, Tensor],
    share: float,
    closes: bool,
    rate: float,
    gradient_clip: float | None,
) -> tuple[float, float]:
    """Do one forward and backward pass, and an update where the batch closes an accumulation; return loss and count."""
    accelerator.gradient_state._set_sync_gradients(closes)
    # Processes exchange gradients only where an update follows.
    with nullcontext() if closes else accelerator.no_sync(wrapped):
        result = wrapped(batch)
        accelerator.backward(result["loss"] * share)
    if closes:
        if gradient_clip is not None:
            accelerator.clip_grad_norm_(wrapped.parameters(), gradient_clip)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        optimizer.zero_grad()
    return float(result["loss"].detach()), float(result["count"])


@torch.no_grad()
def evaluate(
    objective: nn.Module,
    inputs: Inputs,
    batch_size: int,
    device: torch.device,
    seed: int,
    score: Score | None = None,
) -> Record:
    """Return validation_loss (mean over examples or tokens), and validation_ and the name of each metric of `score`."""
    objective.eval()
    loss_sum = count_sum = 0.0
    said: list[dict[str, Tensor]] = []
    for position, index in enumerate(inputs.order(batch_size, None)):
        seed_default(mix(seed, VALIDATION_SEED, position), device)  # the same masks after every epoch
        batch = to_device(inputs.take(index, None), device)
        result = objective(batch)
        loss_sum += float(result["loss"]) * float(result["count"])
        count_sum += float(result["count"])
        if score is not None:
            said.append({name: tensor.cpu() for name, tensor in {**result["outputs"], "": batch["target"]}.items()})
    record: Record = {"validation_loss": loss_sum / max(count_sum, 1)}
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
