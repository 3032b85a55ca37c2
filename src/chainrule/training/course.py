"""A training as plain data: how it goes, who watches it, and where it is."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

Record = dict[str, Any]


@dataclass(frozen=True)
class Course:
    """How a training goes, whatever it trains: the settings of `recipes.training`, resolved.

    precision: the format of products, "fp32", "bf16" or "fp16". seed: of everything random. section: where the settings
    stand in a recipe, for what is said of them. shard: whether several processes cut the weights into shares.
    """

    epochs: int
    batch_size: int
    optimizer: str
    learning_rate: float
    weight_decay: float
    schedule: str
    warm_up: float
    precision: str
    seed: int
    accumulation: int = 1
    gradient_clip: float | None = None
    l1: float = 0.0
    ema: float | None = None
    patience: int | None = None
    section: str = "finetune"
    shard: bool = False

    def key(self, name: str) -> str:
        """Return where a setting stands in a recipe."""
        return f"{self.section}.{name}"


def _nothing(*arguments: Any) -> None:
    """Do nothing: what happens where no other function is given."""


def _no_context(update: int) -> AbstractContextManager[None]:
    return nullcontext()


@dataclass(frozen=True)
class Watchers:
    """Who is told how a training goes; none of them may change it.

    on_epoch gets each epoch's record, on_update about 200 points over the whole training, on_batch (batches done,
    batches in all, a function that returns words about the last losses that were read) before the first batch and
    after each. around_update(update, from 0) returns a context: it is entered when the gradients of all that makes an
    update are there, before they are clipped, and left when the weights have moved, the gradients still there. kept:
    what watchers remember, as JSON; a checkpoint holds it, and a training that goes on from one puts it back here.
    """

    on_epoch: Callable[[Record], None] = _nothing
    on_update: Callable[[Record], None] = _nothing
    on_batch: Callable[[int, int, Callable[[], str]], None] = _nothing
    around_update: Callable[[int], AbstractContextManager[Any]] = _no_context
    kept: dict[str, Any] = field(default_factory=dict)


@dataclass
class State:
    """Where a training is: epochs, batches of the present epoch and updates done, and what was measured."""

    epoch: int = 0
    batch: int = 0
    update: int = 0
    loss_sum: float = 0.0  # of the present epoch, over `count` rows or tokens
    count: float = 0.0
    history: list[Record] = field(default_factory=list)
    parts: int = 1  # in which a batch is taken, because it does not fit in memory
    scaler: dict[str, Any] = field(default_factory=dict)  # of the loss in fp16

    @property
    def train_loss(self) -> float:
        """Return the mean of the losses of the present epoch that were read."""
        return self.loss_sum / max(self.count, 1)

    def add(self, losses: list[tuple[float, float]]) -> None:
        """Add losses, each a mean over a count."""
        for loss, count in losses:
            self.loss_sum += loss * count
            self.count += count

    def close(self, record: Record) -> None:
        """End the present epoch with its record."""
        self.epoch, self.batch = self.epoch + 1, 0
        self.loss_sum = self.count = 0.0
        self.history.append(record)
